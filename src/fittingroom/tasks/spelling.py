"""How labels are written: spellings that differ in case, width or blanks, and aliases, lead to one label."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Mapping

from fittingroom.errors import RecipeError
from fittingroom.tasks.config import TaskConfig


def folded(spelled: str) -> str:
    """A spelling without what does not matter."""
    return " ".join(unicodedata.normalize("NFKC", spelled).casefold().split())


def spellings(task: TaskConfig, met: Mapping[str, int]) -> dict[str, str]:
    """Folded spelling -> label: the labels and aliases of the task; without labels, the most frequent spelling.

    met: how often each spelling was met.
    """
    known: dict[str, str] = {}
    given = task.all_labels
    if given is not None:
        for name in given:
            if folded(name) in known:
                raise RecipeError(
                    f"the labels {known[folded(name)]!r} and {name!r} differ only in case or width: keep one",
                    f"标签 {known[folded(name)]!r} 与 {name!r} 仅大小写或全半角不同：请只保留一个",
                    place="task.labels",
                )
            known[folded(name)] = name
    else:
        counts: Counter[str] = Counter()
        for value, count in met.items():
            if value.strip():
                counts[value.strip()] += count
        for name, _ in sorted(counts.items(), key=lambda item: (-item[1], item[0])):
            known.setdefault(folded(name), name)
        if task.none_of_these is not None:
            known[folded(task.none_of_these)] = task.none_of_these
    for alias, name in task.aliases.items():
        if given is not None and name not in given:
            raise RecipeError(
                f"the alias {alias!r} stands for {name!r}, which is no label of the task: correct one of them",
                f"别名 {alias!r} 指向 {name!r}，但它不在任务的标签中：请改正其中之一",
                place="task.aliases",
            )
        known[folded(alias)] = name
    return known

"""The former champion: the release that the alias points at now, on the same rows, through its own predictor.

Its own prompt, labels and calibration are used, as it serves them. It may have learnt from rows that are judged here,
when its data were split in another way: that is in its favour, never in ours.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fittingroom.errors import FittingroomError, ModelError, UserError
from fittingroom.evaluating.setting import Ordered, Setting, in_batches
from fittingroom.serving.bundle import read_info
from fittingroom.serving.load import bundle_folder
from fittingroom.serving.registry import alias_target, aliases, releases
from fittingroom.statistics.judging import Answers, Exam, Judge, indices
from fittingroom.tasks.questions import Question
from fittingroom.tasks.shelf import Shelf
from fittingroom.types import Release

if TYPE_CHECKING:
    from fittingroom.serving.predictor import Predictor

NAME = "champion"


def standing(root: Path, alias: str) -> Release | None:
    """The release behind the alias; None when nothing was released under it yet. Raises StoreError when the registry
    is damaged, or names a release that is gone.
    """
    return alias_target(root, alias) if alias in aliases(root) else None


def passed_over(setting: Setting) -> list[int]:
    """Releases that do this job although nothing stands behind the alias: it is misspelt, new, or its file was lost.
    [] where one stands behind it. A release whose bundle is gone counts: nobody can tell what it did. Raises as
    `standing`.
    """
    root = setting.context.root
    if standing(root, setting.alias) is not None:
        return []
    return [release.version for release in releases(root) if _does(release, setting)]


def _does(release: Release, setting: Setting) -> bool:
    """Whether a release does the job of what is judged, and is not that itself (a run was killed while it deployed)."""
    try:
        folder = bundle_folder(setting.context.root, release)
        other = read_info(folder)
    except FittingroomError:
        return True
    task, labels = setting.task, read_info(setting.bundle.folder.path).labels
    same = (other.task.kind, other.task.target) == (task.kind, task.target)
    return same and (not labels or bool({*labels} & {*other.labels})) and folder != setting.bundle.folder.path


def told(setting: Setting) -> dict[str, Any]:
    """For `facts.champion`: the alias, its release (None: there is none yet), the release's bundle, and, where there is
    none, releases that do this job all the same (`passed_over`)."""
    release = standing(setting.context.root, setting.alias)
    found = {
        "alias": setting.alias,
        "release": release and release.version,
        "bundle": release.bundle if release else "",
    }
    return found | ({"passed_over": others} if (others := passed_over(setting)) else {})


def former(setting: Setting, fields: Iterable[str]) -> tuple[Predictor, Release]:
    """The champion's predictor, and which release it is; `fields` are those that the judged rows have.

    Raises FittingroomError when there is no champion, its bundle is gone, or it does another job.
    """
    from fittingroom.serving.predictor import Predictor

    context = setting.context
    release = standing(context.root, setting.alias)
    if release is None:
        raise UserError(
            f"no release stands behind the alias {setting.alias} yet, so there is no champion to compare with",
            f"别名 {setting.alias} 还没有指向任何版本，没有可比较的现役模型",
            place=f"alias {setting.alias}",
        )
    folder = bundle_folder(context.root, release)
    predictor = Predictor.load(folder, threads=context.threads, root=context.root, secret=context.secret)
    task = predictor.info.task
    if task.kind != setting.task.kind:
        raise UserError(
            f"release {release.version} does another job: {task.kind}, not {setting.task.kind}",
            f"第 {release.version} 版做的是另一项任务：{task.kind}，而不是 {setting.task.kind}",
            place="champion",
        )
    lacking = sorted(set(task.input) - set(fields))
    if lacking:
        raise UserError(
            f"release {release.version} reads {', '.join(lacking)}, which these rows do not have",
            f"第 {release.version} 版读取 {'、'.join(lacking)}，这些数据没有该字段",
            place="champion",
        )
    return predictor, release


def answers(judge: Judge, setting: Setting, train: Exam) -> Answers:
    """On all rows. Raises FittingroomError when there is no champion that could answer."""
    import numpy as np

    champion, release = former(setting, judge.exam.inputs[0])
    if not set(champion.labels) & set(judge.labels):
        raise UserError(
            f"release {release.version} knows none of the labels judged here: it does another job",
            f"第 {release.version} 版不认识这里的任何标签：它做的是另一项任务",
            place="champion",
        )
    found = in_batches(champion.score, judge.exam.inputs, "champion", setting.context)
    if not np.isfinite(found).all():
        raise ModelError("the champion gave values that are not numbers", "现役模型给出的值不是数字")
    said = [label for label, _ in champion.decide(found)]
    others = sorted(set(said) - set(judge.labels))
    return Answers(np.arange(len(said)), indices(said, [*judge.labels, *others]), others=others)


def lists(questions: Sequence[Question], shelf: Shelf, setting: Setting) -> Ordered:
    """For a job that ranks: all questions, each with the candidates that the champion's own shelf proposes."""
    champion, _ = former(setting, questions[0].given)
    ranker = champion.ranker
    ranked = ranker.rank(
        [question.given for question in questions],
        [ranker.candidates(question) for question in questions],
        lambda done, total: setting.context.progress("champion", done, total),
    )
    return Ordered([[title for title, _ in pairs] for pairs in ranked])

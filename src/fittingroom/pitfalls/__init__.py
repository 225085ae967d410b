"""The catalogue of pits: one module each, found by walking the package; other packages add theirs by entry point.

Nothing registers itself: a pitfall is the value `PITFALL` of a module below this package, or of an entry point in the
group `fittingroom.pitfalls`.
"""

from __future__ import annotations

import functools
import importlib
import importlib.metadata
import pkgutil
import sys
from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import ValidationError

from fittingroom.errors import RecipeError
from fittingroom.pitfalls.config import PitfallsConfig
from fittingroom.types import Finding, Frozen, Output, Page, Pitfall, Severity, Text
from fittingroom.values import wrong

GROUP = "fittingroom.pitfalls"

_HEADINGS = {
    "What goes wrong": "what_goes_wrong",
    "Why it hurts": "why_it_hurts",
    "How it is detected": "how_it_is_detected",
    "What the remedy does": "what_the_remedy_does",
    "Not detected": "not_detected",
    "Source": "source",
}


@functools.cache
def catalog() -> dict[str, Pitfall]:
    """All pitfalls by id. Two of one id are our own (or a plugin's) bug."""
    found: dict[str, Pitfall] = {}
    for pitfall in (*_own(), *_from_plugins()):
        if pitfall.id in found:
            raise ValueError(f"two pitfalls are called {pitfall.id}")
        found[pitfall.id] = pitfall
    return dict(sorted(found.items()))


def _own() -> Iterator[Pitfall]:
    for module in pkgutil.walk_packages(__path__, prefix=f"{__name__}."):
        value = getattr(importlib.import_module(module.name), "PITFALL", None)
        if isinstance(value, Pitfall):
            yield value


def _from_plugins() -> Iterator[Pitfall]:
    for entry in importlib.metadata.entry_points(group=GROUP):
        value = entry.load()
        if not isinstance(value, Pitfall):
            raise TypeError(f"entry point {entry.name} of {GROUP} is no Pitfall")
        yield value


def family(pitfall: Pitfall) -> str:
    """The folder a pitfall lives in: data, labels, template, hyperparameters, fit, evaluation, …"""
    return pitfall.detect.__module__.split(".")[-2]


def page(pitfall: Pitfall, language: str = "en") -> Page:
    """A pitfall's page: in English the docstring of its module, in Chinese its `zh`."""
    if language.startswith("zh"):
        return pitfall.zh
    docstring = sys.modules[pitfall.detect.__module__].__doc__ or ""
    title, sections = _parse(docstring)
    return Page(title=title, **{field: sections.get(heading, "") for heading, field in _HEADINGS.items()})


def _parse(docstring: str) -> tuple[str, dict[str, str]]:
    """Title line and sections: a heading stands alone on its line, its text is indented below it."""
    sections: dict[str, list[str]] = {}
    current = ""
    lines = docstring.strip().splitlines()
    for line in lines[1:]:
        if line.strip() in _HEADINGS and not line.startswith(" "):
            current = line.strip()
            sections[current] = []
        elif current and line.strip():
            sections[current].append(line.strip())
    return lines[0].rstrip(".") if lines else "", {name: " ".join(text) for name, text in sections.items()}


def check_settings(config: PitfallsConfig) -> None:
    """Raise RecipeError when the section `pitfalls` names an unknown pitfall or setting."""
    for name in (*config.disable, *config.settings):
        if name not in catalog():
            raise RecipeError(
                "no such pitfall; `fittingroom pitfalls` lists them",
                "没有这个坑；`fittingroom pitfalls` 列出全部",
                place=f"pitfalls: {name}",
            )
    for name, values in config.settings.items():
        _settings(catalog()[name], values)


def detect_all(
    output: Output, stage: str, *, settings: Mapping[str, Mapping[str, Any]], disabled: list[str]
) -> list[Finding]:
    """Findings of every pitfall that looks at this stage's output, in order of rank.

    A detector that raises becomes a finding "check failed", never silence; one that guards blocks the attempt.
    """
    found: list[Finding] = []
    looking = [pitfall for pitfall in catalog().values() if pitfall.after == stage and pitfall.id not in disabled]
    for pitfall in sorted(looking, key=lambda pitfall: (pitfall.rank, pitfall.id)):
        own = _settings(pitfall, settings.get(pitfall.id, {}))
        try:
            findings = list(pitfall.detect(output, own))
        except Exception as error:
            findings = [_check_failed(error, pitfall)]
        found += [finding.model_copy(update={"pitfall": pitfall.id, "stage": stage}) for finding in findings]
    return found


def _settings(pitfall: Pitfall, values: Mapping[str, Any]) -> Frozen:
    try:
        return type(pitfall.settings).model_validate({**pitfall.settings.model_dump(), **values})
    except ValidationError as error:
        problem = error.errors(include_url=False)[0]
        key = ".".join(str(step) for step in problem["loc"])
        said = wrong(dict(problem))
        raise RecipeError(said.en, f"值不合适：{said.zh}", place=f"pitfalls.settings.{pitfall.id}.{key}") from None


def _check_failed(error: Exception, pitfall: Pitfall) -> Finding:
    """The class only: the text of a foreign error may quote a customer's words."""
    name = type(error).__name__
    return Finding(
        severity=Severity.BLOCK if pitfall.guards else Severity.INFO,
        summary=Text(en=f"check failed: the detector raised {name}", zh=f"检查失败：检测器抛出 {name}"),
        measured={"check_failed": 1.0},
    )

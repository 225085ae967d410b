"""The former champion: the release that the alias points at now, on the same rows, through its own predictor.

Its own prompt, labels and calibration are used, as it serves them. It may have learnt from rows that are judged here,
when its data were split in another way: that is in its favour, never in ours.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from fittingroom.errors import ModelError, UserError
from fittingroom.evaluating.setting import Setting, in_batches
from fittingroom.serving.load import bundle_folder
from fittingroom.serving.registry import alias_target, aliases
from fittingroom.statistics.judging import Answers, Exam, Judge, indices
from fittingroom.types import Release

NAME = "champion"


def standing(root: Path, alias: str) -> Release | None:
    """The release behind the alias; None when nothing was released under it yet. Raises StoreError when the registry
    is damaged, or names a release that is gone.
    """
    return alias_target(root, alias) if alias in aliases(root) else None


def told(root: Path, alias: str) -> dict[str, Any]:
    """For `facts.champion`: the alias, its release (None: there is none yet) and the release's bundle."""
    release = standing(root, alias)
    return {"alias": alias, "release": release and release.version, "bundle": release.bundle if release else ""}


def answers(judge: Judge, setting: Setting, train: Exam) -> Answers:
    """On all rows. Raises FittingroomError when there is no champion, its bundle is gone, or it does another job."""
    import numpy as np

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
    champion = Predictor.load(folder, threads=context.threads, root=context.root, secret=context.secret)
    _same_job(champion.info.task.input, champion.labels, judge, release)
    found = in_batches(champion.score, judge.exam.inputs, "evaluate.champion", context)
    if not np.isfinite(found).all():
        raise ModelError("the champion gave values that are not numbers", "现役模型给出的值不是数字")
    others = [label for label in champion.labels if label not in judge.labels]
    said = [champion.labels[index] for index in found.argmax(axis=1).tolist()]
    return Answers(np.arange(len(said)), indices(said, [*judge.labels, *others]), others=others)


def _same_job(fields: list[str], labels: list[str], judge: Judge, release: Release) -> None:
    """Refuse a champion that reads other fields, or knows none of the labels."""
    lacking = sorted(set(fields) - set(judge.exam.inputs[0]))
    if lacking:
        raise UserError(
            f"release {release.version} reads {', '.join(lacking)}, which these rows do not have",
            f"第 {release.version} 版读取 {'、'.join(lacking)}，这些数据没有该字段",
            place="champion",
        )
    if not set(labels) & set(judge.labels):
        raise UserError(
            f"release {release.version} knows none of the labels judged here: it does another job",
            f"第 {release.version} 版不认识这里的任何标签：它做的是另一项任务",
            place="champion",
        )

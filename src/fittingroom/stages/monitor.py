"""Monitor: a window of recorded traffic against what the deployed model was judged on, and what to do next.

Both sides went through the same model, so a change of the answers is a change of the requests. A signal counts as drift
only when it is both large (its limit) and no luck (its p-value, corrected for all signals together): on a window of a
million requests the tiniest change is certain, on a small one large ones happen by chance. Monitoring proposes; it
never edits a running configuration.

A reference and a window have the columns of `window_schema`; more columns are ignored. The reference is made from the
report and the rows of the part that the release was judged on (`reference_of`).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from pydantic import Field, model_validator

from fittingroom.engine import Context
from fittingroom.errors import UserError
from fittingroom.statistics import signals as compared
from fittingroom.statistics.signals import Side, Signal, tally
from fittingroom.tables import Table
from fittingroom.tasks.config import TaskConfig
from fittingroom.types import EvalReport, Frozen, Output, Text

if TYPE_CHECKING:
    import pyarrow as pa

VERSION = 1
LIBRARIES = ("scikit-learn", "scipy")
NO_LABEL = "(none)"
_SIGNALS = 6


class MonitorConfig(Frozen):
    """The section `monitor` of a recipe."""

    days: float = Field(default=30.0, gt=0)
    """How far back the window of recorded requests reaches."""
    retention: str = Field(default="", pattern=r"^([1-9]\d{0,4}d)?$")
    """How long recorded requests are kept: `90d`, whole days. Older ones go with `fittingroom forget --expired`, and
    before every run; empty keeps them until somebody takes them away."""
    min_rows: int = Field(default=100, ge=30)
    """Fewer requests than this are not judged."""
    max_rows: int = Field(default=1000, ge=100, le=4000)
    """At most this many texts of each side are shown to the domain classifier (a sample fixed by the seed)."""
    level: float = Field(default=0.01, gt=0, lt=0.5)
    """Chance of any false alarm, over all signals of one comparison."""
    class_psi: float = Field(default=0.1, gt=0)
    """Population stability index of the answers, beyond its noise, that counts as a change; 0.1 is the usual mark."""
    script_psi: float = Field(default=0.1, gt=0)
    """The same for the scripts of the requests (Chinese, English, mixed, other)."""
    confidence_ks: float = Field(default=0.12, gt=0, lt=1)
    """Largest distance of the distributions of confidence (Kolmogorov-Smirnov)."""
    length_ks: float = Field(default=0.12, gt=0, lt=1)
    """The same for the lengths of the requests."""
    unfamiliar_rise: float = Field(default=0.05, gt=0, lt=1)
    """Rise of the share of requests on which the model is as unsure as on the most unsure 5 % of the reference."""
    content_auc: float = Field(default=0.55, gt=0.5, lt=1)
    """How well a classifier may tell the requests from the reference; 0.5 is not at all."""
    permutations: int = Field(default=999, ge=199, le=9999)
    """Permutations behind the p-value of the content signal; their number is the finest p-value there can be."""

    @model_validator(mode="after")
    def _can_alarm(self) -> MonitorConfig:
        least = math.ceil(_SIGNALS / self.level)
        if self.permutations + 1 < least:
            raise ValueError(f"with level {self.level} the content signal needs permutations: {least - 1} or more")
        return self


class DriftReport(Output):
    """What a comparison found and what would be done next."""

    rows_reference: int
    rows_window: int
    chats: int = 0
    """Requests to the chat route in the window. They are counted, not compared: an answer there need not be a label."""
    since: str
    """Time of the first and of the last request, ISO 8601; empty without requests."""
    until: str
    enough: bool
    drifted: bool
    signals: list[Signal]
    next: list[Text]
    classes: dict[str, dict[str, int]] = Field(default_factory=dict)
    """label -> rows in `reference` and in `window`."""


def window_schema() -> pa.Schema:
    """Columns of both sides: time, input (redacted text, fields joined by line ends), label, confidence."""
    import pyarrow as pa

    return pa.schema(
        [
            ("time", pa.timestamp("us", tz="UTC")),
            ("input", pa.string()),
            ("label", pa.string()),
            ("confidence", pa.float64()),
        ]
    )


def reference_of(report: EvalReport, part: Table, task: TaskConfig) -> Table:
    """The reference: the judged rows of `part` (cleaned, redacted) with what the model said to them."""
    import polars as pl

    texts = part.frame().select(
        "id",
        "time",
        pl.concat_str([pl.col("input").struct.field(name).fill_null("") for name in task.input], separator="\n").alias(
            "input"
        ),
    )
    said = report.predictions.frame().select("id", pl.col("predicted").alias("label"), "confidence")
    joined = said.join(texts.unique("id", keep="first", maintain_order=True), on="id", how="inner").sort("id")
    return Table.of(joined.select(window_schema().names).to_arrow().cast(window_schema()))


def compare(reference: Table, window: Table, *, monitor: MonitorConfig, seed: int, context: Context) -> DriftReport:
    """Compare a window of traffic with the reference; raises UserError when a column is missing."""
    (before, _, _), (now, since, until) = _side(reference, "reference"), _side(window, "window")
    was, is_now = tally(before.labels), tally(now.labels)
    enough = min(len(before.texts), len(now.texts)) >= monitor.min_rows
    signals = _signals(before, now, monitor, seed, context) if enough else []
    return DriftReport(
        rows_reference=len(before.texts),
        rows_window=len(now.texts),
        since=since,
        until=until,
        enough=enough,
        drifted=any(signal.drifted for signal in signals),
        signals=signals,
        next=_next(signals, before, now, monitor) if enough else [_wait(before, now, monitor)],
        classes={name: {"reference": was.get(name, 0), "window": is_now.get(name, 0)} for name in sorted(was | is_now)},
    )


def _side(table: Table, name: str) -> tuple[Side, str, str]:
    """A side, and the times of its first and last row."""
    import polars as pl

    from fittingroom.text.language import script_of

    wanted = window_schema().names
    missing = [column for column in wanted if column not in table.columns]
    if missing:
        raise UserError(
            f"has no column {', '.join(missing)}; a window has the columns {', '.join(wanted)}",
            f"缺少列 {', '.join(missing)}；应有的列为 {', '.join(wanted)}",
            place=name,
        )
    frame = table.frame().select(wanted).filter(pl.col("input").is_not_null())
    times = frame["time"].drop_nulls().sort()
    since, until = (times[0].isoformat(), times[-1].isoformat()) if len(times) else ("", "")
    sure = frame["confidence"].drop_nulls().drop_nans().to_list()
    texts = frame["input"].to_list()
    labels = frame["label"].fill_null(NO_LABEL).to_list()
    return Side(texts, labels, [script_of(text) for text in texts], sure), since, until


def _signals(before: Side, now: Side, config: MonitorConfig, seed: int, context: Context) -> list[Signal]:
    """All comparisons, judged together."""
    found = [
        compared.classes(before, now, config.class_psi),
        compared.scripts(before, now, config.script_psi),
        compared.lengths(before, now, config.length_ks),
    ]
    if min(len(before.confidence), len(now.confidence)) >= config.min_rows:
        found.append(compared.confidence(before, now, config.confidence_ks))
        found.append(compared.unfamiliar(before, now, config.unfamiliar_rise))
    context.progress("monitor", len(found), len(found) + 1)
    found.append(
        compared.content(
            before, now, config.content_auc, most=config.max_rows, permutations=config.permutations, seed=seed
        )
    )
    context.progress("monitor", len(found), len(found))
    return compared.judged(found, config.level)


def _wait(before: Side, now: Side, config: MonitorConfig) -> Text:
    en, zh = [], []
    if len(before.texts) < config.min_rows:
        en.append(
            f"the reference has only {len(before.texts)} rows, {config.min_rows} are needed: enlarge dev and test"
        )
        zh.append(f"参照数据只有 {len(before.texts)} 行，至少需要 {config.min_rows} 行：请扩大开发集和测试集")
    if len(now.texts) < config.min_rows:
        lack = config.min_rows - len(now.texts)
        en.append(f"requests so far: {len(now.texts)}, too few to judge; compare again after {lack} more")
        zh.append(f"只有 {len(now.texts)} 条请求，不足以判断；再积累 {lack} 条后重新比较")
    return Text(en="; ".join(en), zh="；".join(zh))


def _next(signals: Sequence[Signal], before: Side, now: Side, config: MonitorConfig) -> list[Text]:
    """What would be done next, the weightiest first; nothing of it is done without a person."""
    alarms = {signal.name for signal in signals if signal.drifted}
    if not alarms:
        return [_CALM]
    steps = []
    if alarms & {"content", "unfamiliar", "confidence"}:
        steps.append(_label_some(min(len(now.texts), 200)))
    if "classes" in alarms:
        steps.append(_MIX)
    if alarms & {"script", "length"}:
        steps.append(_CHANNEL)
    new = sorted(set(now.labels) - set(before.labels) - {NO_LABEL})
    if new:
        said = ", ".join(new[:5])
        steps.append(
            Text(
                en=f"answers that never came on the reference: {said}; look at some of these requests",
                zh=f"出现了参照数据上从未给出的答案：{said}；请抽查这些请求",
            )
        )
    return [*steps, _RERUN]


def _label_some(rows: int) -> Text:
    return Text(
        en=f"people label {rows} of the recorded requests, the least sure first, and add them to a source: the "
        "requests are no longer like the data that the model was judged on, so its score no longer holds for them",
        zh=f"请人工标注 {rows} 条记录的请求（从最没把握的开始）并加入数据源：请求已不同于评判模型时的数据，"
        "原来的分数对它们不再成立",
    )


_CALM = Text(en="nothing to do; compare again with the next window", zh="无需处理；下个时间窗再比较")
_MIX = Text(
    en="the mix of answers moved: label a sample of the most moved class to tell a change of the customers from a "
    "change of the model's errors; new rows bring the training mix up to date",
    zh="答案构成发生变化：请抽样标注变化最大的类别，以区分是客户变了还是模型出错变了；补充新数据可更新训练集的构成",
)
_CHANNEL = Text(
    en="length or script moved: see whether a new channel, form or language came in, and whether cleaning fits it",
    zh="长度或文字种类发生变化：请检查是否有新的渠道、表单或语言接入，以及清洗规则是否适用",
)
_RERUN = Text(
    en="then `fittingroom run` with the new rows, and the gate decides between the new model and this one",
    zh="然后用新数据执行 `fittingroom run`，由门禁在新旧模型之间做出决定",
)

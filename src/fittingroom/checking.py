"""What `check` shows beside the counts: some redacted rows, and the minutes, memory and money that a run would take.

Minutes are measured (a few passes of the model) and reckoned up; money is what the recipe's `prices` make of them.
Nothing is bought while checking: no endpoint is asked, its tokens are reckoned from the rows it would get.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from pydantic import Field

from fittingroom.asks import Asks, asks_of, labels_before_any
from fittingroom.errors import Blocked, ModelError, RecipeError, UserError
from fittingroom.resorting import may_search
from fittingroom.types import Finding, Frozen, Rows, Splits, Text

if TYPE_CHECKING:
    from fittingroom.config import RunConfig
    from fittingroom.run import Run

_SHOWN = 5
_LONGEST = 160


class Shown(Frozen):
    """A row as it is stored, to look at."""

    input: dict[str, str]
    """Cleaned and redacted, cut after 160 characters."""
    label: str | None = None
    edits: dict[str, int] = Field(default_factory=dict)
    """What was done to it: rule -> count."""


class Cost(Frozen):
    """What a run would take."""

    minutes: float
    """The data road, as measured when it was walked, and one attempt."""
    minutes_at_most: float
    """With every attempt that `adapt` allows."""
    memory_bytes: int
    """Of the device that trains; where that is the processor, with the program itself."""
    process_bytes: int = 0
    """What the program held at most while it checked, its libraries and the data road: measured."""
    teacher_calls: int = 0
    teacher_tokens: dict[str, int] = Field(default_factory=dict)
    """input and output, reckoned, when a teacher model is configured."""
    currency: str
    money: float | None = None
    """For one attempt; null when a price is missing."""
    money_at_most: float | None = None
    pending: Text | None = None
    """Why no training could be planned yet: its labels are what an endpoint would bring. `minutes` are then those of
    the data road as far as it was walked, `asks` what the labels cost."""
    asks: list[Asks] = Field(default_factory=list)
    """What endpoints would be asked, by purpose. What they cost in another currency stands here alone."""
    not_priced: list[str] = Field(default_factory=list)
    """Keys of the recipe that would have to say a price."""

    def told(self) -> Text:
        """One line."""
        memory, held = (f"{size / 2**30:.2f} GiB" for size in (self.memory_bytes, self.process_bytes))
        asked_en, asked_zh = "", ""
        for one in self.asks:
            tokens = one.input_tokens + one.output_tokens
            price = f"{one.money:.4f} {one.currency}" if one.money is not None else "-"
            day = f", {one.as_of}" if one.as_of else ""
            asked_en += (
                f"; {one.calls} questions to {one.endpoint} ({one.purpose}), about {tokens:,} tokens ({price}{day})"
            )
            asked_zh += (
                f"；向 {one.endpoint} 提问 {one.calls} 次（{one.purpose}），约 {tokens:,} 个 token（{price}{day}）"
            )
        if self.pending is not None:
            money_en, money_zh = self.pending.en, self.pending.zh
        elif self.money is None:
            keys = ", ".join(self.not_priced)
            money_en, money_zh = f"money: not priced (set {keys})", f"费用：未定价（请设置 {keys}）"
        else:
            money_en = f"money: {self.money:.2f} {self.currency}, at most {self.money_at_most:.2f}"
            money_zh = f"费用：{self.money:.2f} {self.currency}，至多 {self.money_at_most:.2f}"
        return Text(
            en=f"cost: about {self.minutes:.1f} min, at most {self.minutes_at_most:.1f}; memory about {memory} "
            f"(the program held {held} while checking){asked_en}; {money_en}",
            zh=f"代价：约 {self.minutes:.1f} 分钟，至多 {self.minutes_at_most:.1f}；内存约 {memory}"
            f"（检查时程序本身占用 {held}）{asked_zh}；{money_zh}",
        )


class Checked(Frozen):
    """What `check` says before anything is trained."""

    recipe: str
    ledger: dict[str, dict[str, int]]
    """Stage -> rows kept, dropped, rejected (or per part)."""
    facts: dict[str, dict[str, Any]]
    plan: dict[str, Any]
    findings: list[Finding]
    rejected: list[tuple[str, str]] = Field(default_factory=list)
    """Some rows that could not be read: `file:line` and why."""
    reasons: dict[str, dict[str, int]] = Field(default_factory=dict)
    """Stage -> why rows were dropped or rejected -> rows."""
    examples: list[Shown] = Field(default_factory=list)
    """Some kept rows, cleaned and redacted."""
    cost: Cost | None = None
    """Minutes, memory and money; null when nothing could be planned."""
    blocked: Text | None = None


def cost_before_labels(config: RunConfig, run: Run, why: UserError) -> Cost:
    """What can be told where the road ended for want of the labels that an endpoint would bring: what these cost.
    Raises `why` (what ended it) where that is not so, and RecipeError where the endpoint would have nothing to choose.
    """
    from fittingroom.models.memory import held_bytes

    rows = run.outputs.get("prepare")
    if config.label.endpoint is None or not isinstance(rows, Rows) or isinstance(why, RecipeError | ModelError):
        raise why
    asks = labels_before_any(config, rows, run.root)
    if not asks.waiting:
        raise why
    now, most = held_bytes()
    minutes = round(_worked(run) / 60, 2)
    return Cost(
        minutes=minutes,
        minutes_at_most=minutes,
        memory_bytes=max(now, most),
        process_bytes=most,
        currency=config.prices.currency,
        asks=[asks],
        not_priced=asks.not_priced,
        pending=Text(
            en=f"{asks.waiting} of {rows.kept.rows} rows wait for a label of `{asks.endpoint}`; what a training takes "
            f"can be told once they have one (without them: {why.text('en')})",
            zh=f"{rows.kept.rows} 行中有 {asks.waiting} 行等待 `{asks.endpoint}` 打标；有了标签才能估计训练的代价"
            f"（没有它们时：{why.text('zh')}）",
        ),
    )


def cost(
    config: RunConfig, plan: Mapping[str, Any], splits: Splits, road_seconds: float, labelled: Rows | None = None
) -> Cost:
    """What a run of this recipe would take, by its plan, the balanced rows (made without the teacher) and what the
    stage `label` put out.

    Memory is the plan's and what this process holds, which has walked the same road; the libraries of a training are
    loaded, so that they count also where the plan was recalled.
    """
    from transformers import PreTrainedModel  # noqa: F401

    from fittingroom.models.memory import held_bytes, machine_bytes

    road, once = road_seconds / 60, float(plan["minutes"])
    # No attempt begins when the time is over, so the last one may begin just before.
    most = min(once * config.adapt.max_attempts + _searched(config), config.adapt.max_minutes + once)
    asks = asks_of(config, splits, labelled)
    taught = next((one for one in asks if one.purpose == "teacher"), None)
    prices = config.prices
    device, _ = machine_bytes(config.train.device)
    now, most_held = held_bytes()
    planned = int(plan["memory_bytes"])
    not_priced = [] if prices.machine_hour is not None else ["prices.machine_hour"]
    not_priced += dict.fromkeys(key for one in asks for key in one.not_priced)
    bought = [(one.money or 0.0, one.again) for one in asks if one.currency == prices.currency]
    asked = sum(money for money, _ in bought)
    asked_again = sum(money * again for money, again in bought) * (config.adapt.max_attempts - 1)
    hour = prices.machine_hour or 0.0
    return Cost(
        minutes=round(road + once, 2),
        minutes_at_most=round(road + max(most, once), 2),
        memory_bytes=max(most_held, now + planned) if device == "cpu" else planned,
        process_bytes=most_held,
        teacher_calls=taught.calls if taught else 0,
        teacher_tokens={"input": taught.input_tokens, "output": taught.output_tokens} if taught else {},
        asks=asks,
        currency=prices.currency,
        money=None if not_priced else round((road + once) / 60 * hour + asked, 4),
        money_at_most=None if not_priced else round((road + max(most, once)) / 60 * hour + asked + asked_again, 4),
        not_priced=not_priced,
    )


def _searched(config: RunConfig) -> float:
    """Minutes of a search at most, where the loop may come to one: half of those that are left, and the short training
    that begins just before they are over (`resorting`)."""
    if config.adapt.max_attempts == 1 or not may_search(config) or find_spec("optuna") is None:
        return 0.0
    return min(config.search.minutes, config.adapt.max_minutes / 2)


def examples(rows: Rows, config: RunConfig) -> list[Shown]:
    """A few kept rows, those first from which personal data was taken, then others that were changed."""
    from fittingroom.text.redact import KINDS

    personal = {*KINDS, *config.prepare.redact.patterns}
    found: list[list[Shown]] = [[], [], []]
    for batch in rows.kept.batches():
        for row in batch.select(["input", "target", "edits"]).to_pylist():
            edits = {one["rule"]: one["count"] for one in row["edits"] or []}
            rank = 0 if personal & edits.keys() else 1 if edits else 2
            if len(found[rank]) < _SHOWN:
                given = {name: (text or "")[:_LONGEST] for name, text in row["input"].items()}
                found[rank].append(Shown(input=given, label=row["target"][config.task.target], edits=edits))
        if len(found[0]) == _SHOWN:
            break
    head = found[0][: _SHOWN - 2] if found[1] or found[2] else found[0]
    return [*head, *found[1], *found[2]][:_SHOWN]


def _worked(run: Run) -> float:
    """Seconds of the stages so far."""
    return sum(float(event["worked"]) for event in run.journal.read() if event["kind"] == "stage_done")


def check(config: RunConfig, recipe: str, run: Run) -> Checked:
    """Walk the data road and plan the training; no endpoint is asked, and a blocking finding ends it early."""
    from fittingroom.pipeline import data_road
    from fittingroom.reporting import first_rejected, reasons_of
    from fittingroom.stages.configure import configure

    blocked: Text | None = None
    plan: dict[str, Any] = {}
    price: Cost | None = None
    unpaid = config.patched({"balance.teacher": None, "label.endpoint": None})
    try:
        splits = data_road(unpaid, run)
        road = _worked(run)
        plan = run.step(configure, unpaid, splits).model_dump(mode="json")
        labelled = run.outputs.get("label")
        price = cost(config, plan, splits, road, labelled if isinstance(labelled, Rows) else None)
    except Blocked as error:
        blocked = Text(en=error.text("en"), zh=error.text("zh"))
    except UserError as error:
        price = cost_before_labels(config, run, error)
    prepared = run.outputs.get("prepare")
    done = [event for event in run.journal.read() if event["kind"] == "stage_done"]
    return Checked(
        recipe=recipe,
        ledger={event["stage"]: event["ledger"] for event in done if event["ledger"]},
        facts={name: getattr(output, "facts", {}) for name, output in run.outputs.items()},
        plan=plan,
        findings=run.findings,
        rejected=first_rejected(prepared) if isinstance(prepared, Rows) else [],
        reasons={name: reasons_of(out) for name, out in run.outputs.items() if isinstance(out, Rows | Splits)},
        examples=examples(prepared, config) if isinstance(prepared, Rows) else [],
        cost=price,
        blocked=blocked,
    )

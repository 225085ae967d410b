"""What a recipe's endpoints would be asked, and what that would cost: reckoned, nothing is bought."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import Field

from fittingroom.types import Frozen, Rows, Splits

if TYPE_CHECKING:
    from fittingroom.config import RunConfig
    from fittingroom.tables import Table

_MILLION = 1_000_000
_LABEL_TOKENS = 12
"""Of an answer that is a label in JSON."""


class Asks(Frozen):
    """The questions of one purpose."""

    purpose: str
    """teacher, label or baseline."""
    endpoint: str
    calls: int
    input_tokens: int
    output_tokens: int
    money: float | None = None
    """Without a cache, at this hour's price; null when no price is known."""
    currency: str = ""
    as_of: str = ""
    """The day of the price, where it was published."""
    waiting: int | None = None
    """Rows that nobody has labelled, where that is not the number of calls; `label.endpoint.max_rows` bounds these."""
    not_priced: list[str] = Field(default_factory=list)
    """Keys of the recipe that would have to say a price."""


def asks_of(config: RunConfig, splits: Splits, labelled: Rows | None) -> list[Asks]:
    """What a run would ask for, by its data road, which was walked without asking; none of it answered before.

    `splits` are the balanced rows, `labelled` what the stage `label` put out.
    """
    found: list[Asks] = []
    if config.label.endpoint is not None and labelled is not None:
        found.append(_labels(config, labelled))
    if config.balance.teacher is not None:
        found.append(_teacher(config, splits))
    if config.evaluate.api is not None:
        found.append(_contestant(config, splits))
    return found


def labels_before_any(config: RunConfig, prepared: Rows, root: Path) -> Asks:
    """What is asked where too few rows carry a label for the road to be walked without the endpoint: by what `prepare`
    put out, as if no rule spoke. Raises RecipeError where it would have nothing to choose among.
    """
    from fittingroom.sources import decisions
    from fittingroom.tasks.labeller import choices_of
    from fittingroom.tasks.voices import Voices

    section = config.label.endpoint
    assert section is not None
    voices = Voices(prepared.kept, config.task, decisions.read(root))
    known = choices_of(voices)
    texts = list(_texts(prepared.kept))
    silent = [text for row, text in enumerate(texts) if not voices.spoken(row)]
    checked = [text for row, text in enumerate(texts) if voices.spoken(row)][: section.check_rows]
    asked = [*silent[: section.max_rows], *checked, *checked]
    found = _priced(config, "label", section.name, _questions(asked, known), _LABEL_TOKENS * len(asked))
    return found.model_copy(update={"waiting": len(silent)})


def _teacher(config: RunConfig, splits: Splits) -> Asks:
    """One question for each field of each repeated row, within the bound."""
    from fittingroom.models.teacher import answer_tokens, question_tokens

    teacher = config.balance.teacher
    assert teacher is not None
    texts: list[str] = []
    for batch in splits.train.batches():
        for name, fields in zip(batch.column("id").to_pylist(), batch.column("input").to_pylist(), strict=True):
            filled = [text for text in fields.values() if text]
            if "~" in name and len(texts) + len(filled) <= teacher.max_calls:
                texts += filled
    answered = sum(min(teacher.max_tokens, answer_tokens(text)) for text in texts)
    return _priced(config, "teacher", teacher.endpoint, [question_tokens(text) for text in texts], answered)


def _labels(config: RunConfig, labelled: Rows) -> Asks:
    """Rows without a label, and twice the rows by which the endpoint is checked."""
    section = config.label.endpoint
    assert section is not None
    kept = list(_texts(labelled.kept))
    frame = labelled.dropped.frame()
    silent = ["\n".join(text or "" for text in fields.values())
              for fields in frame.filter(frame["reason"] == "not labelled")["input"].to_list()]  # fmt: skip
    checked = kept[: section.check_rows]
    known = sorted(set(config.task.labels or ()) | set(labelled.facts["classes"]))
    asked = [*silent[: section.max_rows], *checked, *checked]
    return _priced(config, "label", section.name, _questions(asked, known), _LABEL_TOKENS * len(asked))


def _contestant(config: RunConfig, splits: Splits) -> Asks:
    """Rows of dev, and of test once it is opened; another attempt asks nothing new."""
    section = config.evaluate.api
    assert section is not None
    labels = sorted(set(config.task.labels or ()) | set(splits.facts.get("after", {})))
    asked = [text for part in (splits.dev, splits.test) for text in list(_texts(part))[: section.max_rows]]
    return _priced(config, "baseline", section.endpoint, _questions(asked, labels), _LABEL_TOKENS * len(asked))


def _texts(table: Table) -> Iterator[str]:
    for batch in table.batches():
        for fields in batch.column("input").to_pylist():
            yield "\n".join(text or "" for text in fields.values())


def _questions(texts: Sequence[str], labels: Sequence[str]) -> list[int]:
    """About how many tokens each question has."""
    from fittingroom.models.endpoint_prices import about_tokens
    from fittingroom.models.labelling import conversation

    words = sum(about_tokens(one["content"]) for one in conversation([], labels))
    return [words + about_tokens(text) for text in texts]


def _priced(config: RunConfig, purpose: str, name: str, sent: Sequence[int], answered: int) -> Asks:
    """By the prices of the endpoint, else by those of the recipe's section `prices`."""
    from fittingroom.models.endpoint_prices import Tokens, price, prices_of

    endpoint, own = config.endpoints[name], config.prices
    total = sum(sent)
    counted = {"purpose": purpose, "endpoint": name, "calls": len(sent), "input_tokens": total}
    prices = prices_of(endpoint, endpoint.url)
    if prices is not None:
        money = round(price(Tokens(total, 0, answered), prices, datetime.now(UTC)), 6)
        return Asks(**counted, output_tokens=answered, money=money, currency=prices.currency, as_of=prices.as_of)
    missing = [f"prices.{kind}_tokens" for kind in ("input", "output") if getattr(own, f"{kind}_tokens") is None]
    missing = missing if sent else []
    money = (total * (own.input_tokens or 0.0) + answered * (own.output_tokens or 0.0)) / _MILLION
    return Asks(
        **counted,
        output_tokens=answered,
        money=None if missing else round(money, 6),
        currency=own.currency,
        not_priced=missing,
    )

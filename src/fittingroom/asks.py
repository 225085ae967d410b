"""What a recipe's endpoints would be asked, and what that would cost: reckoned, nothing is bought."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import Field

from fittingroom.types import Frozen, Rows, Splits

if TYPE_CHECKING:
    from fittingroom.config import RunConfig
    from fittingroom.statistics.judging import Exam
    from fittingroom.tables import Table

_MILLION = 1_000_000
Messages = Sequence[Mapping[str, str]]


class Asks(Frozen):
    """The questions of one purpose."""

    purpose: str
    """teacher, label, baseline or judge."""
    endpoint: str
    calls: int
    input_tokens: int
    output_tokens: int
    money: float | None = None
    """Without a cache, at this hour's price; null when no price is known."""
    currency: str = ""
    as_of: str = ""
    """The day of the price, where it was published."""
    again: float = 0.0
    """Share of these calls that each further attempt asks anew: a judge reads other answers then."""
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
    if config.evaluate.judge is not None:
        found.append(_judge(config, splits))
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
    given = list(_inputs(prepared.kept))
    silent = [fields for row, fields in enumerate(given) if not voices.spoken(row)]
    checked = [fields for row, fields in enumerate(given) if voices.spoken(row)][: section.check_rows]
    found = _to_label(config, [*silent[: section.max_rows], *checked, *checked], known)
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
    frame = labelled.dropped.frame()
    silent = [_filled(fields) for fields in frame.filter(frame["reason"] == "not labelled")["input"].to_list()]
    checked = [fields for fields, _ in zip(_inputs(labelled.kept), range(section.check_rows), strict=False)]
    known = sorted(set(config.task.labels or ()) | set(labelled.facts["classes"]))
    return _to_label(config, [*silent[: section.max_rows], *checked, *checked], known)


def _to_label(config: RunConfig, given: Sequence[Mapping[str, str]], known: Sequence[str]) -> Asks:
    """Every row as the labeller asks about it."""
    from fittingroom.models import labelling

    section = config.label.endpoint
    assert section is not None
    each = labelling.asking(section.name, config.endpoints[section.name], "label").about_answered
    return _priced(config, "label", section.name, _sent(_labelling(config, given, known)), each * len(given))


def _labelling(config: RunConfig, given: Iterable[Mapping[str, str]], known: Sequence[str]) -> Iterator[Messages]:
    from fittingroom.models.labelling import conversation
    from fittingroom.tasks.jobs import job_of
    from fittingroom.tasks.labeller import conversation_of

    task = config.task
    job = job_of(task)
    for fields in given:
        yield conversation(conversation_of(fields, task), job.choices(fields, task, known))


def _contestant(config: RunConfig, splits: Splits) -> Asks:
    """Rows of dev, and of test once it is opened; another attempt asks nothing new. Free answers are asked through the
    task's own prompt, and are as long as such answers usually are; of rankings, questions are asked instead of rows.
    """
    from fittingroom.models import answering, labelling, ordering
    from fittingroom.tasks.jobs import job_of

    section, task = config.evaluate.api, config.task
    assert section is not None
    endpoint, job = config.endpoints[section.endpoint], job_of(task)
    if task.kind == "recommend":
        sent = _sent(_orderings(config, splits, section.max_rows))
        each = ordering.asking(section.endpoint, endpoint).about_answered
        return _priced(config, "baseline", section.endpoint, sent, each * len(sent))
    given = [fields for exam in _exams(config, splits, section.max_rows) for fields in exam.inputs]
    if job.closed:
        labels = sorted(set(task.labels or ()) | set(splits.facts.get("after", {})))
        each = labelling.asking(section.endpoint, endpoint, "baseline").about_answered
        sent = _sent(_labelling(config, given, labels))
    else:
        each = answering.asking(section.endpoint, endpoint, section.max_tokens).about_answered
        sent = _sent(job.messages(fields, task, []) for fields in given)
    return _priced(config, "baseline", section.endpoint, sent, each * len(given))


def _orderings(config: RunConfig, splits: Splits, most: int) -> Iterator[Messages]:
    """The questions of dev and of test, with the goods that the bundle's shelf will propose: at most so many of each
    part, as they are drawn there.
    """
    from fittingroom.evaluating.baselines.api_ranking import posed
    from fittingroom.evaluating.setting import lot
    from fittingroom.models.ordering import conversation
    from fittingroom.tasks.questions import asked
    from fittingroom.tasks.recommend import settings_of
    from fittingroom.tasks.shelf import Shelf

    task, seed = config.task, config.seed
    shelf = Shelf.of(splits.train, task, least_customers=settings_of(task).least_customers)
    for part in (splits.dev, splits.test):
        questions = asked(part, task, seed=seed).questions
        for question in sorted(questions, key=lambda one: lot(one.id, seed))[:most]:
            one = posed(question, shelf, task, seed)
            yield conversation(one.messages, one.shown)


def _judge(config: RunConfig, splits: Splits) -> Asks:
    """Pairs of dev, and of test once it is opened, in both orders. The two answers are reckoned as long as the one that
    the data hold; equal ones are never asked about, so it may be less.
    """
    from fittingroom.evaluating.judged import question_of
    from fittingroom.models.judge import Pair, asking, conversation

    section = config.evaluate.judge
    assert section is not None
    parts = [
        [
            Pair(row, None, question_of(fields), target, target)
            for row, fields, target in zip(exam.ids, exam.inputs, exam.targets, strict=True)
        ]
        for exam in _exams(config, splits, min(section.max_rows, _answered_by(section.against, config)))
    ]
    sent = _sent(conversation(pair, swapped) for pairs in parts for pair in pairs for swapped in (False, True))
    each = asking(section.endpoint, config.endpoints[section.endpoint]).about_answered
    found = _priced(config, "judge", section.endpoint, sent, each * len(sent))
    return found.model_copy(update={"again": round(2 * len(parts[0]) / max(1, len(sent)), 6)})


def _answered_by(name: str, config: RunConfig) -> int:
    """Most rows that a contestant answers."""
    section = config.evaluate
    if name == "api" and section.api is not None:
        return section.api.max_rows
    return section.untuned_rows if name in ("untuned", "few_shot") else 1 << 62


def _exams(config: RunConfig, splits: Splits, most: int) -> list[Exam]:
    """The judged rows of dev and of test of which at most so many are asked about, as they are drawn there."""
    from fittingroom.evaluating.setting import lot
    from fittingroom.statistics.judging import Exam
    from fittingroom.tasks.jobs import job_of

    if not job_of(config.task).closed:
        most = min(most, config.evaluate.generated_rows)
    found = []
    for part in (splits.dev, splits.test):
        exam = Exam.of(part, config.task.input, config.task.target)
        drawn = sorted(range(len(exam)), key=lambda place: lot(exam.ids[place], config.seed))
        found.append(exam.only(sorted(drawn[:most])))
    return found


def _inputs(table: Table) -> Iterator[dict[str, str]]:
    for batch in table.batches():
        yield from map(_filled, batch.column("input").to_pylist())


def _filled(fields: Mapping[str, str | None]) -> dict[str, str]:
    return {name: text or "" for name, text in fields.items()}


def _sent(conversations: Iterable[Messages]) -> list[int]:
    """About how many tokens each question has."""
    from fittingroom.models.endpoint_prices import about_tokens

    return [sum(about_tokens(one["content"]) for one in messages) for messages in conversations]


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

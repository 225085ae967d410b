"""Many questions to one endpoint: redacted first, paid once, within a budget.

What leaves is redacted of everything that there is, whatever the recipe lets stay. Every answer is written down at once
under a digest of what was asked (`endpoints/<name>.jsonl` in the workspace), so that a batch that was stopped goes on
where it was, and a second run pays nothing twice. Only what the caller makes of an answer is kept, with the rows that
it was given for, so that `forget` finds it; what was paid stays known after that.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, CancelledError, ThreadPoolExecutor, wait
from contextlib import closing
from datetime import UTC, datetime
from typing import Any, NamedTuple

from fittingroom.engine import Context, Note
from fittingroom.journal import Journal, alone
from fittingroom.models.endpoint import Ask, Endpoint, Reply, Spoilt
from fittingroom.models.endpoint_config import EndpointConfig, url_of
from fittingroom.models.endpoint_kept import FOLDER, Answered, lock_of, read
from fittingroom.models.endpoint_money import Account, Purse, estimate, too_dear, used_up
from fittingroom.models.endpoint_prices import Tokens, dearest, price, prices_of
from fittingroom.store import digest_of
from fittingroom.text.clean import CleanConfig
from fittingroom.text.redact import RedactConfig, Redacted, redact_batch
from fittingroom.text.wash import Washed, agreed, wash
from fittingroom.types import Text

PAID = "spent"
"""The kind of the note that tells a run's journal what was paid: `amount` in `currency`; `Run.cost` adds them up."""
_TELL_EVERY = 50  # answers: what a kill can lose from the run's account (the workspace's own loses nothing)

Messages = list[dict[str, str]]


class Question(NamedTuple):
    """One conversation to be answered."""

    row: str
    """Id of the row that it is about."""
    group: str | None
    """Its customer or conversation (a pseudonym)."""
    messages: Messages
    salt: str = ""
    """Tells questions of the same words apart; equal ones with the same salt are asked once."""


class Asking(NamedTuple):
    """Who is asked, and how."""

    name: str
    """On the allow-list."""
    config: EndpointConfig
    purpose: str
    """teacher, label, baseline or judge: stands in accounts."""
    how: Ask
    about_answered: int = 20
    """Tokens that an answer usually has; for the estimate."""


def ask_all(
    questions: Sequence[Question],
    asking: Asking,
    context: Context,
    keep: Callable[[Reply], dict[str, Any]],
    *,
    pause: Callable[[float], None] = time.sleep,
) -> tuple[list[Answered], Account]:
    """An answer for every question, in order; those that were given before are not asked for again.

    `keep` makes of a reply what may be written down; it is called in several threads. Raises RecipeError for an address
    or key that cannot be used, UserError when the API refuses or stays silent, or the budget does not reach. The
    answers that came until then are kept.
    """
    path = context.root / FOLDER / f"{asking.name}.jsonl"
    url = url_of(asking.config, f"{FOLDER}.{asking.name}")
    # One batch at a time asks an endpoint: so nothing is paid twice, and the budget is one for all runs.
    with alone(lock_of(context.root, asking.name)):
        batch = _Batch(questions, asking, url, Journal(path), context)
        batch.refuse_beyond_budget()
        if batch.open:  # what is known needs no key
            with closing(Endpoint(asking.name, asking.config, pause=pause)) as endpoint:
                try:
                    batch.run(endpoint, keep)
                finally:
                    batch.tell()
        batch.note_rows()
        return batch.answers(), batch.account()


class _Batch:
    """The questions of one call, what is known of them, and the money."""

    def __init__(
        self, questions: Sequence[Question], asking: Asking, url: str, journal: Journal, context: Context
    ) -> None:
        self._asking, self._url, self._journal, self._context = asking, url, journal, context
        self._questions = questions
        self._safe = safe_messages([one.messages for one in questions], context)
        self._prices = prices_of(asking.config, url)
        self._keys = [self._key(one, safe) for one, safe in zip(questions, self._safe, strict=True)]
        kept = read(journal.path, self.currency)
        self._known, self._used = kept.answers, kept.used
        self._todo: dict[str, int] = {}
        for place, key in enumerate(self._keys):
            if key not in self._known:
                self._todo.setdefault(key, place)
        self._purse = Purse(asking.config.budget, kept.spent)
        before = {self._known[key].model for key in self._keys if key in self._known}
        self._seen = sorted(name for name in before if name)
        self._models: Counter[str] = Counter()
        self._paid, self._told = 0.0, 0.0
        self._lock = threading.Lock()

    @property
    def currency(self) -> str:
        return self._prices.currency if self._prices else ""

    def refuse_beyond_budget(self) -> None:
        """Nothing is asked when the usual cost of what is left to ask is more than the budget still holds."""
        left = self._purse.left()
        if left is None or not self._todo:
            return
        expected = estimate(
            [self._safe[place] for place in self._todo.values()],
            self._asking.config,
            self._asking.about_answered,
            self._url,
        )
        if expected.money is not None and expected.money > left:
            raise too_dear(self._asking.name, len(self._todo), expected.money, left, self.currency)

    @property
    def open(self) -> int:
        """Questions that are not answered."""
        return len(self._todo)

    def run(self, endpoint: Endpoint, keep: Callable[[Reply], dict[str, Any]]) -> None:
        """Ask what is not known."""
        done = len(self._questions) - len(self._todo)
        over = threading.Event()
        with ThreadPoolExecutor(self._asking.config.parallel) as pool:
            waiting = {pool.submit(self._one, endpoint, key, place, keep, over) for key, place in self._todo.items()}
            try:
                while waiting:
                    ready, waiting = wait(waiting, timeout=1.0, return_when=FIRST_COMPLETED)
                    faults = [fault for one in ready if (fault := one.exception()) is not None]
                    if faults:
                        raise next((fault for fault in faults if not isinstance(fault, CancelledError)), faults[0])
                    for one in ready:
                        self._hear(*one.result())
                    here = done + len(self._todo) - len(waiting)
                    self._context.progress(f"ask {self._asking.name}", here, max(1, len(self._questions)))
            except BaseException:  # also when a person stops it: what was not asked yet is not asked any more
                over.set()
                self._purse.stop()
                pool.shutdown(wait=False, cancel_futures=True)
                raise

    def note_rows(self) -> None:
        """Write down which other rows got an answer that was there."""
        for key, question in zip(self._keys, self._questions, strict=True):
            if (key, question.row) not in self._used:
                self._journal.append("used", key=key, row=question.row, group=question.group)
                self._used.add((key, question.row))

    def answers(self) -> list[Answered]:
        """In the order of the questions."""
        return [self._known[key] for key in self._keys]

    def account(self) -> Account:
        """What all of the questions came to, those that were answered before included."""
        found = [self._known[key] for key in dict.fromkeys(self._keys)]
        counted = [one.tokens for one in found if one.tokens is not None]
        return Account(
            questions=len(found),
            models=dict(sorted(Counter(one.model for one in found if one.model).items())),
            tokens={name: sum(getattr(one, name) for one in counted) for name in Tokens._fields},
            cost=round(sum(one.cost for one in found), 6) if self._prices else None,
            currency=self.currency,
        )

    def tell(self) -> None:
        """Write into the run's journal what was paid since the last time."""
        with self._lock:
            fresh, self._told = self._paid - self._told, self._paid
        if fresh or self._models:
            data = {
                "endpoint": self._asking.name,
                "purpose": self._asking.purpose,
                "amount": round(fresh, 9),
                "currency": self.currency,
                "answers": self._models.total(),
                "models": dict(sorted(self._models.items())),
            }
            self._models.clear()
            self._context.note(Note(PAID, data))

    def _key(self, one: Question, safe: Messages) -> str:
        config, how = self._asking.config, self._asking.how
        asked = [config.model, config.switch_thinking, config.json_mode and how.as_json, *how[:2]]
        return digest_of([self._url, self._asking.purpose, asked, safe, one.salt])

    def _one(
        self, endpoint: Endpoint, key: str, place: int, keep: Callable[[Reply], dict[str, Any]], over: threading.Event
    ) -> tuple[str, Answered]:
        if over.is_set():
            raise CancelledError
        most = dearest(self._safe[place], self._asking.how.max_tokens, self._prices) if self._prices else 0.0
        self._lay_aside(most, over)
        aside = [most]

        def spoilt(one: Spoilt | None) -> None:
            if one is not None:  # it may have cost something: paid, and the next try has money of its own
                self._settle(aside.pop(), self._booked(most, one.tokens))
                self._lay_aside(most, over)
                aside.append(most)
            if over.is_set():
                raise CancelledError

        try:
            reply = endpoint.ask(self._safe[place], self._asking.how, key=key, spoilt=spoilt)
        except BaseException:
            over.set()  # no other question is begun: what fails here fails there too
            if aside:
                self._settle(most, 0.0)
            raise
        cost = self._cost(reply.tokens, most)
        answer = Answered(keep(reply), reply.model, reply.tokens, cost, round(reply.seconds, 3))
        question = self._questions[place]
        self._journal.append(
            "answer",
            key=key,
            row=question.row,
            group=question.group,
            purpose=self._asking.purpose,
            currency=self.currency,
            **answer._asdict(),
        )
        self._settle(most, cost)
        return key, answer

    def _lay_aside(self, most: float, over: threading.Event) -> None:
        if not self._purse.take(most):
            if over.is_set():
                raise CancelledError
            raise used_up(self._asking.name, self._purse.left() or 0.0, self.currency)

    def _cost(self, tokens: Tokens | None, most: float) -> float:
        """What an answer cost that came now; the most that it can have, where nobody counted."""
        if self._prices is None:
            return 0.0
        return most if tokens is None else round(price(tokens, self._prices, datetime.now(UTC)), 9)

    def _booked(self, most: float, tokens: Tokens | None) -> float:
        """Money for a try that gave nothing, written down."""
        cost = self._cost(tokens, most)
        if cost:
            self._journal.append("paid", cost=cost, currency=self.currency, purpose=self._asking.purpose)
        return cost

    def _settle(self, aside: float, cost: float) -> None:
        self._purse.pay(aside, cost)
        with self._lock:
            self._paid += cost

    def _hear(self, key: str, answer: Answered) -> None:
        """An answer is there: another version than before is told at once."""
        self._known[key] = answer
        self._used.add((key, self._questions[self._todo[key]].row))
        if answer.model and answer.model not in self._seen:
            if self._seen:
                self._context.note(_changed(self._asking, self._seen, answer.model))
            self._seen.append(answer.model)
        self._models[answer.model] += 1
        if self._models.total() >= _TELL_EVERY:
            self.tell()


def safe_messages(asked: Sequence[Sequence[Mapping[str, str]]], context: Context) -> list[Messages]:
    """What may leave: redacted of everything that there is, also of what the recipe keeps for the shop's own use; words
    of customers cleaned before, instructions left in their form.
    """
    redact, flat = RedactConfig(), [one for messages in asked for one in messages]
    texts = iter(wash([one["content"] for one in flat if one["role"] != "system"], CleanConfig(), redact,
                      context.secret))  # fmt: skip
    ours = iter(redact_batch([one["content"] for one in flat if one["role"] == "system"], redact, context.secret))
    found = []
    for messages in asked:
        own = [_as_washed(next(ours)) if one["role"] == "system" else next(texts) for one in messages]
        # A name that one turn gives goes from all of them.
        whole = agreed(own, redact, context.secret)
        found.append([{"role": one["role"], "content": safe.text} for one, safe in zip(messages, whole, strict=True)])
    return found


def _as_washed(safe: Redacted) -> Washed:
    return Washed(safe.text, {}, dict(safe.edits), "", tuple(safe.found))


def _changed(asking: Asking, before: Sequence[str], now: str) -> Note:
    data = {"endpoint": asking.name, "purpose": asking.purpose, "before": list(before), "now": now}
    text = Text(
        en=f"the endpoint {asking.name} answers as {now!r} now, before as {', '.join(map(repr, before))}: what it says "
        "may have changed in the middle of this batch",
        zh=f"接口 {asking.name} 现以 {now!r} 作答，此前为 {'、'.join(map(repr, before))}：同一批回答的口径可能已变",
    )
    return Note("endpoint_changed", data, text)

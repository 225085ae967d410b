"""Free answers, asked of an endpoint: as a contestant beside our model's."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any, NamedTuple

from fittingroom.engine import Context
from fittingroom.models.endpoint import Ask, Reply
from fittingroom.models.endpoint_batch import Asking, Question, ask_all
from fittingroom.models.endpoint_config import EndpointConfig
from fittingroom.models.endpoint_money import Account
from fittingroom.text.clean import CleanConfig
from fittingroom.text.redact import RedactConfig
from fittingroom.text.wash import wash


class Said(NamedTuple):
    """What an endpoint said."""

    texts: list[str | None]
    """In the order of the questions, cleaned and redacted; None where there is no answer."""
    faults: dict[str, int]
    """Why -> how many: blank, cut off, filtered …"""
    account: Account
    seconds: list[float]
    """Of each answer."""

    def facts(self) -> dict[str, Any]:
        """JSON values."""
        answered = sum(text is not None for text in self.texts)
        return {"asked": len(self.texts), "answered": answered, "not_used": self.faults, **self.account.facts()}


def asking(name: str, config: EndpointConfig, max_tokens: int) -> Asking:
    """How they are asked for: the likeliest answer, no thought."""
    return Asking(name, config, "baseline", Ask(max_tokens), about_answered=max_tokens // 4)


def answer_all(questions: Sequence[Question], asked: Asking, context: Context) -> Said:
    """An answer for each conversation, or None. Raises as `ask_all` does."""

    def keep(reply: Reply) -> dict[str, Any]:
        washed = wash([reply.text], CleanConfig(), RedactConfig(), context.secret)[0]
        return {"text": washed.text, "fault": reply.fault or ("" if washed.text.strip() else "blank")}

    answers, account = ask_all(questions, asked, context, keep)
    texts = [None if one.kept["fault"] else str(one.kept["text"]) for one in answers]
    faults = Counter(one.kept["fault"] for one in answers if one.kept["fault"])
    return Said(texts, dict(sorted(faults.items())), account, [one.seconds for one in answers])

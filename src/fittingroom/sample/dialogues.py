"""Customers' first messages with their intent, and the dialogue that follows.

A message is a phrase of its intent, or a frame in which two intents meet and only one is meant; then come greetings,
endings, mixed-in English, slips of the keyboard. No two messages are near copies of each other: what is near in the
shop's data was planted, so the truth about copies is exact.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from random import Random

from fittingroom.sample import phrases_en, phrases_zh, words_en, words_zh
from fittingroom.sample.grammar import expand
from fittingroom.text.similarity import match_key

INTENTS = ("delivery", "refund", "exchange", "change", "product", "price", "repair", "hazard", "other")
SHARES = (0.16, 0.14, 0.12, 0.11, 0.13, 0.11, 0.09, 0.06, 0.08)
MAX_OVERLAP = 0.6
"""No two messages have more than this share of their character 5-grams in common."""

TWO_INTENTS = 0.25
"""Share of the messages in which a second intent is named: what makes them hard for a bag of words."""

_TWO = ("delivery", "refund", "exchange", "change", "product", "price", "repair")
_LEXICON = {
    "zh": {**words_zh.PLAIN, **phrases_zh.FILLERS, "brand": tuple(words_zh.BRANDS)},
    "en": {**words_en.PLAIN, **phrases_en.FILLERS, "brand": tuple(words_en.BRANDS)},
}
_PHRASES = {"zh": phrases_zh, "en": phrases_en}


@dataclass(frozen=True)
class Message:
    """A first message, what it is written for, and its language (zh or en)."""

    text: str
    intent: str
    language: str


class Distinct:
    """Keeps texts apart: `admit` refuses a text that shares too many character 5-grams with one admitted before."""

    def __init__(self, max_overlap: float = MAX_OVERLAP) -> None:
        self._max = max_overlap
        self._keys: set[str] = set()
        self._sizes: list[int] = []
        self._postings: dict[str, list[int]] = defaultdict(list)

    def admit(self, text: str) -> bool:
        """True, and remembered, when `text` is far from all texts before it."""
        key = match_key(text)
        if not key or key in self._keys:
            return False
        grams = {key[start : start + 5] for start in range(len(key) - 4)}
        shared: dict[int, int] = defaultdict(int)
        for gram in grams:
            for index in self._postings.get(gram, ()):
                shared[index] += 1
        for index, both in shared.items():
            if both > self._max * (len(grams) + self._sizes[index] - both):
                return False
        for gram in grams:
            self._postings[gram].append(len(self._sizes))
        self._sizes.append(len(grams))
        self._keys.add(key)
        return True


def write_messages(count: int, rng: Random) -> list[Message]:
    """`count` first messages in random order; shares of the intents as in `SHARES`, six in ten Chinese."""
    wanted = {intent: round(count * share) for intent, share in zip(INTENTS, SHARES, strict=True)}
    wanted["delivery"] += count - sum(wanted.values())
    distinct = Distinct()
    messages: list[Message] = []
    for intent, number in wanted.items():
        made = 0
        for _ in range(number * 60):
            if made == number:
                break
            language = "zh" if rng.random() < 0.62 else "en"
            text = write_message(intent, language, rng)
            if distinct.admit(text):
                messages.append(Message(text, intent, language))
                made += 1
        if made < number:
            raise ValueError(f"the phrases of {intent} give only {made} distinct messages of {number}: ask for fewer")
    rng.shuffle(messages)
    return messages


def write_message(intent: str, language: str, rng: Random) -> str:
    """One message of `intent` in `language`."""
    body = _body(intent, language, rng)
    text = _mixed(_slips(_dressed(body, language, rng), language, rng), language, rng)
    return " ".join(text.split())


def _body(intent: str, language: str, rng: Random) -> str:
    book, lexicon = _PHRASES[language], _LEXICON[language]
    shape = rng.random()
    if intent in _TWO and shape < TWO_INTENTS:
        return _two_intents(intent, language, rng)
    kind = "ask" if shape < 0.68 else "state"
    body = expand(rng.choice(book.PHRASES[intent][kind]), lexicon, rng)
    comma = "," if language == "zh" else ", "
    if intent in ("hazard", "repair") and rng.random() < 0.25:
        body += comma + _aside(intent, language, rng)
    return body


def _aside(intent: str, language: str, rng: Random) -> str:
    """A hazard stays a hazard whatever else is asked; a repair may say that nothing dangerous happened."""
    book, lexicon = _PHRASES[language], _LEXICON[language]
    if intent == "repair":
        return expand(rng.choice(book.HARMLESS), lexicon, rng)
    want = expand(rng.choice(book.PHRASES[rng.choice(_TWO)]["want"]), lexicon, rng)
    frames = (
        ("我要{w}", "想{w}", "能{w}吗", "{w}") if language == "zh" else ("I want to {w}", "can I {w}", "please {w}")
    )
    return rng.choice(frames).replace("{w}", want)


def _two_intents(intent: str, language: str, rng: Random) -> str:
    book, lexicon = _PHRASES[language], _LEXICON[language]
    second = rng.choice([other for other in _TWO if other != intent])
    item = rng.choice(lexicon["garment"] if "exchange" in (intent, second) else lexicon["item"])
    bound = {"item": item} if rng.random() < 0.7 else {}
    parts = {
        "m_ask": expand(rng.choice(book.PHRASES[intent]["ask"]), lexicon, rng, bound),
        "m_want": expand(rng.choice(book.PHRASES[intent]["want"]), lexicon, rng, bound),
        "d_ask": expand(rng.choice(book.PHRASES[second]["ask"]), lexicon, rng, bound),
        "d_want": expand(rng.choice(book.PHRASES[second]["want"]), lexicon, rng, bound),
        "d_done": expand(rng.choice(book.PHRASES[second]["done"]), lexicon, rng, bound),
    }
    return expand(rng.choice(book.TWO_INTENTS), {}, rng, parts)


def _dressed(body: str, language: str, rng: Random) -> str:
    """Greeting, particle, ending, punctuation."""
    words = words_zh if language == "zh" else words_en
    space = "" if language == "zh" else " "
    if rng.random() < 0.28:
        body = (
            rng.choice(words.OPENERS)
            + rng.choice(["", ",", "!", "，", " "] if language == "zh" else [",", "!", " -", ""])
            + space
            + body
        )
    if language == "zh" and rng.random() < 0.15:
        body += rng.choice(words_zh.PARTICLES)
    if rng.random() < 0.2:
        body += rng.choice([",", " ", "，", "。"] if language == "zh" else [", ", " ", ". ", "! "]) + rng.choice(
            words.CLOSERS
        )
    if language == "zh":
        body = body.replace(",", rng.choice(["，", "，", ",", " "]))
        return body + rng.choice(["", "", "", "？", "?", "。", "！", "~", "…", "？？"])
    body = body if rng.random() < 0.45 else body[0].upper() + body[1:]
    return body + rng.choice(["", "", "?", ".", "?", "!", "??", "..."])


def _slips(text: str, language: str, rng: Random) -> str:
    """About one message in eight has a slip of the keyboard, some have two."""
    words = words_zh if language == "zh" else words_en
    for _ in range(2):
        if rng.random() < 0.07:
            fitting = [(old, new) for old, new in words.TYPOS if old in text]
            if fitting:
                old, new = rng.choice(fitting)
                text = text.replace(old, new, 1)
    if language == "en" and rng.random() < 0.05 and len(text) > 12:
        place = rng.randrange(3, len(text) - 3)
        text = text[:place] + text[place + 1] + text[place] + text[place + 2 :]
    return text


def _mixed(text: str, language: str, rng: Random) -> str:
    """Some Chinese messages carry English words."""
    if language == "zh" and rng.random() < 0.12:
        fitting = [(old, new) for old, new in words_zh.MIXED if old in text]
        if fitting:
            old, new = rng.choice(fitting)
            text = text.replace(old, f" {new} ", 1).strip()
    return text


def write_turns(message: Message, rng: Random) -> list[tuple[str, str]]:
    """The turns after the first message: (role, text), an agent's reply first."""
    book, lexicon = _PHRASES[message.language], _LEXICON[message.language]
    turns = [("agent", expand(rng.choice(book.AGENT[message.intent]), lexicon, rng))]
    while rng.random() < 0.55 and len(turns) < 6:
        turns.append(("customer", expand(rng.choice(book.FOLLOW_UPS), lexicon, rng)))
        turns.append(("agent", expand(rng.choice(book.AGENT[message.intent]), lexicon, rng)))
    return turns

"""Sentences and short texts with a known meaning, drawn from the word lists of one language."""

from __future__ import annotations

import random
import re
from dataclasses import dataclass
from functools import cache
from types import ModuleType
from typing import Final

from fittingroom.models.nano_build import corpus_en, corpus_zh

DIMENSIONS: Final = (
    *("topic", "topic", "topic", "polarity", "polarity", "polarity", "emotion"),
    *("act", "act", "time", "place", "season"),
)
"""What may be asked about a text; named as often as it is asked."""
_SLOT: Final = re.compile(r"\{(.)\d?\}")


def _entries(text: str) -> list[str]:
    return [entry.replace("_", " ") for entry in text.split()]


@dataclass(frozen=True)
class Lexicon:
    """One language: its lists, split once. `names[dimension][value]` are the names that a person may give a value."""

    code: str
    glue: str
    names: dict[str, dict[str, list[str]]]
    things: dict[str, list[str]]
    doings: dict[str, list[str]]
    marks: dict[str, dict[str, list[str]]]  # dimension -> value -> what shows it in a text
    words: dict[str, list[str]]
    patterns: dict[str, list[str]]
    questions: dict[str, list[str]]

    def any_name(self, dimension: str, value: str, rng: random.Random) -> str:
        names = self.names[dimension][value]
        return names[0] if rng.random() < 0.5 else rng.choice(names)


@cache
def lexicon(code: str) -> Lexicon:
    """The lexicon of `zh` or `en`."""
    source: ModuleType = {"zh": corpus_zh, "en": corpus_en}[code]
    names = {"topic": {key: _entries(entry[0]) for key, entry in source.TOPICS.items()}}
    names["polarity"] = {key: _entries(text) for key, text in source.POLARITY_NAMES.items()}
    marks: dict[str, dict[str, list[str]]] = {
        "polarity": {key: _entries(text) for key, text in source.POLARITY.items()}
    }
    lists = {
        "emotion": source.EMOTIONS,
        "time": source.TIMES,
        "place": source.PLACES,
        "season": source.SEASONS,
        "act": source.ACTS,
    }
    for dimension, values in lists.items():
        names[dimension] = {key: _entries(entry[0]) for key, entry in values.items()}
        marks[dimension] = {
            key: entry[1].split("|") if dimension == "act" else _entries(entry[1]) for key, entry in values.items()
        }
    return Lexicon(
        code=code,
        glue="" if code == "zh" else " ",
        names=names,
        marks=marks,
        things={key: _entries(entry[1]) for key, entry in source.TOPICS.items()},
        doings={key: _entries(entry[2]) for key, entry in source.TOPICS.items()},
        words={
            "people": _entries(source.PEOPLE),
            "links": _entries(source.LINKS),
            "degrees": _entries(source.DEGREES),
            "counters": _entries(source.COUNTERS),
            "facts": _entries(source.FACTS),
        },
        patterns={
            "statement": source.STATEMENTS.split("|"),
            "asking": source.ASKINGS.split("|"),
            "emotion": source.EMOTION_LINES.split("|"),
            "season": source.SEASON_LINES.split("|"),
        }
        | {f"opinion-{key}": text.split("|") for key, text in source.OPINIONS.items()},
        questions={key: (text.split("|") if "|" in text else text.split()) for key, text in source.QUESTIONS.items()},
    )


def fill(pattern: str, rng: random.Random, words: Lexicon, topic: str, fixed: dict[str, str] | None = None) -> str:
    """`pattern` with its slots filled: from `topic` what belongs to one, the rest at random unless `fixed`."""

    def choose(slot: re.Match[str]) -> str:
        key = slot.group(1)
        if fixed and key in fixed:
            return fixed[key]
        return _draw(key, rng, words, topic)

    return _SLOT.sub(choose, pattern)


def _draw(key: str, rng: random.Random, words: Lexicon, topic: str) -> str:
    match key:
        case "n":
            return rng.choice(words.things[topic])
        case "d":
            return rng.choice(words.doings[topic])
        case "p":
            return rng.choice(words.words["people"])
        case "x":
            return rng.choice(words.words["links"])
        case "g":
            return rng.choice(words.words["degrees"])
        case "k":
            return str(rng.randint(2, 99))
        case "+":
            return rng.choice(words.marks["polarity"]["good"])
        case "-":
            return rng.choice(words.marks["polarity"]["bad"])
        case "t":
            return rng.choice(words.marks["time"][rng.choice(list(words.marks["time"]))])
        case "l":
            return rng.choice(words.marks["place"][rng.choice(list(words.marks["place"]))])
    raise ValueError(f"pattern slot {{{key}}} has no word list")


def statement(rng: random.Random, words: Lexicon, topic: str, without: str = "") -> str:
    """A statement about `topic`, of a pattern that lacks the slot `without` (if given)."""
    patterns = [p for p in words.patterns["statement"] if not (without and f"{{{without}}}" in p)]
    return fill(rng.choice(patterns), rng, words, topic)


def join(sentences: list[str], rng: random.Random, words: Lexicon) -> str:
    """Sentences as one text, written as people write: at times without capitals or the last full stop."""
    if words.code == "en" and rng.random() < 0.6:
        sentences = [sentence[:1].upper() + sentence[1:] for sentence in sentences]
    text = words.glue.join(sentences)
    return text.rstrip("。.") if rng.random() < 0.35 else text


def telling_text(dimension: str, value: str, rng: random.Random, words: Lexicon, most: int = 2) -> str:
    """A text from which `value` of `dimension` can be told, with up to `most` further sentences that leave it open."""
    topic = value if dimension == "topic" else rng.choice(list(words.things))
    slot = {"time": "t", "place": "l"}.get(dimension, "")
    if dimension == "topic":
        core = _topical(rng, words, topic)
    elif dimension == "polarity":
        core = fill(rng.choice(words.patterns[f"opinion-{value}"]), rng, words, topic)
    elif dimension == "act":
        core = fill(rng.choice(words.marks["act"][value]), rng, words, topic)
    elif slot:
        patterns = [pattern for pattern in words.patterns["statement"] if f"{{{slot}}}" in pattern]
        core = fill(rng.choice(patterns), rng, words, topic, {slot: rng.choice(words.marks[dimension][value])})
    else:
        core = fill(
            rng.choice(words.patterns[dimension]), rng, words, topic, {"e": rng.choice(words.marks[dimension][value])}
        )
    others = (
        [] if dimension == "act" else [statement(rng, words, topic, without=slot) for _ in range(rng.randint(0, most))]
    )
    if dimension == "polarity" and value != "flat" and rng.random() < 0.3:
        others.append(fill(rng.choice(words.patterns[f"opinion-{value}"]), rng, words, topic))
    at = rng.randint(0, len(others))
    return join([*others[:at], core, *others[at:]], rng, words)


def _topical(rng: random.Random, words: Lexicon, topic: str) -> str:
    kind = rng.random()
    if kind < 0.65:
        patterns = [p for p in words.patterns["statement" if kind < 0.4 else "asking"] if "{n}" in p or "{d}" in p]
        return fill(rng.choice(patterns), rng, words, topic)
    if kind < 0.85:
        value = rng.choice(["good", "bad", "flat"])
        patterns = [p for p in words.patterns[f"opinion-{value}"] if "{n}" in p or "{d}" in p]
        return fill(rng.choice(patterns), rng, words, topic)
    return fill(rng.choice(words.marks["act"][rng.choice(list(words.marks["act"]))]), rng, words, topic)


def paragraph(rng: random.Random, words: Lexicon) -> str:
    """Two to five sentences about one topic: plain language without a question."""
    topic = rng.choice(list(words.things))
    sentences = []
    for _ in range(rng.randint(2, 5)):
        kind = rng.random()
        if kind < 0.5:
            sentences.append(statement(rng, words, topic))
        elif kind < 0.6:
            sentences.append(fill(rng.choice(words.patterns["asking"]), rng, words, topic))
        elif kind < 0.8:
            sentences.append(
                fill(rng.choice(words.patterns[f"opinion-{rng.choice(['good', 'bad', 'flat'])}"]), rng, words, topic)
            )
        else:
            dimension = rng.choice(["emotion", "season"])
            mark = rng.choice(words.marks[dimension][rng.choice(list(words.marks[dimension]))])
            sentences.append(fill(rng.choice(words.patterns[dimension]), rng, words, topic, {"e": mark}))
    return join(sentences, rng, words)

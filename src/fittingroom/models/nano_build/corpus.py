"""The corpus of `nano`: an endless, seeded stream of examples, made of our own words only.

An example is a list of pieces; each piece carries the weight of its tokens in the loss. Tasks in the chat template
weigh their answer; plain text weighs everything a little; copying weighs only what can be known.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from functools import cache
from typing import Final, NamedTuple

from fittingroom.models.nano_build import corpus_en
from fittingroom.models.nano_build.scenes import DIMENSIONS, Lexicon, join, lexicon, paragraph, statement, telling_text
from fittingroom.models.nano_build.vocabulary import ASSISTANT, BOS, EOS, USER, whole_characters


class Piece(NamedTuple):
    text: str
    weight: float


Example = list[Piece]
PLAIN_WEIGHT: Final = 0.3
_BLOCK: Final = 512


@cache
def _characters() -> str:
    return whole_characters()[:3755]


@cache
def english_words() -> tuple[str, ...]:
    """Every English word of the lists, once, in order of first appearance."""
    found: dict[str, None] = {}

    def collect(entry: object) -> None:
        if isinstance(entry, str):
            for word in entry.replace("|", " ").replace("_", " ").replace(":", " ").split():
                if (bare := "".join(c for c in word if c.isalpha() or c == "'").strip("'")) and len(bare) > 1:
                    found[bare] = None
        elif isinstance(entry, dict):
            for value in entry.values():
                collect(value)
        elif isinstance(entry, tuple):
            for value in entry:
                collect(value)

    for name in ("COMMON", *sorted(vars(corpus_en))):
        if name.isupper() and name != "ENDINGS":
            collect(getattr(corpus_en, name))
    return tuple(found)


def tokenizer_words() -> list[str]:
    """English words with repeats, from which the tokenizer learns its merges: common ones and inflected forms."""
    words = list(english_words())
    common = corpus_en.COMMON.split()
    inflected = [word + ending for word in words for ending in corpus_en.ENDINGS.split()]
    shortened = ["'s", "'t", "'d", "'m", "'ll", "'ve", "'re"] * 50
    return words * 3 + common * 3 + inflected + [word.capitalize() for word in common] * 4 + shortened


def chat(user: str, answer: str, system: str = "") -> Example:
    """One exchange in DeepSeek's template; only the answer and its end count in the loss."""
    return [Piece(f"{BOS}{system}{USER}{user}{ASSISTANT}", 0.0), Piece(f"{answer}{EOS}", 1.0)]


def _instructed(instruction: str, text: str, answer: str, rng: random.Random) -> Example:
    """The instruction stands before the text, after it, or in the system part."""
    place = rng.random()
    if place < 0.35:
        return chat(text, answer, system=instruction)
    gap = rng.choice(["\n", "\n", " ", "\n\n"])
    return chat(f"{instruction}{gap}{text}" if place < 0.75 else f"{text}{gap}{instruction}", answer)


def _random_words(rng: random.Random, count: int) -> list[str]:
    """Characters or English words without sense: only copying, never knowledge, can predict them."""
    if rng.random() < 0.7:
        return [rng.choice(_characters()) for _ in range(count)]
    return [rng.choice(english_words()) for _ in range(count)]


def _made_up(rng: random.Random) -> str:
    """A code, a pair of characters or a word that serves as a label by agreement."""
    kind = rng.random()
    if kind < 0.5:
        return "".join(rng.choice(_characters()) for _ in range(rng.randint(1, 3)))
    if kind < 0.8:
        return " ".join(rng.choice(english_words()) for _ in range(rng.randint(1, 2)))
    return rng.choice("ABCDEFGHKLMNPRSTUVWXYZ") + str(rng.randint(1, 99))


def _distinct(make: Callable[[random.Random], str], count: int, rng: random.Random) -> list[str]:
    found: dict[str, None] = {}
    while len(found) < count:
        found[make(rng)] = None
    return list(found)


def plain(rng: random.Random, words: Lexicon) -> Example:
    """A paragraph of plain language."""
    return [Piece(BOS, 0.0), Piece(paragraph(rng, words) + EOS, PLAIN_WEIGHT)]


def copying(rng: random.Random, words: Lexicon) -> Example:
    """Repeat what the user wrote: whole, backwards in order, its first or last word, or what follows a given word."""
    items = list(dict.fromkeys(_random_words(rng, rng.randint(3, 12))))
    glue = "" if len(items[0]) == 1 else " "
    text = glue.join(items)
    zh = words.code == "zh"
    kind = rng.random()
    if kind < 0.4:
        again = "".join(f"{rng.choice('，；|')}{text}" for _ in range(rng.randint(1, 4)))
        return [Piece(BOS + text, 0.0), Piece(again, 1.0)]
    if kind < 0.6:
        return _instructed(rng.choice(["照抄", "重复一遍"] if zh else ["repeat", "copy this"]), text, text, rng)
    if kind < 0.65:
        return _instructed("倒过来写" if zh else "write it backwards", text, glue.join(reversed(items)), rng)
    if kind < 0.8:
        at = rng.choice([0, -1])
        return _instructed(
            {0: "头一个" if zh else "the first one", -1: "末一个" if zh else "the final one"}[at], text, items[at], rng
        )
    at = rng.randrange(len(items) - 1) if len(items) > 1 else 0
    following = items[min(at + 1, len(items) - 1)]
    return _instructed(f"{items[at]}后面是" if zh else f"what follows {items[at]}", text, following, rng)


def pairing(rng: random.Random, words: Lexicon) -> Example:
    """Pairs of nonsense; the partner of one is asked."""
    count = rng.randint(2, 6)
    left, right = _distinct(_made_up, count, rng), [_made_up(rng) for _ in range(count)]
    lines = [f"{a}{rng.choice(['：', '->', '='])}{b}" for a, b in zip(left, right, strict=True)]
    at = rng.randrange(count)
    ask = f"{left[at]}对应" if words.code == "zh" else f"partner of {left[at]}"
    return _instructed(ask, rng.choice(["\n", "；", ", "]).join(lines), right[at], rng)


def fact(rng: random.Random, words: Lexicon) -> Example:
    """Facts about people, scattered among other sentences; one of them is asked."""
    chosen = rng.sample(words.words["facts"], rng.randint(1, 3))
    people = rng.sample(words.words["people"], len(chosen))
    topic = rng.choice(list(words.things))
    sentences, asked = [], []
    for about, who in zip(chosen, people, strict=True):
        thing, verb = about.split(":")
        value = _made_up(rng) if rng.random() < 0.7 else str(rng.randint(2, 9999))
        sentences.append(
            f"{who}的{thing}{verb}{value}。" if words.code == "zh" else f"the {thing} of {who} {verb} {value}."
        )
        asked.append((f"{who}的{thing}？" if words.code == "zh" else f"the {thing} of {who}?", value))
    sentences += [statement(rng, words, topic) for _ in range(rng.randint(0, 2))]
    rng.shuffle(sentences)
    question, value = rng.choice(asked)
    return _instructed(question, join(sentences, rng, words), value, rng)


def counting(rng: random.Random, words: Lexicon) -> Example:
    """How many of a kind stand in the list, which of the numbers is largest or smallest, or in which the sum is odd."""
    zh = words.code == "zh"
    if rng.random() < 0.5:
        kinds = rng.sample([entry.split(":")[0] for entry in words.words["counters"]], 3)
        items = [rng.choice(kinds) for _ in range(rng.randint(3, 9))]
        asked = rng.choice(kinds)
        return _instructed(
            f"数一数{asked}" if zh else f"count the {asked}",
            ("、" if zh else ", ").join(items),
            str(items.count(asked)),
            rng,
        )
    numbers = _distinct(lambda r: str(r.randint(1, 10 ** r.randint(1, 4))), rng.randint(2, 4), rng)
    largest = rng.random() < 0.5
    ask = (
        ("最大的数" if largest else "最小的数") if zh else ("the largest number" if largest else "the smallest number")
    )
    return _instructed(
        ask, (" " if rng.random() < 0.5 else "，").join(numbers), (max if largest else min)(numbers, key=int), rng
    )


def matching(rng: random.Random, words: Lexicon) -> Example:
    """Do two texts agree in one respect? The words for yes and no are agreed on in the question."""
    dimension = rng.choice(DIMENSIONS)
    values = [value for value in words.names[dimension] if value != "flat"]
    first, other = rng.sample(values, 2)
    same = rng.random() < 0.5
    second = words if rng.random() < 0.7 else lexicon("en" if words.code == "zh" else "zh")
    one = telling_text(dimension, first, rng, words, most=0)
    two = telling_text(dimension, first if same else other, rng, second, most=0)
    zh = words.code == "zh"
    yes, no = rng.choice(
        [("是", "否"), ("同", "异"), ("对", "错")] if zh else [("yes", "no"), ("same", "other"), ("true", "false")]
    )
    if rng.random() < 0.3:
        yes, no = _distinct(_made_up, 2, rng)
    cue = rng.choice(words.questions[dimension])
    ask = f"{cue}，两句一样答{yes}，不一样答{no}" if zh else f"{cue}: both alike say {yes}, unlike say {no}"
    return _instructed(ask, f"一、{one}\n二、{two}", yes if same else no, rng)


def classifying(rng: random.Random, words: Lexicon) -> Example:
    """Name the value of one dimension: freely, from a list of names, or by codes that the instruction defines."""
    dimension = rng.choice(DIMENSIONS)
    values = list(words.names[dimension])
    values = rng.sample(values, rng.randint(2, min(8, len(values))))
    value = rng.choice(values)
    asking = words if rng.random() < 0.85 else lexicon("en" if words.code == "zh" else "zh")
    text = telling_text(dimension, value, rng, words)
    cue = rng.choice(asking.questions[dimension])
    kind = rng.random()
    if kind < 0.4:
        return _instructed(cue, text, asking.names[dimension][value][0], rng)
    names = {v: asking.any_name(dimension, v, rng) for v in values}
    if kind < 0.75:
        listed = rng.choice([" / ", "、", ", ", "|", "\n"]).join(names.values())
        return _instructed(f"{cue} {rng.choice(['[', '（', ''])}{listed}", text, names[value], rng)
    values = values[:4] if value in values[:4] else [*values[:3], value]
    codes = dict(zip(values, _distinct(_made_up, len(values), rng), strict=True))
    listed = rng.choice(["；", ", ", "\n"]).join(f"{names[v]}={codes[v]}" for v in values)
    return _instructed(f"{cue} {listed}", text, codes[value], rng)


def by_example(rng: random.Random, words: Lexicon) -> Example:
    """Examples with made-up labels, then a text like one of them: the label must be taken from its like."""
    dimension = rng.choice(DIMENSIONS)
    values = rng.sample(list(words.names[dimension]), rng.randint(2, 3) if dimension == "topic" else 2)
    codes = dict(zip(values, _distinct(_made_up, len(values), rng), strict=True))
    shown = values * 2 if len(values) == 2 else list(values)
    rng.shuffle(shown)
    lines = [f"{telling_text(dimension, value, rng, words, most=0)} => {codes[value]}" for value in shown]
    value = rng.choice(values)
    return chat("\n".join([*lines, f"{telling_text(dimension, value, rng, words, most=0)} =>"]), codes[value])


def keywords(rng: random.Random, words: Lexicon) -> Example:
    """Which of the listed things does the text name?"""
    topic = rng.choice(list(words.things))
    text = join([statement(rng, words, topic) for _ in range(rng.randint(1, 2))], rng, words)
    named = [thing for thing in words.things[topic] if thing in text]
    if not named:
        return [Piece(BOS, 0.0), Piece(text + EOS, PLAIN_WEIGHT)]
    absent = rng.sample([thing for thing in words.things[rng.choice(list(words.things))] if thing not in text], 2)
    offered = [named[0], *absent]
    rng.shuffle(offered)
    ask = ("提到了哪个：" if words.code == "zh" else "which one is named: ") + (
        "、" if words.code == "zh" else ", "
    ).join(offered)
    return _instructed(ask, text, named[0], rng)


MIXTURE: Final[dict[Callable[[random.Random, Lexicon], Example], int]] = {
    classifying: 36,
    plain: 12,
    copying: 20,
    pairing: 7,
    fact: 7,
    counting: 5,
    matching: 7,
    by_example: 4,
    keywords: 6,
}


def examples(seed: int) -> Iterator[Example]:
    """The stream of examples of `seed`, in blocks that each have a seed of their own."""
    kinds, weights = list(MIXTURE), list(MIXTURE.values())
    block = 0
    while True:
        rng = random.Random(f"nano:{seed}:{block}")
        for _ in range(_BLOCK):
            words = lexicon("zh" if rng.random() < 0.6 else "en")
            yield rng.choices(kinds, weights)[0](rng, words)
        block += 1

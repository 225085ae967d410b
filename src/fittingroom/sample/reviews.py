"""Reviews with their sentiment: praise and blame of several sides of a good, weighed against each other."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from fittingroom.sample import words_en, words_zh
from fittingroom.sample.dialogues import Distinct
from fittingroom.sample.grammar import expand
from fittingroom.sample.phrases_reviews import BAD, GOOD, JOINS, SO_SO

SENTIMENTS = ("positive", "negative", "neutral")
_SHARES = (0.5, 0.33, 0.17)


@dataclass(frozen=True)
class Review:
    """A review, its sentiment and language."""

    text: str
    sentiment: str
    language: str


def write_reviews(count: int, rng: Random) -> list[Review]:
    """`count` reviews, no two of them near copies."""
    distinct = Distinct()
    reviews: list[Review] = []
    for _ in range(count * 40):
        if len(reviews) == count:
            return reviews
        sentiment = rng.choices(SENTIMENTS, weights=_SHARES)[0]
        language = "zh" if rng.random() < 0.62 else "en"
        text = _review(sentiment, language, rng)
        if distinct.admit(text):
            reviews.append(Review(text, sentiment, language))
    raise ValueError(f"the phrases give only {len(reviews)} distinct reviews of {count}: ask for fewer")


def _review(sentiment: str, language: str, rng: Random) -> str:
    lexicon = (words_zh if language == "zh" else words_en).PLAIN
    good, good2 = rng.sample(GOOD[language], 2)
    bad, bad2 = rng.sample(BAD[language], 2)
    so = rng.choice(SO_SO[language])
    plain = {"positive": "{good}[,{good2}|]", "negative": "{bad}[,{bad2}|]", "neutral": "{so}"}[sentiment]
    frame = (
        rng.choice(JOINS[sentiment][language]) if rng.random() < (0.85 if sentiment == "neutral" else 0.4) else plain
    )
    for name, phrase in (("good2", good2), ("good", good), ("bad2", bad2), ("bad", bad), ("so", so)):
        frame = frame.replace(f"{{{name}}}", phrase)
    text = expand(frame, lexicon, rng)
    item = rng.choice(lexicon["item"])
    if language == "zh":
        text = rng.choice(["", "", f"{item}", f"给{rng.choice(lexicon['who'])}买的{item},", f"{item}到手,"]) + text
        return text.replace(",", rng.choice(["，", "，", " ", ","])) + rng.choice(
            ["", "。", "！", "~", "👍" if sentiment == "positive" else "…"]
        )
    text = (
        rng.choice(["", "", f"The {item}: ", f"Got the {item} for {rng.choice(lexicon['who'])}. ", f"{item}. "]) + text
    )
    return text + rng.choice(["", ".", "!", "..."])

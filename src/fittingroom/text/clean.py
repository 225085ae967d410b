"""Cleaning of texts: what was broken on the way is mended, what nobody wrote is dropped, every change is counted.

The same functions run in `prepare` and in serving, so that a model never meets another kind of text than it learnt
from. Cleaning is idempotent. Its order matters: wrong decoding first (it makes the tags unreadable), control tokens
before and after HTML (a tag may hide in entities), invisible characters before everything that looks for words.

Control tokens of DeepSeek models (`<｜User｜>`, `<think>`, half-width too) in a customer's text would be read by the
model as real turns. They are kept readable but harmless: the angle brackets become 〈 〉 and the bars go: 〈User〉,
〈/think〉.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cache, lru_cache
from itertools import pairwise
from typing import Any, Literal

from pydantic import Field, field_validator

from fittingroom.text import markup, spam
from fittingroom.text.hypertext import without_tags
from fittingroom.text.language import script_of
from fittingroom.text.mojibake import GBK_SUSPECTS, mend, wreck_share
from fittingroom.text.scan import FEW, matching
from fittingroom.text.similarity import match_key
from fittingroom.types import Frozen


class CleanRule(Frozen):
    """A rule of the shop's own."""

    name: str = Field(pattern=r"^[\w \-]{1,40}$")
    """Name in reports."""
    pattern: str = Field(min_length=1, max_length=1000)
    """Regular expression. Beside Chinese characters `\\b` does not exist: use look-arounds."""
    action: Literal["replace", "drop"] = "replace"
    """`replace` what it matches by `by`, or `drop` the row."""
    by: str = ""
    """The replacement."""

    @field_validator("pattern")
    @classmethod
    def _compiles(cls, value: str) -> str:
        try:
            re.compile(value)
        except re.error as error:
            raise ValueError(f"not a regular expression: {error}") from error
        return value


class CleanConfig(Frozen):
    """What cleaning does. Every rule can be turned off."""

    mojibake: bool = True
    """Mend text that was decoded with the wrong table."""
    markup: bool = True
    """Take HTML tags out and resolve entities."""
    control_tokens: bool = True
    """Make DeepSeek's control tokens in customer text harmless."""
    urls: Literal["replace", "remove", "keep"] = "replace"
    """What becomes of web addresses: `[URL]`, nothing, or as they are (they may carry personal tokens)."""
    simplified: bool = False
    """Write traditional Chinese characters as simplified ones (OpenCC, t2s); each one that changes is counted."""
    whitespace: bool = True
    """Collapse runs of spaces and line breaks."""
    max_repeat: int = Field(default=20, ge=0, le=10_000)
    """Longest run of one character that is no digit or ASCII letter; longer ones are cut to it. 0: no limit."""
    min_chars: int = Field(default=1, ge=0, le=10_000)
    """Fewer letters, digits and pictographs than this: dropped as "too short". One-word reviews (好) are real."""
    max_chars: int = Field(default=20_000, ge=1, le=10_000_000)
    """Longer than this: dropped as "too long"; nothing is ever cut off silently."""
    garbled_share: float = Field(default=0.3, gt=0, le=1)
    """Dropped as "garbled" when at least this share of the text is wreckage that could not be mended."""
    spam: bool = True
    """Drop advertisements (contact and selling words) and keyboard noise."""
    boilerplate: bool = True
    """Drop default reviews of the platform (此用户没有填写评价) and what a shop's desk says to everybody (欢迎光临)."""
    languages: list[Literal["zh", "en"]] = Field(default_factory=list)
    """Languages that stay, told by script; a text in any other is dropped as "other language". Empty: all stay, and a
    text without letters (👍, 666) always does."""
    phrases: list[str] = Field(default_factory=list, max_length=10_000)
    """Further texts that count as boilerplate when they are the whole text."""
    rules: list[CleanRule] = Field(default_factory=list, max_length=200)
    """The shop's own rules, applied in this order after all others."""


@dataclass(slots=True)
class Cleaned:
    """A text after cleaning: what was changed how often, and why it should be dropped ("" when it should not)."""

    text: str
    edits: dict[str, int] = field(default_factory=dict)
    drop: str = ""


def clean_batch(texts: Sequence[str], config: CleanConfig) -> list[Cleaned]:
    """Clean every text; the result has the same length and order."""
    return [one or Cleaned(text) for text, one in zip(texts, cleaned_if_needed(texts, config), strict=True)]


def cleaned_if_needed(texts: Sequence[str], config: CleanConfig) -> list[Cleaned | None]:
    """`clean_text` of every text; None for those that it would leave as they are.

    All together go from round to round: one look at what a round made tells which texts need another one.
    """
    found = [Cleaned(text) if doubt else None for text, doubt in zip(texts, needs_cleaning(texts, config), strict=True)]
    left = [one for one in found if one]
    for number in range(_ROUNDS):
        changed = []
        for one in left:
            before = one.text
            _pass(one, config)
            if one.text == before or number == _ROUNDS - 1:
                one.drop = one.drop or _verdict(one.text, config)
            else:
                changed.append(one)
        doubts = needs_cleaning([one.text for one in changed], config)
        left = [one for one, doubt in zip(changed, doubts, strict=True) if doubt]
    return found


# One scan decides whether a text needs any repair: everyday characters and single spaces inside need none.
_UNUSUAL = re.compile(r"[^一-龥，。！？、；：“”‘’（）《》【】…—～·￥°× !\"#$%'()*+,\-./0-9:;=?@A-Z\[\]^_`a-z{}~]")
_ROUNDS = 10


def needs_cleaning(texts: Sequence[str], config: CleanConfig) -> list[bool]:
    """For every text whether a rule that is on could change or drop it; where not, `clean_text` would do nothing."""
    own = bool(config.rules or config.phrases or config.simplified or config.languages)
    if len(texts) < FEW or own or config.min_chars > 1:
        return [True] * len(texts)
    found = matching(texts, _doubtful(config.spam, config.boilerplate, config.urls != "keep"))
    if config.spam:
        # By itself: together with the others RE2 would have too many states to remember. A short text may be noise.
        selling = matching(texts, f"(?i:{spam.SELLING.pattern})")
        found = [
            doubt or sells or (len(text) <= spam.LONGEST_NOISE and text.isascii())
            for text, doubt, sells in zip(texts, found, selling, strict=True)
        ]
    if max(map(len, texts)) <= min(config.max_chars, config.max_repeat or config.max_chars):
        return found
    return [doubt or _is_long(text, config) for text, doubt in zip(texts, found, strict=True)]


@cache
def _doubtful(spamming: bool, boilerplate: bool, web: bool) -> str:
    """What every text holds (RE2) that a rule could change or drop: an unusual character, an address of the web, words
    of noise or of default reviews, or nothing that says anything.
    """
    signs = [_UNUSUAL.pattern, "  |^ | $", f"[{GBK_SUSPECTS}锟烫屯]", r"\?\?\?\?|^[^一-龥0-9A-Za-z]*$"]
    if web:
        signs.append(f"(?i:{markup.WEB.pattern})")
    if spamming:
        signs.append(spam.KEYBOARD_ZH.pattern)
    if boilerplate:
        signs += [spam.BOILERPLATE_SIGN.pattern, spam.GREETING_SIGN.pattern]
    return "|".join(signs)


def _is_long(text: str, config: CleanConfig) -> bool:
    """Whether the text may be too long, or may hold too long a run of one character.

    A run longer than the limit covers two neighbours of a sample of every (limit / 2)th character.
    """
    if len(text) > config.max_chars:
        return True
    if not 0 < config.max_repeat < len(text):
        return False
    sample = text[:: max(1, config.max_repeat // 2)]
    return any(one == other for one, other in pairwise(sample))


def clean_text(text: str, config: CleanConfig) -> Cleaned:
    """One text. Pure; the same text and configuration give the same result."""
    cleaned = Cleaned(text)
    # Taking something out may bring together what is then another thing to take out (`<thi<b>nk>`): go on until nothing
    # changes. An ordinary text is seen once.
    for _ in range(_ROUNDS):
        before = cleaned.text
        _pass(cleaned, config)
        if cleaned.text == before:
            break
    cleaned.drop = cleaned.drop or _verdict(cleaned.text, config)
    return cleaned


def _pass(cleaned: Cleaned, config: CleanConfig) -> None:
    given = cleaned.text
    usual = _UNUSUAL.search(given) is None and not markup.spaced(given)
    if config.mojibake:
        _set(cleaned, "mojibake", mend(cleaned.text))
    if not usual:
        _repair(cleaned, config)
    if config.simplified:
        _simplify(cleaned)
    if config.spam and not cleaned.drop and spam.is_advertisement(cleaned.text):
        cleaned.drop = "spam"
    if config.urls != "keep" and markup.may_hold_url(cleaned.text):
        _count(cleaned, "url", *markup.without_urls(cleaned.text, "[URL]" if config.urls == "replace" else ""))
    if _is_long(cleaned.text, config):
        _sub(cleaned, "repeated character", _repeats(config.max_repeat), lambda run: run.group(1) * config.max_repeat)
    for rule in config.rules:
        _apply(cleaned, rule)
    if config.whitespace and not (usual and cleaned.text == given):
        _set(cleaned, "whitespace", markup.tidy(cleaned.text))


def _repair(cleaned: Cleaned, config: CleanConfig) -> None:
    """What an ordinary text does not need."""
    if markup.INVISIBLE_SIGN.search(cleaned.text):
        _count(cleaned, "invisible character", *markup.without_invisible(cleaned.text))
    if not unicodedata.is_normalized("NFC", cleaned.text):
        _set(cleaned, "unicode form", unicodedata.normalize("NFC", cleaned.text))
    # A look for one character costs a fiftieth of one for the pattern.
    if config.control_tokens and ("<" in cleaned.text or "＜" in cleaned.text or "｜" in cleaned.text):
        _sub(cleaned, "control token", markup.CONTROL_TOKEN, markup.harmless)
    if config.markup:
        if "<" in cleaned.text or "]]>" in cleaned.text:
            _set(cleaned, "markup", without_tags(cleaned.text))
        if "&" in cleaned.text:
            _sub(cleaned, "entity", markup.ENTITY, markup.unescaped)


_HAN = re.compile(r"[\u3400-\u9fff\uf900-\ufaff]+")


def _simplify(cleaned: Cleaned) -> None:
    """Runs of Chinese characters only: what stands between them (a placeholder, a word) cannot change."""
    text = _HAN.sub(lambda run: _converter().convert(run.group()), cleaned.text)
    if text != cleaned.text:
        count = sum(one != other for one, other in zip(cleaned.text, text, strict=False))
        cleaned.edits["simplified"] = cleaned.edits.get("simplified", 0) + count
        cleaned.text = text


@cache
def _converter() -> Any:
    from opencc import OpenCC

    return OpenCC("t2s")


def _verdict(text: str, config: CleanConfig) -> str:
    """Why the row should go, or ""."""
    if not text:
        return "empty"
    if len(text) > config.max_chars:
        return "too long"
    if wreck_share(text) >= config.garbled_share:
        return "garbled"
    if config.min_chars and _said(text, config.min_chars) < config.min_chars:
        return "too short"
    if config.spam and spam.is_gibberish(text):
        return "spam"
    if config.boilerplate and (
        spam.is_boilerplate(text, _own_phrases(tuple(config.phrases))) or spam.is_greeting(text)
    ):
        return "boilerplate"
    return "other language" if config.languages and _is_foreign(text, config.languages) else ""


def _is_foreign(text: str, languages: Sequence[str]) -> bool:
    script = script_of(text)
    if script == "other":
        return any(character.isalpha() for character in text)
    return script not in languages if script != "mixed" else False


def _said(text: str, enough: int) -> int:
    """How many characters say something: letters, digits, pictographs. Counting stops once there are `enough`."""
    count = 0
    for character in text:
        if character.isalnum() or unicodedata.category(character) == "So":
            count += 1
            if count >= enough:
                break
    return count


@lru_cache(maxsize=8)
def _own_phrases(phrases: tuple[str, ...]) -> frozenset[str]:
    return frozenset(match_key(phrase) for phrase in phrases)


# ---------------------------------------------------------------------------------------------- edits


def _set(cleaned: Cleaned, rule: str, text: str) -> None:
    if text != cleaned.text:
        cleaned.text = text
        cleaned.edits[rule] = cleaned.edits.get(rule, 0) + 1


def _sub(cleaned: Cleaned, rule: str, pattern: re.Pattern[str], by: str | Callable[[re.Match[str]], str]) -> None:
    """Substitute and count; a match that its own replacement equals is no edit."""
    _count(cleaned, rule, *pattern.subn(by, cleaned.text))


def _count(cleaned: Cleaned, rule: str, text: str, count: int) -> None:
    if count and text != cleaned.text:
        cleaned.text = text
        cleaned.edits[rule] = cleaned.edits.get(rule, 0) + count


def _apply(cleaned: Cleaned, rule: CleanRule) -> None:
    pattern = _compiled(rule.pattern)
    if rule.action == "drop":
        if pattern.search(cleaned.text):
            cleaned.drop = cleaned.drop or f"rule {rule.name}"
        return
    _sub(cleaned, f"rule {rule.name}", pattern, rule.by)


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern)


@cache
def _repeats(limit: int) -> re.Pattern[str]:
    return re.compile(rf"([^\dA-Za-z\s])\1{{{limit},}}")

"""Variants of a text for training: words that say nothing left out, clauses that only describe put in another order.

Wei and Zou 2019 ("EDA", arXiv 1901.11196) also swap and replace words. Both change what is said: 店家欠我的钱 becomes
欠店家的我钱, lists of similar words turn 态度 into 情态. So no word moves by itself and none is replaced. Clauses
change places only where nothing ties them together: no connective, no pronoun, nobody who acts, nothing that has
happened. Numbers, denials and placeholders stay in their order: a variant that would say otherwise is not used.
"""

from __future__ import annotations

import random
import re

from fittingroom.text.similarity import distinguishing, match_key

_PIECE = re.compile(
    r"\[[A-Z_]+(?:_[a-p]{16})?\]|[\u3400-\u9fff]+|[^\W\d_\u3400-\u9fff]+(?:['’][a-z]+)?|\d+|.", re.DOTALL
)
_HAN = re.compile(r"[\u3400-\u9fff]")
_LATIN = re.compile(r"[^\W\d_]")
_FEWEST = 4
"""Words below which a text is left as it is."""
_TRIES = 8
_PARTICLES = frozenset({
    "啊", "呀", "嘛", "哦", "哈", "哟", "呐", "请", "一下",
    "a", "an", "the", "just", "please", "really", "very", "quite", "truly", "kindly",
})  # fmt: skip
_STRESS = frozenset({"真的", "非常", "特别", "挺", "蛮"})
"""Left out only before the word they stress: 很特别 and 非常的好 keep theirs."""
_CLAUSE_END = re.compile(r"((?:[，,；;。！!]|\.(?=\s|$))+\s*)")
# What ties a clause to its neighbours, in time, cause or contrast, or tells who did what.
_TIED = re.compile(
    r"[先后再才就却但而又也还因所若如虽则只除比前之已等到了过着这那它他她其我你您谁欠让被把给向对从吗呢吧?？\[:：然店说想]"
    r"|不过|可是|应该|也许|可能|觉得|认为|要是|结果|卖家|商家|客服"
    r"|(?<![a-z])(?:then|but|because|so|if|after|before|when|while|until|till|although|though|unless|it|its|this|that|"
    r"these|those|which|who|what|he|she|they|them|their|i|we|us|me|my|you|your|first|next|last|and|or|nor|otherwise|"
    r"instead|however|yet|since|as|than|[a-z]+ed|was|were|had|did|got|came|went|sent|paid|bought|broke|said|told)(?![a-z])",
    re.IGNORECASE,
)


def varied(text: str, share: float, seed: str) -> str:
    """A variant in which up to about `share` of the words are left out or stand elsewhere; the text itself where there
    is none that says the same.
    """
    pieces = _pieces(text)
    words = [index for index, piece in enumerate(pieces) if _is_word(piece)]
    if len(words) < _FEWEST:
        return text
    dice = random.Random(seed)
    guard, key = distinguishing(text), match_key(text)
    for _ in range(_TRIES):
        found = _reordered("".join(_shortened(pieces, words, max(1, round(share * len(words))), dice)), dice)
        found = re.sub(r"(?<=\S) {2,}", " ", found).strip()
        if match_key(found) != key and distinguishing(found) == guard:
            return found
    return text


def _pieces(text: str) -> list[str]:
    import rjieba

    found: list[str] = []
    for piece in _PIECE.findall(text):
        found += rjieba.cut(piece) if _HAN.match(piece) else [piece]
    return found


def _is_word(piece: str) -> bool:
    return bool(_HAN.match(piece) or _LATIN.match(piece))


def _shortened(pieces: list[str], words: list[int], most: int, dice: random.Random) -> list[str]:
    """Some words that say nothing left out; none beside a denial (不非常好, not very good)."""
    found = list(pieces)
    empty = [
        word
        for place, word in enumerate(words)
        if _says_nothing(pieces, word)
        and not any(distinguishing(pieces[other]) != "|" for other in words[max(0, place - 2) : place + 3])
    ]
    for word in dice.sample(empty, dice.randint(0, min(most, len(empty)))):
        found[word] = ""
    return found


def _says_nothing(pieces: list[str], index: int) -> bool:
    word, after = pieces[index], pieces[index + 1] if index + 1 < len(pieces) else ""
    if word in _STRESS:
        return _HAN.match(after) is not None and after not in ("的", "吗", "地", "得")
    return (word if len(word) == 1 else word.casefold()) in _PARTICLES  # vitamin A


def _reordered(text: str, dice: random.Random) -> str:
    """Two neighbouring clauses that only describe, exchanged; as it is where there are none, and half the time."""
    parts = _CLAUSE_END.split(text)
    loose = [_is_loose(part) for part in parts]
    places = [place for place in range(0, len(parts) - 2, 2) if loose[place] and loose[place + 2]]
    if not places or dice.random() < 0.5:
        return text
    place = dice.choice(places)
    parts[place], parts[place + 2] = parts[place + 2], parts[place]
    return "".join(parts)


def _is_loose(clause: str) -> bool:
    return len(match_key(clause)) >= 3 and _TIED.search(clause) is None

"""The tokenizer of `nano`: byte-level BPE in which every common Chinese character is exactly one token.

A learned BPE would spend its vocabulary on what the corpus repeats. Here the merges stand in a fixed order: first the
two steps that join the three bytes of each character of `whole_characters()`, then merges learned on English words.
Each Chinese character is its own pre-token, so no other merge can ever reach across or into it.
"""

from __future__ import annotations

import heapq
from collections import Counter, defaultdict
from collections.abc import Iterable
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from tokenizers import Tokenizer
    from transformers import PreTrainedTokenizerFast

BOS: Final = "<｜begin▁of▁sentence｜>"
EOS: Final = "<｜end▁of▁sentence｜>"
PAD: Final = "<｜▁pad▁｜>"
USER: Final = "<｜User｜>"
ASSISTANT: Final = "<｜Assistant｜>"
THINK: Final = "<think>"
END_THINK: Final = "</think>"
SPECIAL_TOKENS: Final = (BOS, EOS, PAD, USER, ASSISTANT, THINK, END_THINK)
"""Their ids are 0 to 6; the first three stand as in DeepSeek-V3."""

# Template B of the DeepSeek family: BOS system <｜User｜>question<｜Assistant｜>answer EOS
CHAT_TEMPLATE: Final = (
    "{%- set ns = namespace(system='') -%}"
    "{%- for message in messages -%}{%- if message['role'] == 'system' -%}"
    "{%- set ns.system = ns.system + ('\n\n' if ns.system else '') + message['content'] -%}"
    "{%- endif -%}{%- endfor -%}"
    "{{- bos_token + ns.system -}}"
    "{%- for message in messages -%}"
    "{%- if message['role'] == 'user' -%}{{- '<｜User｜>' + message['content'] -}}"
    "{%- elif message['role'] == 'assistant' -%}{{- '<｜Assistant｜>' + message['content'] + eos_token -}}"
    "{%- elif message['role'] != 'system' -%}{{- raise_exception('unknown role: ' + message['role']) -}}"
    "{%- endif -%}{%- endfor -%}"
    "{%- if add_generation_prompt -%}{{- '<｜Assistant｜>' -}}{%- endif -%}"
)

ENGLISH_MERGES: Final = 4100
Pair = tuple[str, str]
_PUNCTUATION: Final = "，。！？、；：“”‘’（）《》〈〉【】「」『』〔〕…—～·￥％＋－＝／＆＠＃＊＜＞［］｛｝｜＿"
_FULL_WIDTH: Final = "".join(
    chr(code) for code in (*range(0xFF10, 0xFF1A), *range(0xFF21, 0xFF3B), *range(0xFF41, 0xFF5B))
)
_SIGNS: Final = "℃①②③④⑤⑥⑦⑧⑨⑩★☆●○■□▲△→←↑↓√×÷≥≤≈±°"
# One pre-token per digit and per East Asian character; then words with their leading space, runs of signs, white space.
_ONE_BY_ONE: Final = r"\p{N}|[\x{2E80}-\x{A4CF}\x{AC00}-\x{D7A3}\x{F900}-\x{FAFF}\x{FF00}-\x{FFEF}]"
_WORDS: Final = r"'(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"


def level_one_characters() -> str:
    """The 3755 characters of GB 2312 level 1 (rows 16 to 55), in the order of the standard."""
    cells = (bytes((0xA0 + row, 0xA0 + cell)) for row in range(16, 56) for cell in range(1, 95))
    # Row 55 ends at cell 89: the last five cells are unassigned in the standard.
    return "".join(pair.decode("gb2312") for pair in cells if pair < b"\xd7\xfa")


def whole_characters() -> str:
    """Every character of more than one byte that the vocabulary holds whole."""
    return "".join(dict.fromkeys(level_one_characters() + _PUNCTUATION + _FULL_WIDTH + _SIGNS))


def byte_symbols() -> dict[int, str]:
    """The printable stand-in of each byte in a byte-level BPE (the table introduced with GPT-2)."""
    plain = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    table = {byte: chr(byte) for byte in plain}
    hidden = (byte for byte in range(256) if byte not in table)
    return table | {byte: chr(256 + i) for i, byte in enumerate(hidden)}


def _character_merges(symbols: dict[int, str]) -> list[Pair]:
    """Merges that assemble each whole character from the left: (b1, b2), then (b1b2, b3)."""
    merges: dict[Pair, None] = {}
    spelled = [[symbols[byte] for byte in character.encode()] for character in whole_characters()]
    for length in range(1, max(map(len, spelled))):
        for parts in spelled:
            if length < len(parts):
                merges["".join(parts[:length]), parts[length]] = None
    return list(merges)


def _english_merges(words: Counter[str], symbols: dict[int, str], count: int) -> list[Pair]:
    """The `count` most frequent pair merges of `words` (plain BPE; ties go to the smaller pair)."""
    spelled = [[symbols[byte] for byte in word.encode()] for word in sorted(words)]
    weight = [n for _, n in sorted(words.items())]
    pairs: Counter[Pair] = Counter()
    where: defaultdict[Pair, set[int]] = defaultdict(set)
    for i, parts in enumerate(spelled):
        for pair in pairwise(parts):
            pairs[pair] += weight[i]
            where[pair].add(i)
    queue = [(-n, pair) for pair, n in pairs.items()]
    heapq.heapify(queue)
    merges: list[Pair] = []
    while len(merges) < count and queue:
        n, best = heapq.heappop(queue)
        if -n != pairs[best]:  # counted again since it was queued: an up-to-date entry is in the queue too
            continue
        merges.append(best)
        touched: set[Pair] = set()
        for i in where.pop(best):
            before, spelled[i] = spelled[i], _joined(spelled[i], best)
            pairs.subtract({pair: k * weight[i] for pair, k in Counter(pairwise(before)).items()})
            for pair in pairwise(spelled[i]):
                pairs[pair] += weight[i]
                where[pair].add(i)
            touched.update(pairwise(before), pairwise(spelled[i]))
        for pair in touched:
            if pairs[pair] > 0:
                heapq.heappush(queue, (-pairs[pair], pair))
    return merges


def _joined(parts: list[str], pair: Pair) -> list[str]:
    out: list[str] = []
    i = 0
    while i < len(parts):
        if i + 1 < len(parts) and (parts[i], parts[i + 1]) == pair:
            out.append(parts[i] + parts[i + 1])
            i += 2
        else:
            out.append(parts[i])
            i += 1
    return out


def build_tokenizer(words: Iterable[str]) -> PreTrainedTokenizerFast:
    """The tokenizer with its chat template; `words` (English, with repeats) decide the learned merges."""
    from transformers import PreTrainedTokenizerFast

    make: Any = PreTrainedTokenizerFast  # its constructor has no annotations
    tokenizer: PreTrainedTokenizerFast = make(
        tokenizer_object=_backend(Counter(words)),
        bos_token=BOS,
        eos_token=EOS,
        pad_token=PAD,
        padding_side="left",
        clean_up_tokenization_spaces=False,
        model_max_length=1024,
        model_input_names=["input_ids", "attention_mask"],
    )
    tokenizer.chat_template = CHAT_TEMPLATE
    return tokenizer


def _backend(words: Counter[str]) -> Tokenizer:
    from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers

    symbols = byte_symbols()
    spaced = Counter({f" {word}": n for word, n in words.items()}) + words
    merges = [*_character_merges(symbols), *_english_merges(spaced, symbols, ENGLISH_MERGES)]
    entries = dict.fromkeys([*SPECIAL_TOKENS, *symbols.values(), *(left + right for left, right in merges)])
    vocabulary = {entry: i for i, entry in enumerate(entries)}
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=merges))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(_ONE_BY_ONE), "isolated"),
            pre_tokenizers.Split(Regex(_WORDS), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    # As in DeepSeek's own files, the roles and the thinking marks survive `skip_special_tokens`.
    tokenizer.add_special_tokens([AddedToken(token, normalized=False, special=True) for token in (BOS, EOS, PAD)])
    tokenizer.add_tokens(
        [AddedToken(token, normalized=False, special=False) for token in (USER, ASSISTANT, THINK, END_THINK)]
    )
    return tokenizer

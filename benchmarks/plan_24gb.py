"""The tables of docs/24gb.md: what a training of DeepSeek-R1-Distill-Qwen-7B needs on one card of 24 GB.

    python benchmarks/plan_24gb.py docs      # writes the tables into docs/24gb.md and docs/24gb.zh-CN.md

Reckoned from the shape of the model, term by term, so that a page can show each. The terms of a layer were found by
counting what autograd keeps (tests/test_recipes.py counts again, on a model a quarter as wide). No card was measured.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

LAYERS, HIDDEN, INNER, HEADS, KV_HEADS, VOCABULARY = 28, 3584, 18944, 28, 4, 152064
"""config.json of Qwen2.5-7B, of which the model is a distillation."""
RANK = 16
TOKENS, ANSWERS = 2048, 256
"""The pass of the first table: tokens, and positions with a loss among them."""
CARDS = {"A10, A10G, L4": 22.5, "RTX 3090, 4090": 24.0}
"""GiB that the driver reports: the cards with error correction keep a sixteenth for it."""
SHARE = 0.8
"""Part of a card that a training may plan with; the rest is for what no formula knows."""
CONTEXT = int(0.6 * 2**30)
"""Allowance for the CUDA context and the work spaces of its libraries; not a measured value."""
NF4 = 0.53
"""Bytes of a 4-bit weight with its share of the doubly quantised scales (QLoRA, arXiv 2305.14314), rounded up."""

METHODS = ("lora", "qlora")


@dataclass(frozen=True)
class Qwen2:
    """Widths of a Qwen2 model, and the counts that follow from them."""

    layers: int = LAYERS
    hidden: int = HIDDEN
    inner: int = INNER
    heads: int = HEADS
    kv_heads: int = KV_HEADS
    vocabulary: int = VOCABULARY

    @property
    def shared(self) -> int:
        """Width of the keys, and of the values."""
        return self.hidden // self.heads * self.kv_heads

    @property
    def matrices(self) -> list[tuple[int, int]]:
        """Inputs and outputs of a layer's linear maps: q, k, v, o, gate, up, down."""
        square, wide = (self.hidden, self.hidden), (self.hidden, self.inner)
        return [square, (self.hidden, self.shared), (self.hidden, self.shared), square, wide, wide, wide[::-1]]

    @property
    def linear(self) -> int:
        """Weights that are stored in 4 bits."""
        return self.layers * sum(rows * columns for rows, columns in self.matrices)

    @property
    def parameters(self) -> int:
        """All weights: embedding and head, linear maps, biases of q, k and v, norms."""
        small = self.layers * (self.hidden + 2 * self.shared + 2 * self.hidden) + self.hidden
        return self.linear + 2 * self.vocabulary * self.hidden + small

    def adapters(self, rank: int = RANK) -> int:
        """Weights of LoRA on all seven maps."""
        return rank * self.layers * sum(rows + columns for rows, columns in self.matrices)

    def kept(self, rank: int = RANK) -> int:
        """Bytes that one layer keeps of one token for the way back: bfloat16, LoRA on all seven maps, no dropout.

        Frozen maps keep no input, but the adapter beside each keeps its own copy of it (seven inputs: six of `hidden`,
        one of `inner`) and what it is squeezed to (`rank`); besides, the two norms keep the stream in float32,
        attention keeps q, k, v, its output and one number a head, the MLP keeps gate, its activation and up.
        """
        copies = 2 * (6 * self.hidden + self.inner) + 2 * 7 * rank
        norms = 2 * 4 * self.hidden + 2 * 4
        attention = 2 * (2 * self.hidden + 2 * self.shared) + 4 * self.heads
        return copies + norms + attention + 2 * 3 * self.inner

    def way_back(self) -> int:
        """Bytes that a layer needs of one token for a moment on the way back: the stream's gradient, and the MLP's."""
        return 8 * self.hidden + 2 * 3 * self.inner


MODEL = Qwen2()


def needs(method: str, *, checkpointing: bool, tokens: int = TOKENS, answers: int = ANSWERS) -> dict[str, int]:
    """Bytes at the peak of a step, by what they are for."""
    learning = MODEL.adapters()
    frozen = 2 * MODEL.parameters
    if method == "qlora":
        frozen = int(NF4 * MODEL.linear) + 2 * (MODEL.parameters - MODEL.linear)
    layer = tokens * MODEL.kept()
    activations = MODEL.layers * layer
    if checkpointing:  # the input of every layer, and one layer whole while it is computed again
        activations = MODEL.layers * tokens * 2 * MODEL.hidden + layer
    # 4-bit weights are unpacked into bfloat16 for the moment in which they are used, one matrix at a time.
    unpacked = 2 * MODEL.hidden * MODEL.inner if method == "qlora" else 0
    return {
        "weights": frozen,
        "adapters": 4 * learning,
        "gradients": 4 * learning,
        "optimizer": 8 * learning,
        "activations": activations,
        "working": tokens * MODEL.way_back() + unpacked,
        "mask": 3 * tokens * tokens,
        "logits": 12 * answers * MODEL.vocabulary,
    }


def fits(method: str, *, checkpointing: bool, card: float) -> int:
    """Tokens of the longest pass (an eighth of them with a loss) within the planned share of a card; 0 for none."""
    room, low, high = SHARE * card * 2**30, 0, 2**20

    def total(tokens: int) -> int:
        return sum(needs(method, checkpointing=checkpointing, tokens=tokens, answers=tokens // 8).values())

    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if total(middle) <= room else (low, middle - 1)
    return low // 64 * 64


WORDS = {
    "weights": (
        "base weights, frozen (LoRA: bfloat16; QLoRA: NF4)",
        "基础权重，冻结（LoRA 为 bfloat16，QLoRA 为 NF4）",
    ),
    "adapters": ("adapters, float32", "适配器，float32"),
    "gradients": ("gradients of the adapters", "适配器的梯度"),
    "optimizer": ("optimizer (two moments)", "优化器（两个动量）"),
    "activations": ("activations", "激活值"),
    "working": ("for a moment, on the way back", "反向传播时的临时占用"),
    "mask": ("mask of the packed rows", "打包后的注意力掩码"),
    "logits": ("logits, at answer positions only", "logits，仅答案位置"),
}
_SUM = ("**sum**", "**合计**")
_CONTEXT = ("CUDA context (allowance)", "CUDA 上下文（预留）")
_RESERVE = ("fragmentation and error of this estimate: rest of the fifth", "碎片与估计误差：五分之一中的其余部分")
_NEEDED = ("**card needed** (sum / 0.8)", "**所需显存**（合计 / 0.8）")
_PLAIN, _CHECKED = ("", "，"), (", checkpointing", "，重计算")
_HEAD = ("GiB", "GiB")


def needed_table(zh: bool) -> Iterator[str]:
    """Where the memory goes, for one pass."""
    cases = [(method, checkpointing) for method in METHODS for checkpointing in (False, True)]
    columns = [needs(method, checkpointing=checkpointing) for method, checkpointing in cases]
    names = {"lora": "LoRA", "qlora": "QLoRA"}
    yield _row(_HEAD[zh], [names[method] + (_CHECKED[zh] if checked else "") for method, checked in cases])
    yield "|---|" + "--:|" * len(cases)
    for part, words in WORDS.items():
        yield _row(words[zh], [_gib(column[part]) for column in columns])
    sums = [sum(column.values()) for column in columns]
    yield _row(_SUM[zh], [f"**{_gib(total)}**" for total in sums])
    yield _row(_CONTEXT[zh], [_gib(CONTEXT)] * len(cases))
    yield _row(_RESERVE[zh], [_gib(int(total * (1 / SHARE - 1)) - CONTEXT) for total in sums])
    yield _row(_NEEDED[zh], [f"**{_gib(int(total / SHARE))}**" for total in sums])


def fits_table(zh: bool) -> Iterator[str]:
    """The longest pass on each card."""
    yield _row("卡" if zh else "card", ["GiB"] + [f"{m}{c}" for m in ("LoRA", "QLoRA") for c in ("", _CHECKED[zh])])
    yield "|---|" + "--:|" * 5
    for card, gib in CARDS.items():
        cases = [(method, checkpointing) for method in METHODS for checkpointing in (False, True)]
        tokens = [fits(method, checkpointing=checkpointing, card=gib) for method, checkpointing in cases]
        yield _row(card, [f"{gib:.1f}", *(f"{number:,}" if number else "–" for number in tokens)])


def figures_table(zh: bool) -> Iterator[str]:
    """The counts that all of it follows from."""
    said = [
        ("weights of the model", "模型参数量", f"{MODEL.parameters:,}"),
        ("of these in linear maps (4 bits in QLoRA)", "其中线性层（QLoRA 存为 4 位）", f"{MODEL.linear:,}"),
        (f"weights of the adapters, rank {RANK}", f"适配器参数量，秩 {RANK}", f"{MODEL.adapters():,}"),
        (
            "activations of a token, no checkpointing",
            "每个 token 的激活值，不重计算",
            _mib(MODEL.layers * MODEL.kept()),
        ),
        (
            "activations of a token, checkpointing (inputs of the layers)",
            "每个 token 的激活值，重计算（仅各层输入）",
            _mib(MODEL.layers * 2 * MODEL.hidden),
        ),
        ("logits of an answer position", "每个答案位置的 logits", _mib(12 * MODEL.vocabulary)),
        (
            "float32 weights in main memory, when merging",
            "合并时主内存中的 float32 权重",
            f"{_gib(4 * MODEL.parameters)} GiB",
        ),
        ("full fine-tuning, 16 bytes a weight", "全参数微调，每个参数 16 字节", f"{_gib(16 * MODEL.parameters)} GiB"),
    ]
    yield _row("量" if zh else "figure", [""])
    yield "|---|--:|"
    for en, chinese, value in said:
        yield _row(chinese if zh else en, [value])


TABLES = {"figures": figures_table, "needed": needed_table, "fits": fits_table}


def written(page: str, zh: bool) -> str:
    """A page with its tables put in anew, each between its two marks."""
    for name, table in TABLES.items():
        begin, end = f"<!-- {name} -->\n", f"<!-- /{name} -->"
        before, rest = page.split(begin)
        page = before + begin + "\n".join(table(zh)) + "\n" + end + rest.split(end, 1)[1]
    return page


def _row(first: str, cells: list[str]) -> str:
    return f"| {first} | {' | '.join(cells)} |"


def _gib(size: int) -> str:
    return f"{size / 2**30:.2f}"


def _mib(size: int) -> str:
    return f"{size / 2**20:.2f} MiB"


def main() -> None:
    """Write both pages in the folder that is named."""
    for name, zh in (("24gb.md", False), ("24gb.zh-CN.md", True)):
        page = Path(sys.argv[1]) / name
        page.write_text(written(page.read_text("utf-8"), zh), encoding="utf-8")


if __name__ == "__main__":
    main()

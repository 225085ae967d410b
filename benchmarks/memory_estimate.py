"""The estimate of memory against the measured peak of real trainings on the processor.

Each case is a forked process of its own: a model of that shape is made (random weights), trained for a few steps by
the same `fit` as a run (evaluation, AdamW, best weights kept), and the system's peak of its memory is compared with
what `models.memory` reckoned from the configuration alone. Measured is the growth since before the model was made.

    python benchmarks/memory_estimate.py --out benchmarks/results/memory_estimate.json
    MALLOC_MMAP_THRESHOLD_=1048576 python benchmarks/memory_estimate.py   # added to the same file
"""

from __future__ import annotations

import argparse
import json
import random
import tempfile
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from fittingroom.engine import Context
from fittingroom.models.memory import estimate
from fittingroom.models.shape import Shape
from fittingroom.training.config import TrainConfig
from fittingroom.training.evaluation import Probe
from fittingroom.training.finders.watermark import Watermark
from fittingroom.training.fit import fit, prepared
from fittingroom.training.passes import Layout
from fittingroom.training.rows import Encoded
from fittingroom.types import Plan
from machine import machine

_MLA = {
    "n_routed_experts": 16, "num_experts_per_tok": 4, "n_shared_experts": 1, "n_group": 1, "topk_group": 1,
    "first_k_dense_replace": 1, "kv_lora_rank": 64, "q_lora_rank": 96, "qk_rope_head_dim": 16,
    "qk_nope_head_dim": 32, "v_head_dim": 32, "moe_intermediate_size": 128, "num_key_value_heads": 8,
}  # fmt: skip
_SMALL = {"vocab_size": 16000, "hidden_size": 384, "intermediate_size": 1024, "num_hidden_layers": 5,
          "num_attention_heads": 8}  # fmt: skip
SHAPES: dict[str, tuple[str, dict[str, Any]]] = {
    "llama": ("LlamaConfig", {**_SMALL, "num_key_value_heads": 8, "tie_word_embeddings": True}),
    "deepseek_v2 MoE": ("DeepseekV2Config", {**_SMALL, **_MLA, "q_lora_rank": None, "topk_method": "greedy"}),
    "deepseek_v3 MoE": ("DeepseekV3Config", {**_SMALL, **_MLA}),
    "qwen3": ("Qwen3Config", {**_SMALL, "num_key_value_heads": 2, "head_dim": 64}),
    "qwen2 84 M": (
        "Qwen2Config",
        {"vocab_size": 131072, "hidden_size": 512, "num_hidden_layers": 6, "num_attention_heads": 8,
         "intermediate_size": 1408, "num_key_value_heads": 2, "tie_word_embeddings": True},
    ),
}  # fmt: skip
CASES = [
    (name, method, packed)
    for name in SHAPES
    for method in ("lora", "full")
    for packed in (True, False)
    if packed or "84" not in name
]
STEPS, ROWS, SHARED, OWN, ANSWER = 2, 24, 160, 60, 6


def rows_of(shared: bool) -> Encoded:
    """Rows of 220 tokens, of which 160 are the same for all where `shared`."""
    dice = random.Random(3)
    head = [dice.randrange(5, 15000) for _ in range(SHARED)]
    ids = []
    for _ in range(ROWS):
        first = head if shared else [dice.randrange(5, 15000) for _ in range(SHARED)]
        ids.append([*first, *(dice.randrange(5, 15000) for _ in range(OWN))])
    return Encoded(
        row_ids=[f"r{number}" for number in range(ROWS)], ids=ids, answer_starts=[SHARED + OWN - ANSWER] * ROWS,
        wanted=[number % 2 for number in range(ROWS)], weights=[1.0] * ROWS, truncated=0,
    )  # fmt: skip


def measured(name: str, method: Any, packed: bool) -> dict[str, Any]:
    """One training, in this process."""
    import torch
    import transformers

    torch.set_num_threads(1)
    kind, values = SHAPES[name]
    config = getattr(transformers, kind)(**values, max_position_embeddings=2048)
    rows, train = rows_of(shared=packed), TrainConfig(method=method, early_stopping=None)
    plan = Plan(
        method=method, learning_rate=1e-4, batch_size=ROWS, pass_tokens=16384, epochs=float(STEPS), steps=STEPS,
        warmup_steps=0, schedule="constant", weight_decay=0.01, dropout=0.0, max_length=SHARED + OWN,
    )  # fmt: skip
    answers = [[7, 8, 1], [9, 10, 1]]
    probe = Probe(rows, rows, [0, 1], [0, 1], answers)
    watermark = Watermark()
    model = prepared(transformers.AutoModelForCausalLM.from_config(config), plan, train, 1)
    layout = Layout.of(model, 0, packing=packed).within(plan.pass_tokens)
    laid = layout.lay(rows.ids)
    with tempfile.TemporaryDirectory() as folder:
        scratch = Path(folder)
        context = Context(root=scratch, scratch=scratch, secret=b"", threads=1)
        fitted = fit(
            model, rows=rows, probe=probe, plan=plan, train=train, layout=layout, base_digest="", seed=1,
            context=context,
        )  # fmt: skip
    grown = watermark.grown()
    shape = Shape.from_config(config.to_dict())
    assert shape is not None
    pass_tokens = max(len(made) * max(cut.tokens for cut in made) for made in laid.passes)
    longest = max(cut.tokens for made in laid.passes for cut in made)
    said = estimate(
        shape, method=method, tokens=pass_tokens, answers=ROWS * ANSWER, longest=longest, masked=laid.kind != "padded"
    )
    return {
        "shape": name, "parameters": shape.parameters, "method": method, "layout": laid.kind,
        "tokens_of_a_pass": pass_tokens, "longest": longest, "steps": fitted.recorder.total,
        "estimate_mib": round(said.total / 2**20, 1), "measured_mib": round(grown / 2**20, 1),
        "estimate_over_measured": round(said.total / grown, 3),
        "parts_mib": {part: round(size / 2**20, 1) for part, size in said.parts.items() if size},
    }  # fmt: skip


_THRESHOLD = "MALLOC_MMAP_THRESHOLD_"
"""Environment of the C library: from which size on memory is asked of the system, and given back when it is freed."""


def told(whole: dict[str, Any]) -> str:
    """The results as a page."""
    on = whole["machine"]
    lines = [
        "# The estimate of memory against measured peaks",
        "",
        f"{on['processor']}, load {on['load_1min']} (shared with other work; memory of a process",
        "does not depend on that); float32 on the processor, one thread. By `benchmarks/memory_estimate.py`.",
        "",
        "Ratio: estimate over measured; above 1 the estimate is on the safe side. It counts tensors. By default",
        "glibc keeps freed blocks of up to 32 MiB inside the process, between blocks in use, so that it holds more",
        f"than its tensors; with `{_THRESHOLD}=1048576` it gives them back. Both are shown. Training sets this itself",
        "where memory would not hold twice the estimate (`training/heap.py`). Trying sizes of passes",
        "(`train.pass_tokens: find`) measures the process as it is. No GPU was at hand: nothing is said of one.",
    ]
    for title, cases in whole["runs"].items():
        done = sorted(case["estimate_over_measured"] for case in cases if "failed" not in case)
        lines += ["", f"## {title}", ""]
        if done:
            lines += [
                f"{done[0]:.2f} to {done[-1]:.2f} in {len(done)} trainings, median {done[len(done) // 2]:.2f}.",
                "",
            ]
        lines += [
            "| shape | weights | method | layout | tokens of a pass | estimate, MiB | measured, MiB | ratio |",
            "|---|---:|---|---|---:|---:|---:|---:|",
            *(_row(case) for case in cases),
        ]
    if whole.get("notes"):
        lines += ["", "## Read by people", "", *(f"- {note}" for note in whole["notes"])]
    return "\n".join(lines) + "\n"


def _row(case: dict[str, Any]) -> str:
    if "failed" in case:
        return f"| {case['shape']} | | {case['method']} | failed: {case['failed']} | | | | |"
    return (
        f"| {case['shape']} | {case['parameters'] / 1e6:.1f} M | {case['method']} | {case['layout']} "
        f"| {case['tokens_of_a_pass']} | {case['estimate_mib']:.0f} | {case['measured_mib']:.0f} "
        f"| {case['estimate_over_measured']:.2f} |"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/memory_estimate.json"))
    given = parser.parse_args()
    import os

    import transformers

    transformers.Qwen2ForCausalLM, transformers.Trainer  # noqa: B018 - loaded before anything is counted
    before = json.loads(given.out.read_text(encoding="utf-8")) if given.out.exists() else {}
    title = (
        f"{_THRESHOLD}={os.environ[_THRESHOLD]}" if _THRESHOLD in os.environ else "as the C library is set by default"
    )
    cases: list[dict[str, Any]] = []
    whole: dict[str, Any] = {"machine": machine(), "runs": {**before.get("runs", {}), title: cases}}
    for case in CASES:
        # A forked process begins with the libraries and nothing else; what it grows by is the training's.
        with ProcessPoolExecutor(1, mp_context=get_context("fork")) as pool:
            try:
                cases.append(pool.submit(measured, *case).result())
            except Exception as error:
                cases.append({"shape": case[0], "method": case[1], "failed": repr(error)[:200]})
        given.out.write_text(json.dumps(whole, indent=1) + "\n", encoding="utf-8")
        print(json.dumps(cases[-1]), flush=True)
    given.out.with_suffix(".md").write_text(told(whole), encoding="utf-8")


if __name__ == "__main__":
    main()

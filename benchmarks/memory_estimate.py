"""The estimate of memory against the measured peak of real trainings on the processor.

Each case is a process of its own: a model of that shape is made (random weights), trained for a few steps by the same
`fit` as a run (evaluation, AdamW, best weights kept), and the system's peak of its memory is compared with what
`models.memory` reckoned from the configuration alone. Measured is the growth since before the model was made, so that
libraries do not count.

    python benchmarks/memory_estimate.py --out benchmarks/results/memory_estimate.json
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import sys
import tempfile
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
    "n_routed_experts": 32, "num_experts_per_tok": 4, "n_shared_experts": 1, "n_group": 1, "topk_group": 1,
    "first_k_dense_replace": 1, "kv_lora_rank": 128, "q_lora_rank": 192, "qk_rope_head_dim": 32,
    "qk_nope_head_dim": 64, "v_head_dim": 64, "moe_intermediate_size": 192, "num_key_value_heads": 8,
}  # fmt: skip
_SMALL = {"vocab_size": 32000, "hidden_size": 512, "num_hidden_layers": 6, "num_attention_heads": 8}
SHAPES: dict[str, tuple[str, dict[str, Any]]] = {
    "qwen2 84 M": (
        "Qwen2Config",
        {**_SMALL, "vocab_size": 131072, "intermediate_size": 1408, "num_key_value_heads": 2,
         "tie_word_embeddings": True},
    ),
    "llama 36 M": ("LlamaConfig", {**_SMALL, "intermediate_size": 1408, "num_key_value_heads": 8,
                                   "tie_word_embeddings": True}),
    "deepseek_v2 MoE": ("DeepseekV2Config", {**_SMALL, "intermediate_size": 1408, **_MLA, "q_lora_rank": None,
                                             "topk_method": "greedy"}),
    "deepseek_v3 MoE": ("DeepseekV3Config", {**_SMALL, "intermediate_size": 1408, **_MLA}),
}  # fmt: skip
CASES = [(name, method, packed) for name in SHAPES for method in ("full", "lora") for packed in (True, False)]
STEPS, ROWS, SHARED, OWN, ANSWER, BATCH = 3, 24, 160, 60, 6, 24


def rows_of(shared: bool) -> Encoded:
    """Rows of 220 tokens, of which 160 are the same for all where `shared`."""
    dice = random.Random(3)
    head = [dice.randrange(5, 30000) for _ in range(SHARED)]
    ids = []
    for _ in range(ROWS):
        first = head if shared else [dice.randrange(5, 30000) for _ in range(SHARED)]
        ids.append([*first, *(dice.randrange(5, 30000) for _ in range(OWN))])
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
        method=method, learning_rate=1e-4, batch_size=BATCH, pass_tokens=16384, epochs=float(STEPS), steps=STEPS,
        warmup_steps=0, schedule="constant", weight_decay=0.01, dropout=0.0, max_length=SHARED + OWN,
    )  # fmt: skip
    answers = [[7, 8, 1], [9, 10, 1]]
    probe = Probe(rows, rows, [0, 1], [0, 1], answers)
    transformers.Qwen2ForCausalLM  # noqa: B018 - load what any training loads before counting
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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/memory_estimate.json"))
    parser.add_argument("--case", type=int)
    given = parser.parse_args()
    if given.case is not None:
        print(json.dumps(measured(*CASES[given.case])))
        return
    whole: dict[str, Any] = {"machine": machine(), "cases": []}
    for number, case in enumerate(CASES):
        done = subprocess.run(
            [sys.executable, __file__, "--case", str(number)], capture_output=True, text=True, check=False
        )
        if done.returncode:
            whole["cases"].append({"shape": case[0], "method": case[1], "failed": done.stderr.splitlines()[-1]})
        else:
            whole["cases"].append(json.loads(done.stdout.splitlines()[-1]))
        given.out.write_text(json.dumps(whole, indent=1) + "\n", encoding="utf-8")
        print(json.dumps(whole["cases"][-1]), flush=True)


if __name__ == "__main__":
    main()

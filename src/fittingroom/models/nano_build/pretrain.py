"""The pretraining run of `nano`: one seeded command from nothing to the shipped folder.

Same seed, steps, thread count and library versions give the same weights on one kind of processor. The experts are
kept evenly used as in DeepSeek-V3 (arXiv 2412.19437, section 2.1.2): a bias per expert, moved a little after each step
against its load.
"""

from __future__ import annotations

import hashlib
import json
import math
import random
import shutil
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from fittingroom.models.nano import RECIPE, Recipe
from fittingroom.models.nano_build.corpus import Example, examples, tokenizer_words
from fittingroom.models.nano_build.shape import lean_towards_copying, new_model
from fittingroom.models.nano_build.vocabulary import build_tokenizer

if TYPE_CHECKING:
    import torch
    from transformers import DeepseekV3ForCausalLM, PreTrainedTokenizerFast

POOL: Final = 1024
REPORT_EVERY: Final = 50


class Batch(NamedTuple):
    """`ids` [rows, length], padded on the right; `targets` and `weights` likewise, weight 0 where nothing is asked."""

    ids: torch.Tensor
    targets: torch.Tensor
    weights: torch.Tensor


def build(out: Path, recipe: Recipe = RECIPE) -> Path:
    """Pretrain by `recipe` and write the folder `out` (replaced as a whole at the end). Progress goes to stderr."""
    import torch

    torch.set_num_threads(recipe.threads)
    torch.use_deterministic_algorithms(True)
    print("nano: building the tokenizer", file=sys.stderr, flush=True)
    tokenizer = build_tokenizer(tokenizer_words())
    model = new_model(len(tokenizer), recipe.seed)
    lean_towards_copying(model)
    count = sum(parameter.numel() for parameter in model.parameters())
    print(
        f"nano: {len(tokenizer)} tokens, {count / 1e6:.2f} M parameters, {recipe.steps} steps",
        file=sys.stderr,
        flush=True,
    )
    digest, tokens = _train(model, tokenizer, recipe, out)
    _export(model, tokenizer, out, recipe, {"corpus_sha256": digest, "tokens_seen": tokens, "parameters": count})
    return out


def _train(
    model: DeepseekV3ForCausalLM, tokenizer: PreTrainedTokenizerFast, recipe: Recipe, out: Path
) -> tuple[str, int]:
    import torch

    decayed = [p for p in model.parameters() if p.dim() >= 2]
    plain = [p for p in model.parameters() if p.dim() < 2]
    groups: list[dict[str, Any]] = [
        {"params": decayed, "weight_decay": recipe.weight_decay},
        {"params": plain, "weight_decay": 0.0},
    ]
    optimizer = torch.optim.AdamW(groups, lr=recipe.learning_rate, betas=(0.9, 0.95), fused=True)
    loads = _watch_experts(model)
    digest = hashlib.sha256()
    started, tokens, seen = time.monotonic(), 0, 0.0
    model.train()
    stream = batches(tokenizer, recipe, digest)
    for step in range(recipe.steps):
        batch = next(stream)
        for group in optimizer.param_groups:
            group["lr"] = recipe.learning_rate * rate_at(step, recipe)
        loss = batch_loss(model, batch)
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        _even_out(loads, recipe.balance_rate)
        tokens += int((batch.ids != tokenizer.pad_token_id).sum())
        seen = loss.item() if step == 0 else 0.98 * seen + 0.02 * loss.item()
        if (step + 1) % REPORT_EVERY == 0 or step + 1 == recipe.steps:
            spent = time.monotonic() - started
            left = spent / (step + 1) * (recipe.steps - step - 1)
            print(
                f"nano: step {step + 1}/{recipe.steps} loss {seen:.3f} tokens {tokens / 1e6:.2f} M, "
                f"{spent / 60:.1f} min, {left / 60:.1f} min left",
                file=sys.stderr,
                flush=True,
            )
        if (step + 1) % recipe.checkpoint_every == 0 and step + 1 < recipe.steps:
            _export(model, tokenizer, out.with_name(f"{out.name}-step-{step + 1}"), recipe, {"stopped_after": step + 1})
    for watch in loads:
        watch.handle.remove()
    return digest.hexdigest(), tokens


def rate_at(step: int, recipe: Recipe) -> float:
    """Share of the full learning rate at `step`: linear warm-up, then cosine down to 2 %."""
    if step < recipe.warmup:
        return (step + 1) / recipe.warmup
    done = (step - recipe.warmup) / max(1, recipe.steps - recipe.warmup)
    return 0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * done))


def batch_loss(model: DeepseekV3ForCausalLM, batch: Batch) -> torch.Tensor:
    """Weighted cross-entropy; logits only where a weight asks for them. No mask is needed: padding stands last."""
    import torch

    hidden = model.model(input_ids=batch.ids, use_cache=False).last_hidden_state
    asked = batch.weights > 0
    logits = model.lm_head(hidden[asked])
    losses = torch.nn.functional.cross_entropy(logits, batch.targets[asked], reduction="none")
    weights = batch.weights[asked]
    return (losses * weights).sum() / weights.sum()


def batches(tokenizer: PreTrainedTokenizerFast, recipe: Recipe, digest: hashlib._Hash) -> Iterator[Batch]:
    """Batches of at most `recipe.batch_tokens` positions, of examples of like length; `digest` takes in every text."""
    stream = examples(recipe.seed)
    pool_number = 0
    while True:
        pool = [next(stream) for _ in range(POOL)]
        for example in pool:
            digest.update("".join(piece.text for piece in example).encode() + b"\0")
        encoded = [row for row in _encode(pool, tokenizer) if len(row[0]) <= recipe.longest]
        encoded.sort(key=lambda row: len(row[0]))
        groups: list[list[tuple[list[int], list[float]]]] = [[]]
        for row in encoded:
            if groups[-1] and len(row[0]) * (len(groups[-1]) + 1) > recipe.batch_tokens:
                groups.append([])
            groups[-1].append(row)
        random.Random(f"nano-order:{recipe.seed}:{pool_number}").shuffle(groups)
        pool_number += 1
        for group in groups:
            yield _padded(group, int(tokenizer.pad_token_id))


def _encode(pool: list[Example], tokenizer: PreTrainedTokenizerFast) -> list[tuple[list[int], list[float]]]:
    texts = [piece.text for example in pool for piece in example]
    pieces = iter(tokenizer(texts, add_special_tokens=False)["input_ids"])
    rows = []
    for example in pool:
        ids: list[int] = []
        weights: list[float] = []
        for piece in example:
            tokens = next(pieces)
            ids += tokens
            weights += [piece.weight] * len(tokens)
        rows.append((ids, weights))
    return rows


def _padded(group: list[tuple[list[int], list[float]]], pad: int) -> Batch:
    import torch

    length = max(len(ids) for ids, _ in group) - 1
    ids = torch.full((len(group), length), pad, dtype=torch.long)
    targets = ids.clone()
    weights = torch.zeros((len(group), length))
    for i, (row, row_weights) in enumerate(group):
        ids[i, : len(row) - 1] = torch.tensor(row[:-1])
        targets[i, : len(row) - 1] = torch.tensor(row[1:])
        weights[i, : len(row) - 1] = torch.tensor(row_weights[1:])
    return Batch(ids, targets, weights)


class _Load:
    """Counts how often each expert of one router was chosen since the last look."""

    def __init__(self, router: torch.nn.Module) -> None:
        import torch

        self.bias: torch.Tensor = router.e_score_correction_bias  # type: ignore[assignment]
        self.count = torch.zeros_like(self.bias)
        self.handle = router.register_forward_hook(self._add)

    def _add(self, _module: torch.nn.Module, _inputs: Any, output: tuple[torch.Tensor, ...]) -> None:
        import torch

        self.count += torch.bincount(output[2].reshape(-1), minlength=self.count.numel())


def _watch_experts(model: DeepseekV3ForCausalLM) -> list[_Load]:
    return [_Load(layer.mlp.gate) for layer in model.model.layers if hasattr(layer.mlp, "gate")]


def _even_out(loads: list[_Load], rate: float) -> None:
    for load in loads:
        load.bias += rate * (load.count.mean() - load.count).sign()
        load.count.zero_()


def _export(
    model: DeepseekV3ForCausalLM, tokenizer: PreTrainedTokenizerFast, out: Path, recipe: Recipe, facts: dict[str, Any]
) -> None:
    """Write the folder aside, then put it in place: weights in bfloat16, read back as float32."""
    import copy
    from importlib.metadata import version

    import torch
    from transformers import GenerationConfig

    aside = out.with_name(f".{out.name}.new")
    shutil.rmtree(aside, ignore_errors=True)
    half: Any = copy.deepcopy(model)
    half.to(torch.bfloat16)
    # Greedy by construction: a sampling parameter left over would make every later save of a tuned model fail.
    greedy: Any = GenerationConfig
    half.generation_config = greedy(bos_token_id=0, eos_token_id=1, pad_token_id=2, do_sample=False)
    half.save_pretrained(aside)
    tokenizer.save_pretrained(aside)
    (aside / "model.safetensors").chmod(0o644)  # the writer makes it private to this user
    # The class name that every version of transformers knows; version 5 would write its internal one.
    marks = json.loads((aside / "tokenizer_config.json").read_text("utf-8")) | {
        "tokenizer_class": "PreTrainedTokenizerFast"
    }
    marks.pop("backend", None)
    _write_json(aside / "tokenizer_config.json", marks)
    vocabulary = json.loads((aside / "tokenizer.json").read_text("utf-8"))
    compact = json.dumps(vocabulary, ensure_ascii=False, separators=(",", ":"))
    (aside / "tokenizer.json").write_text(compact + "\n", "utf-8")
    settings = json.loads((aside / "config.json").read_text("utf-8")) | {"dtype": "float32"}
    _write_json(aside / "config.json", settings)
    libraries = {name: version(name) for name in ("torch", "transformers", "tokenizers", "safetensors")}
    weights = hashlib.sha256((aside / "model.safetensors").read_bytes()).hexdigest()
    _write_json(
        aside / "recipe.json", {"recipe": recipe._asdict(), **facts, "libraries": libraries, "weights_sha256": weights}
    )
    shutil.rmtree(out, ignore_errors=True)
    aside.rename(out)


def _write_json(path: Path, content: dict[str, Any]) -> None:
    path.write_text(json.dumps(content, ensure_ascii=False, indent=2, sort_keys=True) + "\n", "utf-8")

"""How every contestant of the training benchmarks is watched, in its own process and its own environment.

Time is taken at the end of every optimiser step, memory as the kernel's peak since training began. Every batch is kept
as it reaches the model and read afterwards: each token with loss is told by the ids that it sees and the token that is
to be predicted. Two contestants train on the same thing exactly when these are the same.
Needs torch alone: `trl`, `llamafactory` and `fittingroom` are not all installed anywhere.
"""

from __future__ import annotations

import hashlib
import json
import time
from array import array
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any


class Watch:
    """Times, losses, batches and memory of one training."""

    def __init__(self, accumulation: int = 1) -> None:
        self.accumulation = accumulation
        """Batches of an optimiser step."""
        self.batches: list[list[dict[str, Any]]] = []
        """What each call of a collator gave: one batch, or all passes of a step."""
        self.times: list[float] = []
        """The beginning, then the end of every optimiser step."""
        self.processor: list[float] = []
        """Processor seconds of this process at the same moments, all threads together."""
        self.losses: list[float] = []
        self.loaded_mib = 0.0
        self.peak_mib = 0.0
        self.device = _device()
        self.device_mib = 0.0
        """Peak of the memory that tensors take on a GPU."""

    def begin(self) -> None:
        """Training begins: what loading the model took does not count."""
        # 5 sets the peak of this process back to what it uses now.
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
        if self.device is not None:
            self.device.synchronize()
            self.device.reset_peak_memory_stats()
        self.loaded_mib = _status("VmRSS")
        self.times, self.processor = [time.perf_counter()], [time.process_time()]

    def step(self, model: Any = None) -> bool:
        """An optimiser step has ended; whether training shall end with it."""
        if self.device is not None:
            self.device.synchronize()
            self.device_mib = max(self.device_mib, self.device.max_memory_allocated() / 2**20)
        self.times.append(time.perf_counter())
        self.processor.append(time.process_time())
        self.peak_mib = max(self.peak_mib, _status("VmHWM"))
        return False

    def batch(self, batch: Any) -> Any:
        """Keep a collated batch; it is handed on as it is."""
        self.batches.append([{name: batch[name] for name in _KEPT if name in batch}])
        return batch

    def passes(self, made: Sequence[dict[str, Any]], examples: int) -> None:
        """Keep the passes of a step of ours."""
        kept = [{**one, "input_ids": one["ids"], "position_ids": one["positions"], "examples": 0} for one in made]
        kept[0]["examples"] = examples
        self.batches.append(kept)

    def write(self, path: Path, held_out: float, **more: Any) -> None:
        """All that was seen, as JSON; the tokens with loss beside it."""
        groups = [self.batches[at : at + self.accumulation] for at in range(0, len(self.batches), self.accumulation)]
        steps = [[batch for call in group for batch in call] for group in groups]
        told = [[each for batch in step for each in seen_by_loss(batch)] for step in steps]
        result = {
            "seconds": _differences(self.times),
            "cpu_seconds": _differences(self.processor),
            "losses": self.losses,
            "loaded_mib": self.loaded_mib,
            "peak_mib": self.peak_mib,
            "device_mib": self.device_mib,
            "held_out_loss": held_out,
            "examples": [sum(map(_examples, step)) for step in steps],
            "computed": [sum(int(batch["input_ids"].numel()) for batch in step) for step in steps],
            "targets": [len(step) for step in told],
            **more,
        }
        path.with_suffix(".seen").write_text("\n".join(each for step in told for each in step), encoding="ascii")
        path.write_text(json.dumps(result), encoding="utf-8")


_KEPT = ("input_ids", "labels", "attention_mask", "position_ids", "ends", "at", "targets")


def _device() -> Any:
    """torch's module of the GPU, where there is one."""
    import torch

    return torch.cuda if torch.cuda.is_available() else None


def seen_by_loss(batch: dict[str, Any]) -> list[str]:
    """For every token with loss of a batch: a digest of the ids that it is predicted from, in order, and of itself.

    Batches are those of transformers (`labels`; a 2-D or 4-D mask, or positions that begin anew with every example) or
    ours (`at`, `targets`, `ends`: see `fittingroom.models.packing`).
    """
    import torch

    ids = batch["input_ids"]
    length = ids.shape[1]
    place = torch.arange(length)
    positions = batch.get("position_ids")
    told = []
    for row, at, target in _targets(batch):
        visible = place <= at
        mask, ends = batch.get("attention_mask"), batch.get("ends")
        if ends is not None:
            visible &= at < ends[row]
        elif mask is not None and mask.dim() == 4:
            visible &= mask[row, 0, at].bool() if mask.dtype == torch.bool else mask[row, 0, at] == 0
        elif mask is not None:
            visible &= mask[row].bool()
        elif positions is not None:
            starts = (positions[row, : at + 1] == 0).nonzero()
            visible &= place >= int(starts[-1])
        context = ids[row][visible]
        if positions is not None and positions[row][visible].tolist() != list(range(len(context))):
            context = torch.cat([context, torch.tensor([-1])])  # seen at the wrong positions: not the same thing
        told.append(digest(context.tolist(), target))
    return told


def _targets(batch: dict[str, Any]) -> Iterable[tuple[int, int, int]]:
    """Row, the place that predicts, and the token that is predicted."""
    length = batch["input_ids"].shape[1]
    if "at" in batch:
        for at, target in zip(batch["at"].tolist(), batch["targets"].tolist(), strict=True):
            yield at // length, at % length, target
        return
    for row, place in (batch["labels"] != -100).nonzero().tolist():
        yield row, place - 1, int(batch["labels"][row, place])


def _examples(batch: dict[str, Any]) -> int:
    """Examples of a batch: runs of tokens with loss; of ours the trainer knows."""
    if "examples" in batch:
        return int(batch["examples"])
    loss = batch["labels"] != -100
    before = loss.roll(1, dims=1)
    before[:, 0] = False
    return int((loss & ~before).sum())


def digest(context: Sequence[int], target: int) -> str:
    """Of a target and the ids it is predicted from."""
    return hashlib.blake2b(array("q", [*context, target]).tobytes(), digest_size=12).hexdigest()


def expected(rows: Iterable[tuple[Sequence[int], int]]) -> Counter[str]:
    """What training on rows (ids, start of the answer) must see: every answer's tokens behind all before them."""
    return Counter(digest(ids[:at], ids[at]) for ids, start in rows for at in range(start, len(ids)))


def plain_loss(model: Any, rows: Sequence[tuple[Sequence[int], int]]) -> float:
    """Mean loss per answer token, one row at a time and nothing of any contestant in it."""
    import torch

    model.eval()
    total = count = 0.0
    head = model.get_output_embeddings()
    with torch.no_grad():
        for ids, start in rows:
            hidden = model.base_model(input_ids=torch.tensor([ids], device=head.weight.device)).last_hidden_state
            logits = head(hidden[0, start - 1 : -1]).float()
            wanted = torch.tensor(ids[start:], device=logits.device)
            total += float(torch.nn.functional.cross_entropy(logits, wanted, reduction="sum"))
            count += len(ids) - start
    model.train()
    return total / count


def read_rows(path: Path) -> list[tuple[list[int], int]]:
    """Rows as `train_material.write_rows` wrote them."""
    lines = path.read_text(encoding="utf-8").splitlines()
    return [(row["ids"], row["start"]) for row in map(json.loads, lines)]


def labelled(ids: Sequence[int], start: int) -> list[int]:
    """transformers' labels of a row."""
    return [*[-100] * start, *ids[start:]]


def router_frozen(model: Any) -> None:
    """The experts' router learns nowhere, as ours never trains it."""
    for name, parameter in model.named_parameters():
        if name.endswith("mlp.gate.weight"):
            parameter.requires_grad_(False)


def _differences(values: Sequence[float]) -> list[float]:
    return [after - before for before, after in pairwise(values)]


def _status(field: str) -> float:
    """A figure of this process in MiB."""
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith(field + ":"):
            return int(line.split()[1]) / 1024
    raise RuntimeError(f"the kernel does not tell {field}")

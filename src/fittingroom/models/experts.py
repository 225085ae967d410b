"""Expert-specialised fine-tuning: of a mixture of experts, only those train that the task uses.

For every layer the experts are ranked by what the task's rows send to them, by gate score or by share of tokens, and
the fewest are chosen whose shares add up to a limit. Only these learn; router, attention and all other experts stay as
they are. transformers 5 keeps the experts of a layer in fused three-dimensional parameters; the chosen ones are taken
out into small parameters of their own, so gradients, moments and the saved file hold these only.

Source: "Let the Expert Stick to His Last: Expert-Specialized Fine-Tuning for Sparse Architectural Large Language
Models" (Wang et al., arXiv 2407.01906), sections 3.2 and 3.3. There gate scores are added as they are; here both
relevances are divided by their sum over the experts of the layer, as V3 scales its gates, so that a limit means the
same everywhere.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from fittingroom.errors import ModelError

if TYPE_CHECKING:
    from torch import Tensor

By = Literal["gate", "token"]
Chosen = dict[str, list[int]]
"""Name of the module that holds a layer's experts -> indices of those that train."""

WEIGHTS = "experts.safetensors"
INDEX = "experts.json"
_FUSED = ("gate_up_proj", "down_proj")


def expert_layers(model: Any) -> dict[str, Any]:
    """The modules that hold fused routed experts, by name; a ModelError when there are none."""
    found = {
        name: module
        for name, module in model.named_modules()
        if all(getattr(getattr(module, part, None), "ndim", 0) == 3 for part in _FUSED)
    }
    if not found:
        raise ModelError(
            f"a model of type '{model.config.model_type}' has no experts: set train.method to lora or full",
            f"类型“{model.config.model_type}”的模型没有专家层：请把 train.method 设为 lora 或 full",
            place="train.method = experts",
        )
    return found


def relevance(
    model: Any, sequences: Sequence[Sequence[int]], by: By, progress: Callable[[int, int], None] | None = None
) -> dict[str, list[float]]:
    """Share of every expert in what the sequences (token ids) send into its layer; shares of a layer add up to 1.

    `token`: share of the token-expert assignments; `gate`: share of the gate scores. Every sequence counts alike,
    however long it is.
    """
    import torch

    layers = expert_layers(model)
    shares = {name: torch.zeros(layer.gate_up_proj.shape[0], dtype=torch.float64) for name, layer in layers.items()}

    def watch(name: str) -> Callable[..., None]:
        def note(module: Any, given: tuple[Any, ...]) -> None:
            _, index, gates = given
            each = gates if by == "gate" else torch.ones_like(gates)
            counted = torch.zeros(shares[name].shape[0], dtype=torch.float64, device=index.device)
            counted.index_add_(0, index.flatten(), each.flatten().double())
            shares[name] += (counted / counted.sum()).cpu() / len(sequences)

        return note

    hooks = [layer.register_forward_pre_hook(watch(name)) for name, layer in layers.items()]
    training = model.training
    model.eval()
    try:
        with torch.no_grad():
            for number, ids in enumerate(sequences):
                model.base_model(input_ids=torch.tensor([list(ids)], device=model.device), use_cache=False)
                if progress is not None:
                    progress(number + 1, len(sequences))
    finally:
        model.train(training)
        for hook in hooks:
            hook.remove()
    return {name: [float(share) for share in found] for name, found in shares.items()}


def choose(shares: Mapping[str, Sequence[float]], limit: float) -> Chosen:
    """Of every layer the fewest experts whose shares add up to `limit` (0 to 1); equal shares go by index."""
    chosen: Chosen = {}
    for name, layer in shares.items():
        order = sorted(range(len(layer)), key=lambda at: (-layer[at], at))
        total = 0.0
        taken: list[int] = []
        for at in order:
            if taken and total >= limit:
                break
            taken.append(at)
            total += layer[at]
        chosen[name] = sorted(taken)
    return chosen


def with_chosen(model: Any, chosen: Chosen) -> Any:
    """The model with all weights frozen but those of the chosen experts, which are parameters of their own now."""
    for parameter in model.parameters():
        parameter.requires_grad_(False)
    layers = expert_layers(model)
    for name, index in chosen.items():
        model.set_submodule(name, _split(layers[name], index))
    return model


def chosen_of(model: Any) -> Chosen:
    """What `with_chosen` put in."""
    return {name: [int(at) for at in layer.index] for name, layer in _split_layers(model).items()}


def save_chosen(model: Any, folder: Path) -> None:
    """Write the chosen experts, and which they are: `experts.safetensors`, `experts.json`."""
    from safetensors.torch import save_file

    folder.mkdir(parents=True, exist_ok=True)
    tensors: dict[str, Tensor] = {}
    for name, layer in _split_layers(model).items():
        for part in _FUSED:
            tensors[f"{name}.{part}"] = getattr(layer.chosen, part).detach().cpu().contiguous()
    save_file(tensors, str(folder / WEIGHTS))
    text = json.dumps({"chosen": chosen_of(model)}, indent=1, sort_keys=True)
    (folder / INDEX).write_text(text + "\n", encoding="utf-8")


def with_saved(model: Any, folder: Path) -> Any:
    """The base model with saved experts written into its fused weights. Raises ModelError when they do not fit."""
    import torch
    from safetensors.torch import load_file

    chosen: Chosen = json.loads((folder / INDEX).read_text(encoding="utf-8"))["chosen"]
    tensors = load_file(str(folder / WEIGHTS))
    layers = expert_layers(model)
    with torch.no_grad():
        for name, index in chosen.items():
            for part in _FUSED:
                value = tensors[f"{name}.{part}"]
                whole = getattr(layers[name], part) if name in layers else None
                if whole is None or whole.shape[1:] != value.shape[1:] or max(index) >= whole.shape[0]:
                    raise ModelError(
                        f"the trained experts of {name} do not fit this base model: use the one they were trained on",
                        f"{name} 的已训练专家与该基础模型不符：请使用训练时的基础模型",
                        place=str(folder.name),
                    )
                whole[torch.tensor(index, device=whole.device)] = value.to(whole.device, whole.dtype)
    return model


def splits_experts(model: Any) -> bool:
    """Whether `with_chosen` made this model."""
    return bool(_split_layers(model))


def _split_layers(model: Any) -> dict[str, Any]:
    return {name: module for name, module in model.named_modules() if getattr(module, "is_split", False)}


def _split(whole: Any, index: Sequence[int]) -> Any:
    """A layer's experts as a frozen part and a part that learns, each computed by the model's own code."""
    import torch
    from torch import nn

    class SplitExperts(nn.Module):
        """Sends every token-expert pair to the part that holds the expert."""

        is_split = True

        def __init__(self) -> None:
            super().__init__()
            taken = torch.tensor(list(index), device=whole.gate_up_proj.device)
            self.frozen = whole
            self.chosen = _part(whole, taken)
            self.register_buffer("index", taken, persistent=False)
            place = torch.full((whole.gate_up_proj.shape[0],), -1, device=taken.device)
            place[taken] = torch.arange(len(taken), device=taken.device)
            self.register_buffer("place", place, persistent=False)

        def forward(self, hidden: Tensor, experts: Tensor, gates: Tensor) -> Tensor:
            """`hidden` [tokens, width], `experts` and `gates` [tokens, k] -> [tokens, width]."""
            own = self.place[experts]  # type: ignore[index]
            total = torch.zeros_like(hidden)
            for part, pairs, names in ((self.frozen, own < 0, experts), (self.chosen, own >= 0, own)):
                tokens, slot = pairs.nonzero(as_tuple=True)
                if len(tokens):
                    made = part(hidden[tokens], names[tokens, slot][:, None], gates[tokens, slot][:, None])
                    total = total.index_add(0, tokens, made.to(total.dtype))
            return total

    return SplitExperts()


def _part(whole: Any, index: Tensor) -> Any:
    """A module of the same kind that holds only some of the experts, as parameters that learn."""
    from torch import nn

    part = copy.copy(whole)
    part.__dict__ = dict(whole.__dict__)
    part._parameters = {
        name: nn.Parameter(getattr(whole, name).detach()[index].clone(), requires_grad=True) for name in _FUSED
    }
    part.num_experts = len(index)
    return part

"""`nano`: the built-in stand-in for a DeepSeek model.

A real `DeepseekV3ForCausalLM` (latent attention, a dense first layer, then shared and routed experts) of about four
million parameters, pretrained on text that this package generates. It lets every part of the road run and be tested on
any machine.
**Results with it say nothing about real DeepSeek models.**

`python -m fittingroom.models.nano build` makes the shipped folder anew (about a quarter of an hour on two cores).
"""

from __future__ import annotations

import argparse
from importlib.resources import files
from pathlib import Path
from typing import Final, NamedTuple

NAME: Final = "nano"


class Recipe(NamedTuple):
    """All that decides the weights, besides the code and the versions of the libraries."""

    seed: int = 20260101
    steps: int = 1300
    batch_tokens: int = 2048
    """Positions of a batch, padding included."""
    longest: int = 192
    """Longer examples are left out."""
    learning_rate: float = 1.5e-3
    weight_decay: float = 0.05
    warmup: int = 100
    balance_rate: float = 1e-3
    """Step of the experts' balancing bias."""
    threads: int = 2
    checkpoint_every: int = 500


RECIPE: Final = Recipe()


def nano_path() -> Path:
    """The folder with the shipped weights, tokenizer and `recipe.json`."""
    return Path(str(files("fittingroom.models"))) / "nano_weights"


def main(arguments: list[str] | None = None) -> int:
    """The command behind `make nano`."""
    parser = argparse.ArgumentParser(prog="python -m fittingroom.models.nano", description="The built-in model.")
    commands = parser.add_subparsers(dest="command", required=True)
    building = commands.add_parser("build", help="pretrain nano and write its folder (about 15 minutes on 2 cores)")
    building.add_argument("--out", type=Path, default=nano_path(), help="folder to write (default: the shipped one)")
    building.add_argument("--steps", type=int, default=RECIPE.steps, help=f"training steps (default {RECIPE.steps})")
    chosen = parser.parse_args(arguments)
    from fittingroom.models.nano_build.pretrain import build

    build(chosen.out.resolve(), RECIPE._replace(steps=chosen.steps))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

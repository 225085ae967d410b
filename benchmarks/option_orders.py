"""What `task.permute` costs: tokens that an epoch computes in packs, with options that stand in several orders.

`python benchmarks/option_orders.py` needs the data sets in FITTINGROOM_DATA and writes results/option_orders.md. It
counts and does not time, so that the figures are the same on every machine.
"""

from __future__ import annotations

import csv
import os
import random
from pathlib import Path

from fittingroom.models.load import ModelConfig, load_tokenizer, resolve
from fittingroom.models.packing import cuts, in_order
from fittingroom.models.render import Renderer
from fittingroom.tasks.classify import JOB
from fittingroom.tasks.config import TaskConfig

RESULTS = Path(__file__).resolve().parent / "results" / "option_orders.md"
BATCH, LONGEST = 32, 4096
ORDERS = (0, 2, 4, 8, 21, 1000)


def rows() -> list[dict[str, str]]:
    """328 messages to a mattress shop, of 21 intents."""
    file = Path(os.environ["FITTINGROOM_DATA"]) / "en_intent_hint3_sofmattress" / "train_v2.csv"
    with file.open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines))


def counted(given: list[dict[str, str]], task: TaskConfig, renderer: Renderer) -> tuple[int, int]:
    """Tokens of all rows, and of their packs, of steps of 32 rows in an order drawn once."""
    labels = sorted({row["label"] for row in given})
    made = []
    for number, row in enumerate(given):
        one = {"text": row["sentence"]}
        shown = JOB.choices(one, task, labels, f"r{number}")
        asked = JOB.messages(one, task, shown)
        made.append(renderer.example(asked, JOB.answer(row["label"], task, shown), LONGEST).ids)
    random.Random(1).shuffle(made)
    steps = [made[at : at + BATCH] for at in range(0, len(made), BATCH)]
    packed = sum(cut.tokens for step in steps for cut in cuts(in_order(step), longest=LONGEST))
    return sum(map(len, made)), packed


def main() -> None:
    """Count and write."""
    given = rows()
    renderer = Renderer(load_tokenizer(resolve(ModelConfig(base="nano"), Path.cwd()).path))
    intents = len({row["label"] for row in given})
    lines = [
        "# Tokens of an epoch, by orders of the options",
        "",
        f"`python benchmarks/option_orders.py`: {len(given)} messages of {intents} intents, tokenizer of the",
        f"built-in model, steps of {BATCH} rows. Counted, not timed.",
        "",
        "| answers | orders (`permute`) | tokens of the rows | tokens computed in packs |",
        "|---|---|---|---|",
    ]
    for orders in (None, *ORDERS):
        values = {"letters": orders is not None, "permute": orders or 0}
        task = TaskConfig.model_validate({"kind": "classify", "input": ["text"], "target": "label", **values})
        whole, packed = counted(given, task, renderer)
        said = ("labels, not listed", "-") if orders is None else ("letters", str(orders))
        lines.append(f"| {said[0]} | {said[1]} | {whole:,} | {packed:,} |")
    RESULTS.write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()

"""A choice with letters, dealt orders and "none of these", from rows to answers."""

from __future__ import annotations

import dataclasses
import json
from collections import Counter
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from fittingroom.engine import Context, Note
from fittingroom.models.load import ModelConfig
from fittingroom.serving.bundle import read_info
from fittingroom.serving.order import order_facts
from fittingroom.serving.predictor import Predictor
from fittingroom.stages.audit import AuditConfig, audit
from fittingroom.stages.balance import BalanceConfig, balance
from fittingroom.stages.configure import TrainConfig, configure
from fittingroom.stages.package import package
from fittingroom.stages.prepare import PrepareConfig
from fittingroom.stages.train import train as train_stage
from fittingroom.tables import Table
from fittingroom.tasks.config import TaskConfig
from fittingroom.types import Splits
from tiny_model import tiny_folder
from tiny_shop import TASK, splits, table

MODEL = ModelConfig(base=str(tiny_folder()))
CHOICE = TaskConfig.model_validate(
    {**TASK.model_dump(), "letters": True, "permute": 4, "none_of_these": "where", "precision": 0.4}
)


def without(rows: Table, label: str) -> Table:
    whole = rows.arrow()
    return Table.of(whole.filter(pc.not_equal(pc.struct_field(whole["target"], "label"), label)))


def shop() -> Splits:
    """Nothing to learn "where" from; the calibration part has rows of it."""
    return splits(train=without(table(90, 1), "where"), calibration=table(60, 3))


def test_a_class_that_nobody_learnt_is_told_by_abstaining(context: Context) -> None:
    rows, notes = shop(), list[Note]()
    inside = dataclasses.replace(context, note=notes.append)
    config = TrainConfig(method="full", learning_rate=1e-2, batch_size=8, epochs=6)
    plan = configure(rows, model=MODEL, train=config, task=CHOICE, seed=7, context=inside)
    made = train_stage(plan, rows, model=MODEL, train=config, task=CHOICE, seed=7, context=inside)
    assert made.facts["labels"] == ["praise", "refund"]
    bundle = package(made, rows, model=MODEL, task=CHOICE, prepare=PrepareConfig(), seed=7, context=inside)
    facts = bundle.facts["abstention"]
    assert (facts["rows"], facts["out_of_scope"], facts["wanted"]) == (60, 20, 0.4)
    assert read_info(bundle.folder.path).abstention is not None

    predictor = Predictor.load(bundle.folder.path, threads=1)
    shares = predictor.score([{"text": "refund"}, {"text": "price box"}])
    assert shares.shape == (2, 2)
    said = order_facts(predictor, [{"text": f"refund {number}"} for number in range(6)], permutations=2)
    assert (said["shown"], said["rows"]) == (True, 6)
    assert said["stable"] <= said["agreeing"] <= 1.0

    answered(bundle.folder.path, threshold=0.0, wanted=("refund", "praise"), abstained=False)
    answered(bundle.folder.path, threshold=1.1, wanted=("where",), abstained=True)


def answered(folder: Any, *, threshold: float, wanted: tuple[str, ...], abstained: bool) -> None:
    """What the bundle answers at another threshold."""
    from fittingroom.serving.bundle import seal

    info = json.loads((folder / "bundle.json").read_text("utf-8"))
    info["abstention"]["threshold"] = threshold
    (folder / "bundle.json").write_text(json.dumps(info, ensure_ascii=False), encoding="utf-8")
    seal(folder)
    (found,) = Predictor.load(folder, threads=1).classify(["the box is broken, refund"])
    assert found.label in wanted
    assert found.abstained is abstained
    assert found.confidence == max(found.probabilities.values())


def test_what_belongs_nowhere_is_neither_balanced_nor_doubted(context: Context) -> None:
    apart = TASK.model_copy(update={"none_of_these": "where"})
    rows = table(120, 5).arrow()
    # Some rows of "where" that speak of praise: to a model of likeness they are mistakes.
    given, wanted = rows["input"].to_pylist(), rows["target"].to_pylist()
    for at in [at for at, target in enumerate(wanted) if target["label"] == "where"][:6]:
        given[at] = {"text": given[at - 2]["text"] + f" {at}"}
    changed = rows.set_column(
        rows.schema.get_field_index("input"), "input", pa.array(given, rows.schema.field("input").type)
    )
    parts = splits(train=Table.of(changed))
    doubted = audit(parts, audit=AuditConfig(min_skill=0.0, min_accuracy=0.0), task=TASK, seed=7, context=context)
    kept = audit(parts, audit=AuditConfig(min_skill=0.0, min_accuracy=0.0), task=apart, seed=7, context=context)
    assert doubted.facts["by_class"]["where"]["flagged"] > 0
    assert kept.facts["by_class"]["where"]["flagged"] == 0

    few = splits(train=Table.of(rows.filter(pa.array([at % 3 != 2 or at < 30 for at in range(120)]))))
    before = Counter(target["label"] for target in few.train.arrow()["target"].to_pylist())
    made = balance(few, balance=BalanceConfig(method="undersample"), task=apart, seed=7, context=context)
    after = Counter(target["label"] for target in made.train.arrow()["target"].to_pylist())
    assert after["where"] == before["where"]

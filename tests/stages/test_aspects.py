"""Several questions about one text, from the source to the answers."""

from __future__ import annotations

import json
import random
from collections import Counter, defaultdict
from typing import Any

import numpy as np
import pytest
from pydantic import TypeAdapter, ValidationError

from fittingroom.engine import Context
from fittingroom.errors import RecipeError, UserError
from fittingroom.exporting import _conversations
from fittingroom.models.load import load_tokenizer
from fittingroom.models.packing import in_order
from fittingroom.models.render import Renderer
from fittingroom.serving.asking import ask_each
from fittingroom.serving.predictor import Predictor
from fittingroom.sources.config import SourceConfig
from fittingroom.stages.audit import AuditConfig, audit
from fittingroom.stages.dedup import DedupConfig, dedup
from fittingroom.stages.label import LabelConfig, label
from fittingroom.stages.prepare import PrepareConfig, prepare
from fittingroom.stages.split import SplitConfig, split
from fittingroom.tables import Table
from fittingroom.tasks.aspects import per_question
from fittingroom.tasks.classify import JOB
from fittingroom.tasks.config import TaskConfig
from fittingroom.training.rows import encode
from fittingroom.types import Splits, row_schema
from serving.bundles import make_bundle
from tiny_model import tiny_folder

TASK = TaskConfig.model_validate(
    {
        "kind": "classify",
        "input": ["review"],
        "letters": True,
        "instruction": "About the goods:",
        "questions": {
            "尺码": {"target": "size", "labels": ["合适", "偏小", "偏大"], "ask": "尺码怎么样？"},
            "delivery": {"target": "delivery", "labels": ["slow", "fast"]},
        },
    }
)
SIZES, SPEEDS = ["合适", "偏小", "偏大", ""], ["slow", "fast", "", "fast"]


def sources(context: Context, rows: list[dict[str, Any]], **more: Any) -> list[SourceConfig]:
    path = context.root / "reviews.jsonl"
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    return [TypeAdapter(SourceConfig).validate_python({"kind": "jsonl", "path": str(path), **more})]


def reviews(count: int) -> list[dict[str, Any]]:
    """Texts that are in no way alike."""
    chance = random.Random(1)
    return [
        {
            "no": f"r{number}",
            "review": " ".join("".join(chance.choices("abdefiklmnoprstuvw", k=6)) for _ in range(12)),
            "size": SIZES[number % 4],
            "delivery": SPEEDS[number // 4 % 4],
        }
        for number in range(count)
    ]


def test_a_row_for_every_answer_and_none_is_lost(context: Context) -> None:
    rows = [*reviews(40), {"no": "bare", "review": "no answer to anything at all", "size": "", "delivery": None}]
    made = prepare(sources=sources(context, rows, key="no"), prepare=PrepareConfig(), task=TASK, context=context)
    kept = made.kept.frame().to_dicts()
    wanted = sum(max(1, bool(row["size"]) + bool(row["delivery"])) for row in rows)
    assert len(kept) == wanted == made.facts["sources"][next(iter(made.facts["sources"]))]["kept"]
    asked = Counter(row["input"]["question"] for row in kept)
    assert asked == {"尺码": 30 + 2 + 1, "delivery": 32}  # two others answer nothing, as "bare"
    keys = {row["row_key"]: row for row in kept}
    assert keys["r1#尺码"]["target"] == {"answer": "偏小"}
    assert keys["r1#delivery"]["target"] == {"answer": "slow"}
    assert keys["bare#尺码"]["target"] == {"answer": None}
    assert keys["r1#尺码"]["group"] == keys["r1#delivery"]["group"] != keys["r2#尺码"]["group"]


def test_questions_of_one_text_are_no_copies_and_stay_together(context: Context) -> None:
    found = sources(context, reviews(60))  # known by their lines
    made = prepare(sources=found, prepare=PrepareConfig(), task=TASK, context=context)
    labelled = label(made, label=LabelConfig(), task=TASK, context=context)
    assert labelled.facts["dropped_by_reason"] == {"not labelled": 4}
    single = dedup(labelled, dedup=DedupConfig(), task=TASK, context=context)
    assert single.kept.rows == labelled.kept.rows
    parts = split(single, split=SplitConfig(dev=0.2, calibration=0.2, test=0.2), task=TASK, seed=7, context=context)
    where = defaultdict(set)
    for name, table in parts.parts().items():
        for row in table.frame().to_dicts():
            where[row["input"]["review"]].add(name)
    assert len(where) == 56
    assert all(len(names) == 1 for names in where.values())


def test_an_answer_to_another_question_is_none(context: Context) -> None:
    rows = reviews(20)
    rows[1]["size"] = "fast"
    made = prepare(sources=sources(context, rows, key="no"), prepare=PrepareConfig(), task=TASK, context=context)
    labelled = label(made, label=LabelConfig(), task=TASK, context=context)
    assert labelled.facts["dropped_by_reason"] == {"not an answer to its question": 1, "not labelled": 1}


def test_sources_that_cannot_be_asked_apart_are_named(context: Context) -> None:
    found = sources(context, reviews(3), key="no", group="no")
    with pytest.raises(RecipeError, match="names a row by whose it is"):
        prepare(sources=found, prepare=PrepareConfig(), task=TASK, context=context)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"target": "size"}, r"take task\.target and task\.labels out"),
        ({"input": ["question", "review"]}, "rename yours"),
        ({"none_of_these": "other"}, "for a single question"),
        ({"questions": {"a": {"target": "x", "labels": [str(at) for at in range(27)]}}}, "26 labels"),
    ],
)
def test_a_recipe_that_contradicts_itself_is_refused(changes: dict[str, Any], said: str) -> None:
    given = TASK.model_dump(exclude={"target"}) | changes
    with pytest.raises(ValidationError, match=said):
        TaskConfig.model_validate(given)


def test_the_text_is_shared_and_the_question_never_cut() -> None:
    renderer = Renderer(load_tokenizer(tiny_folder()))
    labels = TASK.all_labels or []
    text = "the parcel arrived late and the box was broken " * 8
    prompts = []
    for name in TASK.questions:
        given = {"review": text, "question": name}
        asked = JOB.messages(given, TASK, JOB.choices(given, TASK, labels))
        prompts.append(renderer.prompt_ids(asked))
        short, cut = renderer.prompt(asked, 60)
        whole = renderer.prompt_ids([{"role": "user", "content": asked[-1]["tail"]}])
        assert cut > 0
        assert len(short) <= 60
        assert short[-8:] == whole[-8:]
    assert asked[-1]["tail"] == "\n\ndelivery\nA. slow\nB. fast"
    shared = in_order(prompts).shared[1]
    assert shared > 0.8 * min(map(len, prompts))


def test_answers_are_scored_within_their_question(tmp_path: Any) -> None:
    labels = TASK.all_labels or []
    assert labels == ["合适", "偏小", "偏大", "slow", "fast"]
    assert JOB.answers(TASK, labels) == ["A", "B", "C"]
    folder = make_bundle(
        tmp_path / "folder",
        task=TASK.model_dump(mode="json"),
        labels=labels,
        prepare={"clean": {"spam": False}, "redact": {}},
    )
    predictor = Predictor.load(folder, threads=1)
    found = ask_each(predictor, {"review": "the coat is late"})
    assert list(found) == ["尺码", "delivery"]
    assert found["delivery"].label in ("slow", "fast")
    shares = found["delivery"].probabilities
    assert shares["合适"] == shares["偏小"] == 0.0
    assert shares["slow"] + shares["fast"] == pytest.approx(1.0)
    assert found["尺码"].input["question"] == "尺码"
    apart = predictor.score([{"review": "the coat is late", "question": "delivery"}])
    assert np.allclose(apart[0], list(shares.values()), atol=1e-5)
    with pytest.raises(UserError, match="must be one of 尺码, delivery"):
        predictor.classify([{"review": "x"}])


def test_training_and_serving_write_the_same_tokens(context: Context, tmp_path: Any) -> None:
    made = prepare(sources=sources(context, reviews(8)), prepare=PrepareConfig(), task=TASK, context=context)
    labels = TASK.all_labels or []
    renderer = Renderer(load_tokenizer(tiny_folder()))
    rows = encode(made.kept, task=TASK, labels=labels, renderer=renderer, max_length=96, learning=True)
    predictor = Predictor.load(make_bundle(tmp_path / "b", task=TASK.model_dump(mode="json"), labels=labels), threads=1)
    for at, row in enumerate(made.kept.frame().sort("id").to_dicts()):
        assert predictor.prompt_ids(row["input"])[0] == rows.prompts([at])[0]
        if row["target"]["answer"]:
            assert rows.places is not None
            assert rows.places[at][rows.wanted[at]] == rows.said(at)


def test_scores_per_question() -> None:
    inputs = [{"question": "a"}, {"question": "b"}, {"question": "a"}]
    assert per_question(inputs, ["x", "y", "z"], ["x", "y", "x"]) == {
        "a": {"rows": 2, "accuracy": 0.5, "macro_f1": pytest.approx(1 / 3)},
        "b": {"rows": 1, "accuracy": 1.0, "macro_f1": 1.0},
    }


def test_the_audit_doubts_within_the_question(context: Context) -> None:
    """Answers to one question are no likelier labels of the other, whatever the words are."""
    rows = reviews(60)
    for number, row in enumerate(rows):
        row["review"] += {"合适": " fits well", "偏小": " tight", "偏大": " loose", "": ""}[row["size"]]
        row["review"] += {"slow": " late parcel", "fast": " next day", "": ""}[row["delivery"]]
        row["size"] = "偏大" if number in (1, 5) else row["size"]  # wrong: their texts say tight
    made = prepare(sources=sources(context, rows, key="no"), prepare=PrepareConfig(), task=TASK, context=context)
    whole = label(made, label=LabelConfig(), task=TASK, context=context).kept
    nothing = Table.of(whole.arrow().slice(0, 0))
    parts = Splits(train=whole, dev=nothing, calibration=nothing, test=nothing, dropped=nothing)
    config = AuditConfig(mode="review", min_skill=0.0, min_accuracy=0.0)
    found = audit(parts, audit=config, task=TASK, seed=7, context=context).review.frame().to_dicts()
    asked = {row["id"]: row["input"]["question"] for row in whole.frame().to_dicts()}
    assert found
    assert all(one["suggested"] in TASK.questions[asked[one["id"]]].labels for one in found)


def test_what_is_exported_ends_with_the_question() -> None:
    row = {"input": {"review": "the coat", "question": "delivery"}, "target": {"answer": "fast"}}
    table = Table.records([{"id": "1", "source": "s", **row}], row_schema(TASK.input, TASK.target))
    (found,) = _conversations(table, TASK, TASK.all_labels or [])
    assert found.system == "About the goods:"
    assert list(found.turns) == [("user", "the coat\n\ndelivery\nA. slow\nB. fast"), ("assistant", "B")]

"""Letters and orders of options."""

from __future__ import annotations

import gzip
import os
import shutil
from collections import Counter
from pathlib import Path
from string import ascii_uppercase
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from conftest import ROOT
from fittingroom.errors import RecipeError
from fittingroom.models.load import load_tokenizer
from fittingroom.models.render import Renderer
from fittingroom.tasks.classify import JOB
from fittingroom.tasks.config import TaskConfig
from fittingroom.tasks.options import Places, by_label, by_letter, dealt, orders
from fittingroom.training.rows import encode
from tiny_model import tiny_folder
from tiny_shop import TASK, splits, table

TOKENIZERS = Path(os.environ.get("FITTINGROOM_TOKENIZERS", ROOT.parent / "shared" / "tokenizers"))
LABELS = ["praise", "refund", "where"]


def task(**values: Any) -> TaskConfig:
    return TaskConfig.model_validate({**TASK.model_dump(), **values})


def test_letters_stand_in_the_prompt_and_are_answered() -> None:
    lettered = task(letters=True, instruction="Which?")
    assert JOB.messages({"text": "hi"}, lettered, LABELS) == [
        {"role": "system", "content": "Which?\nA. praise\nB. refund\nC. where"},
        {"role": "user", "content": "hi"},
    ]
    assert JOB.answers(lettered, LABELS) == ["A", "B", "C"]
    assert JOB.answer("refund", lettered, ["where", "praise", "refund"]) == "C"


def test_beyond_26_labels_whole_ones_are_answered_or_the_recipe_is_refused() -> None:
    many = [f"intent {number}" for number in range(27)]
    assert by_letter(task(letters="auto"), 26)
    assert not by_letter(task(letters="auto"), 27)
    assert JOB.answers(task(letters="auto"), many) == many
    with pytest.raises(RecipeError, match="27 labels and 26 letters"):
        by_letter(task(letters=True), 27)
    with pytest.raises(ValidationError, match="letters can stand for 26 labels"):
        task(letters=True, labels=many)
    with pytest.raises(ValidationError, match="which lists none"):
        task(permute=4)


@pytest.mark.parametrize("name", ["DeepSeek-V3", "DeepSeek-R1", "DeepSeek-R1-Distill-Qwen-1.5B"])
def test_a_letter_is_one_token_of_the_published_tokenizers(name: str, tmp_path: Path) -> None:
    if not (TOKENIZERS / name).is_dir():
        pytest.skip("the published tokenizers are not here: set FITTINGROOM_TOKENIZERS")
    for file in (TOKENIZERS / name).glob("*.json"):
        shutil.copy(file, tmp_path)
    (tmp_path / "tokenizer.json").write_bytes(gzip.decompress((TOKENIZERS / name / "tokenizer.json.gz").read_bytes()))
    renderer = Renderer(load_tokenizer(tmp_path))
    said = [renderer.answer_ids(letter) for letter in ascii_uppercase]
    assert {len(ids) for ids in said} == {2}
    assert {ids[1] for ids in said} == {renderer.eos_id}
    assert len({ids[0] for ids in said}) == 26


def test_no_place_speaks_for_an_option() -> None:
    found = orders(5, 10)
    for start in (0, 5):
        for place in range(5):
            assert {order[place] for order in found[start : start + 5]} == set(range(5))
    assert orders(5, 3) == found[:3]
    assert len(set(orders(7, 20))) > 15


def test_rows_are_dealt_over_the_orders() -> None:
    lots = Counter(tuple(dealt(LABELS, 3, f"row-{number}")) for number in range(900))
    assert len(lots) == 3
    assert min(lots.values()) > 240
    assert JOB.choices({}, task(letters=True, permute=3), LABELS) == LABELS  # as served


def test_scores_come_back_in_the_order_of_the_labels() -> None:
    lettered = task(letters=True)
    places = Places(JOB, lettered, LABELS)
    raw = np.array([[0.0, -1.0, -2.0], [0.0, -1.0, -2.0]])
    scores = by_label(raw, [places(LABELS), places(["where", "praise"])])
    assert scores.tolist() == [[0.0, -1.0, -2.0], [-1.0, -np.inf, 0.0]]


def test_dealt_rows_answer_with_their_own_letter_and_dev_as_served() -> None:
    renderer = Renderer(load_tokenizer(tiny_folder()))
    dealt_task = task(letters=True, permute=6)
    how: dict[str, Any] = {"task": dealt_task, "labels": LABELS, "renderer": renderer, "max_length": 120}
    learnt, served = (encode(table(30, 1), **how, learning=learning) for learning in (True, False))
    answers = [renderer.answer_ids(letter) for letter in "ABC"]
    assert served.places is None
    assert learnt.wanted == served.wanted
    for row in range(30):
        assert learnt.ids[row][learnt.answer_starts[row] :] == answers[learnt.said(row)]
    assert len({learnt.said(row) for row in range(30) if learnt.wanted[row] == 0}) == 3
    raw = np.full((30, 3), -9.0)
    raw[np.arange(30), [learnt.said(row) for row in range(30)]] = 0.0
    assert learnt.label_scores(range(30), raw).argmax(axis=1).tolist() == learnt.wanted
    assert learnt.only([3, 5]).said(1) == learnt.said(5)


def test_a_label_that_is_not_learnt_is_rendered_without_an_answer() -> None:
    renderer = Renderer(load_tokenizer(tiny_folder()))
    made = encode(table(9, 1), task=TASK, labels=["praise", "refund"], renderer=renderer, max_length=120)
    assert [made.answer_tokens(row) > 0 for row in range(9)] == [wanted >= 0 for wanted in made.wanted]
    assert made.wanted.count(-1) == 3


def test_none_of_these_is_taught_by_rows_or_told_by_abstaining() -> None:
    rows = splits()
    assert JOB.labels(rows, task(none_of_these="where")) == LABELS
    assert JOB.labels(rows, task(none_of_these="odd", precision=0.9)) == LABELS
    assert JOB.labels(rows, task(labels=["where", "praise"], none_of_these="odd", precision=0.9)) == ["where", "praise"]
    assert task(labels=["where", "praise"], none_of_these="odd").all_labels == ["where", "praise", "odd"]
    with pytest.raises(RecipeError, match=r"no training row has 'odd'.*task\.precision"):
        JOB.labels(rows, task(none_of_these="odd"))


def test_settings_of_a_choice_are_refused_elsewhere() -> None:
    for name, value in {"letters": "auto", "permute": 2, "precision": 0.9, "none_of_these": "x"}.items():
        with pytest.raises(ValidationError, match=f"{name} is a setting of classify"):
            TaskConfig.model_validate({"kind": "reply", "input": ["text"], "target": "answer", name: value})

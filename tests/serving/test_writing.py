"""Free answers of a real (tiny, random) model: in batches as one by one, bounded, marked, told apart from labels."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from fittingroom.errors import StoreError, UserError
from fittingroom.serving.generation import Sampling
from fittingroom.serving.predictor import Predictor
from fittingroom.tasks.marking import MARK
from serving.bundles import make_bundle

REPLY = {"kind": "reply", "input": ["question", "price"], "target": "answer"}
MADE: dict[str, Any] = {"labels": [], "max_tokens": 12, "temperature": 1.0}


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Predictor:
    folder = tmp_path_factory.mktemp("plain") / "folder"
    return Predictor.load(make_bundle(folder, task={**REPLY, "reply": {"facts": ["price"]}}, **MADE), threads=1)


@pytest.fixture(scope="module")
def marking(tmp_path_factory: pytest.TempPathFactory) -> Predictor:
    style = {"facts": ["price"], "mark": True}
    folder = tmp_path_factory.mktemp("marked") / "folder"
    return Predictor.load(make_bundle(folder, task={**REPLY, "reply": style}, **MADE), threads=1)


def asked(count: int) -> list[dict[str, str]]:
    return [{"question": "where is it " * (1 + at % 5), "price": str(at)} for at in range(count)]


def test_a_batch_says_what_each_row_says_by_itself(plain: Predictor) -> None:
    inputs = asked(9)
    together = plain.generate(inputs)
    assert together == [plain.generate([given])[0] for given in inputs]
    for given, (text, reason) in zip(inputs, together, strict=True):
        ids = plain.prompt_ids(given)[0]
        turns = [
            {"role": "system", "content": f"price: {given['price']}"},
            {"role": "user", "content": given["question"]},
        ]
        assert len(ids) <= plain.info.max_length - plain.info.max_tokens
        chat = plain.start_chat(
            [{**turn, "content": turn["content"].strip()} for turn in turns], Sampling(max_tokens=12)
        )
        if chat.stream.prompt_tokens == len(ids):  # where nothing was cut, the chat writes the same prompt
            reply = chat.stream.whole()
            assert (reply.text.strip(), reply.finish_reason) == (text, reason)


def test_answers_end_where_training_ended_and_say_so(plain: Predictor) -> None:
    [found] = plain.write([{"question": "where is it", "price": "129"}])
    assert found.finish_reason in ("stop", "length")
    assert found.ai_generated is False
    assert found.input == {"question": "where is it", "price": "129"}
    reports = []
    plain.generate(asked(3), lambda done, total: reports.append((done, total)))
    assert reports[-1] == (3, 3)


def test_an_answer_is_marked_everywhere_and_read_back_without_its_mark(marking: Predictor, plain: Predictor) -> None:
    given = {"question": "where is it", "price": "129"}
    [found], [bare] = marking.write([given]), plain.write([given])
    assert bare.text.strip()
    assert (found.text, found.ai_generated) == (bare.text + MARK, True)
    reply = marking.chat([{"role": "user", "content": "where"}], max_tokens=5)
    assert reply.text.endswith(MARK)
    pieces = list(marking.start_chat([{"role": "user", "content": "where"}], Sampling(max_tokens=5)).stream)
    assert pieces[-1] == MARK
    assert "".join(pieces) == reply.text

    def tokens_before(said: str) -> int:
        turns = [("user", "where"), ("assistant", said), ("user", "when")]
        chat = marking.start_chat([{"role": role, "content": text} for role, text in turns], Sampling())
        return chat.stream.prompt_tokens

    assert tokens_before("soon" + MARK) == tokens_before("soon")


def test_labels_and_free_texts_are_not_mistaken_for_each_other(plain: Predictor, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="/v1/write"):
        plain.classify(["x"])
    closed = Predictor.load(make_bundle(tmp_path / "folder"), threads=1)
    with pytest.raises(UserError, match="/v1/classify"):
        closed.write(["x"])


def test_a_bundle_without_labels_says_how_long_its_answers_may_be(tmp_path: Path) -> None:
    folder = make_bundle(tmp_path / "folder", task=REPLY, labels=[])
    with pytest.raises(StoreError, match=r"bundle.json"):
        Predictor.load(folder)


def test_several_drafts_are_the_same_every_time(tmp_path: Path) -> None:
    task = {"kind": "copywrite", "input": ["goods"], "target": "copy", "copywrite": {"drafts": 3}}
    predictor = Predictor.load(make_bundle(tmp_path / "folder", task=task, attributes=["red"], **MADE), threads=1)
    given = [{"goods": "colour: red"}, {"goods": "fit: loose"}]
    assert predictor.generate(given) == predictor.generate(given)

# ruff: noqa: E501
"""Conversations: the formats people have, read and written, and LLaMA-Factory's `dataset_info.json`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some

from fittingroom.engine import Context
from fittingroom.errors import SourceError, UserError
from fittingroom.sources import check_source, document, open_source
from fittingroom.sources.chat import write_chat, write_dataset_info
from fittingroom.sources.conversation import FORMATS, Conversation, Format, Shape, parsed, written
from sources.reading import read, source

TALK = Conversation(
    (("user", "衣服起球了"), ("assistant", "给您换货"), ("user", "多久到?"), ("assistant", "三天")), "客服"
)
OBJECTS: dict[str, Any] = {
    "alpaca": {"instruction": "多久到?", "input": "", "output": "三天", "system": "客服", "history": [["衣服起球了", "给您换货"]]},
    "sharegpt": {
        "conversations": [
            {"from": "human", "value": "衣服起球了"}, {"from": "gpt", "value": "给您换货"},
            {"from": "human", "value": "多久到?"}, {"from": "gpt", "value": "三天"},
        ],
        "system": "客服",
    },
    "messages": {
        "messages": [
            {"role": "system", "content": "客服"}, {"role": "user", "content": [{"type": "text", "text": "衣服起球了"}]},
            {"role": "assistant", "content": "给您换货"}, {"role": "user", "content": "多久到?"},
            {"role": "assistant", "content": "三天"},
        ]
    },
    "prompt_completion": {
        "prompt": [
            {"role": "system", "content": "客服"}, {"role": "user", "content": "衣服起球了"},
            {"role": "assistant", "content": "给您换货"}, {"role": "user", "content": "多久到?"},
        ],
        "completion": [{"role": "assistant", "content": "三天"}],
    },
}  # fmt: skip


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("array", [True, False])
def test_formats_are_told_apart_and_read(context: Context, form: Format, array: bool) -> None:
    record = {**OBJECTS[form], "id": 123456789012345678, "label": "物流", "meta": {"shop": "007"}}
    text = json.dumps([record, "x"] if array else record, ensure_ascii=False, indent=1 if array else None)
    (context.root / "c.json").write_text(text, encoding="utf-8")
    rows, rejected = read(source(kind="chat", path="c.json"), context)
    assert rows == [
        {
            "id": "123456789012345678",
            "label": "物流",
            "meta.shop": "007",
            "system": "客服",
            "history": json.dumps(TALK.messages()[1:3], ensure_ascii=False),
            "prompt": "多久到?",
            "response": "三天",
            "first": "衣服起球了",
            "messages": json.dumps(TALK.messages(), ensure_ascii=False),
        }
    ]
    assert [reason for _, reason, _ in rejected] == (["not a JSON object"] if array else [])


@pytest.mark.parametrize("form", FORMATS)
def test_what_is_no_conversation_is_rejected(context: Context, form: Format) -> None:
    bad: dict[str, list[Any]] = {
        "alpaca": [{"output": "x"}, {"instruction": ["x"], "output": "y"}, {"instruction": "x", "output": "y", "history": [["a"]]}],
        "sharegpt": [{"conversations": "x"}, {"conversations": []}, {"conversations": [{"from": "function_call", "value": "x"}]}],
        "messages": [{"messages": ["x"]}, {"messages": [{"role": "user", "content": [{"type": "image_url"}]}]}, {"messages": [{"role": "assistant", "content": None, "tool_calls": []}]}],
        "prompt_completion": [{"prompt": "x"}, {"completion": "x"}, {"prompt": [{"role": "narrator", "content": "x"}], "completion": "x"}],
    }  # fmt: skip
    lines = [json.dumps(one) for one in [OBJECTS[form], *bad[form]]]
    (context.root / "c.jsonl").write_text("\n".join(lines) + "\nbroken\n")
    rows, rejected = read(source(kind="chat", path="c.jsonl", format=form), context)
    assert len(rows) == 1
    assert [line for line, _, _ in rejected] == [2, 3, 4, 5]


def test_a_question_without_an_answer(context: Context) -> None:
    (context.root / "c.jsonl").write_text('{"messages": [{"role": "user", "content": "hi"}]}\n')
    (row,) = read(source(kind="chat", path="c.jsonl"), context)[0]
    assert (row["prompt"], row["response"], row["first"], row["history"]) == ("hi", None, "hi", None)


def test_unknown_formats_and_broken_arrays(context: Context) -> None:
    (context.root / "c.json").write_text('[{"question": "x"}]')
    with pytest.raises(SourceError, match="say `format`"):
        check_source(source(kind="chat", path="c.json"), context)
    (context.root / "c.json").write_text('[{"prompt": "x",\n"completion": "y"},\n{"prompt": "cut')
    with pytest.raises(SourceError, match="not JSON from line 3 on"):
        read(source(kind="chat", path="c.json"), context)


@given(values=some.lists(some.dictionaries(some.text(max_size=4), some.text(max_size=6) | some.integers(), max_size=3), max_size=5), chunk=some.integers(1, 9), indent=some.sampled_from([None, 1]))  # fmt: skip
@settings(max_examples=60, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_arrays_are_read_the_same_in_pieces_of_any_size(
    context: Context, values: list[dict[str, Any]], chunk: int, indent: int | None
) -> None:
    path = context.root / "a.json"
    path.write_text(json.dumps(values, ensure_ascii=False, indent=indent), encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(document, "_CHUNK", chunk)
        found = [dict(value) for _, value in document.objects(path, "a.json", lambda *one: pytest.fail(str(one)))]
    assert found == json.loads(path.read_text("utf-8"), parse_int=str)


TURNS = some.lists(some.tuples(some.text(min_size=1), some.text(min_size=1)), min_size=1, max_size=4)


@given(pairs=TURNS, system=some.text(), form=some.sampled_from(FORMATS))
@settings(max_examples=80, derandomize=True, deadline=None)
def test_what_is_written_is_read_again(pairs: list[tuple[str, str]], system: str, form: Format) -> None:
    turns = [turn for question, answer in pairs for turn in (("user", question), ("assistant", answer))]
    talk = Conversation(tuple(turns), system)
    assert parsed(json.loads(json.dumps(written(talk, form))), Shape.of(form)) == talk


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("name", ["out.json", "out.jsonl"])
def test_files_written_and_read(context: Context, form: Format, name: str) -> None:
    assert write_chat(context.root / name, [TALK, Conversation((("user", "a"), ("assistant", "b")))], form) == 2
    rows, rejected = read(source(kind="chat", path=name), context)
    assert rows[0]["messages"] == json.dumps(TALK.messages(), ensure_ascii=False)
    assert (rows[1]["prompt"], rows[1]["response"], rejected) == ("a", "b", [])


def test_a_conversation_that_does_not_fit_leaves_no_file(context: Context) -> None:
    odd = Conversation((("assistant", "hello"), ("user", "hi")))
    for form in ("alpaca", "prompt_completion"):
        with pytest.raises(UserError, match="conversation 2 does not fit"):
            write_chat(context.root / "out.json", [TALK, odd], form)
    assert list(context.root.glob("*out*")) == []
    assert write_chat(context.root / "out.json", [odd], "sharegpt") == 1


@pytest.mark.parametrize("form", ["alpaca", "sharegpt", "messages"])
def test_dataset_info_written_and_read(context: Context, form: Format) -> None:
    write_chat(context.root / "talks.json", [TALK], form)
    write_dataset_info(context.root, "talks", "talks.json", form)
    write_dataset_info(context.root, "others", "talks.json", form)
    config = source(kind="chat", path="dataset_info.json", dataset="talks")
    (row,) = read(config, context)[0]
    assert row["messages"] == json.dumps(TALK.messages(), ensure_ascii=False)
    before = open_source(config).fingerprint(config, context)
    write_chat(context.root / "talks.json", [TALK, TALK], form)
    assert open_source(config).fingerprint(config, context) != before


def test_dataset_info_of_others(context: Context) -> None:
    info = {
        "own": {
            "file_name": "sub/x.jsonl",
            "formatting": "sharegpt",
            "columns": {"messages": "talk", "system": "sys"},
            "tags": {"role_tag": "who", "content_tag": "said", "user_tag": "Kunde", "assistant_tag": "Shop"},
        },
        "hub": {"hf_hub_url": "a/b"},
        "script": {"script_url": "x", "file_name": "sub/x.jsonl"},
        "ranked": {"file_name": "sub/x.jsonl", "ranking": True},
        "gone": {"file_name": "gone.json"},
    }
    (context.root / "sub").mkdir()
    talk = [{"who": "Kunde", "said": "hi"}, {"who": "Shop", "said": "hello"}]
    (context.root / "sub" / "x.jsonl").write_text(json.dumps({"talk": talk, "sys": "s", "id": "7"}) + "\n")
    Path(context.root / "dataset_info.json").write_text(json.dumps(info))
    (row,) = read(source(kind="chat", path="dataset_info.json", dataset="own"), context)[0]
    assert (row["id"], row["prompt"], row["response"], row["system"]) == ("7", "hi", "hello", "s")
    for name, said in {"hub": "kind: hub", "script": "script", "ranked": "ranking", "gone": "not there", "no": "there are: gone, hub"}.items():  # fmt: skip
        with pytest.raises(SourceError, match=said):
            check_source(source(kind="chat", path="dataset_info.json", dataset=name), context)


# ---------------------------------------------------------------------------------------------- every answer


def test_every_answer_is_a_row_behind_what_was_said_before(tmp_path: Path) -> None:
    turns = [
        {"who": "agent", "text": "您好", "transfer": 0},
        {"who": "customer", "text": "衣服起球了", "transfer": 0},
        {"who": "agent", "text": "给您换货", "transfer": 0},
        {"who": "customer", "text": "多久到", "transfer": 0},
        {"who": "agent", "text": "转人工", "transfer": 1},
        {"who": "customer", "text": "好", "transfer": 0},
    ]
    record = {"session": "s1", "user": "u1", "said": turns}
    (tmp_path / "talks.jsonl").write_text(json.dumps(record, ensure_ascii=False), encoding="utf-8")
    chosen = source(
        kind="chat",
        path="talks.jsonl",
        key="session",
        turns="said",
        role_field="who",
        text_field="text",
        roles={"agent": "assistant"},
        every_answer=True,
    )
    rows, rejected = read(chosen, Context(root=tmp_path, scratch=tmp_path, secret=b"x" * 16))
    assert rejected == []
    assert [
        (row["session"], row["conversation"], row["prompt"], row["response"], row["turn.transfer"]) for row in rows
    ] == [
        ("s1#3", "s1", "衣服起球了", "给您换货", "0"),
        ("s1#5", "s1", "多久到", "转人工", "1"),
    ]
    assert [turn["content"] for turn in json.loads(rows[1]["history"] or "")] == ["您好", "衣服起球了", "给您换货"]


@pytest.mark.parametrize(
    "odd",
    [{"format": "alpaca", "every_answer": True}, {"format": "alpaca", "turns": "x"}, {"dataset": "d", "turns": "x"}],
)
def test_options_of_turns_that_cannot_be_are_refused(odd: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"turns|every_answer"):
        source(kind="chat", path="x.jsonl", **odd)

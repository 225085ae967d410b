"""JSON lines and social exports: nesting, numbers as written, broken lines, replies."""

from __future__ import annotations

import json

import pytest

from fittingroom.engine import Context
from fittingroom.errors import SourceError
from fittingroom.sources import check_source, open_source
from fittingroom.sources.batching import Item
from fittingroom.sources.ledger import Ledger
from fittingroom.sources.rows import Layout, mark
from sources.reading import read, source


def test_nested_objects_and_exact_numbers(context: Context) -> None:
    lines = [
        '{"id": 123456789012345678901, "price": 1.10,"ok": true, "none": null,"user": {"name": "a", "at": {"c": "b"}}}',
        "",
        '{"id": "002", "tags": ["x", "y"], "review": "NA"}',
    ]
    (context.root / "r.jsonl").write_text("\n".join(lines), encoding="utf-8")
    rows, rejected = read(source(kind="jsonl", path="r.jsonl"), context)
    assert rejected == []
    assert rows[0] == {
        "id": "123456789012345678901",
        "price": "1.10",
        "ok": "true",
        "none": None,
        "user.name": "a",
        "user.at.c": "b",
        "tags": None,
        "review": None,
    }
    assert (rows[1]["id"], rows[1]["tags"], rows[1]["review"]) == ("002", '["x", "y"]', "NA")


def test_broken_lines(context: Context) -> None:
    (context.root / "r.jsonl").write_bytes(
        b'\xef\xbb\xbf{"a": "1"}\n{"a": \n[1]\n"text"\n' + b'{"a": "\xff"}\n' + b"[" * 3000 + b'\n{"a": "2"}\n'
    )
    rows, rejected = read(source(kind="jsonl", path="r.jsonl"), context)
    assert [row["a"] for row in rows] == ["1", "2"]
    assert [line for line, _, _ in rejected] == [2, 3, 4, 5, 6]
    assert rejected[1][1] == "not a JSON object"


def test_gbk_lines(context: Context) -> None:
    (context.root / "r.jsonl").write_bytes('{"a": "质量很好，很喜欢"}\n'.encode("gbk"))
    assert read(source(kind="jsonl", path="r.jsonl"), context)[0] == [{"a": "质量很好，很喜欢"}]


def test_an_array_is_no_json_lines(context: Context) -> None:
    (context.root / "r.jsonl").write_text('[{"a": 1},\n{"a": 2}]')
    with pytest.raises(SourceError, match="JSON array"):
        read(source(kind="jsonl", path="r.jsonl"), context)


def test_replies_become_rows(context: Context) -> None:
    post = {
        "id": "m1",
        "content": "top",
        "replies": [
            {"content": "one", "replies": [{"content": "deep"}]},
            "no object",
            {"id": "own", "content": "two", "replies": None},
        ],
    }
    (context.root / "s.jsonl").write_text(json.dumps(post) + "\n" + json.dumps({"content": "alone"}) + "\n")
    rows, rejected = read(source(kind="social", path="s.jsonl", fields={"text": "content"}), context)
    shown = [(row["id"], row["content"], row["thread"], row["parent"], row["depth"]) for row in rows]
    assert shown == [
        ("m1", "top", "m1", None, "0"),
        ("m1/1", "one", "m1", "m1", "1"),
        ("m1/1/1", "deep", "m1", "m1/1", "2"),
        ("own", "two", "m1", "m1", "1"),
        ("line 2", "alone", "line 2", None, "0"),
    ]
    assert rejected == [(1, "a reply is no JSON object", "no object")]


def test_replies_elsewhere_and_too_deep(context: Context) -> None:
    post: dict[str, object] = {"c": "end"}
    for _ in range(60):
        post = {"c": "x", "comments": [post]}
    (context.root / "s.jsonl").write_text(json.dumps(post))
    rows, rejected = read(source(kind="social", path="s.jsonl", fields={"replies": "comments"}), context)
    assert len(rows) == 51
    assert "deeper" in rejected[0][1]


@pytest.mark.parametrize("form", ["lines", "array", "document"])
def test_social_exports_of_any_form_with_paths_into_them(context: Context, form: str) -> None:
    post = {
        "mid": "m1",
        "body": {"text": "top"},
        "stats": {"likes": 123456789012345678},
        "comments": {"total": 1, "list": [{"cid": "c1", "msg": "one", "zan": 3, "sub": [{"msg": "deep"}]}]},
    }
    texts = {
        "lines": json.dumps(post) + "\nbroken\n",
        "array": json.dumps([post, 7], indent=2),
        "document": json.dumps({"data": {"posts": [post, 7]}}, indent=2),
    }
    (context.root / "s.json").write_text(texts[form])
    config = source(
        kind="social", path="s.json", items="data.posts" if form == "document" else "",
        fields={"id": "mid", "text": "body.text", "likes": "stats.likes", "replies": "comments.list"},
        reply_fields={"id": "cid", "text": "msg", "likes": "zan", "replies": "sub"},
    )  # fmt: skip
    rows, rejected = read(config, context)
    shown = [(row["mid"], row["body.text"], row["stats.likes"], row["parent"], row["depth"]) for row in rows]
    assert shown == [
        ("m1", "top", "123456789012345678", None, "0"),
        ("c1", "one", "3", "m1", "1"),
        ("c1/1", "deep", None, "c1", "2"),
    ]
    assert rows[0]["comments.total"] == "1"
    assert len(rejected) == 1


def test_a_list_that_is_not_there_and_an_export_cut_off(context: Context) -> None:
    (context.root / "s.json").write_text('{"data": {"posts": {}}}')
    with pytest.raises(SourceError, match=r"no list at 'data\.posts'"):
        check_source(source(kind="social", path="s.json", items="data.posts"), context)
    (context.root / "s.json").write_text('[{"id": "1"},\n\n{"id": "2", "text"')
    with pytest.raises(SourceError, match=r"s\.json: not JSON from line 3 on"):
        read(source(kind="social", path="s.json"), context)


@pytest.mark.parametrize("indent", [None, 1])
def test_an_array_on_one_line_keeps_every_element(context: Context, indent: int | None) -> None:
    """Without a key the place in the array is the key, however the file is broken into lines."""
    talks = [{"instruction": f"question {number}", "output": "yes"} for number in range(7)]
    (context.root / "a.json").write_text(json.dumps([*talks[:3], 5, *talks[3:]], indent=indent))
    config = source(kind="chat", path="a.json")
    rejected: list[tuple[int, str, str]] = []
    (batch,) = open_source(config).read(config, context, lambda *found: rejected.append(found))
    marks = mark(batch, "chat-1", Layout.of(config), b"k" * 32, set())
    assert marks.faults == [""] * 7
    assert marks.row_keys == ["1", "2", "3", "5", "6", "7", "8"]
    ((number, _, _),) = rejected
    assert isinstance(number, Item)
    assert number.item == 4
    assert (int(number) == 1) is (indent is None)


def test_posts_of_one_line_are_threads_of_their_own(context: Context) -> None:
    (context.root / "s.json").write_text(json.dumps([{"text": "a"}, {"text": "b", "replies": [{"text": "c"}]}]))
    rows, _ = read(source(kind="social", path="s.json"), context)
    assert [(row["id"], row["thread"]) for row in rows] == [
        ("item 1", "item 1"), ("item 2", "item 2"), ("item 2/1", "item 2"),
    ]  # fmt: skip


def test_a_rejected_element_is_named_by_file_line_and_item(context: Context) -> None:
    config = source(kind="social", path="s.json", name="posts")
    ledger = Ledger([("posts", config)], context.root)
    for item in (12, 3):
        ledger.accounts["posts"].rows += 1
        ledger.reject("posts", Item(1, item), "no key", "")
    rows = ledger.rejected(lambda group, text: text, 200).frame().to_dicts()
    assert [(row["file"], row["line"], row["reason"]) for row in rows] == [
        ("s.json (item 3)", 1, "no key"), ("s.json (item 12)", 1, "no key"),
    ]  # fmt: skip
    with pytest.raises(SourceError, match=r"item 12"):
        ledger.demand_rows("posts")
    assert ledger.facts()["rejected_by_reason"] == {"no key": 2}

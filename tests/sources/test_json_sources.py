"""JSON lines and social exports: nesting, numbers as written, broken lines, replies."""

from __future__ import annotations

import json

import pytest

from fittingroom.engine import Context
from fittingroom.errors import SourceError
from fittingroom.sources import check_source
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

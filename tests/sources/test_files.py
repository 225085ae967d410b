"""What all files share: gzip, encodings that lie, endless lines; and Excel."""

from __future__ import annotations

import datetime
import gzip
import tracemalloc
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from fittingroom.engine import Context
from fittingroom.errors import RecipeError, SourceError
from fittingroom.sources import check_source, encodings, files, open_source
from sources.reading import read, source

TEXT = "id,review\n001,质量很好，很喜欢，还会再来\n123456789012345678,NA\n"
LOG = '192.0.2.1 - - [05/Mar/2025:10:00:00 +0000] "GET /about HTTP/1.1" 200 1 "-" "Mozilla"\n'


@pytest.mark.parametrize("encoding", ["utf-8", "gbk", "utf-16"])
def test_gzip(context: Context, encoding: str) -> None:
    (context.root / "r.csv.gz").write_bytes(gzip.compress(TEXT.encode(encoding)))
    config = source(kind="csv", path="r.csv.gz")
    rows, rejected = read(config, context)
    assert rows == [
        {"id": "001", "review": "质量很好，很喜欢，还会再来"},
        {"id": "123456789012345678", "review": "NA"},
    ]
    assert rejected == []
    assert open_source(config).size(config, context) == 3


def test_gzip_of_other_text_kinds(context: Context) -> None:
    (context.root / "a").write_bytes(gzip.compress(b'{"a": "1"}\n'))
    assert read(source(kind="jsonl", path="a"), context)[0] == [{"a": "1"}]
    (context.root / "s.gz").write_bytes(gzip.compress(b'{"id": "1", "replies": [{"id": "2"}]}\n'))
    assert len(read(source(kind="social", path="s.gz"), context)[0]) == 2
    (context.root / "l.gz").write_bytes(gzip.compress(LOG.encode()))
    assert read(source(kind="weblog", path="l.gz"), context)[0][0]["path"] == "/about"


@pytest.mark.parametrize("kind", ["csv", "jsonl", "social", "weblog"])
@pytest.mark.parametrize("left", [15, -9, -2000])
def test_a_broken_gzip_is_named(context: Context, kind: str, left: int) -> None:
    line = {"csv": "id,review\n" + "1,很好\n" * 300_000, "weblog": LOG * 30_000}.get(kind, '{"id": "1"}\n' * 300_000)
    (context.root / "data.gz").write_bytes(gzip.compress(line.encode())[:left])
    config = source(kind=kind, path="data.gz")
    with pytest.raises(SourceError, match=r"data\.gz: the gzip file is cut off") as caught:
        read(config, context)
    assert "截断" in caught.value.zh


@pytest.mark.parametrize(
    ("real", "told"),
    [
        ("utf-8", "gbk"),
        ("utf-8", "gb18030"),
        ("utf-8", "cp1252"),
        ("utf-8", "utf-16"),
        ("utf-8-sig", "gbk"),
        ("utf-16", "utf-8"),
        ("utf-16", "gbk"),
    ],
)
def test_an_encoding_that_lies_is_an_error(context: Context, real: str, told: str) -> None:
    (context.root / "r.csv").write_bytes(TEXT.encode(real))
    with pytest.raises(SourceError, match=rf"r\.csv: is in {real.removesuffix('-sig')}.*, not in {told}"):
        check_source(source(kind="csv", path="r.csv", encoding=told), context)


@pytest.mark.parametrize(("real", "told"), [("gbk", "utf-8"), ("gbk", "ascii"), ("gbk", "big5hkscs")])
def test_an_encoding_that_lies_is_rejected_line_by_line(context: Context, real: str, told: str) -> None:
    lines = "id,review\n1,ok\n2,龘靐齉质量很好,\n3,fine\n".replace("好,", "好").replace("龘靐齉", "煊喆")
    (context.root / "r.csv").write_bytes(lines.encode(real))
    rows, rejected = read(source(kind="csv", path="r.csv", encoding=told), context)
    assert [row["id"] for row in rows] == ["1", "3"]
    assert rejected[0][:2] == (3, f"bytes that are no text in {told}")


@pytest.mark.parametrize(("real", "told"), [("utf-8", "utf8"), ("utf-8-sig", "utf-8"), ("gbk", "GB2312"), ("gbk", "gbk"), ("utf-16", "utf-16-le"), ("utf-16-le", "utf-16-le")])  # noqa: E501 # fmt: skip
def test_an_honest_encoding_is_taken(context: Context, real: str, told: str) -> None:
    (context.root / "r.csv").write_bytes(TEXT.encode(real))
    rows, rejected = read(source(kind="csv", path="r.csv", encoding=told), context)
    assert (rows[0], rejected) == ({"id": "001", "review": "质量很好，很喜欢，还会再来"}, [])


def test_no_text_encoding(context: Context) -> None:
    (context.root / "r.csv").write_text(TEXT)
    with pytest.raises(RecipeError, match="no known encoding"):
        check_source(source(kind="csv", path="r.csv", encoding="base64"), context)


@pytest.mark.parametrize("header", ["id;review", "id\treview", "id|review", '"a,b,c";review', "id,review"])
def test_delimiters_are_found(context: Context, header: str) -> None:
    delimiter = next(one for one in ";\t|," if one in header.replace('"a,b,c"', ""))
    (context.root / "r.csv").write_text(f"{header}\n1{delimiter}x y\n")
    assert [*read(source(kind="csv", path="r.csv"), context)[0][0].values()] == ["1", "x y"]


@pytest.mark.parametrize(
    ("kind", "head", "good"),
    [("csv", "id,review\n1,", "2,ok\n"), ("jsonl", '{"id": "1", "t": "', '{"id": "2"}\n'), ("weblog", "x", LOG)],
)
def test_a_line_of_200_mb_is_rejected_in_little_memory(context: Context, kind: str, head: str, good: str) -> None:
    with gzip.open(context.root / "long.gz", "wb", compresslevel=1) as file:
        file.write(head.encode())
        for _ in range(200):
            file.write(b"x" * 1_000_000)
        file.write(b"\n" + good.encode())
    tracemalloc.start()
    rows, rejected = read(source(kind=kind, path="long.gz"), context)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(rows) == 1
    assert rejected[0][1] == f"a line longer than {files.LONGEST_LINE:,} characters"
    assert len(rejected[0][2]) <= 2_000
    assert peak < 60_000_000


def workbook(context: Context, rows: list[list[Any]], **formats: str) -> None:
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.title = "评论"
    for row in rows:
        sheet.append(row)
    for cell, form in formats.items():
        sheet[cell].number_format = form
    book.create_sheet("other").append(["x"])
    book.save(context.root / "r.xlsx")


def test_excel(context: Context) -> None:
    when = datetime.datetime(2024, 1, 31, 12, 30)
    workbook(
        context,
        [
            [],
            ["id", "评论", None, "at", "price"],
            ["00123", "NA", "x", when, 4.5],
            ["123456789012345678", None, None, datetime.datetime(2024, 1, 31), 1200],
            [],
            [123456789012345678, True, None, None, 7],
            [1, "a", "b", "c", "d", "too many"],
        ],
        E6="00000",
    )
    config = source(kind="excel", path="r.xlsx")
    rows, rejected = read(config, context)
    assert rows == [
        {"id": "00123", "评论": "NA", "column_3": "x", "at": "2024-01-31 12:30:00", "price": "4.5"},
        {"id": "123456789012345678", "评论": None, "column_3": None, "at": "2024-01-31", "price": "1200"},
        {"id": "1.23456789012346E+17", "评论": "true", "column_3": None, "at": None, "price": "00007"},
    ]
    assert rejected == [(7, "values beyond the 5 named columns", "1 a b c d too many")]
    assert read(source(kind="excel", path="r.xlsx", sheet="other"), context)[0] == []
    assert open_source(config).size(config, context) >= 3


def test_workbooks_that_cannot_be_read(context: Context) -> None:
    workbook(context, [["id", "id"]])
    with pytest.raises(SourceError, match="twice"):
        check_source(source(kind="excel", path="r.xlsx"), context)
    with pytest.raises(SourceError, match="there are: 评论, other"):
        check_source(source(kind="excel", path="r.xlsx", sheet="x"), context)
    whole = (context.root / "r.xlsx").read_bytes()
    for name, content in (("a.xls", b"\xd0\xcf\x11\xe0 old"), ("b.xlsx", whole[: len(whole) // 2])):
        (context.root / name).write_bytes(content)
        with pytest.raises(SourceError, match=r"not a whole \.xlsx"):
            check_source(source(kind="excel", path=name), context)
    workbook(context, [])
    with pytest.raises(SourceError, match="empty"):
        check_source(source(kind="excel", path="r.xlsx"), context)


def test_a_zero_byte_is_no_utf_16(context: Context) -> None:
    (context.root / "r.csv").write_bytes(TEXT.replace("NA", "a\0b").encode())
    rows, rejected = read(source(kind="csv", path="r.csv"), context)
    assert ([row["id"] for row in rows], rejected) == (["001", "123456789012345678"], [])
    (context.root / "r.csv").write_bytes(TEXT.replace("NA", "a\0b").encode("gbk"))
    assert read(source(kind="csv", path="r.csv"), context)[0][0]["review"] == "质量很好，很喜欢，还会再来"


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
@pytest.mark.parametrize(
    "text", [TEXT, "编号,评论\n" + "一,质量很好，很喜欢，还会再来，物流也很快，客服态度不错\n" * 30, "id,a\n1,b\n"]
)
def test_utf_16_without_a_mark(encoding: str, text: str) -> None:
    assert encodings.wide(text.encode(encoding)) == encoding
    assert encodings.wide(text.encode()) == ""


TRADITIONAL = "編號,評論\n1,衣服質量很好，很喜歡，下次還會再來\n2,物流太慢了，等了五天才收到\n"


@pytest.mark.parametrize("text", [TRADITIONAL, "評論\n很好用\n", "id,review\n1,good 很好 nice\n2,電視機不錯\n"])
def test_big5_is_told_from_gb_18030(context: Context, text: str) -> None:
    assert encodings.is_big5(text.encode("big5"))
    for encoding in ("gb18030", "gbk"):
        assert not encodings.is_big5(text.encode(encoding))
    (context.root / "r.csv").write_bytes(text.encode("big5"))
    rows, rejected = read(source(kind="csv", path="r.csv"), context)
    header, first, *_ = text.split("\n")
    assert (rows[0], rejected) == (dict(zip(header.split(","), first.split(","), strict=True)), [])


@pytest.mark.parametrize(
    ("text", "own"),
    [
        (TEXT, "gb18030"),
        ("评论,标签\n东西不错,好评\n", "gb18030"),
        ("名前\nとても良い商品です\n", "shift_jis"),
        ("리뷰\n아주 좋은 상품입니다\n", "euc_kr"),
        ("preis\nschön, größe\n", "cp1252"),
    ],
)
def test_other_texts_are_no_big5(text: str, own: str) -> None:
    assert not encodings.is_big5(text.encode(own))


def test_reviews_of_a_shop_are_told_by_the_encoding(data_dir: Path) -> None:
    """Lines of real reviews, one by one, in both encodings and both scripts."""
    from opencc import OpenCC

    lines = (data_dir / "zh_shop_reviews" / "reviews.csv").read_text("utf-8").split("\n")[1:4000:7]
    texts = [line for line in lines if sum(character > "\x7f" for character in line) >= 4]
    script = OpenCC("s2tw")
    for text in texts:
        traditional = script.convert(text)
        assert not encodings.is_big5(text.encode("gb18030"))
        assert not encodings.is_big5(traditional.encode("gb18030"))
        assert encodings.is_big5(traditional.encode("big5hkscs", "ignore"))

"""CSV files as shops have them: encodings, quotes, line breaks, broken rows."""

from __future__ import annotations

import pytest

from fittingroom.engine import Context
from fittingroom.errors import RecipeError, SourceError
from fittingroom.sources import check_source, open_source
from sources.reading import read, source

TEXT = "id,review,label\n001,很好,1\n123456789012345678,不喜欢，退了,0\n3,NA,\n"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gbk", "gb18030", "utf-16", "utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("ending", ["\n", "\r\n", "\r"])
def test_encodings_are_found_and_values_stay_strings(context: Context, encoding: str, ending: str) -> None:
    (context.root / "r.csv").write_bytes(TEXT.replace("\n", ending).encode(encoding))
    rows, rejected = read(source(kind="csv", path="r.csv"), context)
    assert rejected == []
    assert [row["id"] for row in rows] == ["001", "123456789012345678", "3"]
    assert [row["review"] for row in rows] == ["很好", "不喜欢，退了", "NA"]
    assert rows[2]["label"] == ""


def test_windows_1252(context: Context) -> None:
    (context.root / "r.csv").write_bytes("id,review\n1,it’s a café\n2,that’s “ok”\n".encode("cp1252"))
    rows, _ = read(source(kind="csv", path="r.csv"), context)
    assert [row["review"] for row in rows] == ["it’s a café", "that’s “ok”"]


def test_quotes_and_line_breaks(context: Context) -> None:
    (context.root / "r.csv").write_text(
        'id,review\n1,"a, b"\n2,"say ""hi"""\n3,"two\nlines\r\nand, more"\n\n4,5" screen\n', newline=""
    )
    rows, rejected = read(source(kind="csv", path="r.csv"), context)
    assert [row["review"] for row in rows] == ["a, b", 'say "hi"', "two\nlines\r\nand, more", '5" screen']
    assert rejected == []


def test_broken_rows_are_rejected_with_their_line_and_the_rest_is_read(context: Context) -> None:
    lines = [
        "id,review,label",
        "1,good,1",
        "2,too,many,fields",  # 3
        "3,few",  # 4
        '4,"never closed,1',  # 5
        "5,fine,0",
        '6,"quote "inside" it",1',  # 7
        "7,fine,1",
        '8,"closes",0',
        '9,"stray,0',  # 10: the next quote, on line 12, seems to close it
        "10,fine,0",
        '11,"fine",0',
        "12,fine,1",
    ]
    (context.root / "r.csv").write_text("\n".join(lines) + "\n")
    rows, rejected = read(source(kind="csv", path="r.csv"), context)
    assert [row["id"] for row in rows] == ["1", "5", "7", "8", "10", "11", "12"]
    assert [(line, reason) for line, reason, _ in rejected] == [
        (3, "4 fields where the header has 3"),
        (4, "2 fields where the header has 3"),
        (5, "a quote inside a quoted field is not doubled"),
        (7, "a quote inside a quoted field is not doubled"),
        (10, "a quote inside a quoted field is not doubled"),
    ]
    assert rejected[0][2] == "2,too,many,fields"


def test_bytes_that_are_no_text_cost_one_row(context: Context) -> None:
    (context.root / "r.csv").write_bytes("id,review\n1,很好\n".encode() + b"2,\xff\xfe\xff\n" + "3,不错\n".encode())
    rows, rejected = read(source(kind="csv", path="r.csv"), context)
    assert [row["id"] for row in rows] == ["1", "3"]
    assert rejected[0][:2] == (3, "bytes that are no text in utf-8")


def test_an_unclosed_quote_at_the_end(context: Context) -> None:
    (context.root / "r.csv").write_text('id,review\n1,a\n2,"b\n3,c\n')
    rows, rejected = read(source(kind="csv", path="r.csv"), context)
    assert [row["id"] for row in rows] == ["1", "3"]
    assert rejected == [(3, "a quote is not closed", '2,"b')]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "empty"),
        (b"\n\n", "no readable header"),
        (b"id,id\n1,2\n", "id twice"),
        (b'id,"x\n1,2\n', "no readable header"),
    ],
)
def test_unusable_files(context: Context, content: bytes, message: str) -> None:
    (context.root / "r.csv").write_bytes(content)
    with pytest.raises(SourceError, match=message):
        check_source(source(kind="csv", path="r.csv"), context)


def test_places_that_are_no_file(context: Context) -> None:
    with pytest.raises(SourceError, match="no such file"):
        check_source(source(kind="csv", path="missing.csv"), context)
    with pytest.raises(SourceError, match="folder"):
        check_source(source(kind="csv", path="."), context)
    (context.root / "r.csv").write_text("a,b\n1,2\n")
    with pytest.raises(RecipeError, match="no known encoding"):
        check_source(source(kind="csv", path="r.csv", encoding="utf-99"), context)
    with pytest.raises(SourceError, match="one character"):
        check_source(source(kind="csv", path="r.csv", delimiter="||"), context)


def test_delimiter_and_fingerprint(context: Context) -> None:
    path = context.root / "r.csv"
    path.write_text("a;b\n1;2,3\n")
    config = source(kind="csv", path="r.csv", delimiter=";")
    assert read(config, context)[0] == [{"a": "1", "b": "2,3"}]
    before = open_source(config).fingerprint(config, context)
    assert before == open_source(config).fingerprint(config, context)
    path.write_text("a;b\n1;2,4\n")
    assert open_source(config).fingerprint(config, context) != before


@pytest.mark.parametrize(
    ("first", "delimiter"), [("sep=;", ";"), ("\ufeffSEP=,", ","), ('"sep=;"', ";"), ("sep=\t", "\t")]
)
def test_the_line_in_which_excel_says_its_delimiter(context: Context, first: str, delimiter: str) -> None:
    text = f"{first}\r\nid;review\r\n1;a, b, c\r\n".replace(";r", f"{delimiter}r").replace("1;", f"1{delimiter}")
    (context.root / "r.csv").write_text(text.replace("a, b, c", "good"), encoding="utf-8", newline="")
    rows, rejected = read(source(kind="csv", path="r.csv"), context)
    assert (rows, rejected) == ([{"id": "1", "review": "good"}], [])


def test_a_column_may_be_called_sep(context: Context) -> None:
    (context.root / "r.csv").write_text("sep=x,b\n1,2\n")
    assert read(source(kind="csv", path="r.csv"), context)[0] == [{"sep=x": "1", "b": "2"}]


def test_more_rows_than_a_batch(context: Context) -> None:
    (context.root / "r.csv").write_text("id\n" + "".join(f"{number}\n" for number in range(12_345)))
    rows, _ = read(source(kind="csv", path="r.csv"), context)
    assert [row["id"] for row in rows] == [str(number) for number in range(12_345)]

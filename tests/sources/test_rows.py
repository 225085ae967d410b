"""Keys, pseudonyms, times and columns."""

from __future__ import annotations

from datetime import UTC, datetime

import pyarrow as pa
import pytest

from fittingroom.errors import RecipeError, SourceError
from fittingroom.sources import named
from fittingroom.sources.batching import LINE
from fittingroom.sources.rows import Columns, Layout, column_of, key_fingerprint, mark, personal_column, row_id
from fittingroom.sources.times import parse_time
from sources.reading import source

KEY = b"test-key"
NOON = datetime(2024, 1, 31, 12, 0, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    "text",
    [
        "2024-01-31 12:00:00",
        "2024-01-31T12:00:00Z",
        "2024-01-31T20:00:00+08:00",
        "2024-01-31 12:00:00 UTC",
        "2024/1/31 12:00",
        "2024年1月31日 12:00:00",
        "2024年1月31日12时0分",
        "31/Jan/2024:20:00:00 +0800",
        "Wed, 31 Jan 2024 12:00:00 GMT",
        "Wed Jan 31 12:00:00 +0000 2024",
        "1706702400",
        "1706702400000",
        "1706702400000000",
        " 20240131T120000 ",
    ],
)
def test_times(text: str) -> None:
    assert parse_time(text) == NOON


@pytest.mark.parametrize(
    ("text", "iso"),
    [
        ("2024-1-5", "2024-01-05T00:00:00"),
        ("2024-1-5 9:03", "2024-01-05T09:03:00"),
        ("2024-01-05 9:03", "2024-01-05T09:03:00"),
        ("2024/01/05 10:00:00.000", "2024-01-05T10:00:00"),
        ("2024/1/5 10:00:00.25 +0800", "2024-01-05T02:00:00.250000"),
        ("2024-01-05 10:00:00,123", "2024-01-05T10:00:00.123000"),
        ("20240105", "2024-01-05T00:00:00"),
        ("202401051000", "2024-01-05T10:00:00"),
        ("20240105100000", "2024-01-05T10:00:00"),
        ("20240105100000123", "2024-01-05T10:00:00.123000"),
        ("20240105 100000", "2024-01-05T10:00:00"),
        ("2024年1月5日 9:03", "2024-01-05T09:03:00"),
        ("2024年1月5日9时3分", "2024-01-05T09:03:00"),
        ("2024年1月5日 下午3点05分20秒", "2024-01-05T15:05:20"),
        ("2024/1/5 上午12:05:00", "2024-01-05T00:05:00"),
        ("2024/1/5 3:05 PM", "2024-01-05T15:05:00"),
        ("2024-1-5 9:03 UTC", "2024-01-05T09:03:00"),
        ("2024-01-05T9:03Z", "2024-01-05T09:03:00"),
        ("1704445200", "2024-01-05T09:00:00"),
        ("1704445200000", "2024-01-05T09:00:00"),
    ],
)
def test_times_as_shops_write_them(text: str, iso: str) -> None:
    when = parse_time(text)
    assert when is not None
    assert when.isoformat() == f"{iso}+00:00"


@pytest.mark.parametrize(
    "text",
    ["202413051000", "20240230", "300000000000", "3123456789", "123456789", "2024-13-5", "2024-1/5", "2024-1-5 25:00",
     "13812345678", "2024-1-5 9", "2024-1-5 9:03 CST", "2024-001-05"],
)  # fmt: skip
def test_numbers_that_are_no_times(text: str) -> None:
    assert parse_time(text) is None


@pytest.mark.parametrize("text", ["", None, "yesterday", "01/02/2024", "2024-13-01", "12", "3024-01-01", "1.23E+17"])
def test_times_that_cannot_be_read(text: str | None) -> None:
    assert parse_time(text) is None


def batch(**columns: list[str | None]) -> pa.RecordBatch:
    size = len(next(iter(columns.values())))
    lines = pa.array([str(number) for number in range(2, size + 2)])
    arrays = [pa.array(values, pa.string()) for values in columns.values()]
    return pa.RecordBatch.from_arrays([lines, *arrays], names=[LINE, *columns])


def test_marks() -> None:
    rows = batch(
        id=["1", "1", "", "1.23E+17", "5"],
        who=["a@b.com", None, "x", "y", "a@b.com"],
        at=["2024-01-31", "?", "", None, "2024-01-31"],
    )
    seen: set[str] = set()
    marks = mark(rows, "reviews", Layout("id", "who", "at"), KEY, seen)
    assert marks.faults == [
        "", "the key stands twice", "no key", "the key was turned into a rounded number by a spreadsheet", "",
    ]  # fmt: skip
    assert marks.ids[0] == row_id(KEY, "reviews", "1")
    assert marks.row_keys[0] == "1"
    assert marks.groups[0] == marks.groups[4] != marks.groups[2]
    assert "a@b.com" not in str(marks.groups)
    assert marks.groups[1] is None
    assert marks.unread_times == 1
    assert marks.lines == [2, 3, 4, 5, 6]
    assert mark(batch(id=["5"]), "reviews", Layout("id", "", ""), KEY, seen).faults == ["the key stands twice"]


def test_keys_that_name_people_are_pseudonyms() -> None:
    by_value = mark(batch(id=["13812345678", "R-1"]), "s", Layout("id", "", ""), KEY, set())
    assert "13812345678" not in by_value.row_keys
    assert by_value.row_keys[1] == "R-1"
    for layout in (Layout("c", "c", ""), Layout("phone", "", "")):
        (column,) = {layout.key}
        assert mark(batch(**{column: ["77"]}), "s", layout, KEY, set()).row_keys != ["77"]


def test_line_numbers_stand_in_for_keys() -> None:
    marks = mark(batch(x=["a", "b"]), "s", Layout("", "", ""), KEY, set())
    assert marks.row_keys == ["2", "3"]
    assert len(set(marks.ids)) == 2


def test_ids_depend_on_key_source_and_secret() -> None:
    ids = {row_id(KEY, "s", "1"), row_id(KEY, "s", "2"), row_id(KEY, "t", "1"), row_id(b"other", "s", "1")}
    assert len(ids) == 4
    assert key_fingerprint(KEY) != key_fingerprint(b"other")
    assert key_fingerprint(KEY) == key_fingerprint(KEY)


@pytest.mark.parametrize(
    ("column", "kind"),
    [
        ("customer_name", "name"),
        ("收货人", "name"),
        ("receiver", "name"),
        ("phone", "mobile"),
        ("user.mobile_no", "mobile"),
        ("联系电话", "mobile"),
        ("email", "email"),
        ("shipping_address", "address"),
        ("id_card", "id_card"),
        ("client_ip", "ip"),
        ("name", ""),
        ("product_name", ""),
        ("review", ""),
        ("zip", ""),
        ("description", ""),
        ("buyerPhone", "mobile"),
        ("cellphone", "mobile"),
        ("phone_number", "mobile"),
        ("is_mobile", ""),
        ("isMobile", ""),
        ("has_email", ""),
        ("headphone", ""),
        ("microphone", ""),
        ("automobile", ""),
        ("是否有电话", ""),
    ],
)
def test_columns_of_personal_data(column: str, kind: str) -> None:
    assert personal_column(column) == kind


def test_missing_columns_are_named_with_those_there() -> None:
    columns = Columns(source(kind="csv", path="r.csv"), "r.csv", ["review", "label"])
    with pytest.raises(
        SourceError, match=r"r.csv: there is no column 'review' \(did you mean 'reviews'\?\); there are: id"
    ):
        columns.see([LINE, "id", "reviews", "label"])
    loose = Columns(source(kind="jsonl", path="r.jsonl"), "r.jsonl", ["a", "b"])
    loose.see(["a"])
    loose.see(["b"])
    loose.settle()
    with pytest.raises(SourceError, match="no column 'c'"):
        Columns(source(kind="jsonl", path="r.jsonl"), "r.jsonl", ["c"]).settle()


def test_layouts_and_columns() -> None:
    social = source(kind="social", path="s.jsonl", fields={"text": "content", "time": "posted_at"})
    assert Layout.of(social) == Layout("id", "thread", "posted_at")
    assert column_of(social, "review", only_input=True) == "content"
    assert column_of(social, "review") == "review"
    assert Layout.of(source(kind="weblog", path="a.log")) == Layout("", "visitor", "time")
    csv = source(kind="csv", path="r.csv", key="id", fields={"review": "内容"})
    assert (Layout.of(csv), column_of(csv, "review")) == (Layout("id", "", ""), "内容")


def test_names() -> None:
    pairs = named(
        [source(kind="csv", path="a"), source(kind="csv", path="b", name="mine"), source(kind="jsonl", path="c")]
    )
    assert [name for name, _ in pairs] == ["csv-1", "mine", "jsonl-3"]
    with pytest.raises(RecipeError, match="csv-1"):
        named([source(kind="csv", path="a"), source(kind="csv", path="b", name="csv-1")])

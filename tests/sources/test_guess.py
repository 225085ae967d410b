"""What columns are for, guessed from names and samples."""

from __future__ import annotations

from fittingroom.sources.guess import annotations_of, assign, column

TEXTS = [f"the parcel number {number} has not come yet" for number in range(100)]
LABELS = ("late", "lost", "torn")


def parts(cells: dict[str, list[str]], rows: int = 300) -> dict[str, str]:
    columns = [column(name, values) for name, values in cells.items()]
    assign(columns, rows)
    return {one.name: one.part for one in columns}


def test_what_was_measured_is_no_key() -> None:
    unique = [f"{number}.{number:03d}" for number in range(300)]
    for name in ("seconds", "x", "price"):
        assert parts({name: unique})[name] == ""
    whole = [str(number) for number in range(300)]
    assert parts({"duration": whole})["duration"] == ""
    assert parts({"seconds": [f"0 days 00:00:0{number}" for number in unique]})["seconds"] == ""
    for name in ("id", "sku", "review_id", "编号"):
        assert parts({name: whole})[name] == "key"


def test_a_table_of_annotations_is_seen() -> None:
    cells = {
        "item": [str(number // 3) for number in range(300)],
        "annotator": [f"u{number % 3}" for number in range(300)],
        "text": [TEXTS[number // 3] for number in range(300)],
        "channel": [("app", "web")[number % 2] for number in range(300)],
        "answer": [LABELS[number % 3] for number in range(300)],
        "truth": [LABELS[number // 3 % 3] for number in range(300)],
    }
    columns = [column(name, values) for name, values in cells.items()]
    assign(columns, 300)
    assert {one.name: one.part for one in columns} == {
        "item": "", "annotator": "annotator", "text": "text", "channel": "", "answer": "", "truth": "label",
    }  # fmt: skip
    found = annotations_of(columns, 300)
    assert found is not None
    assert [one.name for one in found] == ["item", "answer"]

    columns = [column({"answer": "label"}.get(name, name), values) for name, values in cells.items() if name != "truth"]
    assign(columns, 300)
    found = annotations_of(columns, 300)
    assert found is not None
    assert [one.name for one in found] == ["item", "label"]

    columns = [column(name, values) for name, values in cells.items() if name != "annotator"]
    assign(columns, 300)
    assert annotations_of(columns, 300) is None


def test_the_customer_is_the_group_before_the_conversation() -> None:
    cells = {
        "id": [str(number) for number in range(300)],
        "session_id": [f"s{number // 2}" for number in range(300)],
        "user_id": [f"u{number // 4}" for number in range(300)],
    }
    found = parts(cells)
    assert found == {"id": "key", "session_id": "", "user_id": "group"}
    assert parts({"会话编号": cells["session_id"]})["会话编号"] == "group"


def test_times_of_many_forms_are_times() -> None:
    for form in ("2024-1-{0} 9:03", "2024/01/{0:02d} 10:00:00.000", "202401{0:02d}100000", "2024年1月{0}日 9:03"):
        found = parts({"created": [form.format(1 + number % 28) for number in range(300)]})
        assert found == {"created": "time"}, form


def test_a_name_beside_a_phone_is_a_persons_and_no_label() -> None:
    people = ["陈美玲", "王小明", "李四光"]
    names = [people[number % 3] for number in range(300)]
    phones = [f"138{number:08}" for number in range(300)]
    assert parts({"customer_id": phones, "name": names, "phone": phones})["name"] == "personal"
    goods = [("红色连衣裙", "蓝色衬衫", "白色长裤")[number % 3] for number in range(300)]
    assert parts({"sku": phones, "name": goods, "price": ["9"] * 300, "phone": phones})["name"] != "personal"

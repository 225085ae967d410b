"""The note beside an export: lines go with their rows, also when a kill came between the lines and the note."""

from __future__ import annotations

from pathlib import Path

from fittingroom.exported import exports_without, showing, write_rows

SAME, OTHER = '{"text": "想退款"}\n', '{"text": "包裹到哪了"}\n'


def made(root: Path) -> tuple[Path, Path]:
    """An export of the rows a, b and c, of which the first two say the same."""
    file = root / "export" / "shop.jsonl"
    file.parent.mkdir(parents=True)
    file.write_text(SAME + SAME + OTHER, encoding="utf-8")
    return file, write_rows(file, ["a", "b", "c"])


def test_a_kill_before_the_note_takes_no_line_of_another_row(tmp_path: Path) -> None:
    file, note = made(tmp_path)
    before = note.read_text("utf-8")
    assert exports_without(tmp_path, {"a"}) == ["export/shop.jsonl"]
    assert file.read_text("utf-8") == SAME + OTHER
    note.write_text(before, encoding="utf-8")  # as if killed before it was written
    exports_without(tmp_path, {"a"})
    assert file.read_text("utf-8") == SAME + OTHER
    assert '"a"' not in note.read_text("utf-8")
    assert '"b"' in note.read_text("utf-8")


def test_equal_lines_of_other_rows_are_nobody_elses(tmp_path: Path) -> None:
    file, _ = made(tmp_path)
    exports_without(tmp_path, {"a"})
    assert showing(tmp_path, {"想退款"}, set()) == []
    with file.open("a", encoding="utf-8") as more:
        more.write('{"said": "想退款"}\n')  # written by somebody else
    assert showing(tmp_path, {"想退款"}, set()) == ["export/shop.jsonl"]

from __future__ import annotations

import csv
import json
from collections import Counter
from pathlib import Path
from random import Random
from typing import Any

import pytest

from fittingroom.errors import SourceError
from fittingroom.sample import faults
from fittingroom.sample.dialogues import write_messages
from fittingroom.sample.plant import main, plant, read_csv
from fittingroom.sample.truth import Planted, Rates, Truth
from fittingroom.text.similarity import distinguishing, jaccard, match_key

Records = list[dict[str, Any]]
RATES = Rates(rare_class="hazard", rare_share=0.03)


@pytest.fixture(scope="module")
def clean() -> Records:
    rows = enumerate(write_messages(700, Random(3)), start=1)
    return [
        {"id": number, "who": f"c{number % 400}", "at": "2025-03-01 10:00:00", "text": one.text, "label": one.intent}
        for number, one in rows
    ]


@pytest.fixture(scope="module")
def planted(clean: Records) -> tuple[dict[str, dict[str, Any]], Truth]:
    rows, truth = plant(clean, text="text", label="label", key="id", group="who", time="at", rates=RATES, seed=11)
    return {str(row["id"]): row for row in rows}, truth


Planting = tuple[dict[str, dict[str, Any]], Truth]


def all_of(truth: Truth, kind: str) -> list[Planted]:
    assert truth.planted[kind]
    return truth.planted[kind]


def test_same_seed_same_rows_and_the_given_rows_stay_untouched(clean: Records) -> None:
    before = json.dumps(clean)
    one = plant(clean, text="text", label="label", key="id", rates=RATES, seed=5)
    again = plant(clean, text="text", label="label", key="id", rates=RATES, seed=5)
    other = plant(clean, text="text", label="label", key="id", rates=RATES, seed=6)
    assert json.dumps(clean) == before
    assert one == again
    assert one[0] != other[0]


def test_counts_are_the_rates(planted: Planting) -> None:
    rows, truth = planted
    count = truth.rows_in
    for kind in ("html", "mojibake", "control_token", "personal", "wrong_label", "conflicting_label", "spam"):
        assert len(truth.planted[kind]) == round(count * getattr(RATES, kind)), kind
    assert len(truth.planted["exact_duplicate"]) == round(count * RATES.exact_duplicate)
    assert abs(len(truth.planted["near_duplicate"]) - count * RATES.near_duplicate) <= 2
    assert len({one.family for one in truth.planted["number_copy"]}) == round(count * RATES.number_copy)
    assert truth.rows_out == len(rows) == len(truth.labels)
    assert truth.rare["after"] == round((count - int(truth.rare["after"])) * 0.03 / 0.97)
    assert set(truth.labels) == set(rows)


def test_no_row_has_two_faults(planted: Planting) -> None:
    _, truth = planted
    touched: Counter[str] = Counter()
    for kind, found in truth.planted.items():
        for key in {one.key for one in found} | {one.twin for one in found if one.twin and kind != "spam"}:
            touched[key] += 1
    assert max(touched.values()) == 1


def test_exact_duplicates_are_exact(planted: Planting) -> None:
    rows, truth = planted
    for one in all_of(truth, "exact_duplicate"):
        assert rows[one.key]["text"] == rows[one.twin]["text"]
        assert rows[one.key]["label"] == rows[one.twin]["label"]


def test_near_duplicates_keep_label_numbers_and_negation(planted: Planting) -> None:
    rows, truth = planted
    for one in all_of(truth, "near_duplicate"):
        copy, original = rows[one.key], rows[one.twin]
        assert one.jaccard == round(jaccard(copy["text"], original["text"]), 4)
        assert one.jaccard < 1
        assert copy["label"] == original["label"]
        assert distinguishing(copy["text"]) == distinguishing(original["text"])
    high = [one for one in truth.planted["near_duplicate"] if (one.jaccard or 0) >= 0.8]
    assert len(high) >= 0.7 * len(truth.planted["near_duplicate"])


def test_marked_texts_carry_their_fault(planted: Planting) -> None:
    rows, truth = planted
    for one in all_of(truth, "html"):
        text = rows[one.key]["text"]
        assert "<" in text or "&" in text
        assert text != one.original
    for one in all_of(truth, "control_token"):
        assert rows[one.key]["text"].replace(one.gone[0], "") == one.original


def test_mojibake_has_an_exact_way_back(planted: Planting) -> None:
    rows, truth = planted
    ways = {
        "gbk": lambda text: text.encode("gbk").decode(),
        "latin-1": lambda text: text.encode("latin-1").decode(),
        "cp1252": lambda text: b"".join(_byte(sign) for sign in text).decode(),
    }
    for one in all_of(truth, "mojibake"):
        back = ways[one.variant](rows[one.key]["text"])
        assert back.replace("’", "'") == one.original
        assert rows[one.key]["text"] != one.original
    assert {one.variant for one in truth.planted["mojibake"]} == set(ways)


def _byte(sign: str) -> bytes:
    try:
        return sign.encode("cp1252")
    except UnicodeEncodeError:
        return sign.encode("latin-1")


def test_personal_data_stands_in_the_text_beside_the_original(planted: Planting) -> None:
    rows, truth = planted
    kinds = Counter(one.variant.split("/")[0] for one in all_of(truth, "personal"))
    assert set(kinds) == {"mobile", "id_card", "bank_card", "email", "address", "name"}
    for one in truth.planted["personal"]:
        text = rows[one.key]["text"]
        assert one.original in text
        folded = text.translate(str.maketrans("０１２３４５６７８９Ｘ", "0123456789X"))
        bare = "".join(sign for sign in folded if sign not in " -()+")
        assert all(value.replace(" ", "").replace("-", "") in bare for value in one.gone)


def test_labels_are_wrong_where_it_says_so_and_nowhere_else(planted: Planting) -> None:
    rows, truth = planted
    wrong = {key for key, row in rows.items() if row["label"] != truth.labels[key]}
    said = {one.key for kind in ("wrong_label", "conflicting_label") for one in all_of(truth, kind)}
    assert wrong == said
    for one in truth.planted["wrong_label"]:
        assert rows[one.key]["label"] == one.given != one.right == truth.labels[one.key]


def test_conflicts_say_the_same_under_two_labels(planted: Planting) -> None:
    rows, truth = planted
    texts: dict[str, Counter[str]] = {}
    for row in rows.values():
        texts.setdefault(match_key(row["text"]), Counter())[row["label"]] += 1
    for one in all_of(truth, "conflicting_label"):
        votes = texts[match_key(rows[one.key]["text"])]
        assert votes == ({one.given: 1, one.right: 2} if one.variant == "majority" else {one.given: 1, one.right: 1})
    assert {one.variant for one in truth.planted["conflicting_label"]} == {"tie", "majority"}


def test_families_differ_in_one_value_only(planted: Planting) -> None:
    rows, truth = planted
    families: dict[str, list[str]] = {}
    for one in all_of(truth, "number_copy"):
        families.setdefault(one.family, []).append(one.key)
        assert one.original in rows[one.key]["text"]
    for keys in families.values():
        texts = [rows[key]["text"] for key in keys]
        assert 2 <= len(set(texts)) == len(texts) <= 4
        assert len({rows[key]["label"] for key in keys}) == 1


def test_spam_is_new_rows(clean: Records, planted: Planting) -> None:
    rows, truth = planted
    known = {str(row["id"]) for row in clean}
    assert all(one.key in rows and one.key not in known for one in all_of(truth, "spam"))
    assert len({rows[one.key]["text"] for one in truth.planted["spam"]}) == len(truth.planted["spam"])


def test_copies_come_later(planted: Planting) -> None:
    rows, truth = planted
    assert all(rows[one.key]["at"] > rows[one.twin]["at"] for one in all_of(truth, "exact_duplicate"))


def test_small_edits_never_touch_what_carries_meaning() -> None:
    for text in ("不要退款,要换43码的,别发货了", "I don't want 2 of them, cancel one", "没收到199元的货"):
        for seed in range(300):
            edited = faults.small_edits(text, Random(seed))
            assert edited is None or distinguishing(edited) == distinguishing(text)


def test_bad_tables_are_refused() -> None:
    row = {"id": "1", "text": "好", "label": "a"}
    with pytest.raises(SourceError, match="twice"):
        plant([row, row | {"label": "b"}], text="text", label="label", key="id")
    with pytest.raises(SourceError, match="only one label"):
        plant([row, row | {"id": "2"}], text="text", label="label", key="id")
    with pytest.raises(SourceError, match="no text"):
        plant([row, {"id": "2", "text": " ", "label": "b"}], text="text", label="label", key="id")


def test_keys_that_are_no_numbers_get_free_names() -> None:
    rows = [{"id": f"r{n}", "text": f"第{n}件商品质量很好物流也快" + "好" * n, "label": "ab"[n % 2]} for n in range(60)]
    rows[0]["id"] = "new-1"
    found, _ = plant(rows, text="text", label="label", key="id")
    assert len({row["id"] for row in found}) == len(found) > 60


def test_command_line(tmp_path: Path) -> None:
    source = tmp_path / "in.csv"
    with source.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "cat", "label", "review"])
        writer.writerows(
            [number, "x", number % 2, one.text] for number, one in enumerate(write_messages(300, Random(4)))
        )
        writer.writerow([999, "x", 1, ""])
    out, truth_file = tmp_path / "out.csv", tmp_path / "truth.json"
    common = ["--csv", str(source), "--text", "review", "--label", "label", "--key", "id", "--seed", "3"]
    assert main([*common, "--rows", "200", "--out", str(out), "--truth", str(truth_file)]) == 0
    columns, rows = read_csv(out, "review")
    truth = Truth.model_validate_json(truth_file.read_text(encoding="utf-8"))
    assert columns == ["id", "cat", "label", "review"]
    assert (truth.rows_in, truth.rows_out) == (200, len(rows))
    with pytest.raises(SourceError, match="there is no column text"):
        read_csv(source, "text")

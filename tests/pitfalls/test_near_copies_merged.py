"""The pitfall of merged rows sees what the guard of dedup does not know."""

from __future__ import annotations

import pytest

from fittingroom.pitfalls.data import near_copies_merged as pitfall
from fittingroom.tables import Table
from fittingroom.types import Rows, dropped_schema
from pitfalls.made_rows import SCHEMA, record


def merged(pairs: list[tuple[str, str]]) -> Rows:
    kept = [record(number, stays, "x") for number, (stays, _) in enumerate(pairs)]
    gone = [
        record(1000 + number, text, "x")
        | {"reason": "near duplicate", "stage": "dedup", "twin": f"row{number:05d}", "score": 0.9}
        for number, (_, text) in enumerate(pairs)
    ]
    schema = dropped_schema(SCHEMA)
    gone = [{name: row.get(name) for name in schema.names} for row in gone]
    return Rows(kept=Table.records(kept, SCHEMA), dropped=Table.records(gone, schema))


def test_turned_meanings_are_found_without_the_guard(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pitfall, "distinguishing", lambda text: "")
    frame = "这台净水器用了很久，{}，客服态度也很好，下次还会再来买的，推荐给大家"
    turned = [
        (frame.format("滤芯管用"), frame.format("滤芯不管用")),
        (frame.format("调到5度"), frame.format("调到-5度")),
        ("the new charger does work with the phone i have", "the new charger doesnt work with the phone i have"),
        ("i am very satisfied with the sofa that came", "i am very dissatisfied with the sofa that came"),
    ]
    (finding,) = pitfall.detect(merged(turned), pitfall.Settings())
    assert finding.measured["wrong_share"] == 1

    same = [
        ("the charger doesn't work with the phone", "the charger doesnt work with the phone"),
        ("help with the payment of my last order", "help with the payments of my last order"),
        ("Lift-Off round closed front toilet seat", "Lift Off round closed front toilet seat"),
        (frame.format("滤芯很管用"), frame.format("滤芯管用")),
    ]
    assert list(pitfall.detect(merged(same), pitfall.Settings())) == []

"""What `check` says before anything is trained: redacted rows, minutes, memory and money; nothing is bought."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from fittingroom.checking import Checked, cost
from fittingroom.cli import main
from fittingroom.config import load
from fittingroom.errors import RecipeError, UserError
from fittingroom.models.memory import held_bytes, machine_bytes
from fittingroom.workspace import Workspace
from shop import messages, write_csv, write_shop
from tiny_shop import splits

PHONE = "13812345678"


@pytest.fixture(autouse=True)
def key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FITTINGROOM_KEY", "k" * 32)


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    folder = write_shop(tmp_path / "shop", rows=120)
    rows = messages(120)
    for row in rows[::7]:
        row["text"] += f",call {PHONE}"
    rows[3]["text"] += "&nbsp;!"
    write_csv(folder / "messages.csv", rows)
    return folder


def checked(folder: Path, *sets: str) -> Checked:
    return Workspace(folder).check(sets=sets)


def test_rows_are_shown_redacted_and_nothing_is_priced_without_prices(
    shop: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = checked(shop)
    assert len(found.examples) == 5
    assert any("[MOBILE]" in one.input["text"] and one.edits["mobile"] == 1 for one in found.examples)
    assert any(one.edits.get("markup") or one.edits.get("entity") for one in found.examples)
    assert PHONE not in found.model_dump_json()
    assert {one.label for one in found.examples} <= {"refund", "delivery", "praise"}
    assert found.cost is not None
    if machine_bytes()[0] == "cpu":  # what trains holds its libraries too: 0.07 GiB were promised, and 0.4 taken
        assert found.cost.memory_bytes >= found.plan["memory_bytes"] + 150 * 2**20
        assert found.cost.memory_bytes >= found.cost.process_bytes
    assert 150 * 2**20 < found.cost.process_bytes <= held_bytes()[1]
    assert found.cost.minutes >= found.plan["minutes"]
    assert found.cost.money is None
    assert found.cost.not_priced == ["prices.machine_hour"]
    with pytest.raises(SystemExit) as caught:
        main(["-w", str(shop), "--lang", "en", "check"])
    assert caught.value.code == 0
    told = capsys.readouterr().out
    assert re.search(
        r"cost: about .* min, .*memory about .*GiB \(the program held .*GiB while checking\); "
        r"money: not priced \(set prices.machine_hour\)",
        told,
    )
    assert "[MOBILE]" in told
    assert PHONE not in told
    layout = found.plan["layout"]
    assert f"layout: {layout['kind']}, {layout['computed']:.2f} tokens computed per token of the rows" in told
    for name, why in found.plan["chosen"].items():
        assert re.search(rf"train\.{name}( = \S+)?: {re.escape(why)}", told), name
    with pytest.raises(SystemExit):
        main(["-w", str(shop), "--lang", "zh", "check"])
    chinese = capsys.readouterr().out
    assert "布局：" in chinese
    assert re.search(r"train\.\w+( = \S+)?：", chinese)


def test_money_is_hours_times_price(shop: Path) -> None:
    found = checked(shop, "prices.machine_hour=60", "adapt.max_attempts=3", "adapt.max_minutes=600").cost
    assert found is not None
    assert found.money == pytest.approx(found.minutes, abs=0.02)
    assert found.money_at_most == pytest.approx(found.minutes_at_most, abs=0.02)
    assert found.currency == "CNY"
    assert "CNY" in found.told().en
    assert "费用" in found.told().zh


TEACHER = (
    "balance.method=oversample", "balance.temperature=0", "balance.max_factor=3",
    "endpoints={big: {url: 'http://127.0.0.1:9', model: m}}", "balance.teacher={endpoint: big, max_calls: 5}",
)  # fmt: skip


def test_a_teacher_is_reckoned_and_not_asked(tmp_path: Path) -> None:
    folder = write_shop(tmp_path / "shop")
    rows: list[dict[str, Any]] = [
        row for number, row in enumerate(messages(240)) if row["label"] != "praise" or number % 3 == 0
    ]
    write_csv(folder / "messages.csv", rows)
    found = checked(folder, *TEACHER)
    assert found.blocked is None
    assert found.cost is not None
    assert found.cost.teacher_calls == 5
    assert 500 < found.cost.teacher_tokens["input"] < 2000
    assert 20 < found.cost.teacher_tokens["output"] < 200
    assert found.cost.not_priced == ["prices.machine_hour", "prices.input_tokens", "prices.output_tokens"]
    priced = checked(folder, *TEACHER, "prices={machine_hour: 0, input_tokens: 1000, output_tokens: 0, currency: USD}")
    assert priced.cost is not None
    assert priced.cost.money == pytest.approx(found.cost.teacher_tokens["input"] / 1000, abs=0.001)
    assert not (folder / "endpoints").exists()


CLOUD = (
    'endpoints={"cloud": {"url": "https://api.example.com/v1", "model": "m", "key": "${API_KEY}", '
    '"prices": {"input": 1000, "output": 0}}}'
)


@pytest.mark.parametrize("labelled", [0, 3])
def test_what_labels_would_cost_is_told_before_there_is_any(tmp_path: Path, labelled: int) -> None:
    folder = write_shop(tmp_path / "shop")
    rows = [{**row, "label": "refund" if at < labelled else ""} for at, row in enumerate(messages(60))]
    write_csv(folder / "messages.csv", rows)
    asked = (CLOUD, "label.endpoint={name: cloud, max_rows: 40, check_rows: 2}")

    found = checked(folder, *asked, "task.labels=[refund, delivery, praise]")

    assert found.cost is not None
    assert (found.blocked, found.plan) == (None, {})
    (asks,) = found.cost.asks
    assert (asks.purpose, asks.waiting) == ("label", 60 - labelled)
    assert asks.calls == 40 + 2 * min(labelled, 2)
    assert asks.money == pytest.approx(asks.input_tokens / 1000)
    told = found.cost.told()
    assert f"{60 - labelled} of 60 rows wait for a label of `cloud`" in told.en
    assert f"60 行中有 {60 - labelled} 行等待 `cloud` 打标" in told.zh
    assert not (folder / "endpoints").exists()
    if not labelled:
        with pytest.raises(RecipeError, match="can only choose among known labels"):
            checked(folder, *asked)


def test_memory_is_that_of_the_device_that_trains(shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine's GPU holds nothing of a training that the recipe keeps on the processor."""
    asked: list[str] = []

    def machine(wanted: str = "auto") -> tuple[str, int]:
        asked.append(wanted)
        return ("cpu", 7) if wanted == "cpu" else ("a GPU", 9)

    monkeypatch.setattr("fittingroom.models.memory.machine_bytes", machine)
    config = load(shop / "recipe.yaml", sets=["train.device=cpu"])
    found = cost(config, {"minutes": 1.0, "memory_bytes": 100}, splits(), 0.0)
    assert asked == ["cpu"]
    assert found.memory_bytes >= found.process_bytes > 100, "what the program holds counts on a processor"


@pytest.mark.parametrize(
    ("said", "place"),
    [
        ("train.replay.path=general.jsonl", "train.replay"),
        ("train.replay.path=torn.jsonl", "line 1"),
        ("train.freeze.layers=99", "train.freeze.layers = 99"),
    ],
)
def test_what_can_be_refused_cheaply_is_refused_before_any_row_is_read(
    shop: Path, said: str, place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def walked(*given: object) -> None:
        raise AssertionError("the data was read first")

    monkeypatch.setattr("fittingroom.pipeline.data_road", walked)
    (shop / "torn.jsonl").write_text("not a conversation\n")
    for verb in (checked, lambda folder, one: Workspace(folder).run(sets=[one])):
        with pytest.raises(UserError) as caught:
            verb(shop, said)
        assert place in caught.value.place
    assert not list((shop / "runs").glob("*"))


def test_a_search_that_the_loop_may_come_to_counts_among_the_minutes(shop: Path) -> None:
    pytest.importorskip("optuna", reason="the extra `search` is not installed")

    def most(*sets: str) -> float:
        cost = checked(shop, "adapt.max_minutes=600", *sets).cost
        assert cost is not None
        return cost.minutes_at_most

    without = most("adapt.max_attempts=3", "adapt.search=false")
    assert most("adapt.max_attempts=3") == pytest.approx(without + 30, abs=0.5)
    assert most("adapt.max_attempts=3", "search.minutes=4") == pytest.approx(without + 4, abs=0.5)
    assert most("adapt.max_attempts=1") < without

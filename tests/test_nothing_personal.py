"""No personal value of a planted shop is in anything that a run writes, shows or says."""

from __future__ import annotations

import csv
import io
import json
import logging
import random
import re
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from fittingroom.cli import main
from fittingroom.config import load
from fittingroom.errors import FittingroomError
from fittingroom.history import History
from fittingroom.pipeline import data_road
from fittingroom.reporting import write_report
from fittingroom.run import Run
from fittingroom.sample import personal
from fittingroom.store import Store
from fittingroom.text.redact import RedactConfig, redact_text
from fittingroom.types import Attempt, Rows
from shop import messages, write_csv

KEY = "k" * 32
RECIPE = """\
name: planted
seed: 7
task: {{kind: classify, input: [text], target: label}}
sources:
  - {{kind: csv, name: talk, path: "{talk}", key: id, group: customer, time: at}}
  - {{kind: csv, name: said, role: annotations, path: said.csv, of: talk, key: id, annotator: who}}
  - {{kind: csv, name: orders, role: events, path: "{orders}", key: order_no, group: customer}}
  - {{kind: jsonl, name: posts, path: posts.jsonl, key: mobile, fields: {{label: tag}}}}
split: {{dev: 0.2, calibration: 0.1, test: 0.2}}
audit: {{mode: review}}
"""


class Planted:
    """A shop full of personal data, and what must be found nowhere."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.folder, rng = folder, random.Random(seed)
        folder.mkdir(parents=True, exist_ok=True)
        self.secret: set[str] = set()
        """Values without spaces and dashes."""
        self.names = [self._hide(personal.name(rng, "zh")) for _ in range(8)]
        self.customers = [self._hide(personal.mobile(rng)) for _ in range(5)]
        self.customers += [self._hide(personal.email(rng)) for _ in range(3)]
        self.orders = [self._hide(f"2026{rng.randint(10**7, 10**8 - 1)}") for _ in self.customers]
        self.talk, self.order_file = (
            f"talk {self._hide(personal.mobile(rng))}.csv",
            f"{self._hide(personal.mobile(rng))}.csv",
        )
        self._talk(rng)
        self._orders(rng)
        write_csv(
            folder / "said.csv",
            [{"id": str(n), "who": self._hide(personal.email(rng)), "label": "refund"} for n in range(0, 60, 7)]
            + [{"id": self._hide(personal.mobile(rng)), "who": "x", "label": f"我叫{self.names[0]}"}],
        )
        posts = [
            {"mobile": self._hide(personal.mobile(rng)), "text": self._slip(rng), "tag": "praise"} for _ in range(4)
        ]
        torn = f'{{"text": "torn {self._hide(personal.mobile(rng))}'
        (folder / "posts.jsonl").write_text("".join(f"{json.dumps(one)}\n" for one in posts) + f"{torn}\n", "utf-8")
        recipe = RECIPE.format(talk=self.talk, orders=self.order_file)
        (folder / "recipe.yaml").write_text(recipe, encoding="utf-8")

    def _hide(self, value: str) -> str:
        self.secret.add(re.sub(r"[ -]", "", value))
        return value

    def _slip(self, rng: random.Random) -> str:
        slip = personal.slip(rng.choice(personal.KINDS), rng.choice(["zh", "en"]), rng)
        self.secret.update(re.sub(r"[ -]", "", value) for value in slip.gone)
        return slip.sentence

    def _talk(self, rng: random.Random) -> None:
        rows = []
        for place, row in enumerate(messages(90)):
            who = rng.randrange(len(self.customers))
            text = row["text"]
            if place < 8:  # once with sure context, for every customer
                who = place
                text = f"{text}，我叫{self.names[who]}，订单号{self.orders[who]}"
            elif rng.random() < 0.5:
                bare = rng.choice([self.names[who], self.orders[who], f"{self.names[who]}的{self.orders[who]}"])
                text = rng.choice([f"{bare}，{text}", f"{text}（{bare}）"])
            elif rng.random() < 0.5:
                text = f"{text}，{self._slip(rng)}"
            label = row["label"] if rng.random() < 0.95 else f"退款 {self._hide(personal.mobile(rng))}"
            rows.append(
                {"id": str(place), "customer": self.customers[who], "text": text, "label": label, "at": "2026-01-02"}
            )
        rows.append({**rows[0], "text": f"{self.names[0]} twice"})
        write_csv(self.folder / self.talk, rows)
        with (self.folder / self.talk).open("a", encoding="utf-8") as file:
            file.write(
                f"ragged,{self._hide(personal.mobile(rng))}\n,{self.customers[1]},{self.names[1]}没有主键,refund,2026\n"
            )

    def _orders(self, rng: random.Random) -> None:
        header = self._hide(personal.mobile(rng))
        rows = [
            {"order_no": order, "customer": customer, "receiver": name, header: "1", "user_id": customer,
             "note": rng.choice([f"{name}签收", self._slip(rng), f"转{self.orders[0]}"])}
            for order, customer, name in zip(self.orders, self.customers, self.names, strict=True)
        ]  # fmt: skip
        rows[0]["note"] = f"{self.names[0]}签收"
        for row in rows[1:]:
            row["note"] = row["note"].replace(f"转{self.orders[0]}", f"转{row['order_no']}")
        write_csv(self.folder / self.order_file, rows)

    def left_in(self, text: str) -> list[str]:
        """What of it stands in a text, also in full width, spaced or dashed."""
        bare = re.sub(r"[ -]", "", text.translate(str.maketrans("０１２３４５６７８９Ｘ", "0123456789X")))
        return sorted(value for value in self.secret if value in bare)


def walk(folder: Path) -> str:
    """The data road, with its report; returns what it said."""
    told = io.StringIO()
    handler = logging.StreamHandler(told)
    logging.getLogger().addHandler(handler)
    config, history = load(folder / "recipe.yaml", []), History(folder)
    place = history.create(config, "recipe.yaml")
    run = Run(place, Store(folder), root=folder, secret=KEY.encode())
    run.journal.append("run_started", pid=1)
    this = Attempt(number=1, config_digest=config.digest)
    with redirect_stdout(told), redirect_stderr(told):
        run.begin(this)
        try:
            data_road(config, run)
        except FittingroomError as error:
            told.write(error.text("en") + error.text("zh"))
            run.journal.append("run_done", status="error", message=None)
        run.end(this.model_copy(update={"findings": run.findings}))
        write_report(folder, history, place)
    logging.getLogger().removeHandler(handler)
    return told.getvalue()


def written(folder: Path) -> dict[str, str]:
    """Everything in the workspace but the sources and the recipe."""
    import pyarrow.parquet as pq

    sources = {path for path in folder.iterdir() if path.suffix in (".csv", ".jsonl", ".yaml")}
    found = {}
    for path in sorted(folder.rglob("*")):
        if not path.is_file() or path in sources or path.name == "recipe.json":
            continue
        if path.suffix == ".parquet":
            table = pq.read_table(path)
            found[str(path)] = json.dumps(table.to_pylist(), ensure_ascii=False, default=str) + str(table.schema.names)
        else:
            found[str(path)] = path.read_bytes().decode("utf-8", "replace")
    return found


@settings(max_examples=3, derandomize=True, deadline=None, phases=[Phase.generate])
@given(seed=st.integers(0, 10**6))
def test_no_planted_value_is_written_shown_or_said(tmp_path_factory: pytest.TempPathFactory, seed: int) -> None:
    planted = Planted(tmp_path_factory.mktemp("planted") / "shop", seed)
    said = walk(planted.folder)
    files = written(planted.folder)
    assert any("report.zh.html" in name for name in files)
    assert any("twice" in text for name, text in files.items() if name.endswith("rejected.parquet")), said
    assert {name: left for name, text in files.items() if (left := planted.left_in(text))} == {}
    assert planted.left_in(said) == []
    assert planted.left_in(" ".join(path.name for path in (planted.folder / "objects").rglob("*"))) == []


@settings(max_examples=3, derandomize=True, deadline=None, phases=[Phase.generate])
@given(seed=st.integers(0, 10**6), edit=st.sampled_from(["!", "，我叫李雷", " 13812345678"]))
def test_ids_do_not_depend_on_the_text(tmp_path_factory: pytest.TempPathFactory, seed: int, edit: str) -> None:
    from fittingroom.engine import Context
    from fittingroom.stages.prepare import prepare

    def ids(folder: Path) -> tuple[set[str], int]:
        config = load(folder / "recipe.yaml", [])
        context = Context(root=folder, scratch=folder / "scratch", secret=KEY.encode(), threads=1)
        rows = prepare(sources=config.sources, prepare=config.prepare, task=config.task, context=context)
        assert isinstance(rows, Rows)
        for row in rows.kept.dicts():  # what is stored is what redaction leaves alone
            text = row["input"]["text"] or ""
            assert redact_text(text, RedactConfig(), KEY.encode()).text == text
        return {
            row["id"] for table in (rows.kept, rows.dropped) for row in table.dicts()
        }, rows.rejected.rows if rows.rejected else 0

    planted = Planted(tmp_path_factory.mktemp("edited") / "shop", seed)
    before = ids(planted.folder)
    talk = planted.folder / planted.talk
    with talk.open(encoding="utf-8", newline="") as file:
        lines = list(csv.reader(file))
    lines[5][2] = f"{edit}{lines[5][2]}{edit}"
    with talk.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(lines)
    assert ids(planted.folder) == before


@pytest.mark.parametrize("change", ["group: nobody", "key: nothing", "path: gone 13812345678.csv", "encoding: utf-16"])
def test_errors_name_nobody(
    tmp_path: Path, change: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FITTINGROOM_KEY", KEY)
    planted = Planted(tmp_path / "shop", 5)
    planted.secret.add("13812345678")
    recipe = (planted.folder / "recipe.yaml").read_text("utf-8")
    name = change.split(":")[0]
    recipe = recipe.replace("key: order_no", f"key: order_no, {change}") if name not in ("key", "path", "group") else (
        re.sub(rf'(orders, role: events.*?){name}: ("[^"]*"|\w+)', rf"\g<1>{change}", recipe)
    )  # fmt: skip
    (planted.folder / "recipe.yaml").write_text(recipe, encoding="utf-8")
    with pytest.raises(SystemExit) as left:
        main(["-w", str(planted.folder), "check"])
    said = capsys.readouterr()
    assert left.value.code == 2
    assert "error" in said.err or "错误" in said.err
    assert planted.left_in(said.out + said.err) == []

"""The baseline `api` of rankings: orders through a real server; what is no order is unscored, never wrong."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from chat_api import Api, chat_api
from fittingroom.asks import asks_of
from fittingroom.config import parse
from fittingroom.engine import Context
from fittingroom.errors import RecipeError, UserError
from fittingroom.evaluating.baselines import api_ranking
from fittingroom.evaluating.config import EvaluateConfig
from fittingroom.evaluating.ranked import judge
from fittingroom.evaluating.setting import Ordered, Setting
from fittingroom.models.endpoint_config import EndpointConfig, EndpointPrices
from fittingroom.models.ordering import OUTSIDE, asking
from fittingroom.serving.bundle import SHELF
from fittingroom.tables import Table
from fittingroom.tasks.config import TaskConfig
from fittingroom.tasks.questions import Question, asked
from fittingroom.tasks.shelf import Shelf
from fittingroom.types import Bundle, Folder, Splits, dropped_schema
from serving.ranked_bundles import COUNTS, PAIRS, make_ranking_bundle
from shopping import rows, task

TITLES = list(COUNTS)
OF = task(candidates=5, rebuy=True)
GRADED = task(["query", "grade"], grade="grade", worst=1, best=3, relevant=2)
MANY = 24


def listed(text: str) -> dict[str, int]:
    """Title -> its number, as the endpoint reads them."""
    found = re.findall(r"^(\d+): (.+)$", text.partition("Goods:\n")[2], re.MULTILINE)
    return {title: int(number) for number, title in found}


def order_of(*titles: str) -> Any:
    """Answers that name these titles, in this order."""
    return lambda text: json.dumps({"order": [listed(text)[title] for title in titles]})


@pytest.fixture
def server() -> Iterator[Api]:
    with chat_api() as found:
        found.reply = order_of(*TITLES[:5])
        yield found


def dev(many: int = MANY, history: str = "refund") -> Table:
    """Everybody has a refund and a thing of their own, and buys the second title."""
    bought = [{"id": f"d{n:03d}", "group": f"c{n}", "day": n, "history": f"{history}; no {n}", "title": TITLES[1]}
              for n in range(many)]  # fmt: skip
    return rows(bought, OF)


def parts(judged: Table) -> Splits:
    none = Table.of(judged.arrow().slice(0, 0))
    gone = Table.records([], dropped_schema(judged.schema))
    return Splits(train=judged, dev=judged, calibration=none, test=none, dropped=gone)


@pytest.fixture
def bundle(tmp_path: Path) -> Bundle:
    """Nothing but the shelf: no model is needed to ask another one."""
    Shelf(COUNTS, PAIRS).write(tmp_path / "bundle" / SHELF)
    return Bundle(folder=Folder(tmp_path / "bundle"))


def setting(
    server: Api, bundle: Bundle, context: Context, *, listed: bool = True, of: TaskConfig = OF,
    judged: Table | None = None, **changed: Any,
) -> Setting:  # fmt: skip
    endpoint = EndpointConfig(
        url=server.url, model="deepseek-flash", retries=0, prices=EndpointPrices(input=1, output=1)
    )
    config = EvaluateConfig.model_validate(
        {
            "baselines": ["api"],
            "replicates": 200,
            "latency_rows": 0,
            "api": {"endpoint": "cloud", "max_rows": MANY, **changed},
        }
    )
    return Setting(
        bundle, parts(judged or dev()), "dev", config, of, 1, context, endpoints={"cloud": endpoint} if listed else {}
    )


def ranked(of: Setting) -> tuple[list[Question], Ordered]:
    questions = asked(of.rows, of.task, seed=of.seed).questions
    return questions, api_ranking.lists(questions, Shelf({}, []), of)


def shelf_of(bundle: Bundle) -> Shelf:
    return Shelf.load(bundle.folder.path / SHELF)


def test_its_orders_are_scored_beside_ours(server: Api, context: Context, tmp_path: Path) -> None:
    whole = Bundle(folder=Folder(make_ranking_bundle(tmp_path / "whole", OF)))
    report = judge(setting(server, whole, context))
    (score,) = report.baselines
    assert score.error == ""
    assert score.metrics["ndcg@10"].value == pytest.approx(1 / math.log2(3)), "what was bought stands second"
    assert score.metrics["hit@1"].value == 0.0
    assert score.metrics["mrr@10"].value == pytest.approx(0.5)
    assert report.facts["baseline_rows"] == {"api": MANY}
    assert report.facts["baseline_facts"]["api"]["ordered"] == MANY
    assert report.predictions.dicts()[0]["api"] == "; ".join(TITLES[:5])
    assert set(score.difference) == set(report.model.metrics)


def test_it_reads_what_the_model_reads_in_an_order_of_its_own(server: Api, bundle: Bundle, context: Context) -> None:
    questions, _ = ranked(setting(server, bundle, context))
    proposed = shelf_of(bundle).candidates(questions[0].given, OF)
    shown = [list(listed(text)) for text in server.texts()]
    assert all(sorted(titles) == sorted(proposed) for titles in shown)
    assert len({tuple(titles) for titles in shown}) > MANY // 3, "drawn anew for each question"
    assert len({titles.index(proposed[0]) for titles in shown}) == len(proposed), "no place tells what stood there"
    assert all(text.startswith("Known:\nrefund; no ") for text in server.texts())
    body = server.asked[0]
    assert body["response_format"] == {"type": "json_object"}
    assert body["thinking"] == {"type": "disabled"}
    assert body["temperature"] == 0.0


def test_graded_titles_are_ordered_without_a_grade_being_told(server: Api, bundle: Bundle, context: Context) -> None:
    found = [{"id": f"{n}{grade}", "query": f"query {n}", "grade": str(grade), "title": f"{TITLES[grade]} {n}"}
             for n in range(20) for grade in (1, 2, 3)]  # fmt: skip
    server.reply = lambda text: json.dumps({"order": list(range(1, len(listed(text)) + 1))})
    questions, said = ranked(setting(server, bundle, context, of=GRADED, judged=rows(found, GRADED)))
    assert "Known:\nquery: query 0\n\nGoods:\n" in "".join(server.texts())
    assert said.lists[0] is not None
    assert sorted(said.lists[0]) == questions[0].candidates


@pytest.mark.parametrize(
    ("answer", "fault"),
    [
        ("hm", "no JSON"),
        ("[1, 2]", "no JSON"),
        ('{"order": "1, 2"}', "no order in it"),
        ('{"rank": [1]}', "no order in it"),
        ('{"order": []}', OUTSIDE),
        ('{"order": [0, -1, 6, 1.5, true, null, "first", 99999999999]}', OUTSIDE),
    ],
)
def test_what_is_no_order_is_unscored(server: Api, bundle: Bundle, context: Context, answer: str, fault: str) -> None:
    usual, spoilt = server.reply, 3
    server.reply = lambda text: answer if re.search(r"; no [123]$", text, re.MULTILINE) else usual(text)
    _, said = ranked(setting(server, bundle, context))
    assert said.lists.count(None) == spoilt
    assert (said.facts["unscored"], said.facts["not_used"]) == (spoilt, {fault: spoilt})
    assert said.facts["ordered"] == MANY - spoilt
    server.reply = lambda text: answer
    with pytest.raises(UserError, match=rf"none of 20 answers is an order of the goods .{fault} 20."):
        ranked(setting(server, bundle, context, judged=dev(history="bad"), max_rows=20))


def test_a_blank_answer_is_unscored(server: Api, bundle: Bundle, context: Context) -> None:
    server.faults = ["blank", "thought"]
    _, said = ranked(setting(server, bundle, context))
    assert said.facts["unscored"] == 2
    assert said.facts["not_used"] == {"blank": 1, "thought only": 1}


def test_goods_that_it_does_not_name_come_behind_as_proposed(server: Api, bundle: Bundle, context: Context) -> None:
    def reply(text: str) -> str:
        last = listed(text)[TITLES[4]]
        return json.dumps({"order": [last, last, 77, str(listed(text)[TITLES[2]])]})

    server.reply = reply
    questions, said = ranked(setting(server, bundle, context))
    proposed = shelf_of(bundle).candidates(questions[0].given, OF)
    named = [TITLES[4], TITLES[2]]
    assert said.lists[0] == [*named, *[title for title in proposed if title not in named]]
    assert (said.facts["short"], said.facts["ignored"], said.facts["unscored"]) == (MANY, 2 * MANY, 0)


def test_a_sample_is_asked_and_nothing_twice(server: Api, bundle: Bundle, context: Context) -> None:
    _, first = ranked(setting(server, bundle, context, max_rows=20))
    assert len(server.asked) == 20
    assert [one is None for one in first.lists].count(True) == MANY - 20
    _, again = ranked(setting(server, bundle, context, max_rows=20))
    assert len(server.asked) == 20
    assert again == first
    assert first.facts["cost"] == pytest.approx(20 * 110 / 1e6)
    assert first.facts["models"] == {"deepseek-flash-1017": 20}
    ranked(setting(server, bundle, context))
    assert len(server.asked) == MANY, "a larger sample asks for what is new"


def test_a_batch_that_was_stopped_goes_on_where_it_was(server: Api, bundle: Bundle, context: Context) -> None:
    server.faults = ["", "", 401]
    with pytest.raises(UserError, match="the key is not accepted"):
        ranked(setting(server, bundle, context))
    before = len(server.asked)
    assert 0 < before < MANY
    _, said = ranked(setting(server, bundle, context))
    assert len(server.asked) == MANY
    assert said.facts["ordered"] == MANY


def test_nothing_personal_leaves(server: Api, bundle: Bundle, context: Context) -> None:
    history = "gift for Wang, call 13812345678 or wang@example.com; refund"
    ranked(setting(server, bundle, context, judged=dev(history=history)))
    sent = json.dumps(server.asked)
    kept = (context.root / "endpoints" / "cloud.jsonl").read_text("utf-8")
    for personal in ("13812345678", "wang@example.com"):
        assert personal not in sent + kept
    assert "[MOBILE]" in sent
    assert "refund" in sent


def test_numbers_stay_what_they_were_beside_titles_full_of_digits(
    server: Api, bundle: Bundle, context: Context
) -> None:
    titles = [f"11.938 cm 4.7 1334 x 750 {n}" for n in range(40)]
    titles += ["Screw M8 40", "800 ml 12 pack", "尺码 170 88A", "Call 13812345678 now", "2024 10 01"]
    Shelf(dict.fromkeys(titles, 1), []).write(bundle.folder.path / SHELF)
    wide = task(candidates=45, rebuy=True)
    server.reply = lambda text: '{"order": [1]}'
    _, said = ranked(setting(server, bundle, context, of=wide))
    assert {tuple(listed(text).values()) for text in server.texts()} == {tuple(range(1, 46))}
    assert all(one is not None and sorted(one) == sorted(titles) for one in said.lists)


def test_an_endpoint_that_may_not_be_asked_is_an_error_of_this_baseline(
    server: Api, bundle: Bundle, context: Context
) -> None:
    with pytest.raises(RecipeError, match="allow-list"):
        ranked(setting(server, bundle, context, listed=False))
    bare = setting(server, bundle, context)
    without = Setting(bare.bundle, bare.splits, "dev", EvaluateConfig(baselines=["bm25"]), OF, 1, context)
    with pytest.raises(RecipeError, match="say which endpoint is asked"):
        ranked(without)
    assert server.asked == []


def test_what_it_would_cost_is_reckoned_as_it_is_asked(server: Api, bundle: Bundle, context: Context) -> None:
    config = parse(
        {
            "task": OF.model_dump(mode="json"),
            "sources": [{"kind": "csv", "path": "rows.csv", "key": "id"}],
            "endpoints": {"cloud": {"url": server.url, "model": "m", "prices": {"input": 1, "output": 2}}},
            "evaluate": {"baselines": ["bm25", "api"], "api": {"endpoint": "cloud", "max_rows": 20}},
            "gate": {"metric": "ndcg@10", "better_than": ["api"]},
        },
        "recipe.yaml",
    )
    (asks,) = asks_of(config, parts(dev()), None)
    each = asking("cloud", config.endpoints["cloud"]).about_answered
    assert (asks.purpose, asks.calls, asks.output_tokens) == ("baseline", 20, 20 * each)
    assert asks.input_tokens > 20 * 50
    assert server.asked == []

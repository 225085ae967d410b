"""One endpoint, asked through a real server on this machine that misbehaves as documented."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest
from pydantic import ValidationError

from chat_api import Api, chat_api
from fittingroom.engine import Context, Note
from fittingroom.errors import RecipeError, UserError
from fittingroom.models import endpoint_kept
from fittingroom.models.endpoint import Ask, Endpoint
from fittingroom.models.endpoint_batch import PAID, Asking, Question, ask_all, safe_messages
from fittingroom.models.endpoint_config import EndpointConfig, EndpointPrices, allowed
from fittingroom.models.endpoint_prices import PUBLISHED, Tokens, dearest, in_peak, price, prices_of
from fittingroom.models.labelling import ToLabel, asking, label_all

LABELS = ["delivery", "quality", "质量"]
PRICES = EndpointPrices(input=1.0, cached=0.1, output=10.0, currency="USD")
PAUSES: list[float] = []


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch) -> Iterator[Api]:
    monkeypatch.setenv("API_KEY", "sk-very-secret")
    PAUSES.clear()
    with chat_api() as found:
        found.reply = lambda text: json.dumps({"label": "delivery"})
        yield found


def config(api: Api, **changed: Any) -> EndpointConfig:
    return EndpointConfig(**{"url": api.url, "model": "deepseek-flash", "key": "${API_KEY}", "retries": 2, **changed})


def asked(api: Api, text: str = "where is it", **changed: Any) -> str:
    endpoint = Endpoint("cloud", config(api, **changed), pause=PAUSES.append)
    try:
        reply = endpoint.ask([{"role": "user", "content": text}], Ask(50, 0.0, as_json=True), key="k")
        return reply.text or f"({reply.fault})"
    finally:
        endpoint.close()


def labelled(api: Api, context: Context, texts: list[str], **changed: Any) -> Any:
    rows = [ToLabel(f"r{n}", f"g{n}", [{"role": "user", "content": text}], LABELS) for n, text in enumerate(texts)]
    return label_all(rows, asking("cloud", config(api, parallel=1, **changed), "label"), context)


def lines(context: Context) -> list[dict[str, Any]]:
    path = context.root / "endpoints" / "cloud.jsonl"
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


# ---------------------------------------------------------------------------------------------- the line


def test_the_question_as_deepseek_documents_it_and_no_header_beside(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_ORG_ID", "org-of-another")
    monkeypatch.setenv("OPENAI_CUSTOM_HEADERS", "X-Other: 1")
    monkeypatch.setenv("OPENAI_BASE_URL", "https://example.com")
    monkeypatch.setenv("HTTP_PROXY", "http://192.0.2.1:9")
    assert asked(api) == '{"label": "delivery"}'
    body = api.asked[0]
    assert body["thinking"] == {"type": "disabled"}
    assert body["response_format"] == {"type": "json_object"}
    assert (body["temperature"], body["stream"], body["path"]) == (0.0, False, "/v1/chat/completions")
    names = {name.lower() for name in api.headers[0]}
    assert names <= {
        "host", "accept", "accept-encoding", "connection", "user-agent", "content-type", "content-length",
        "authorization",
    }  # fmt: skip
    assert api.headers[0]["Authorization"] == "Bearer sk-very-secret"
    assert api.headers[0]["User-Agent"].startswith("fittingroom/")
    asked(api, switch_thinking=False, json_mode=False, key="")
    assert not {"thinking", "response_format"} & api.asked[1].keys()
    assert "Authorization" not in api.headers[1]


@pytest.mark.parametrize(
    "faults",
    [["blank"], ["blank", "garbled"], [500, 503], ["cut"], ["tired"], ["thought"], [(429, "2")], [429, 408]],
)
def test_what_may_get_better_is_asked_again(api: Api, faults: list[Any]) -> None:
    api.faults = list(faults)
    assert asked(api) == '{"label": "delivery"}'
    assert len(PAUSES) == len(faults)


def test_pauses_grow_by_chance_and_retry_after_is_kept(api: Api) -> None:
    api.faults = [503, 503, (429, "7"), (429, format_datetime(datetime.now(UTC) + timedelta(seconds=20)))]
    asked(api, retries=4)
    assert 0.25 <= PAUSES[0] <= 0.5 <= PAUSES[1] <= 1.0
    assert 7 <= PAUSES[2] <= 7.7
    assert 17 <= PAUSES[3] <= 22
    api.faults = [(429, "3600"), (503, "soon")]
    asked(api)
    assert PAUSES[4] == 60, "no longer than a minute"
    assert 0.5 <= PAUSES[5] <= 1.0


def test_an_answer_that_comes_too_late_is_none(api: Api) -> None:
    api.faults = ["slow", "keep-alive"]
    assert asked(api, timeout_seconds=0.4) == '{"label": "delivery"}', "empty lines are no answer"
    assert len(PAUSES) == 2
    api.faults = ["patient"]
    assert asked(api, timeout_seconds=5) == '{"label": "delivery"}', "but one may come after them"
    assert len(PAUSES) == 2


def test_nothing_but_blanks_or_thoughts_is_a_fault_of_the_question_not_of_the_batch(api: Api) -> None:
    api.faults = ["blank"] * 3
    assert asked(api) == "(blank)"
    api.faults = ["thought"] * 3
    assert asked(api) == "(thought only)"
    api.finish = "length"
    assert asked(api) == '{"label": "delivery"}'
    api.finish, api.faults = "stop", ["think-tags"]
    assert asked(api) == '{"label": "delivery"}', "a thought before the answer is no part of it"


@pytest.mark.parametrize(
    ("code", "said"), [(401, "key"), (402, "money"), (404, "no such"), (400, "switch_th"), (302, "302")]
)
def test_what_asking_again_does_not_mend_is_said_at_once(api: Api, code: int, said: str) -> None:
    api.faults = [code] * 5
    with pytest.raises(UserError, match=said) as caught:
        asked(api)
    assert api.tried == 1
    assert "very-secret" not in str(caught.value)
    assert "quotes" not in str(caught.value)
    assert caught.value.place.startswith("endpoints.cloud")


def test_a_silent_server_ends_the_batch_with_a_word(api: Api) -> None:
    api.faults = [503] * 5
    with pytest.raises(UserError, match=r"gives no answer \(error 503, asked 3 times\)"):
        asked(api)
    with pytest.raises(UserError, match="gives no answer"):
        asked(api, url="http://127.0.0.1:9/v1", retries=0)


def test_addresses_and_keys_that_cannot_be(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    for wrong in (
        {"key": "sk-written-out"}, {"url": "http://example.com"}, {"url": "https://u:p@example.com"},
        {"url": "ftp://example.com"}, {"budget": 1.0},
    ):  # fmt: skip
        with pytest.raises(ValidationError):
            config(api, **wrong)
    monkeypatch.setenv("THERE", "http://example.com")
    with pytest.raises(RecipeError, match="unencrypted") as caught:
        asked(api, url="${THERE}")
    assert caught.value.place == "endpoints.cloud.url"
    monkeypatch.delenv("API_KEY")
    with pytest.raises(RecipeError, match="API_KEY is not set"):
        asked(api)
    with pytest.raises(RecipeError, match="allow-list"):
        allowed({"cloud": config(api)}, "elsewhere", "label.endpoint.name")


# ---------------------------------------------------------------------------------------------- labels


def test_labels_of_the_set_and_nonsense_counted(api: Api, context: Context) -> None:
    said = iter(
        ['{"label": "delivery"}', '```json\n{"label": "质量"}\n```', '{"label": "shipping"}', '{"label": null}',
         "delivery",         '{"answer": "delivery"}', '["delivery"]', '{"label": 3}', '{"label": "Delivery"}']
    )  # fmt: skip
    api.reply = lambda text: next(said)
    found = labelled(api, context, [f"text {n}" for n in range(9)])
    assert found.labels == ["delivery", "质量", *[None] * 7]
    assert found.faults == {"no JSON": 2, "no label in it": 1, "none of these": 1, "outside the set": 3}
    assert found.account.tokens == {"sent": 900, "cached": 0, "answered": 90}
    assert found.account.models == {"deepseek-flash-1017": 9}
    assert found.account.cost is None
    assert "json" in json.dumps(api.asked[0]["messages"]).lower(), "JSON mode wants the word"
    kept = (context.root / "endpoints" / "cloud.jsonl").read_text("utf-8")
    assert "shipping" not in kept, "what is no label is not kept"
    assert "sk-very-secret" not in kept


def test_nothing_personal_leaves_and_equal_texts_are_asked_once(
    api: Api, context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    texts = ["call 13812345678, it broke", "call 13812345678, it broke", "我叫王小明，衣服破了"]
    assert labelled(api, context, texts).labels == ["delivery"] * 3
    sent = json.dumps(api.asked, ensure_ascii=False)
    assert "13812345678" not in sent
    assert "王小明" not in sent
    assert len(api.asked) == 2
    assert labelled(api, context, texts).labels == ["delivery"] * 3
    assert len(api.asked) == 2, "what was answered is not paid twice"
    monkeypatch.delenv("API_KEY")
    assert labelled(api, context, texts).labels == ["delivery"] * 3, "and needs no key"


def test_instructions_leave_in_their_form(context: Context) -> None:
    words = 'Answer {"label": "..."}\n\n  <b>exactly</b>!!!!  '
    safe = safe_messages([[{"role": "system", "content": words}, {"role": "user", "content": "a  <b>b</b>"}]], context)
    assert safe[0][0]["content"] == words
    assert safe[0][1]["content"] == "a b"


def test_a_name_that_one_turn_gives_leaves_none_of_them(context: Context) -> None:
    turns = [
        {"role": "user", "content": "我叫王小明"}, {"role": "assistant", "content": "王小明您好"},
        {"role": "user", "content": "写的是王小明收吗"},
    ]  # fmt: skip
    other = [{"role": "user", "content": "王小明是谁"}]
    safe, apart = safe_messages([[{"role": "system", "content": "Answer 王小明."}, *turns], other], context)
    assert "王小明" not in json.dumps(safe, ensure_ascii=False)
    assert [turn["role"] for turn in safe] == ["system", "user", "assistant", "user"]
    assert apart[0]["content"] == other[0]["content"], "in another conversation nobody said that it is a name"


def test_answers_of_forgotten_rows_go_and_what_was_paid_stays(api: Api, context: Context) -> None:
    labelled(api, context, ["one", "one", "two"], prices=PRICES)
    paid = sum(line.get("cost", 0) for line in lines(context))
    assert endpoint_kept.forget(context.root, {"r1"}) == 1, "the text was theirs too"
    assert [line.get("row") for line in lines(context)] == ["r2", None]
    assert sum(line.get("cost", 0) for line in lines(context)) == pytest.approx(paid)
    assert endpoint_kept.forget(context.root, {"r1"}) == 0
    labelled(api, context, ["one", "one", "two"], prices=PRICES)
    assert len(api.asked) == 3


# ---------------------------------------------------------------------------------------------- money


def test_prices_by_the_hour_the_cache_and_the_recipe(api: Api) -> None:
    flash = PUBLISHED["deepseek-flash"]
    night = datetime(2026, 11, 22, 2, tzinfo=UTC)
    assert price(Tokens(4_000_000, 0, 200_000), flash, night) == pytest.approx(0.72), "a Sunday has no peak"
    assert price(Tokens(4_000_000, 0, 200_000), flash, night + timedelta(days=1)) == pytest.approx(1.44)
    assert price(Tokens(4_000_000, 4_000_000, 0), flash, night) == pytest.approx(0.012)
    assert [hour for hour in range(24) if in_peak(flash, datetime(2026, 11, 23, hour, tzinfo=UTC))] == [
        1,
        2,
        3,
        6,
        7,
        8,
        9,
    ]
    own = EndpointConfig(url="https://api.deepseek.com/v1", model="deepseek-flash", prices=PRICES)
    assert prices_of(own, own.url) == PRICES
    assert prices_of(own.model_copy(update={"prices": None}), own.url) == flash
    assert prices_of(config(api), api.url) is None, "another address has other prices"
    text = "价格 price 👍"
    assert dearest([{"role": "user", "content": text}], 5, PRICES) >= (len(text.encode()) * 1.0 + 50) / 1e6


def test_cost_is_accounted_from_usage_and_told_to_the_run(api: Api, context: Context) -> None:
    told: list[Note] = []
    api.usage = {"prompt_tokens": 1000, "completion_tokens": 10, "prompt_cache_hit_tokens": 900}
    found = labelled(api, replace(context, note=told.append), ["one", "two"], prices=PRICES)
    each = (100 * 1.0 + 900 * 0.1 + 10 * 10.0) / 1e6
    assert found.account.cost == pytest.approx(2 * each)
    assert found.account.tokens == {"sent": 2000, "cached": 1800, "answered": 20}
    assert [note.kind for note in told] == [PAID]
    assert told[0].data["amount"] == pytest.approx(2 * each)
    told.clear()
    again = labelled(api, replace(context, note=told.append), ["one", "two"], prices=PRICES)
    assert again.account == found.account, "facts are the same in every replay"
    assert told == [], "and nothing is paid for it"


def test_what_nobody_counted_costs_the_most_it_can(api: Api, context: Context) -> None:
    api.faults = ["uncounted"]
    counted = labelled(api, context, ["one"], prices=PRICES).account.cost
    most = dearest(api.asked[0]["messages"], 100, PRICES)
    assert counted == pytest.approx(most)
    api.faults = ["cut", "blank", 503]
    told: list[Note] = []
    labelled(api, replace(context, note=told.append), ["two"], prices=PRICES, retries=3)
    usual = (100 * 1.0 + 10 * 10.0) / 1e6
    assert sum(note.data["amount"] for note in told) == pytest.approx(most + 2 * usual, rel=0.01)


@pytest.mark.parametrize("count", [float("inf"), float("nan"), -1_000_000, 10**30, "many", True, [1], None], ids=repr)
@pytest.mark.parametrize("kind", ["prompt_tokens", "completion_tokens"])
def test_a_count_that_is_nonsense_costs_the_most_and_never_fills_the_budget(
    api: Api, context: Context, kind: str, count: Any
) -> None:
    api.usage = {"prompt_tokens": 100, "completion_tokens": 10, kind: count}
    found = labelled(api, context, ["one"], prices=PRICES)
    assert None not in found.labels, "the answer itself is good"
    assert found.account.cost == pytest.approx(dearest(api.asked[0]["messages"], 100, PRICES))


@pytest.mark.parametrize("cached", [float("inf"), -50, "all", {"a": 1}], ids=repr)
def test_a_cache_that_is_nonsense_is_empty(api: Api, context: Context, cached: Any) -> None:
    api.usage = {"prompt_tokens": 100, "completion_tokens": 10, "prompt_cache_hit_tokens": cached}
    found = labelled(api, context, ["one"], prices=PRICES)
    assert found.account.tokens == {"sent": 100, "cached": 0, "answered": 10}
    api.usage = {"prompt_tokens": 100, "completion_tokens": 10, "prompt_tokens_details": [cached]}
    assert labelled(api, context, ["two"], prices=PRICES).account.tokens == {"sent": 100, "cached": 0, "answered": 10}


def test_a_budget_stops_before_it_is_overrun(api: Api, context: Context) -> None:
    api.usage = {"prompt_tokens": 900, "completion_tokens": 100}
    each = (900 * 1.0 + 100 * 10.0) / 1e6
    with pytest.raises(UserError, match="answers so far are kept") as caught:
        labelled(api, context, [f"text {n}" for n in range(50)], prices=PRICES, budget=10 * each)
    assert caught.value.place == "endpoints.cloud.budget"
    spent = sum(line["cost"] for line in lines(context))
    assert 7 * each < spent <= 10 * each
    asked_so_far = len(api.asked)
    found = labelled(api, context, [f"text {n}" for n in range(asked_so_far)], prices=PRICES, budget=10 * each)
    assert len(api.asked) == asked_so_far, "what is known costs nothing, whatever the budget"
    assert None not in found.labels


@pytest.mark.parametrize("parallel", [1, 8])
def test_no_order_of_answers_overruns_a_budget(api: Api, context: Context, parallel: int) -> None:
    api.usage = {"prompt_tokens": 400, "completion_tokens": 100}
    api.faults = ["cut", 503, "uncounted", "blank"] * 2
    ask = asking("cloud", config(api, prices=PRICES, budget=0.012, parallel=parallel, retries=5), "label")
    rows = [ToLabel(f"r{n}", None, [{"role": "user", "content": f"text {n}"}], LABELS) for n in range(40)]
    with pytest.raises(UserError, match="budget"):
        label_all(rows, ask._replace(config=ask.config.model_copy(update={"retries": 9})), context)
    assert 0.005 < sum(line.get("cost", 0.0) for line in lines(context)) <= 0.012


def test_nothing_is_asked_when_the_budget_cannot_reach(api: Api, context: Context) -> None:
    with pytest.raises(UserError, match="nothing was asked"):
        labelled(
            api, context, [f"a rather long message about parcel {n}" for n in range(1000)], prices=PRICES, budget=0.01
        )
    assert not api.tried


# ---------------------------------------------------------------------------------------------- batches


def test_another_version_in_the_middle_is_told(api: Api, context: Context) -> None:
    told: list[Note] = []

    def reply(text: str) -> str:
        api.model = "deepseek-flash-1101" if text in ("t3", "t4") else "deepseek-flash-1017"
        return '{"label": "quality"}'

    api.reply = reply
    found = labelled(api, replace(context, note=told.append), [f"t{n}" for n in range(5)])
    assert found.account.models == {"deepseek-flash-1017": 3, "deepseek-flash-1101": 2}
    changed = [note for note in told if note.kind == "endpoint_changed"]
    assert len(changed) == 1
    assert changed[0].text is not None
    assert "deepseek-flash-1101" in changed[0].text.en
    assert "deepseek-flash-1101" in changed[0].text.zh
    told.clear()
    labelled(api, replace(context, note=told.append), ["t0", "t1", "t2", "t5"])
    assert [note.kind for note in told] == [PAID], "the first version answered these"


def test_a_stop_half_way_keeps_what_was_answered(api: Api, context: Context) -> None:
    counted = iter(range(100))

    def failing(text: str) -> str:
        if next(counted) == 3:
            api.faults += [401] * 5
        return '{"label": "quality"}'

    api.reply = failing
    texts = [f"t{n}" for n in range(8)]
    with pytest.raises(UserError, match="key is not accepted"):
        labelled(api, context, texts)
    assert len(api.asked) == 4
    api.faults.clear()
    assert labelled(api, context, texts).labels == ["quality"] * 8
    assert len(api.asked) == 8


def test_equal_questions_of_another_salt_or_way_are_others(api: Api, context: Context) -> None:
    one = Question("r1", None, [{"role": "user", "content": "hello"}])
    how = Asking("cloud", config(api), "teacher", Ask(20, 1.0))

    def keep(reply: Any) -> dict[str, Any]:
        return {"text": reply.text}

    ask_all([one, one._replace(salt="2"), one], how, context, keep)
    assert len(api.asked) == 2
    ask_all([one], how._replace(how=Ask(20, 0.5)), context, keep)
    ask_all([one], how._replace(purpose="judge"), context, keep)
    assert len(api.asked) == 4
    assert math.isclose(api.asked[2]["temperature"], 0.5)

"""A teacher model, asked through a real server on this machine: what is sent, what is kept, what a second run pays."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from chat_api import Api, chat_api
from fittingroom.engine import Context
from fittingroom.errors import RecipeError, UserError
from fittingroom.models import endpoint, endpoint_kept
from fittingroom.models.endpoint_config import EndpointConfig
from fittingroom.models.teacher import TeacherConfig, is_refusal
from fittingroom.stages.balance import BalanceConfig, balance
from fittingroom.tasks.config import TaskConfig
from fittingroom.types import Rows, Splits

PHONE = "13812345678"


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch) -> Iterator[Api]:
    monkeypatch.setenv("TEACHER_KEY", "sk-very-secret")
    monkeypatch.setattr(endpoint, "_LONGEST_PAUSE", 0.01)
    with chat_api() as found:
        yield found


COMMON = ("the parcel never came and nobody answers", "when does my order leave the shop", "delivery is far too slow")
RARE = ("the zip of coat {n} broke after a week", "seam of jacket {n} came open, it is torn")


@pytest.fixture
def skewed(make_rows: Callable[..., Rows], as_splits: Callable[..., Splits]) -> Splits:
    """24 rows about delivery, 6 about quality; rows 30 and 31 are judged on."""
    rows = [
        {"text": f"{COMMON[n % 3]}, case {n}", "label": "delivery", "cluster": f"c{n}", "group": f"g{n}"}
        for n in range(24)
    ]
    rows += [
        {"text": RARE[n % 2].format(n=n), "label": "quality", "cluster": f"d{n}", "group": f"h{n}"} for n in range(6)
    ]
    rows[24]["text"] += f", call {PHONE}"
    rows += [{"text": "the zip of coat 77 broke after a week, all told", "label": "quality"}, ("fine", "delivery")]
    return as_splits(make_rows(rows), {"train": range(30), "dev": [30], "test": [31]})


ENDPOINT = ("url", "key", "retries", "parallel")
Told = tuple[BalanceConfig, dict[str, EndpointConfig]]


def config(api: Api, **changed: Any) -> Told:
    where = {"url": api.url, "model": "deepseek-chat", "key": "${TEACHER_KEY}", "retries": 2}
    where |= {name: value for name, value in changed.items() if name in ENDPOINT}
    how = {name: value for name, value in changed.items() if name not in ENDPOINT}
    teacher = TeacherConfig(endpoint="big", **how)
    made = BalanceConfig(method="oversample", temperature=0, max_factor=3, teacher=teacher)
    return made, {"big": EndpointConfig.model_validate(where)}


def balanced(splits: Splits, how: Told, task: TaskConfig, context: Context) -> Splits:
    return balance(splits, balance=how[0], endpoints=how[1], task=task, seed=1, context=context)


def test_repeated_rows_come_in_other_words(skewed: Splits, api: Api, task: TaskConfig, context: Context) -> None:
    words = iter(range(100))
    api.reply = lambda text: (
        f"honestly, {text}, and this is number".removesuffix("number") + "abcdefghijklm"[next(words)]
    )
    out = balanced(skewed, config(api, parallel=1), task, context)
    rows = {row["id"]: row for row in out.train.dicts()}
    copies = [row for name, row in rows.items() if "~" in name]
    assert len(copies) == 12
    assert out.facts["teacher"] == {
        "asked": 12, "used": 12, "dropped": {}, "tokens_in": 1200, "tokens_out": 120,
        "models": {"deepseek-flash-1017": 12}, "cost": None, "currency": "",
    }  # fmt: skip
    for row in copies:
        original = rows[row["id"].split("~")[0]]
        assert (row["group"], row["cluster"], row["target"]) == (
            original["group"], original["cluster"], original["target"])  # fmt: skip
        assert row["input"]["text"].startswith("honestly, ")
        assert [one["rule"] for one in row["edits"]] == ["oversampled", "teacher"]
    assert out.dev.digest == skewed.dev.digest
    assert out.facts["after"] == {"delivery": 24, "quality": 18}
    assert {one["path"] for one in api.asked} == {"/v1/chat/completions"}
    assert {one["Authorization"] for one in api.headers} == {"Bearer sk-very-secret"}
    assert {one["model"] for one in api.asked} == {"deepseek-chat"}


def test_nothing_personal_is_sent_and_none_that_comes_back_is_kept(
    skewed: Splits, api: Api, task: TaskConfig, context: Context
) -> None:
    api.reply = lambda text: f"honestly, {text}. Write to wang.xm@example.com!"
    out = balanced(skewed, config(api), task, context)
    sent = json.dumps(api.asked)
    assert PHONE not in sent
    assert "[MOBILE]" in sent
    kept = (context.root / "endpoints" / "big.jsonl").read_text("utf-8")
    assert "wang.xm" not in kept
    assert "sk-very-secret" not in kept
    assert "wang.xm" not in json.dumps(out.train.dicts() + out.dropped.dicts(), default=str)
    assert out.facts["teacher"]["dropped"] == {"other numbers": 12}, "an invented address is no rewording"


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        (lambda text: "", "empty"),
        (lambda text: text.upper() + "!", "copy"),
        (lambda text: "抱歉，我无法改写这条消息", "refusal"),
        (lambda text: "I'm sorry, but I can't help with that.", "refusal"),
        (lambda text: f"<｜User｜>{text} or so", "control token"),
        (lambda text: f"{text}<think>hm</think> or so", "control token"),
        (lambda text: f"{text} for 99 yuan", "other numbers"),
        (lambda text: f"{text} " + "and so on it went " * 20, "too long"),
    ],
)  # fmt: skip
def test_a_reply_that_is_none_is_dropped_with_its_reason(
    skewed: Splits, api: Api, task: TaskConfig, context: Context, reply: Any, reason: str
) -> None:
    api.reply = reply
    out = balanced(skewed, config(api), task, context)
    assert out.facts["teacher"]["dropped"] == {reason: 12}
    gone = out.dropped.dicts()
    assert {row["reason"] for row in gone} == {f"teacher: {reason}"}
    assert all(row["id"] == f"{row['twin']}~{row['id'].split('~')[1]}~reply" for row in gone)
    assert len(gone) == 12
    plain = balance(
        skewed, balance=config(api)[0].model_copy(update={"teacher": None}), task=task, seed=1, context=context
    )
    assert out.train.digest == plain.train.digest, "rows are repeated as without a teacher"


def test_replies_near_judged_rows_or_under_another_label_or_cut_off(
    skewed: Splits, api: Api, task: TaskConfig, context: Context
) -> None:
    api.reply = lambda text: text.replace(text, "the zip of coat 77 broke after a week, all told")
    reasons = set(balanced(skewed, config(api), task, context).facts["teacher"]["dropped"])
    assert reasons <= {"near a judged row", "other numbers"}
    api.reply = lambda text: (
        f"the parcel never came, delivery of order {''.join(c for c in text if c.isdigit())} is too slow"
    )
    other = balanced(skewed, config(api, temperature=0.5), task, context).facts["teacher"]["dropped"]
    assert other.get("another label", 0) > 5, other
    api.finish = "length"
    assert set(balanced(skewed, config(api, temperature=0.1), task, context).facts["teacher"]["dropped"]) == {"cut off"}


def test_what_was_answered_is_not_paid_twice(skewed: Splits, api: Api, task: TaskConfig, context: Context) -> None:
    api.faults = [429, 500, "garbled"]
    first = balanced(skewed, config(api, parallel=1, retries=3), task, context)
    assert len(api.asked) == 12, "busy, broken and garbled answers are asked for again"
    again = balanced(skewed, config(api, parallel=1, retries=3), task, context)
    assert len(api.asked) == 12
    assert (again.train.digest, again.facts) == (first.train.digest, first.facts)


def test_a_stop_half_way_keeps_what_was_answered(skewed: Splits, api: Api, task: TaskConfig, context: Context) -> None:
    counted = iter(range(100))

    def failing(text: str) -> str:
        if next(counted) == 6:
            api.faults += [503] * 50
        return f"{text}, all told"

    api.reply = failing
    with pytest.raises(UserError, match=r"gives no answer .*asked 3 times.*kept") as caught:
        balanced(skewed, config(api, parallel=1), task, context)
    assert caught.value.exit_code == 2
    assert "quotes the customer" not in str(caught.value)
    assert len(api.asked) == 7
    api.faults.clear()
    assert balanced(skewed, config(api, parallel=1), task, context).facts["teacher"]["asked"] == 12
    assert len(api.asked) == 12


@pytest.mark.parametrize(
    ("code", "said"), [(401, "key is not accepted"), (402, "no money"), (404, "no such"), (302, "302")]
)
def test_what_asking_again_does_not_mend_is_said_at_once(
    skewed: Splits, api: Api, task: TaskConfig, context: Context, code: int, said: str
) -> None:
    api.faults = [code] * 20
    with pytest.raises(UserError, match=said) as caught:
        balanced(skewed, config(api, parallel=1), task, context)
    assert len(api.headers) == 1
    assert "very-secret" not in str(caught.value)


def test_no_more_calls_than_allowed(skewed: Splits, api: Api, task: TaskConfig, context: Context) -> None:
    out = balanced(skewed, config(api, max_calls=5), task, context)
    assert len(api.asked) == out.facts["teacher"]["asked"] == 5
    assert out.facts["after"]["quality"] == 18


def test_a_server_that_is_not_there_and_settings_that_cannot_be(
    skewed: Splits, api: Api, task: TaskConfig, context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(UserError, match="gives no answer"):
        balanced(skewed, config(api, url="http://127.0.0.1:9", retries=0), task, context)
    with pytest.raises(RecipeError, match="allow-list"):
        balanced(skewed, (config(api)[0], {}), task, context)
    monkeypatch.delenv("TEACHER_KEY")
    with pytest.raises(RecipeError, match="TEACHER_KEY is not set"):
        balanced(skewed, config(api), task, context)
    assert not api.asked


def test_answers_of_forgotten_rows_go(skewed: Splits, api: Api, task: TaskConfig, context: Context) -> None:
    out = balanced(skewed, config(api), task, context)
    row = next(name.split("~")[0] for name in out.train.arrow()["id"].to_pylist() if "~" in name)
    assert endpoint_kept.forget(context.root, {row}) == 2
    assert endpoint_kept.forget(context.root, {row}) == 0
    assert row not in (context.root / "endpoints" / "big.jsonl").read_text("utf-8")
    balanced(skewed, config(api), task, context)
    assert len(api.asked) == 14


def test_refusals() -> None:
    for text in (
        "对不起，作为一个AI语言模型，我不能",
        "As an AI language model, I will not",
        "I cannot assist with this",
    ):
        assert is_refusal(text)
    for text in (
        "抱歉，我买错尺码了",
        "I'm sorry, I ordered the wrong size",
        "客服说无法退款",
        "the zip can't be closed",
    ):
        assert not is_refusal(text)

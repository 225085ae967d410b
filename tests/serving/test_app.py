"""The application: shapes, errors, the door, queues. The predictor is a stand-in."""

from __future__ import annotations

import json
import logging
import re
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from fastapi.testclient import TestClient

from fittingroom.errors import UserError
from fittingroom.serving.app import create_app
from fittingroom.serving.limits import Limits, RateLimit
from serving.fakes import LABELS, TOKEN, FakePredictor, FakeProvider, Kept

GOOD = {"Authorization": f"Bearer {TOKEN}"}
CHAT = {"messages": [{"role": "user", "content": "很好"}]}
ROUTES = [
    ("GET", "/v1/models", None),
    ("GET", "/metrics", None),
    ("GET", "/openapi.json", None),
    ("POST", "/v1/classify", {"input": "很好"}),
    ("POST", "/v1/write", {"input": "很好"}),
    ("POST", "/v1/rank", {"input": {"history": ["milk"]}}),
    ("POST", "/v1/chat/completions", CHAT),
]


class House:
    """A server in memory."""

    def __init__(self, limits: Limits | None = None) -> None:
        self.predictor = FakePredictor()
        self.provider = FakeProvider(self.predictor)
        self.kept = Kept()
        self.app = create_app(
            self.provider,
            token=TOKEN,
            recorder=self.kept,
            limits=limits,
            whose=lambda user: f"pseudonym of {len(user)}",
        )
        self.client = TestClient(self.app, raise_server_exceptions=False, headers=GOOD)

    def classify(self, given: Any, **more: Any) -> Any:
        return self.client.post("/v1/classify", json={"input": given, **more})

    def metric(self, line: str) -> float:
        found = re.search(rf"^{re.escape(line)} (\S+)$", self.client.get("/metrics").text, re.MULTILINE)
        return float(found[1]) if found else 0.0


@pytest.fixture
def house() -> House:
    return House()


# ---------------------------------------------------------------------------------------------- answers


def test_free_answers_have_a_route_and_are_recorded_without_a_label(house: House) -> None:
    answer = house.client.post("/v1/write", json={"input": [{"review": "几天发货"}, "x"], "user": "u1"})
    assert answer.status_code == 200
    assert answer.headers["x-release"] == "1"
    assert "x-ai-generated" not in answer.headers
    said = {"text": "好评", "finish_reason": "stop", "ai_generated": False, "truncated": 0}
    assert answer.json() == [said, said]
    assert [(one.route, one.label, one.input) for one in house.kept.records] == [
        ("write", None, {"review": "几天发货"}),
        ("write", None, {"review": "x"}),
    ]


@pytest.mark.parametrize("stream", [False, True])
def test_machine_made_answers_say_so_in_the_metadata(house: House, stream: bool) -> None:
    house.predictor.marks = True
    written = house.client.post("/v1/write", json={"input": "几天发货"})
    assert written.headers["x-ai-generated"] == "true"
    assert written.json()[0]["ai_generated"] is True
    talked = house.client.post("/v1/chat/completions", json={**CHAT, "stream": stream})
    assert talked.headers["x-ai-generated"] == "true"
    if not stream:
        assert talked.json()["ai_generated"] is True
        house.predictor.marks = False
        assert "ai_generated" not in house.client.post("/v1/chat/completions", json=CHAT).json()


def test_classify_takes_a_string_an_object_and_a_list(house: House) -> None:
    for given in ("很好", {"review": "很好"}, ["很好"], [{"review": "很好"}]):
        answer = house.classify(given)
        assert answer.status_code == 200
        assert answer.headers["x-release"] == "1"
        [found] = answer.json()
        assert found["label"] == "好评"
        assert found["confidence"] == found["probabilities"]["好评"] == 0.7
        assert sum(found["probabilities"].values()) == pytest.approx(1)
    assert len(house.classify(["a", {"review": "b"}, "c"]).json()) == 3


def test_models_names_alias_release_and_base(house: House) -> None:
    [card] = house.client.get("/v1/models").json()["data"]
    assert (card["id"], card["object"], card["release"], card["root"], card["parent"]) == (
        "champion",
        "model",
        1,
        "reviews",
        "nano",
    )


def test_chat_answers_in_the_shape_of_openai(house: House) -> None:
    answer = house.client.post("/v1/chat/completions", json=CHAT | {"model": "champion"}).json()
    assert answer["object"] == "chat.completion"
    assert answer["model"] == "champion"
    assert answer["choices"] == [
        {"index": 0, "message": {"role": "assistant", "content": "好评"}, "finish_reason": "stop"}
    ]
    assert answer["usage"] == {"prompt_tokens": 7, "completion_tokens": 7, "total_tokens": 14}


def test_what_a_client_leaves_null_is_the_default(house: House) -> None:
    nulls = dict.fromkeys(("temperature", "top_p", "stream", "n", "stop", "logprobs", "max_tokens", "seed"))
    before = {"role": "assistant", "content": None}
    turns = [{"role": "user", "content": "你好"}, before, {"role": "user", "content": "在吗"}]
    assert house.client.post("/v1/chat/completions", json=CHAT | nulls | {"messages": turns}).status_code == 200
    empty = [{"role": "user", "content": None}]
    assert house.client.post("/v1/chat/completions", json=CHAT | {"messages": empty}).status_code == 422


def test_chat_streams_whole_characters_and_ends_with_done(house: House) -> None:
    house.predictor.answer = "好评 ok"
    asked = CHAT | {"stream": True, "stream_options": {"include_usage": True}}
    answer = house.client.post("/v1/chat/completions", json=asked)
    assert answer.headers["content-type"].startswith("text/event-stream")
    events = [event.removeprefix("data: ") for event in answer.text.split("\n\n") if event]
    assert events[-1] == "[DONE]"
    chunks = [json.loads(event) for event in events[:-1]]
    assert len({chunk["id"] for chunk in chunks}) == 1
    pieces = [chunk["choices"][0]["delta"].get("content", "") for chunk in chunks if chunk["choices"]]
    assert "".join(pieces) == "好评 ok"
    assert not any("\ufffd" in piece for piece in pieces)
    assert len([piece for piece in pieces if piece]) > 1
    assert [chunk["choices"][0]["finish_reason"] for chunk in chunks if chunk["choices"]][-1] == "stop"
    assert chunks[-1]["usage"]["completion_tokens"] == len("好评 ok".encode()) + 1
    assert house.metric("fittingroom_requests_inside") == 0


def test_chat_options_reach_the_model(house: House) -> None:
    house.predictor.answer = "one two three"
    more = {"temperature": 0.5, "top_p": 0.9, "seed": 3, "stop": [" two", ""], "max_tokens": 40}
    answer = house.client.post("/v1/chat/completions", json=CHAT | more).json()
    assert answer["choices"][0]["message"]["content"] == "one"
    assert answer["choices"][0]["finish_reason"] == "stop"
    sampling = house.predictor.samplings[0]
    assert (sampling.temperature, sampling.top_p, sampling.seed, sampling.max_tokens) == (0.5, 0.9, 3, 40)
    short = house.client.post("/v1/chat/completions", json=CHAT | {"max_completion_tokens": 3}).json()
    assert short["choices"][0] == {
        "index": 0,
        "message": {"role": "assistant", "content": "one"},
        "finish_reason": "length",
    }


def test_a_stop_string_never_shows_in_a_stream(house: House) -> None:
    house.predictor.answer = "abc<|en and on<|end|>tail"
    text = house.client.post("/v1/chat/completions", json=CHAT | {"stream": True, "stop": "<|end|>"}).text
    pieces = [json.loads(event[6:]) for event in text.split("\n\n") if event.startswith("data: {")]
    assert "".join(piece["choices"][0]["delta"].get("content", "") for piece in pieces) == "abc<|en and on"


def test_parts_of_a_message_are_joined_and_developer_is_system(house: House) -> None:
    parts = [{"type": "text", "text": "很"}, {"type": "text", "text": "好"}]
    asked = {"messages": [{"role": "developer", "content": "x"}, {"role": "user", "content": parts}]}
    assert house.client.post("/v1/chat/completions", json=asked).status_code == 200
    assert house.kept.records[0].input == {"review": "很好"}


def test_the_record_holds_what_was_answered(house: House) -> None:
    house.classify(["一", "二"])
    house.client.post("/v1/chat/completions", json=CHAT)
    house.predictor.answer = "something else"
    house.client.post("/v1/chat/completions", json=CHAT | {"stream": True})
    kept = [(record.route, record.release, record.label, record.confidence) for record in house.kept.records]
    assert kept == [
        ("classify", 1, "好评", 0.7),
        ("classify", 1, "好评", 0.7),
        ("chat", 1, "好评", None),
        ("chat", 1, None, None),
    ]


def test_a_broken_record_is_counted_and_the_answer_still_goes_out(house: House) -> None:
    house.kept.broken = True
    assert house.classify(["a", "b"]).status_code == 200
    assert house.metric("fittingroom_unrecorded_total") == 2


# ---------------------------------------------------------------------------------------------- the door


@pytest.mark.parametrize(("method", "path", "body"), ROUTES)
@pytest.mark.parametrize(
    "header",
    [None, "", "Bearer", "Bearer ", f"Bearer {TOKEN}x", f"Bearer {TOKEN[:-1]}", f"Basic {TOKEN}", TOKEN, "Bearer 令牌"],
)
def test_every_route_wants_the_token(
    house: House, method: str, path: str, body: dict[str, Any] | None, header: str | None
) -> None:
    client = TestClient(house.app, raise_server_exceptions=False)
    headers = {} if header is None else {"Authorization": header.encode()}
    answer = client.request(method, path, json=body, headers=headers)
    assert answer.status_code == 401
    assert answer.json()["error"]["code"] == "invalid_token"
    assert answer.headers["www-authenticate"] == "Bearer"
    assert house.kept.records == []


@pytest.mark.parametrize(("method", "path", "body"), ROUTES)
def test_the_right_token_opens(house: House, method: str, path: str, body: dict[str, Any] | None) -> None:
    assert house.client.request(method, path, json=body).status_code == 200
    lower = TestClient(house.app, headers={"authorization": f"bearer {TOKEN}"})
    assert lower.request(method, path, json=body).status_code == 200


def test_unknown_paths_want_the_token_too_and_broken_bodies_are_not_read_before(house: House) -> None:
    client = TestClient(house.app, raise_server_exceptions=False)
    for path in ("/", "/docs", "/redoc", "/v1", "/health/", "/health%2f..", "//health"):
        assert client.get(path).status_code == 401, path
    assert client.post("/v1/classify", content=b"{" * 10_000).status_code == 401
    assert house.client.get("/docs").status_code == 404


def test_two_authorization_headers_open_nothing(house: House) -> None:
    client = TestClient(house.app, raise_server_exceptions=False)
    headers = [("Authorization", f"Bearer {TOKEN}"), ("Authorization", "Bearer other")]
    assert client.get("/v1/models", headers=headers).status_code == 401


def test_health_is_open_and_says_little(house: House) -> None:
    client = TestClient(house.app)
    assert client.get("/health").json() == {"status": "ok"}
    house.provider.served = None
    assert client.get("/health").status_code == 503
    answer = house.classify("x")
    assert answer.status_code == 503
    assert answer.headers["retry-after"]


@pytest.mark.parametrize("token", ["", "short", "with a blank in it....", "令牌令牌令牌令牌令牌令牌令牌令牌"])
def test_a_weak_token_is_refused(token: str) -> None:
    with pytest.raises(UserError, match="at least 16"):
        create_app(FakeProvider(FakePredictor()), token=token, recorder=Kept())


def test_each_answer_has_its_own_id_and_none_of_the_client(house: House) -> None:
    ids = {
        house.client.get("/v1/models", headers={"x-request-id": "13812345678"}).headers["x-request-id"]
        for _ in range(3)
    }
    assert len(ids) == 3
    assert all(re.fullmatch(r"[0-9a-f]{32}", value) for value in ids)


# ---------------------------------------------------------------------------------------------- limits


def test_large_bodies_are_refused_with_and_without_a_length() -> None:
    house = House(Limits(max_body_bytes=2000))
    answer = house.classify("长" * 1000)
    assert (answer.status_code, answer.json()["error"]["code"]) == (413, "body_too_large")

    def pieces() -> Iterator[bytes]:
        yield b'{"input": "'
        for _ in range(100):
            yield b"x" * 100
        yield b'"}'

    answer = house.client.post("/v1/classify", content=pieces(), headers={"Content-Type": "application/json"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (413, "body_too_large")
    assert house.classify("x" * 1000).status_code == 200


def test_too_many_and_too_long_inputs_are_refused() -> None:
    house = House(Limits(max_inputs=2, max_characters=5, max_new_tokens=10))
    assert house.classify(["a", "b"]).status_code == 200
    assert house.classify(["a", "b", "c"]).json()["error"]["code"] == "too_many_inputs"
    long = house.classify(["a", {"review": "123456"}])
    assert (long.status_code, long.json()["error"]["param"]) == (413, "input.1")
    chat = {"messages": [{"role": "user", "content": "123456"}]}
    assert house.client.post("/v1/chat/completions", json=chat).status_code == 413
    assert house.client.post("/v1/chat/completions", json=CHAT | {"max_tokens": 11}).status_code == 422


def test_the_queue_is_bounded_and_recovers() -> None:
    house = House(Limits(max_waiting=2))
    house.predictor.gate = threading.Event()
    with ThreadPoolExecutor(2) as pool:
        inside = [pool.submit(house.classify, "a"), pool.submit(house.classify, "b")]
        while house.metric("fittingroom_requests_inside") < 2:
            pass
        for refused in (
            house.classify("c"),
            house.client.post("/v1/chat/completions", json=CHAT),
            house.client.post("/v1/chat/completions", json=CHAT | {"stream": True}),
        ):
            assert refused.status_code == 503
            assert refused.json()["error"]["code"] == "overloaded"
            assert refused.headers["retry-after"] == "1"
        assert house.client.get("/health").status_code == 200
        house.predictor.gate.set()
        assert [answer.result().status_code for answer in inside] == [200, 200]
    assert house.classify("d").status_code == 200
    assert house.metric('fittingroom_refused_total{reason="queue"}') == 3
    assert house.metric("fittingroom_requests_inside") == 0
    assert len(house.kept.records) == 3


def test_a_fault_gives_its_place_back() -> None:
    house = House(Limits(max_waiting=1))
    house.predictor.fault = RuntimeError("x")
    for _ in range(3):
        assert house.classify("a").status_code == 500
        assert house.client.post("/v1/chat/completions", json=CHAT | {"stream": True}).status_code == 500
    house.predictor.fault = None
    assert house.classify("a").status_code == 200


def test_requests_per_minute() -> None:
    house = House(Limits(requests_per_minute=3))
    assert [house.classify("a").status_code for _ in range(4)] == [200, 200, 200, 429]
    answer = house.classify("a")
    assert answer.json()["error"]["type"] == "rate_limit_error"
    assert 1 <= int(answer.headers["retry-after"]) <= 20
    assert house.client.get("/health").status_code == 200


def test_the_bucket_fills_again() -> None:
    now = [0.0]
    rate = RateLimit(60, clock=lambda: now[0])
    assert [rate.take() for _ in range(61)] == [0] * 60 + [1]
    now[0] = 1.0
    assert [rate.take(), rate.take()] == [0, 1]
    now[0] = 1000.0
    assert [rate.take() for _ in range(61)].count(0) == 60


# ---------------------------------------------------------------------------------------------- moves


def test_a_move_of_the_alias_is_followed_and_old_requests_finish(house: House) -> None:
    old = house.predictor
    old.gate = threading.Event()
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(house.classify, "a")
        assert old.entered.wait(20)
        house.provider.move(2, FakePredictor(first="差评"))
        new = house.classify("a")
        assert (new.headers["x-release"], new.json()[0]["label"]) == ("2", "差评")
        old.gate.set()
        done = running.result()
    assert (done.status_code, done.headers["x-release"], done.json()[0]["label"]) == (200, "1", "好评")
    assert [record.release for record in house.kept.records] == [2, 1]


def test_an_unknown_model_is_not_found(house: House) -> None:
    answer = house.classify("x", model="13812345678")
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "model_not_found")
    assert "138" not in answer.text


def test_labels_of_the_metrics_are_closed_sets(house: House) -> None:
    house.classify(["a", "b"])
    house.client.get("/nowhere/13812345678")
    house.client.request("BREW", "/v1/models")
    page = house.client.get("/metrics").text
    assert 'fittingroom_predictions_total{alias="champion",label="好评"} 2.0' in page
    assert 'fittingroom_requests_total{route="GET unmatched",status="404"} 1.0' in page
    assert 'route="POST /v1/classify",status="200"' in page
    assert "13812345678" not in page
    assert "BREW" not in page
    assert set(re.findall(r'label="([^"]*)"', page)) <= set(LABELS)


# ---------------------------------------------------------------------------------------------- bad input

_TOO_DEEP = b'{"input": ' + b"[" * 5000 + b"]" * 5000 + b"}"
BROKEN_BODIES = [
    b"",
    b"{",
    b"null",
    b"[]",
    b'"x"',
    b"\xff\xfe\x00",
    b'{"input": "\xff"}',
    b'{"input": null}',
    b'{"input": []}',
    b'{"input": 3}',
    b'{"input": [[["x"]]]}',
    b'{"input": {"review": 3}}',
    b'{"input": {"review": {"review": "x"}}}',
    b'{"input": "\\ud800"}',
    b'{"input": {"\\ud800": "x"}}',
    b'{"input": "x", "13812345678": 1}',
    b'{"input": {"13812345678": "x"}}',
    b'{"input": "x", "model": "' + b"m" * 100 + b'"}',
    b'{"input": NaN}',
    b'{"input": 1' + b"0" * 5000 + b"}",
    b'{"messages": []}',
    b'{"messages": "bad"}',
    b'{"messages": [{"role": "user"}]}',
    b'{"messages": [{"role": "13812345678", "content": "x"}]}',
    b'{"messages": [{"role": "assistant", "content": "x"}]}',
    b'{"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": "file:///etc/passwd"}]}]}',
    b'{"messages": [{"role": "user", "content": "x"}], "temperature": NaN}',
    b'{"messages": [{"role": "user", "content": "x"}], "temperature": -1}',
    b'{"messages": [{"role": "user", "content": "x"}], "temperature": "13812345678"}',
    b'{"messages": [{"role": "user", "content": "x"}], "max_tokens": 0}',
    b'{"messages": [{"role": "user", "content": "x"}], "max_tokens": 1e400}',
    b'{"messages": [{"role": "user", "content": "x"}], "n": 2}',
    b'{"messages": [{"role": "user", "content": "x"}], "seed": 1e99}',
    b'{"messages": [{"role": "user", "content": "x"}], "tools": []}',
    b'{"messages": [{"role": "user", "content": "x"}], "stop": [1]}',
    b'{"messages": [{"role": "user", "content": "x"}], "stream": "13812345678"}',
    b'{"messages": [{"role": "user", "content": "x"}], "response_format": {"type": "json_object"}}',
    _TOO_DEEP,
    b'{"input": ' + b'{"a":' * 3000 + b"1" + b"}" * 3000 + b"}",
]


@pytest.mark.parametrize("path", ["/v1/classify", "/v1/chat/completions"])
@pytest.mark.parametrize("body", BROKEN_BODIES, ids=lambda body: repr(body[:40]))
def test_a_broken_body_is_the_clients_fault_and_nothing_of_it_comes_back(house: House, path: str, body: bytes) -> None:
    answer = house.client.post(path, content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code in (400, 413, 422)
    error = answer.json()["error"]
    assert set(error) == {"message", "type", "param", "code"}
    assert error["type"] == "invalid_request_error"
    assert error["message"]
    assert "13812345678" not in answer.text
    assert house.kept.records == []


@pytest.mark.parametrize(
    "kind", [None, "text/plain", "application/xml", "multipart/form-data", "application/json; charset=gbk"]
)
def test_other_kinds_of_content_do_no_harm(house: House, kind: str | None) -> None:
    headers = {} if kind is None else {"Content-Type": kind}
    for body in (b'{"input": "x"}', b"\xc4\xe3\xba\xc3", b""):
        assert house.client.post("/v1/classify", content=body, headers=headers).status_code in (200, 400, 422)


def test_methods_and_addresses_that_are_not_there(house: House) -> None:
    assert house.client.get("/v1/classify").status_code == 405
    assert house.client.delete("/v1/models").json()["error"]["code"] == "method_not_allowed"
    assert house.client.options("/v1/models").status_code == 405
    for path in ("/v1/classify/", "/v1/%2e%2e/metrics", "/v1/models/..%2f..", "/%00", "/13812345678"):
        answer = house.client.post(path, json={"input": "x"})
        assert answer.status_code in (404, 405), path
        assert "138" not in answer.text


# ---------------------------------------------------------------------------------------------- silence


def test_a_fault_inside_says_nothing_of_the_text(house: House, caplog: pytest.LogCaptureFixture) -> None:
    secret = "我叫张三丰,电话13812345678"
    house.predictor.fault = ValueError(f"cannot handle {secret}\nforged log line")
    with caplog.at_level(logging.DEBUG):
        for answer in (
            house.classify(secret),
            house.client.post("/v1/chat/completions", json={"messages": [{"role": "user", "content": secret}]}),
        ):
            assert answer.status_code == 500
            assert answer.json()["error"]["code"] == "internal_error"
            assert "138" not in answer.text
            assert "张三丰" not in answer.text
    ours = [record.getMessage() for record in caplog.records if record.name.startswith("fittingroom")]
    assert any("fault ValueError at" in line for line in ours)
    assert not any("13812345678" in line or "forged" in line or "\n" in line for line in ours)


def test_canaries_are_in_no_log_metric_or_error(house: House, caplog: pytest.LogCaptureFixture) -> None:
    canary = "13812345678"
    with caplog.at_level(logging.DEBUG, logger="fittingroom"):
        for given in (canary, {"review": canary}, {canary: "x"}, [canary, {canary: canary}]):
            answer = house.classify(given)
            if answer.status_code != 200:
                assert canary not in answer.text
        house.classify("x", **{canary: canary})
        house.client.get(f"/v1/{canary}?q={canary}", headers={"X-Whom": canary})
        chat = {"messages": [{"role": "user", "content": canary, "name": canary}], "user": canary, "stop": canary}
        assert house.client.post("/v1/chat/completions", json=chat).status_code == 200
        assert canary not in house.client.get("/metrics").text
    assert not any(canary in record.getMessage() for record in caplog.records)


def test_who_asks_is_recorded_as_a_pseudonym(house: House) -> None:
    assert house.classify("很好", user="13812345678").status_code == 200
    assert house.classify("很好", user=" ").status_code == 200
    assert house.client.post("/v1/chat/completions", json={**CHAT, "user": "c1"}).status_code == 200
    assert [record.group for record in house.kept.records] == ["pseudonym of 11", None, "pseudonym of 2"]
    assert "13812345678" not in str(house.kept.records)

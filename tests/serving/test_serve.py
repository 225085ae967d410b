"""The whole server on the tiny model: loopback, token, record, metrics, hot swap, rollback; and `ask`."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from fittingroom.errors import StoreError, UserError
from fittingroom.serving.ask import ask
from fittingroom.serving.recorder import read_traffic
from fittingroom.serving.registry import move_alias, register, rollback
from fittingroom.serving.run import bind, check_exposure, serve
from fittingroom.store import Store
from fittingroom.types import Bundle, Folder
from serving.bundles import LABELS, make_bundle

TOKEN = "a-token-of-the-tests-000002"
CANARIES = ["13812345678", "zhang.sanfeng@example.com", "11010519491231002X", "6222021234567890128"]
TEXT = "质量很好 {} where is my order?"


def release(root: Path, scratch: Path, **changes: Any) -> int:
    """Publish a bundle in the workspace's store and deploy it."""
    folder = make_bundle(scratch, **changes)
    digest = Store(root).publish(Bundle(folder=Folder(folder)))
    version = register(root, bundle=digest, run=digest, name="reviews", base="tiny", metrics={}).version
    move_alias(root, "champion", version)
    return version


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("FITTINGROOM_KEY", "a key of the tests")
    root = tmp_path / "shop"
    release(root, tmp_path / "one")
    return root


class Server:
    """A server in a process of its own."""

    def __init__(self, root: Path, token: str | None) -> None:
        code = (
            f"from pathlib import Path; from fittingroom.serving.run import serve; serve(Path({str(root)!r}), port=0)"
        )
        environment = {name: value for name, value in os.environ.items() if name != "FITTINGROOM_TOKEN"}
        environment |= {"OMP_NUM_THREADS": "1"} | ({"FITTINGROOM_TOKEN": token} if token else {})
        self.process = subprocess.Popen(
            [sys.executable, "-c", code], env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        self.said: list[str] = []
        self.url = ""
        greeted = threading.Event()
        # A pipe that nobody empties would stop the server at its next line of log.
        self.reader = threading.Thread(target=self._listen, args=(greeted,))
        self.reader.start()
        assert greeted.wait(120), self.said
        assert self.url, self.said
        self.http = httpx.Client(base_url=self.url, headers={"Authorization": f"Bearer {token}"}, timeout=30)
        self.until(lambda: self.http.get("/health").status_code == 200)

    def _listen(self, greeted: threading.Event) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.said.append(line.strip())
            if "http://" in line and not self.url:
                self.url = line.split(" at ")[1].split(" ")[0]
            if line.startswith("curl"):
                greeted.set()
        self.process.stdout.close()
        greeted.set()

    def classify(self, given: Any) -> httpx.Response:
        return self.http.post("/v1/classify", json={"input": given})

    def until(self, true: Callable[[], bool]) -> None:
        end = time.monotonic() + 30
        while time.monotonic() < end:
            try:
                if true():
                    return
            except httpx.TransportError:
                pass
            time.sleep(0.05)
        raise AssertionError("did not come true within 30 seconds")

    def stop(self, how: signal.Signals = signal.SIGTERM) -> str:
        if self.process.poll() is None:
            self.process.send_signal(how)
        self.process.wait(timeout=30)
        self.reader.join(30)
        self.http.close()
        return "\n".join(self.said)


@pytest.fixture
def server(workspace: Path) -> Iterator[Server]:
    running = Server(workspace, TOKEN)
    yield running
    running.stop()


def test_the_server_answers_records_follows_and_keeps_quiet(server: Server, workspace: Path, tmp_path: Path) -> None:
    [found] = server.classify(TEXT.format("")).json()
    assert found["label"] in LABELS
    assert sum(found["probabilities"].values()) == pytest.approx(1)
    assert found["label"] == ask(workspace, TEXT.format("")).label

    for canary in CANARIES:
        assert server.classify([TEXT.format(canary), {"review": canary}]).status_code == 200
        chat = {"messages": [{"role": "user", "content": TEXT.format(canary)}], "max_tokens": 4, "user": canary}
        assert server.http.post("/v1/chat/completions", json=chat).status_code == 200
        assert server.http.post("/v1/chat/completions", json=chat | {"stream": True}).text.endswith("data: [DONE]\n\n")
        bad = server.http.post(f"/v1/{canary}?{canary}", json={canary: canary}, headers={"X-Name": canary})
        assert bad.status_code == 404
        assert canary not in bad.text
        assert canary not in server.http.post("/v1/classify", json={"input": {canary: canary}}).text
    numbers = server.http.get("/metrics").text
    assert 'fittingroom_release{alias="champion"} 1.0' in numbers

    # A client that goes away in the middle of an answer leaves no work and no place behind.
    long = {"messages": [{"role": "user", "content": "where"}], "max_tokens": 400, "stream": True, "seed": 1}
    with server.http.stream("POST", "/v1/chat/completions", json=long | {"temperature": 2}) as answer:
        next(answer.iter_lines())
    server.until(lambda: "fittingroom_requests_inside 0.0" in server.http.get("/metrics").text)

    release(workspace, tmp_path / "two", labels=["other", "labels"])
    server.until(lambda: server.classify("x").headers["x-release"] == "2")
    assert set(server.classify("x").json()[0]["probabilities"]) == {"other", "labels"}
    rollback(workspace)
    server.until(lambda: server.classify("x").headers["x-release"] == "1")

    said = server.stop()
    everything = numbers + said
    requests = [path.read_text(encoding="utf-8") for path in (workspace / "requests").iterdir()]
    for canary in CANARIES:
        assert canary not in everything
        assert not any(canary in text for text in requests)
    assert TOKEN not in everything
    assert "GET /health 200" in said
    log = [line for line in server.said if " INFO " in line]
    assert log
    assert not any("127.0.0.1" in line for line in log), "no address of a client is logged"
    traffic = read_traffic(workspace / "requests")
    assert traffic.torn == 0
    assert sum("[MOBILE]" in row["input"] for row in traffic.table.dicts()) == 2
    assert {row["release"] for row in traffic.table.dicts()} == {1, 2}
    assert read_traffic(workspace / "requests", route="chat").table.rows == 2 * len(CANARIES)


def test_without_a_token_one_is_made_shown_once_and_needed(workspace: Path) -> None:
    server = Server(workspace, None)
    [line] = [line for line in server.said if line.startswith("FITTINGROOM_TOKEN=")]
    token = line.split("=", 1)[1].split(" ")[0]
    try:
        assert len(token) >= 40
        assert server.http.get("/v1/models").status_code == 401
        good = {"Authorization": f"Bearer {token}"}
        assert server.http.get("/v1/models", headers=good).status_code == 200
        # Bound to loopback alone: the machine's other addresses do not answer.
        port = int(server.url.rsplit(":", 1)[1])
        assert server.url.startswith("http://127.0.0.1:")
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.2", port), timeout=5)
    finally:
        said = server.stop(signal.SIGINT)
    assert said.count(token) == 1
    assert "stopped" in said


def test_bind_is_loopback_and_says_when_it_cannot() -> None:
    with bind("127.0.0.1", 0) as listening:
        host, port = listening.getsockname()
        assert host == "127.0.0.1"
        with pytest.raises(UserError, match="cannot be listened on"):
            bind("127.0.0.1", port)
    with pytest.raises(UserError, match="cannot be listened on"):
        bind("127.0.0.1", 70_000)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5", "shop.example", ""])
def test_other_addresses_need_to_be_asked_for_and_a_token(host: str, workspace: Path) -> None:
    with pytest.raises(UserError, match="other machines could reach"):
        check_exposure(host, expose=False, chosen=True)
    with pytest.raises(UserError, match="needs a token"):
        check_exposure(host, expose=True, chosen=False)
    check_exposure(host, expose=True, chosen=True)
    with pytest.raises(UserError, match="other machines could reach"):
        serve(workspace, host=host, token=TOKEN)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.5", "::1", "localhost"])
def test_loopback_needs_neither(host: str) -> None:
    check_exposure(host, expose=False, chosen=False)


def test_nothing_deployed_is_said(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="alias champion"):
        serve(tmp_path, port=0, token=TOKEN)
    with pytest.raises(StoreError, match="alias champion"):
        ask(tmp_path, "x")
    with pytest.raises(UserError, match="at least 16"):
        serve(tmp_path, port=0, token="short")


def test_ask_answers_and_records_nothing(workspace: Path) -> None:
    found = ask(workspace, "包裹破损,电话13812345678")
    assert found.label in LABELS
    assert "13812345678" not in found.model_dump_json()
    assert not (workspace / "requests").exists()
    with pytest.raises(StoreError, match="alias challenger"):
        ask(workspace, "x", alias="challenger")


def test_a_bundle_that_is_gone_or_touched_is_named(workspace: Path) -> None:
    [digest] = [path.name for path in (workspace / "objects").iterdir()]
    weights = workspace / "objects" / digest / "folder" / "model" / "model.safetensors"
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    with pytest.raises(StoreError, match=r"model\.safetensors"):
        ask(workspace, "x")
    weights.unlink()
    with pytest.raises(StoreError, match="gone or not whole"):
        ask(workspace, "x")


def test_without_the_key_of_pseudonyms_nothing_is_served(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FITTINGROOM_KEY")
    with pytest.raises(UserError, match="FITTINGROOM_KEY"):
        ask(workspace, "x")
    (workspace / ".env").write_text("FITTINGROOM_KEY=a key of the tests\n")
    assert ask(workspace, "x").label in LABELS


def test_a_release_without_pseudonyms_needs_no_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FITTINGROOM_KEY", raising=False)
    release(tmp_path, tmp_path / "b", prepare={"redact": {"pseudonyms": []}})
    assert ask(tmp_path, "order 20261122000123456").label in LABELS
    assert json.loads((tmp_path / "registry" / "aliases.json").read_text())["champion"]["version"] == 1

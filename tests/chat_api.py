"""A chat API on this machine that answers as it is told to, and misbehaves as DeepSeek's documentation says."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Fault = int | str | tuple[int, str]
"""A status; (status, Retry-After); blank, garbled, cut, keep-alive (and no answer), patient (then one), slow, thought,
think-tags, tired, uncounted.
"""


@dataclass
class Api:
    """What it answers, and what it was asked."""

    url: str = ""
    reply: Callable[[str], str] = lambda text: f"{text}, all told"
    """The last message -> the answer."""
    by_system: Callable[[str, str], str] | None = None
    """(instructions, last message) -> the answer; instead of `reply`."""
    faults: list[Fault] = field(default_factory=list)
    """Of the next answers, before it says something."""
    finish: str = "stop"
    model: str = "deepseek-flash-1017"
    usage: dict[str, Any] | None = field(default_factory=lambda: {"prompt_tokens": 100, "completion_tokens": 10})
    headers: list[dict[str, str]] = field(default_factory=list)
    asked: list[dict[str, Any]] = field(default_factory=list)
    """Bodies of the questions that were answered, with the path."""
    tried: int = 0

    def texts(self) -> list[str]:
        return [one["messages"][1]["content"] for one in self.asked]


class _Answering(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    api: Api

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        api = self.api
        api.headers.append(dict(self.headers))
        api.tried += 1
        fault = api.faults.pop(0) if api.faults else ""
        if isinstance(fault, tuple):
            return self._say(fault[0], b"{}", {"Retry-After": fault[1]})
        if fault == 302:
            return self._say(302, b"", {"Location": "http://192.0.2.1/elsewhere"})
        if isinstance(fault, int) and fault != 200:
            return self._say(fault, b'{"error": {"message": "quotes the customer"}}')
        if fault == "garbled" or fault == 200:
            return self._say(200, b"no JSON at all")
        if fault == "slow":
            time.sleep(1.0)
        if fault == "keep-alive":
            return self._drip()
        asked = json.loads(body)
        found = self._completion(asked, str(fault))
        if fault == "patient":
            return self._drip(found)
        if not fault or fault in ("think-tags", "uncounted"):
            api.asked.append(asked | {"path": self.path})
        if fault == "cut":
            self.send_response(200)
            self.send_header("Content-Length", str(len(found) + 50))
            self.end_headers()
            self.wfile.write(found[:20])
            self.close_connection = True
            return None
        return self._say(200, found)

    def _completion(self, asked: dict[str, Any], fault: str) -> bytes:
        api = self.api
        text, finish, said = "", api.finish, {"role": "assistant"}
        usage = None if fault == "uncounted" else api.usage
        if fault == "blank":
            text = "   \n  "
        elif fault == "thought":
            said["reasoning_content"] = "hm, let me think"
        elif fault == "tired":
            text, finish = "half an ans", "insufficient_system_resource"
        else:
            last = asked["messages"][-1]["content"]
            text = api.by_system(asked["messages"][0]["content"], last) if api.by_system else api.reply(last)
        if fault == "think-tags":
            text = f"<think>what a {{customer}}</think>\n{text}"
        choice = {"index": 0, "message": said | {"content": text}, "finish_reason": finish}
        found = {"id": "1", "object": "chat.completion", "model": api.model, "choices": [choice], "usage": usage}
        return json.dumps(found).encode()

    def _drip(self, answer: bytes = b"") -> None:
        """Empty lines that keep the line open; at last the answer, if there is one."""
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        try:
            for _ in range(3 if answer else 30):
                self.wfile.write(b"1\r\n\n\r\n")
                self.wfile.flush()
                time.sleep(0.05)
            if answer:
                self.wfile.write(b"%x\r\n%s\r\n0\r\n\r\n" % (len(answer), answer))
        except OSError:
            pass
        self.close_connection = True

    def _say(self, code: int, body: bytes, more: dict[str, str] | None = None) -> None:
        try:
            self.send_response(code)
            for name, value in {"Content-Length": str(len(body)), **(more or {})}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)
        except OSError:  # who asked did not wait
            self.close_connection = True

    def log_message(self, *arguments: Any) -> None:
        return


@contextmanager
def chat_api() -> Iterator[Api]:
    """A running server."""
    found = Api()
    handler = type("Answering", (_Answering,), {"api": found})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    found.url = f"http://127.0.0.1:{server.server_port}/v1"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield found
    finally:
        server.shutdown()
        thread.join()
        server.server_close()

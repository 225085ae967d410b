"""A server on loopback that answers as the Hugging Face Hub does: models, revisions, files by commit.

Run as a program it serves folders and prints its address; tests talk to it through `huggingface_hub` itself.
"""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urlsplit

Repositories = dict[str, tuple[dict[str, str], dict[str, Path]]]
"""Name -> (branch or tag -> commit, commit -> folder)."""


@contextmanager
def hub(repositories: Repositories) -> Iterator[tuple[str, list[str]]]:
    """Address of a running server, and the paths that it was asked for."""
    asked: list[str] = []

    class Answer(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_HEAD(self) -> None:
            self._answer(body=False)

        def do_GET(self) -> None:
            self._answer(body=True)

        def log_message(self, format: str, *args: object) -> None:
            pass

        def _answer(self, *, body: bool) -> None:
            path = unquote(urlsplit(self.path).path).strip("/")
            asked.append(f"{self.command} {path}")
            for name, (revisions, commits) in repositories.items():
                if path.startswith(f"api/models/{name}"):
                    rest = path.removeprefix(f"api/models/{name}").strip("/").split("/")
                    wanted = rest[1] if len(rest) > 1 else "main"
                    commit = revisions.get(wanted, wanted)
                    if commit not in commits:
                        return self._send(404, b"{}", {"X-Error-Code": "RevisionNotFound"}, body)
                    files = sorted(file for file in commits[commit].rglob("*") if file.is_file())
                    if rest[0] == "tree":
                        listed = [
                            {
                                "type": "file",
                                "path": file.relative_to(commits[commit]).as_posix(),
                                "size": file.stat().st_size,
                                "oid": _etag(file),
                            }
                            for file in files
                        ]
                        return self._send(200, json.dumps(listed).encode(), {}, body)
                    siblings = [
                        {"rfilename": file.relative_to(commits[commit]).as_posix(), "size": file.stat().st_size}
                        for file in files
                    ]
                    told = {"id": name, "modelId": name, "sha": commit, "private": False, "siblings": siblings}
                    return self._send(200, json.dumps(told).encode(), {}, body)
                if path.startswith(f"{name}/resolve/"):
                    wanted, _, file_name = path.removeprefix(f"{name}/resolve/").partition("/")
                    commit = revisions.get(wanted, wanted)
                    file = commits.get(commit, Path("nowhere")) / file_name
                    if not file.is_file():
                        return self._send(404, b"", {"X-Error-Code": "EntryNotFound"}, body)
                    headers = {"X-Repo-Commit": commit, "ETag": f'"{_etag(file)}"'}
                    return self._send(200, file.read_bytes(), headers, body)
            return self._send(404, b"{}", {"X-Error-Code": "RepoNotFound"}, body)

        def _send(self, status: int, content: bytes, headers: dict[str, str], body: bool) -> None:
            self.send_response(status)
            for key, value in {"Content-Length": str(len(content)), **headers}.items():
                self.send_header(key, value)
            self.end_headers()
            if body:
                self.wfile.write(content)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}", asked
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _etag(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()

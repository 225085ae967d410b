"""Serve: bind, load, listen. On this machine alone, with a token, unless somebody says otherwise in so many words."""

from __future__ import annotations

import logging
import os
import socket
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from fittingroom.errors import UserError
from fittingroom.serving.app import create_app
from fittingroom.serving.auth import TOKEN, Token, is_loopback
from fittingroom.serving.champions import Champions
from fittingroom.serving.limits import Limits
from fittingroom.serving.load import load_release, pseudonym_key
from fittingroom.serving.metrics import Metrics
from fittingroom.serving.recorder import FOLDER, Recorder
from fittingroom.serving.registry import CHAMPION
from fittingroom.sources import forgotten
from fittingroom.text.redact import pseudonym

if TYPE_CHECKING:
    import uvicorn
    from fastapi import FastAPI


def serve(
    root: Path,
    *,
    host: str = "127.0.0.1",
    port: int = 8000,
    alias: str = CHAMPION,
    token: str | None = None,
    expose: bool = False,
    limits: Limits | None = None,
    announce: Callable[[str], None] | None = None,
) -> None:
    """Serve the release behind an alias until stopped.

    The token comes from `token`, else from the environment (FITTINGROOM_TOKEN), else one is made and announced once.
    An address that other machines can reach needs `expose` and a token that somebody chose. `port` 0 takes a free one.
    `announce` is told the lines for people; by default they go to standard error. Raises UserError for an address or a
    token that cannot be used, StoreError when there is nothing to serve.
    """
    import uvicorn

    say = announce or (lambda line: print(line, file=sys.stderr, flush=True))
    chosen = token or os.environ.get(TOKEN) or ""
    check_exposure(host, expose=expose, chosen=bool(chosen))
    secret = chosen or Token.generated()
    Token(secret)
    metrics = Metrics()
    with bind(host, port) as listening:
        champions = Champions(root, lambda release: load_release(root, release), aliases=(alias,), metrics=metrics)
        champions.follow()
        recorder = Recorder(root / FOLDER, refused=partial(forgotten.known, root))
        app = create_app(
            champions, token=secret, recorder=recorder, limits=limits, metrics=metrics, whose=_pseudonyms(root)
        )
        _log_to_stderr()
        for line in _greeting(listening, champions, alias, "" if chosen else secret):
            say(line)
        champions.watch()
        try:
            uvicorn.Server(_quiet(app)).run(sockets=[listening])
        except KeyboardInterrupt:
            say("stopped / 已停止")
        finally:
            champions.close()
            recorder.close()


def _pseudonyms(root: Path) -> Callable[[str], str | None]:
    """How a customer is recorded: as in the rows. Without a key not at all."""
    key = pseudonym_key(root)
    return lambda user: pseudonym(key, "group", user) if key else None


def check_exposure(host: str, *, expose: bool, chosen: bool) -> None:
    """Refuse an address that other machines can reach, unless it was asked for and has a token of its own."""
    if is_loopback(host):
        return
    if not expose:
        raise UserError(
            "other machines could reach this address; keep 127.0.0.1 and put a proxy with TLS in front of it, or ask "
            "for it with `expose`",
            "其他机器可以访问此地址；请保留 127.0.0.1 并在前面放置带 TLS 的代理，或用 `expose` 明确要求",
            place=f"host {host}",
        )
    if not chosen:
        raise UserError(
            f"an address that other machines can reach needs a token: set {TOKEN}",
            f"对外开放的地址需要令牌：请设置 {TOKEN}",
            place=f"host {host}",
        )


def bind(host: str, port: int) -> socket.socket:
    """A listening socket. Raises UserError when the address cannot be had."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        if not 0 <= port < 2**16:
            raise OSError("no such port")
        return socket.create_server((host, port), family=family)
    except OSError as error:
        raise UserError(
            f"cannot be listened on ({type(error).__name__}): choose another port or host",
            f"无法监听（{type(error).__name__}）：请更换端口或地址",
            place=f"{host}:{port}",
        ) from None


def _greeting(listening: socket.socket, champions: Champions, alias: str, made: str) -> list[str]:
    host, port = listening.getsockname()[:2]
    address = f"http://{f'[{host}]' if ':' in host else host}:{port}"
    served = champions.current(alias)
    assert served is not None
    lines = [f"serving {alias} (release {served.release.version}) at {address} / 正在服务"]
    if made:
        lines.append(f"{TOKEN}={made}   (made for this start; shown once / 仅本次有效，只显示一次)")
    lines.append(
        f'curl {address}/v1/classify -H "Authorization: Bearer ${TOKEN}" '
        "-H 'Content-Type: application/json' -d '{\"input\": \"…\"}'"
    )
    return lines


def _quiet(app: FastAPI) -> uvicorn.Config:
    """uvicorn without its access log, which would write addresses and paths, and without headers that name it."""
    import uvicorn

    return uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        ws="none",
        timeout_graceful_shutdown=10,
    )


def _log_to_stderr() -> None:
    log = logging.getLogger("fittingroom.serving")
    if not log.handlers:
        handler = logging.StreamHandler(sys.stderr)
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
        log.addHandler(handler)
        log.setLevel(logging.INFO)
        log.propagate = False

"""Real database servers for the slow tests: run by an unprivileged user on a free loopback port, gone afterwards."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

PASSWORD = "p@ss/wö:rd?"
"""Of the user who only reads; full of what a url cannot hold as it is."""


@dataclass(frozen=True)
class Server:
    """A running server: `url` is for a recipe (the password comes from SHOP_PASSWORD), `sql` runs SQL as the owner."""

    url: str
    port: int
    sql: Callable[[str], None]


def _user() -> str | None:
    """Servers refuse to run as root: somebody without rights, then."""
    if os.geteuid() != 0:
        return None
    return next((name for name in ("nobody", "daemon") if _exists(name)), None)


def _exists(name: str) -> bool:
    try:
        pwd.getpwnam(name)
    except KeyError:
        return False
    return True


def _free_port() -> int:
    with socket.socket() as line:
        line.bind(("127.0.0.1", 0))
        return int(line.getsockname()[1])


@contextmanager
def _folder() -> Iterator[Path]:
    """Not pytest's own: those are closed to other users, and too long for a socket."""
    folder = Path(tempfile.mkdtemp(prefix="fr-", dir="/tmp"))
    if user := _user():
        shutil.chown(folder, user)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _run(command: list[str | Path], folder: Path, text: str = "") -> None:
    done = subprocess.run(
        [str(part) for part in command],
        cwd=folder, user=_user(), input=text, capture_output=True, text=True, check=False, env=_env(folder),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-1500:]


def _env(folder: Path) -> dict[str, str]:
    return {"PATH": os.environ["PATH"], "HOME": str(folder), "LC_ALL": "C.UTF-8", "TZ": "Asia/Shanghai"}


@contextmanager
def _serving(command: list[str | Path], folder: Path, ready: Callable[[], None]) -> Iterator[None]:
    with (folder / "server.log").open("wb") as log:
        server = subprocess.Popen(
            [str(part) for part in command],
            cwd=folder, user=_user(), stdout=log, stderr=log, env=_env(folder), start_new_session=True,
        )  # fmt: skip
    try:
        for _ in range(240):
            assert server.poll() is None, (folder / "server.log").read_text(errors="replace")[-1500:]
            try:
                ready()
                break
            except (AssertionError, OSError):
                time.sleep(0.25)
        else:
            ready()
        yield
    finally:
        server.terminate()
        try:
            server.wait(20)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()


def postgres_bin() -> Path | None:
    """Folder of PostgreSQL's own programs, the newest version."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: float(path.parts[-3]))
    beside = shutil.which("initdb")
    return found[-1].parent if found else Path(beside).resolve().parent if beside else None


@contextmanager
def postgres() -> Iterator[Server]:
    """PostgreSQL with a database `shop` and a user `reader` who may read."""
    programs = postgres_bin()
    if programs is None:
        pytest.skip("PostgreSQL is not installed here (apt-get install postgresql)")
    with _folder() as folder:
        port = _free_port()
        data = folder / "data"
        init = [programs / "initdb", "-D", data, "-U", "owner", "-E", "UTF8", "--locale=C.UTF-8", "-N"]
        _run([*init, "--auth-local=trust", "--auth-host=scram-sha-256"], folder)
        start = [programs / "postgres", "-D", data, "-p", str(port), "-k", folder, "-h", "127.0.0.1", "-F"]
        psql = [programs / "psql", "-q", "-v", "ON_ERROR_STOP=1", "-h", folder, "-p", str(port), "-U", "owner"]

        def ready() -> None:
            _run([*psql, "-d", "postgres", "-c", "select 1"], folder)

        with _serving(start, folder, ready):
            _run([*psql, "-d", "postgres", "-c", "create database shop"], folder)
            quoted = PASSWORD.replace("'", "''")
            _run([*psql, "-d", "shop", "-c", f"create role reader login password '{quoted}'"], folder)
            yield Server(
                url=f"postgresql://reader:${{SHOP_PASSWORD}}@127.0.0.1:{port}/shop",
                port=port,
                sql=lambda text: _run([*psql, "-d", "shop"], folder, text),
            )


@contextmanager
def mariadb() -> Iterator[Server]:
    """MariaDB (or MySQL) with a database `shop` and a user `reader` who may read it."""
    places = "/usr/sbin:/usr/local/sbin:" + os.environ["PATH"]
    daemon, install, client = (
        shutil.which(name, path=places) for name in ("mariadbd", "mariadb-install-db", "mariadb")
    )
    if not daemon or not install or not client:
        pytest.skip("MariaDB is not installed here (apt-get install mariadb-server)")
    with _folder() as folder:
        port, line = _free_port(), folder / "s.sock"
        (folder / "data").mkdir()
        if user := _user():
            shutil.chown(folder / "data", user)
        common = ["--no-defaults", f"--datadir={folder}/data"]
        _run([install, *common, "--auth-root-authentication-method=normal", "--skip-test-db"], folder)
        start = [daemon, *common, f"--socket={line}", f"--port={port}", "--bind-address=127.0.0.1", "--skip-log-bin"]
        small = [f"--pid-file={folder}/pid", "--innodb-buffer-pool-size=32M", "--secure-file-priv="]
        mysql = [client, "--no-defaults", f"--socket={line}", "-u", "root", "--default-character-set=utf8mb4"]

        def ready() -> None:
            _run([*mysql, "-e", "select 1"], folder)

        with _serving([*start, *small, "--character-set-server=utf8mb4"], folder, ready):
            quoted = PASSWORD.replace("'", "''")
            _run([*mysql, "-e", "create database shop character set utf8mb4"], folder)
            _run([*mysql, "-e", f"create user reader@'%' identified by '{quoted}'; grant select, execute, insert, update, delete, drop on shop.* to reader@'%'; grant file on *.* to reader@'%'"], folder)  # fmt: skip # noqa: E501
            yield Server(
                url=f"mysql://reader:${{SHOP_PASSWORD}}@127.0.0.1:{port}/shop",
                port=port,
                sql=lambda text: _run([*mysql, "shop"], folder, text),
            )

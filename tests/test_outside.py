"""What is reached for outside the machine is seen while somebody watches."""

from __future__ import annotations

import socket
import subprocess
import sys

from fittingroom.outside import watched

NOWHERE = "models.invalid"


def _look_up(host: str) -> None:
    try:
        socket.getaddrinfo(host, 443)
    except OSError:
        return


def test_a_name_that_is_looked_up_is_seen() -> None:
    with watched("mysql://db.shop.example/orders") as seen:
        _look_up(NOWHERE)
        _look_up("localhost")
        _look_up("127.0.0.1")

    assert seen
    assert seen.facts() == {"hosts": {NOWHERE: 1}, "installs": {}}


def test_what_is_reached_on_purpose_does_not_count() -> None:
    with watched(f"mysql://reader@{NOWHERE}/orders") as seen:
        _look_up(NOWHERE)
    with watched(None) as anything:
        _look_up(NOWHERE)

    assert not seen
    assert not anything


def test_an_address_without_a_name_is_seen() -> None:
    with watched("") as seen, socket.socket(socket.AF_INET, socket.SOCK_STREAM) as plug:
        plug.setblocking(False)
        plug.connect_ex(("192.0.2.1", 9))

    assert seen.facts()["hosts"] == {"192.0.2.1": 1}


def test_an_installer_is_seen() -> None:
    with watched("") as seen:
        subprocess.run([sys.executable, "-c", "pass", "-m", "pip", "install", "nothing"], check=True)
        subprocess.run([sys.executable, "-c", "pass", "install"], check=True)

    assert seen.facts()["installs"] == {"pip": 1}


def test_nothing_is_seen_when_nobody_watches() -> None:
    with watched("") as seen:
        pass
    _look_up(NOWHERE)

    assert not seen

"""A run opens no connection outside the machine."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from shop import write_shop

# The audit hook sees what Python opens; it allows nothing but sockets of this machine.
WATCHED = """
import sys
outside = []
def watch(event, arguments):
    if event == "socket.connect" and isinstance(arguments[1], tuple) and arguments[1][0] not in ("127.0.0.1", "::1"):
        outside.append(("connect", arguments[1]))
    if event == "socket.getaddrinfo" and arguments[0] not in ("localhost", "127.0.0.1", "::1", None):
        outside.append(("getaddrinfo", arguments[0]))
sys.addaudithook(watch)
from fittingroom import Workspace
summary = Workspace().run()
print(Workspace().ask("where is my parcel").label)
assert summary.status == "passed", summary.status
assert outside == [], outside
"""

# In a network namespace of its own the kernel counts every attempt, also those of native libraries.
COUNTERS = """
import pathlib
def counters():
    lines = pathlib.Path("/proc/net/snmp").read_text().splitlines()
    table = {}
    for names, values in zip(lines[::2], lines[1::2]):
        protocol, _, rest = names.partition(":")
        table |= {f"{protocol}.{n}": int(v) for n, v in zip(rest.split(), values.split(":")[1].split())}
    return {name: table[name] for name in ("Ip.OutNoRoutes", "Tcp.ActiveOpens", "Udp.OutDatagrams", "Udp.NoPorts")}
before = counters()
exec(WATCHED)
after = counters()
assert after == before, (before, after)
"""


def _run(code: str, folder: Path, *prefix: str) -> subprocess.CompletedProcess[str]:
    env = {name: value for name, value in os.environ.items() if name != "HF_HUB_OFFLINE"}
    env |= {"FITTINGROOM_KEY": "k" * 32}
    return subprocess.run(
        [*prefix, sys.executable, "-c", code], cwd=folder, env=env, capture_output=True, text=True, check=False
    )


def test_a_run_connects_to_nothing_outside(tmp_path: Path) -> None:
    done = _run(WATCHED, write_shop(tmp_path / "shop", rows=120))
    assert done.returncode == 0, done.stderr[-2000:]


@pytest.mark.slow
def test_the_kernel_saw_no_attempt_either(tmp_path: Path) -> None:
    unshare = shutil.which("unshare")
    if unshare is None or subprocess.run([unshare, "-rn", "true"], check=False, capture_output=True).returncode:
        pytest.skip("network namespaces are not allowed here")
    code = f"WATCHED = {WATCHED!r}\n{COUNTERS}"
    done = _run(code, write_shop(tmp_path / "shop", rows=120), unshare, "-rn")
    assert done.returncode == 0, done.stderr[-2000:]

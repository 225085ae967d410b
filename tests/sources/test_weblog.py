"""Access logs: views and searches, visitors without addresses, machines set apart."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import quote

import pytest

from fittingroom.engine import Context
from sources.reading import read, source

AGENT = "Mozilla/5.0 (X11; Linux x86_64) Firefox/120.0"


def line(
    target: str, *, at: str = "10:00:00", address: str = "192.0.2.7", agent: str = AGENT, status: int = 200
) -> str:
    return f'{address} - - [05/Mar/2025:{at} +0800] "GET {target} HTTP/1.1" {status} 512 "-" "{agent}"'


def rows_of(context: Context, *lines: str) -> list[dict[str, str | None]]:
    (context.root / "access.log").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return read(source(kind="weblog", path="access.log"), context)[0]


@pytest.mark.parametrize(
    ("target", "kind", "item", "terms"),
    [
        ("/goods/SKU-12?from=list&token=secret", "view", "SKU-12", None),
        ("/product.php?id=77", "view", "77", None),
        ("/item/1001.html", "view", "1001", None),
        (f"/search?q={quote('红色 裙子')}&page=2", "search", None, "红色 裙子"),
        (f"/search?q={quote('红色'.encode('gb18030'))}", "search", None, "红色"),
        (f"/search?q={quote(quote('红色'))}", "search", None, "红色"),
        ("/s?wd=red+dress", "search", None, "red dress"),
        (r"/search?q=\xE7\xBA\xA2\xE8\x89\xB2", "search", None, "红色"),
        ("/cart/add?sku=SKU-9&n=1", "cart", "SKU-9", None),
        ("/checkout", "order", None, None),
        ("/static/app.js", "asset", None, None),
        ("/logo.png?v=2", "asset", None, None),
        ("/healthz", "health", None, None),
        ("/robots.txt", "bot", None, None),
        ("/about", "page", None, None),
    ],
)
def test_kinds(context: Context, target: str, kind: str, item: str | None, terms: str | None) -> None:
    (row,) = rows_of(context, line(target))
    assert (row["kind"], row["item"], row["terms"]) == (kind, item, terms)
    assert "secret" not in str(row)
    assert "192.0.2.7" not in str(row)


@pytest.mark.parametrize(
    ("agent", "kind"),
    [
        ("Mozilla/5.0 (compatible; Baiduspider/2.0; +http://www.baidu.com/search/spider.html)", "bot"),
        ("curl/8.0", "bot"),
        ("python-requests/2.31", "bot"),
        ("kube-probe/1.27", "health"),
        ("ELB-HealthChecker/2.0", "health"),
        (AGENT, "page"),
        (r"Mozilla \"quoted\" agent", "page"),
    ],
)
def test_machines(context: Context, agent: str, kind: str) -> None:
    assert rows_of(context, line("/", agent=agent))[0]["kind"] == kind


def test_sessions(context: Context) -> None:
    rows = rows_of(
        context,
        line("/a", at="10:00:00"),
        line("/b", at="10:20:00"),
        line("/c", at="10:51:00"),
        line("/d", at="10:51:00", address="192.0.2.8"),
    )
    sessions = [str(row["session"]) for row in rows]
    assert sessions[0] == sessions[1] != sessions[2]
    assert rows[0]["visitor"] == rows[2]["visitor"] != rows[3]["visitor"]
    assert sessions[3].endswith("-1")


def test_common_format_odd_requests_and_rejects(context: Context) -> None:
    good = [
        '192.0.2.1 - bob [05/Mar/2025:10:00:00 +0000] "GET / HTTP/1.0" 200 -',
        '192.0.2.1 - - [05/Mar/2025:10:00:00 +0000] "-" 408 0 "-" "-"',
        r'192.0.2.1 - - [05/Mar/2025:10:00:00 +0000] "\x16\x03\x01" 400 0 "-" "Mozilla"',
    ]
    bad = ["rubbish", '192.0.2.1 - - [99/Foo/2025:10:00:00 +0000] "GET / HTTP/1.1" 200 1 "-" "-"']
    (context.root / "access.log").write_text("\n".join([*good, *bad]) + "\n")
    rows, rejected = read(source(kind="weblog", path="access.log"), context)
    assert len(rows) == 3
    assert [(number, reason) for number, reason, _ in rejected] == [
        (4, "not a line of the common or combined log format"),
        (5, "the time cannot be read"),
    ]


def test_a_real_log_is_read_whole(context: Context, data_dir: Path) -> None:
    rows, rejected = read(source(kind="weblog", path=str(data_dir / "log_apache_elastic" / "access.log")), context)
    assert len(rows) + len(rejected) == 10_000
    assert len(rejected) <= 5

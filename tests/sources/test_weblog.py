"""Access logs: views and searches, visitors without addresses, machines set apart."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import quote

import pytest
from pydantic import ValidationError

from fittingroom.engine import Context
from fittingroom.errors import RecipeError
from fittingroom.sources import check_source
from fittingroom.sources.times import parse_time
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
        ("Sogou web spider/4.0(+http://www.sogou.com/docs/help/webmasters.htm#07)", "bot"),
        ("Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)", "bot"),
        ("Mozilla/5.0 (compatible; Mail.RU_Bot/2.0)", "bot"),
        ("Mozilla/5.0 (Linux; Android 9; CUBOT X19) AppleWebKit/537.36 Chrome/80.0 Mobile Safari/537.36", "page"),
        ("Mozilla/5.0 (Linux; Android 10) AppleWebKit/537.36 SogouMSE,SogouMobileBrowser/5.28.12", "page"),
        ("okhttp/4.9.3", "page"),
        ("Mozilla/5.0 (Linux; Android 12; ELB-AN00) AppleWebKit/537.36 Chrome/99.0", "page"),
        ("ELB-HealthChecker/2.0", "health"),
        (AGENT, "page"),
        (r"Mozilla \"quoted\" agent", "page"),
    ],
)
def test_machines(context: Context, agent: str, kind: str) -> None:
    assert rows_of(context, line("/", agent=agent))[0]["kind"] == kind


@pytest.mark.parametrize(
    ("target", "agent", "kind"),
    [
        ("/live/room1", AGENT, "page"),
        ("/live", AGENT, "page"),
        ("/status/123", "Go", "page"),
        ("/health/vitamins", "ShopApp/3.1", "page"),
        ("/live", "GoProbe/1.0", "health"),
        ("/health/ready", "GoProbe/1.0", "health"),
        ("/status.php", "GoProbe/1.0", "health"),
        ("/readyz/etcd", AGENT, "health"),
        ("/ping", AGENT, "health"),
        ("/ping/pong-table", AGENT, "page"),
    ],
)
def test_pages_that_are_called_like_probes(context: Context, target: str, agent: str, kind: str) -> None:
    assert rows_of(context, line(target, agent=agent))[0]["kind"] == kind


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


def test_a_rejected_line_carries_no_query(context: Context) -> None:
    good = '192.0.2.1 - - [05/Mar/2025:10:00:00 +0000] "GET / HTTP/1.0" 200 -'
    bad = "192.0.2.1 - - [05/Mar/2025:10:00:00 +0000] GET /goods/7?from=list&session=f50f84d8 HTTP/1.1 200 1"
    (context.root / "access.log").write_text(f"{good}\n{bad}\n")

    _, ((_, _, text),) = read(source(kind="weblog", path="access.log"), context)

    assert "GET /goods/7? HTTP/1.1" in text
    assert "f50f84d8" not in text


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


MAIN = """log_format  main  '$remote_addr - $remote_user [$time_local] "$request" '
                      '$status $body_bytes_sent "$http_referer" '
                      '"$http_user_agent" "$http_x_forwarded_for" $request_time $upstream_response_time';"""
LINES = {
    MAIN: rf'10.0.0.1 - a b [05/Mar/2025:10:00:00 +0800] "GET /goods/S1?x=1 HTTP/1.1" 200 5 "http://x/\"q\"" "{AGENT} \"odd\"" "192.0.2.7, 10.1.1.1" 0.012 0.01, 0.02',  # noqa: E501
    '$msec|$remote_addr|$request_method|${host}$request_uri|$status|$http_user_agent': f"1741140000.123|192.0.2.7|GET|/goods/S1?x=1|200|{AGENT}",  # noqa: E501
    "[$time_iso8601] $remote_addr $status $request_method $uri $args $http_user_agent": f"[2025-03-05T10:00:00+08:00] 192.0.2.7 200 GET /goods/S1 x=1 {AGENT}",  # noqa: E501
    """escape=json '{"t":"$time_iso8601","ip":"$remote_addr","r":"$request","s":$status,"ua":"$http_user_agent"}'""": f'{{"t":"2025-03-05T10:00:00+08:00","ip":"192.0.2.7","r":"GET /goods/S1?x=1 HTTP/2.0","s":200,"ua":"{AGENT} \\"odd\\""}}',  # noqa: E501
}  # fmt: skip


@pytest.mark.parametrize("form", list(LINES))
def test_any_log_format_of_nginx(context: Context, form: str) -> None:
    (context.root / "access.log").write_text(LINES[form] + "\nanother line\n")
    rows, rejected = read(source(kind="weblog", path="access.log", format=form), context)
    (row,) = rows
    assert (row["kind"], row["item"], row["path"], row["method"], row["status"]) == (
        "view", "S1", "/goods/S1", "GET", "200",
    )  # fmt: skip
    assert "192.0.2.7" not in str(row)
    assert [(line, reason) for line, reason, _ in rejected] == [(2, "not a line of the log_format of the recipe")]
    when = parse_time(row["time"])
    assert when is not None
    assert when.isoformat()[:19] == "2025-03-05T02:00:00"


def test_visitors_behind_a_proxy_are_told_apart(context: Context) -> None:
    other = LINES[MAIN].replace("192.0.2.7", "192.0.2.8")
    (context.root / "access.log").write_text(f"{LINES[MAIN]}\n{other}\n{LINES[MAIN]}\n")
    rows, _ = read(source(kind="weblog", path="access.log", format=MAIN), context)
    assert rows[0]["visitor"] == rows[2]["visitor"] != rows[1]["visitor"]


@pytest.mark.parametrize("form", ["$remote_addr $request", "$time_local $status", "nothing"])
def test_a_format_that_says_too_little(context: Context, form: str) -> None:
    (context.root / "access.log").write_text(line("/") + "\n")
    with pytest.raises(RecipeError, match=r"must hold a time"):
        check_source(source(kind="weblog", path="access.log", format=form), context)


def test_a_log_of_another_format_is_an_error(context: Context) -> None:
    (context.root / "access.log").write_text((line("/") + "\n") * 3)
    rows, rejected = read(source(kind="weblog", path="access.log", format="$msec $request"), context)
    assert (rows, len(rejected)) == ([], 3)


def test_the_shops_own_addresses(context: Context) -> None:
    (context.root / "access.log").write_text(
        "\n".join(
            [
                line("/p-77.html"), line(f"/list/{quote('红色 裙子')}"), line("/done?no=1"), line("/goods/S1"),
                line("/p-77.html", agent="Baiduspider"), line("/internal/warm"),
            ]
        )
    )  # fmt: skip
    routes = {
        "view": r"^/p-(?P<item>\d+)",
        "search": r"^/list/(?P<terms>[^?]+)",
        "order": r"^/done\?no=\d+",
        "health": "^/internal/",
    }
    rows, _ = read(source(kind="weblog", path="access.log", routes=routes), context)
    assert [(row["kind"], row["item"], row["terms"]) for row in rows] == [
        ("view", "77", None), ("search", None, "红色 裙子"), ("order", None, None), ("view", "S1", None),
        ("bot", None, None), ("health", None, None),
    ]  # fmt: skip
    for bad in ({"view": "("}, {"view": "(?P<sku>x)"}, {"look": "x"}):
        with pytest.raises(ValidationError):
            source(kind="weblog", path="access.log", routes=bad)

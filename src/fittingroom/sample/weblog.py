"""The shop's access log in combined format: visits with views and searches, bots, health checks, broken lines."""

from __future__ import annotations

import datetime
from random import Random
from typing import Any
from urllib.parse import quote, quote_plus

from fittingroom.sample import words_en, words_zh
from fittingroom.sample.catalogue import DAYS, OPENED
from fittingroom.sample.grammar import words

Record = dict[str, Any]
BROKEN = 0.004
_MONTHS = words("Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec")

_WEBKIT = "AppleWebKit/537.36 (KHTML, like Gecko)"
_PEOPLE = (
    f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) {_WEBKIT} Chrome/126.0.0.0 Safari/537.36",
    f"Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) {_WEBKIT} Mobile/15E148 MicroMessenger/8.0.49",
    f"Mozilla/5.0 (Linux; Android 14; 22081212C) {_WEBKIT} Version/4.0 Chrome/116.0 Mobile Safari/537.36",
    f"Mozilla/5.0 (Macintosh; Intel Mac OS X 14_5) {_WEBKIT} Version/17.5 Safari/605.1.15",
)
_BOTS = (
    "Mozilla/5.0 (compatible; Baiduspider/2.0; +http://www.baidu.com/search/spider.html)",
    "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
    "Mozilla/5.0 (compatible; AhrefsBot/7.0; +http://ahrefs.com/robot/)",
    "python-requests/2.32.3",
)


def write_log(visits: int, goods: list[Record], rng: Random) -> tuple[list[str], dict[str, Any]]:
    """Lines of `access.log` in order of time, and their truth: how many of each sort, which lines are broken."""
    timed: list[tuple[datetime.datetime, str, str]] = []
    for _ in range(visits):
        timed += _visit(goods, rng)
    for _ in range(visits // 3):
        timed += _bot(goods, rng)
    for hour in range(0, DAYS * 24, 8):
        when = OPENED + datetime.timedelta(hours=hour)
        timed.append((when, "health", _line("10.0.0.7", when, "GET /healthz HTTP/1.1", 200, 2, "-", "kube-probe/1.29")))
    timed.sort()
    lines: list[str] = []
    broken: list[int] = []
    counts: dict[str, int] = {}
    for _, sort, line in timed:
        counts[sort] = counts.get(sort, 0) + 1
        lines.append(line)
        if rng.random() < BROKEN:
            broken.append(len(lines) + 1)
            lines.append(
                rng.choice(
                    [
                        line[: rng.randint(10, 60)],
                        "\\x16\\x03\\x01\\x02\\x00\\x01",
                        "-- MARK --",
                        line.replace('"', "", 3),
                    ]
                )
            )
    return lines, {"lines": len(lines), "broken_lines": broken, "sorts": counts}


def _visit(goods: list[Record], rng: Random) -> list[tuple[datetime.datetime, str, str]]:
    when = OPENED + datetime.timedelta(days=rng.randrange(DAYS), seconds=rng.randrange(86_400))
    address = rng.choice(["192.0.2.", "198.51.100.", "203.0.113."]) + str(rng.randint(1, 254))
    agent, referer = rng.choice(_PEOPLE), "-"
    visit: list[tuple[datetime.datetime, str, str]] = []
    for _ in range(rng.randint(1, 7)):
        sort, path = _page(goods, rng)
        status = rng.choices([200, 304, 404, 500], weights=[92, 4, 3, 1])[0]
        visit.append(
            (when, sort, _line(address, when, f"GET {path} HTTP/1.1", status, rng.randint(400, 90_000), referer, agent))
        )
        if rng.random() < 0.4:
            visit.append(
                (
                    when,
                    "static",
                    _line(
                        address,
                        when,
                        f"GET /static/{rng.choice(['app.js', 'site.css', 'logo.png'])} HTTP/1.1",
                        200,
                        5120,
                        "-",
                        agent,
                    ),
                )
            )
        referer = f"https://shop.example{path}"
        when += datetime.timedelta(seconds=rng.randint(3, 600))
    return visit


def _page(goods: list[Record], rng: Random) -> tuple[str, str]:
    good = rng.choice(goods)
    draw = rng.random()
    if draw < 0.3:
        words = words_zh if rng.random() < 0.62 else words_en
        query = f"{rng.choice(words.PLAIN['colour'])} {rng.choice(words.PLAIN['item'])}"
        # old browsers send GBK, some gateways encode twice
        shown = rng.choices(
            [quote_plus(query), quote(query.encode("gb18030")), quote(quote(query))], weights=[90, 6, 4]
        )[0]
        return "search", f"/search?q={shown}&page={rng.randint(1, 3)}"
    if draw < 0.8:
        return "view", f"/goods/{good['sku']}" + rng.choice(["", "", f"?from=list&session={rng.randrange(16**8):08x}"])
    return ("cart", f"/cart/add?sku={good['sku']}&n=1") if draw < 0.92 else ("home", "/")


def _bot(goods: list[Record], rng: Random) -> list[tuple[datetime.datetime, str, str]]:
    when = OPENED + datetime.timedelta(days=rng.randrange(DAYS), seconds=rng.randrange(86_400))
    path = rng.choice(["/robots.txt", f"/goods/{rng.choice(goods)['sku']}", "/wp-login.php", "/sitemap.xml"])
    return [(when, "bot", _line("198.51.100.77", when, f"GET {path} HTTP/1.1", 200, 900, "-", rng.choice(_BOTS)))]


def _line(address: str, when: datetime.datetime, request: str, status: int, size: int, referer: str, agent: str) -> str:
    return f'{address} - - [{_stamp(when)}] "{request}" {status} {size} "{referer}" "{agent}"'


def _stamp(when: datetime.datetime) -> str:
    """`05/Mar/2025:10:11:12 +0800`; month names do not depend on the locale."""
    month = _MONTHS[when.month - 1]
    return f"{when.day:02d}/{month}/{when.year}:{when:%H:%M:%S} +0800"

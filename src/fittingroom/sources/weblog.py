"""A web server's access log (common, combined or any nginx `log_format`): views, searches, carts and orders.

Of every request stays: when, what kind, which item, which words were searched, the path without its query (queries
carry tokens) and with its percent signs resolved (`%40` would hide an address from the recognisers), a keyed pseudonym
of the visitor (address and browser) and the session. The address itself is never passed on. `kind` is view, search,
cart, order, page, asset, bot or health. The last three are nobody's doing: `prepare` counts them and keeps them out of
the stream of events.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING
from urllib.parse import unquote_to_bytes

from fittingroom.engine import Context
from fittingroom.sources.batching import columnar
from fittingroom.sources.config import WeblogSource
from fittingroom.sources.files import Reject, TooLong, digest, encoding_of, fault_of, line_count, lines, locate
from fittingroom.sources.logformat import Hit, reader
from fittingroom.sources.paths import order_numbers
from fittingroom.sources.times import parse_time
from fittingroom.text.redact import pseudonym

if TYPE_CHECKING:
    import pyarrow as pa

APART = {"bot": "a robot's request", "health": "a health check", "asset": "a file of a page"}
"""Kinds that are no events of a customer, and the reason under which they are counted."""
COLUMNS = ["time", "kind", "item", "terms", "path", "method", "status", "visitor", "session"]

_LONGEST = 100_000
"""Servers cut requests far below; a longer line would only keep the pattern busy."""
_HEALTH = re.compile(
    r"kube-probe|HealthCheck|GoogleHC|Prometheus|UptimeRobot|Pingdom|StatusCake|Zabbix|Nagios|check_http|\bSLB\b|ELB-Health",
    re.IGNORECASE,
)
_HEALTH_PATH = re.compile(
    r"^/(?:(?:healthz|health[-_]?check|livez|readyz|liveness|readiness|nginx_status|server-status|actuator/health)(?:[/.]|$)"
    r"|ping(?:\.\w{1,5})?/?$)",
    re.IGNORECASE,
)
_PROBED_PATH = re.compile(
    r"^/(?:health|live|ready|status|metrics)(?:/(?:live|ready|liveness|readiness|startup|check|ping|db))?(?:\.\w{1,5})?/?$",
    re.IGNORECASE,
)
"""A probe's when no browser asks: a shop has pages of live shows, of health food and of the status of an order."""
_BROWSER = re.compile(r"^Mozilla/|Opera", re.IGNORECASE)
_BOT = re.compile(
    r"(?<!cu)bot(?![a-z])|spider|crawl|slurp|bingpreview|facebookexternalhit|curl/|wget/|python|java/|go-http"
    r"|libwww|httpclient|headless|phantomjs|scrapy|feed|fetcher|archiver|scan|axios/|node-fetch|^-?$",
    re.IGNORECASE,
)
"""Robots that say so. Cubot is a phone, Sogou's browser a browser (its robots are spiders), okhttp a shop's own app."""
_BOT_PATH = re.compile(
    r"^/(?:robots\.txt|sitemap[^/]*\.xml|wp-login|wp-admin|xmlrpc|phpmyadmin|\.env|\.git)", re.IGNORECASE
)
_ASSET = re.compile(
    r"\.(?:css|js|mjs|map|png|jpe?g|gif|svg|webp|avif|ico|woff2?|ttf|eot|mp4|webm|mp3|pdf|zip|txt|xml)$|^/(?:static|assets)/",
    re.IGNORECASE,
)
_SEARCH_PATH = re.compile(r"/(?:search|so|find|query|s)(?:[/.?]|$)", re.IGNORECASE)
_SEARCH_FIELDS = ("q", "query", "keyword", "keywords", "kw", "wd", "word", "search", "search_query", "text", "k")
_ITEM_PATH = re.compile(
    r"/(?:goods|good|items?|products?|sku|skus|p|dp|detail|details|shangpin|commodity)/(?P<item>[\w-]{1,64})(?:\.html?)?/?$",
    re.IGNORECASE,
)
_ITEM_PAGE = re.compile(r"/(?:goods|good|items?|products?|detail|sku|commodity)\b[^/]*$", re.IGNORECASE)
_ITEM_FIELDS = ("sku", "item_id", "itemid", "goods_id", "goodsid", "product_id", "productid", "item", "goods", "id")
_CART = re.compile(r"/(?:cart|basket|gouwuche)(?:[/.]|$)", re.IGNORECASE)
_ORDER = re.compile(r"/(?:orders?|checkout|pay|payment|buy)(?:[/.]|$)", re.IGNORECASE)
_OF_ORDER = re.compile(r"/(?:orders?|pay|payment)(?:[/.]|$)", re.IGNORECASE)
_ITEM = re.compile(r"[\w-]{1,64}")
_QUERY = re.compile(r"\?[^\s\"]*")
"""Of a line that cannot be read: what may be a query, and carry a token."""


def check(config: WeblogSource, context: Context) -> None:
    """The file is there, and the format of the recipe can be read."""
    locate(config.path, context)
    reader(config.format, f"{config.path}: format")


def fingerprint(config: WeblogSource, context: Context) -> str:
    """Digest of the file's bytes."""
    return digest(config.path, context)


def size(config: WeblogSource, context: Context) -> int:
    """As many rows as lines."""
    return line_count(config.path, context)


def read(config: WeblogSource, context: Context, reject: Reject) -> Iterator[pa.RecordBatch]:
    """All requests; a line in another format is rejected."""
    yield from columnar(COLUMNS, _requests(config, context, reject))


def _requests(config: WeblogSource, context: Context, reject: Reject) -> Iterator[tuple[int, list[str | None]]]:
    path = locate(config.path, context)
    sessions = _Sessions(config.session_minutes * 60, context.secret)
    taken_apart, form = reader(config.format, f"{config.path}: format")
    routes = [(kind, re.compile(pattern, re.IGNORECASE)) for kind, pattern in config.routes.items()]
    encoding = encoding_of(path, "", config.path)
    for number, line in lines(path, encoding):
        text = line.rstrip("\r\n")
        if not text.strip():
            continue
        if isinstance(line, TooLong) or len(text) > _LONGEST:
            fault = fault_of(line, encoding) or f"a request longer than {_LONGEST:,} characters"
            reject(number, fault, _shown(text))
            continue
        hit = taken_apart(text)
        if hit is None:
            reject(number, f"not a line of {form}", _shown(text))
            continue
        when = parse_time(hit.time)
        if when is None:
            reject(number, "the time cannot be read", _shown(text))
            continue
        visitor, session = sessions.of(hit.address, hit.agent or "", when.timestamp())
        what = _routed(hit, routes) or _classified(hit.target, hit.agent)
        yield number, [hit.time, *what, decoded(hit.target.partition("?")[0]), hit.method, hit.status, visitor, session]


def _routed(hit: Hit, routes: Sequence[tuple[str, re.Pattern[str]]]) -> tuple[str, str | None, str | None] | None:
    """(kind, item, terms) by the shop's own patterns, the first that fits; None when none does.

    Machines are told by their name first, so that a crawler on a page of goods is no customer.
    """
    if not routes or (hit.agent is not None and (_HEALTH.search(hit.agent) or _BOT.search(hit.agent))):
        return None
    path, mark, query = hit.target.partition("?")
    place = decoded(path) + mark + "&".join(decoded(part.replace("+", " ")) for part in query.split("&"))
    for kind, pattern in routes:
        found = pattern.search(place)
        if found:
            named = found.groupdict()
            return kind, named.get("item") or None, named.get("terms") or None
    return None


def _classified(target: str, agent: str | None) -> tuple[str, str | None, str | None]:
    """(kind, item, terms) of a request."""
    raw_path, _, query = target.partition("?")
    path = decoded(raw_path)
    probed = _HEALTH_PATH.match(path) or (_PROBED_PATH.match(path) and not _BROWSER.search(agent or ""))
    if probed or (agent and _HEALTH.search(agent)):
        return "health", None, None
    if _BOT_PATH.match(path) or (agent is not None and _BOT.search(agent)):
        return "bot", None, None
    if _ASSET.search(path):
        return "asset", None, None
    fields = _fields(query)
    terms = next((fields[name] for name in _SEARCH_FIELDS if fields.get(name)), None)
    if terms and (_SEARCH_PATH.search(path) or not _ITEM_PAGE.search(path)):
        return "search", None, terms
    on_path = _ITEM_PATH.search(path)
    if on_path and on_path.start("item") in {start for start, _ in order_numbers(path)}:
        on_path = None
    of_order = _OF_ORDER.search(path)  # there `id` is the order's
    names = [name for name in _ITEM_FIELDS if not (of_order and name == "id")]
    named = next((fields[name] for name in names if _ITEM.fullmatch(fields.get(name, ""))), None)
    item = on_path.group("item") if on_path else named
    if _CART.search(path):
        return "cart", item, None
    if _ORDER.search(path):
        return "order", item, None
    if on_path or (named and _ITEM_PAGE.search(path)):
        return "view", item, None
    return "page", None, None


def _shown(text: str) -> str:
    """A line that cannot be read, as it may be rejected: without queries, and with nothing hidden by percent signs."""
    return decoded(_QUERY.sub("?", text[:_LONGEST]))


def _fields(query: str) -> dict[str, str]:
    """Parameters of a query by lower-case name; the first of a name counts."""
    fields: dict[str, str] = {}
    for part in query.split("&"):
        name, _, value = part.partition("=")
        fields.setdefault(name.lower(), decoded(value.replace("+", " ")).strip())
    return fields


def decoded(text: str) -> str:
    """Percent-encoding resolved: UTF-8 or GBK (old browsers), and once more when it was encoded twice."""
    for _ in range(2):
        if "%" not in text:
            break
        raw = unquote_to_bytes(text.encode("utf-8", "surrogateescape"))
        try:
            text = raw.decode("utf-8")
        except UnicodeDecodeError:
            text = raw.decode("gb18030", "replace")
    return text


class _Sessions:
    """Numbers the visits of a visitor: a pause longer than the limit begins a new one."""

    def __init__(self, limit: float, secret: bytes) -> None:
        self._limit = limit
        self._secret = secret
        self._last: dict[str, tuple[float, int]] = {}

    def of(self, address: str, agent: str, when: float) -> tuple[str, str]:
        """(visitor, session) of a request at `when`, in seconds."""
        visitor = pseudonym(self._secret, "visitor", f"{address} {agent}")
        last, number = self._last.get(visitor, (when, 1))
        if when - last > self._limit:
            number += 1
        self._last[visitor] = (max(when, last), number)
        return visitor, f"{visitor}-{number}"

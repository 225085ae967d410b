"""What a row is called and when it was: keys, pseudonyms, times, and which column of a source is which."""

from __future__ import annotations

import difflib
import hashlib
import re
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from fittingroom.errors import SourceError
from fittingroom.sources.batching import LINE, Item, number_of
from fittingroom.sources.config import SourceConfig
from fittingroom.sources.social import key_column
from fittingroom.sources.times import parse_time
from fittingroom.text.redact import Kind, RedactConfig, find_personal, placeholder_of, pseudonym, said

if TYPE_CHECKING:
    import pyarrow as pa

_MANGLED = re.compile(r"\d(?:\.\d+)?[eE]\+?\d{2}")
_PERSON_KINDS: frozenset[Kind] = frozenset(
    {"email", "id_card", "mobile", "phone", "landline", "passport", "wechat", "qq", "name"}
)
_PERSONS = RedactConfig(kinds=sorted(_PERSON_KINDS))
_WHOSE = r"(?:customer|user|buyer|member|receiver|recipient|consignee|contact|sender|owner|full|real|first|last|nick)"
_PERSONAL_COLUMNS = (
    (
        "name",
        re.compile(
            rf"{_WHOSE}_?name|receiver|recipient|consignee|(?:收货|收件|联系|寄件)人|.*姓名|(?:会员|客户|买家|用户)(?:名|昵称)|昵称"
        ),
    ),
    (
        "mobile",
        re.compile(
            rf"(?:.*_|{_WHOSE}|home|work|cell|tele|shipping|billing)?(?:phone|mobile|tele?phone|cellphone|tel)"
            r"(?:_?(?:no|nr|num|number))?\d?|.*(?:电话|手机)号?码?"
        ),
    ),
    ("email", re.compile(r".*e_?mail(?:_?address)?|.*邮箱(?:地址)?")),
    ("address", re.compile(r"(?:.*_)?(?:address|addr|street)\d?|.*地址|住址")),
    (
        "id_card",
        re.compile(
            r"id_?card(?:_?(?:no|number))?|identity_?(?:card|no|number)|ssn|passport(?:_?no)?|身份证号?码?|证件号码?"
        ),
    ),
    ("bank_card", re.compile(r"(?:bank_?|credit_?)?card_?(?:no|number)|bank_?account|iban|(?:银行)?卡号|银行账号")),
    ("ip", re.compile(r"(?:.*_)?ip(?:_?addr(?:ess)?)?")),
    ("wechat", re.compile(r"wechat(?:_?id)?|wx_?id|openid|unionid|微信号?")),
    ("qq", re.compile(r"qq(?:_?(?:no|number))?|QQ号?")),
)
_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])")
_YES_OR_NO = re.compile(r"(?:is|has|have|had|can|needs?|uses?|used|allows?|enabled?|with|no|num|count)_|是否|有无|可否")
"""How a column of yes and no, or of counts, begins: is_mobile."""
_NICKNAMES = re.compile(r"(?:user|member|nick)_?name|(?:会员|用户|买家)名|(?:会员|客户|买家|用户)?昵称")
_ORDER_COLUMN = re.compile(
    r"(?:.*_)?(?:order|waybill|tracking|parcel|shipment|express)_?(?:id|no|nr|num|number|sn|code)"
    r"|(?:订单|运单|快递|物流|包裹)(?:编?号|号码|单号|id)"
)
_CUSTOMER_COLUMN = re.compile(
    r"(?:.*_)?(?:customer|user|buyer|member|client|visitor)_?(?:id|no|nr|num|number|code)|uid"
    r"|(?:客户|会员|用户|买家|顾客)(?:编?号|号码|id|卡号)"
)
_CONVERSATION_COLUMN = re.compile(
    r"(?:.*_)?(?:conversation|conv|session|thread|dialog(?:ue)?|chat|ticket|case)(?:_?(?:id|no|nr|num|number|key|code))?"
    r"|(?:会话|对话|工单|客服单)(?:编?号|号码|id)?"
)


def row_id(secret: bytes, source: str, key: str) -> str:
    """24 hexadecimal digits: keyed digest of the source's name and the row's primary key; it survives every edit."""
    return hashlib.blake2b(f"{source}\0{key}".encode("utf-8", "replace"), key=_key(secret), digest_size=12).hexdigest()


@lru_cache(maxsize=8)
def _key(secret: bytes) -> bytes:
    if not secret:
        raise ValueError("row ids need a key")
    return hashlib.blake2b(secret, person=b"row ids", digest_size=32).digest()


def key_fingerprint(secret: bytes) -> str:
    """Digest of the key: tells whether two runs used the same one, without giving it away."""
    return hashlib.blake2b(secret, person=b"which key", digest_size=12).hexdigest()


def personal_column(column: str) -> str:
    """The kind of personal data that a column of this name holds in every row ("" for none): `phone`, `收货人`.

    A bare name in a column of names has no word beside it by which it could be found.
    """
    last = _CAMEL.sub("_", column.rpartition(".")[2].strip()).lower()
    if _YES_OR_NO.match(last):
        return ""
    return next((kind for kind, pattern in _PERSONAL_COLUMNS if pattern.fullmatch(last)), "")


def nickname_column(column: str) -> bool:
    """Whether people gave themselves the names in a column of this name: any word may be one."""
    return bool(_NICKNAMES.fullmatch(column.rpartition(".")[2].strip().lower()))


def joining_column(column: str) -> str:
    """`order` or `customer` for a column of numbers by which tables are joined, "" for others.

    They become keyed pseudonyms as a whole: an order number the one it has in texts, a customer's the one of `group`.
    """
    last = column.rpartition(".")[2].strip().lower()
    return "order" if _ORDER_COLUMN.fullmatch(last) else "customer" if _CUSTOMER_COLUMN.fullmatch(last) else ""


def conversation_column(column: str) -> bool:
    """Whether a column of this name says which conversation a row is of, and so not which customer."""
    return bool(_CONVERSATION_COLUMN.fullmatch(column.rpartition(".")[2].strip().lower()))


def safe_names(columns: Sequence[str]) -> dict[str, str]:
    """Name that may be written down -> column: where a file has no header, its first row stands in for one."""
    names: dict[str, str] = {}
    for column in columns:
        safe = name = said(column)
        while name in names:
            name = f"{safe}_{len(names) + 1}"
        names[name] = column
    return names


@dataclass(frozen=True)
class Layout:
    """Which column of a source is what; "" where there is none."""

    key: str
    group: str
    time: str
    others: tuple[str, ...] = ()
    """What else the recipe names under `group`."""
    written: str = ""
    """The form of the times."""

    @classmethod
    def of(cls, config: SourceConfig) -> Layout:
        """From `key`, `group`, `time`, or `fields` under these names. Else group: thread of posts, visitor of a log."""
        usual = {"social": "thread", "weblog": "visitor"}.get(config.kind, "")
        key = key_column(config) if config.kind == "social" else config.key or config.fields.get("key", "")
        time = config.time or config.fields.get("time", "time" if config.kind == "weblog" else "")
        # Of several the customer is the group: by it redaction remembers, and `forget` knows whose a row is.
        named = [config.group] if isinstance(config.group, str) else sorted(config.group, key=conversation_column)
        group = named[0] or config.fields.get("group", usual)
        return cls(key=key, group=group, time=time, others=tuple(named[1:]), written=config.time_format)

    @property
    def named(self) -> list[str]:
        """Every column that must be there."""
        return [self.key, self.group, *self.others, self.time]


def column_of(config: SourceConfig, field: str, *, only_input: bool = False) -> str:
    """The column that holds a field: as `fields` says, else the column of the same name.

    In a social export `fields.text` stands for the task's input field, when the task has only one.
    """
    if only_input and config.kind == "social" and field not in config.fields and "text" in config.fields:
        return config.fields["text"]
    return config.fields.get(field, field)


@dataclass
class Marks:
    """What identifies the rows of a batch, all of the same length. A row with a `fault` has no id."""

    lines: list[int]
    ids: list[str]
    row_keys: list[str]
    groups: list[str | None]
    times: list[datetime | None]
    faults: list[str]
    unread_times: int
    people: dict[str, list[str | None]] = field(default_factory=dict)
    """Whose the rows are beside `groups`, by column: what else the recipe names, and columns of customers' numbers."""

    def person(self, place: int) -> str | None:
        """A customer that a row names beside its group; None for none."""
        told = [column[place] for name, column in self.people.items() if not conversation_column(name)]
        return next((one for one in told if one), None)

    def head(self, place: int, source: str) -> dict[str, Any]:
        """The columns that every row of a side table begins with."""
        return {
            "id": self.ids[place],
            "source": source,
            "row_key": self.row_keys[place],
            "group": self.groups[place],
            "time": self.times[place],
        }


def mark(
    batch: pa.RecordBatch,
    name: str,
    layout: Layout,
    secret: bytes,
    seen: set[str] | None,
    redact: RedactConfig = RedactConfig(),  # noqa: B008 - frozen
) -> Marks:
    """Ids, keys, groups and times of a batch. `seen` holds the ids given out so far in this source and is added to;
    None where a key may come again: as a newer version of its row.
    """
    lines = [number_of(line) for line in values(batch, LINE) if line is not None]
    # Of an array the place in it: that is the same however the file is broken into lines.
    keys = (
        values(batch, layout.key)
        if layout.key
        else [str(line.item if isinstance(line, Item) else line) for line in lines]
    )
    marks = Marks(lines, [], [], [], [], [], 0)
    shown = _shown_key(layout, secret, redact)
    for key in keys:
        key = (key or "").strip()
        marked = row_id(secret, name, key)
        fault = _fault(key, marked, seen or ())
        if seen is not None:
            seen.add(marked)
        marks.faults.append(fault)
        marks.ids.append(marked)
        marks.row_keys.append(shown(key))
    for group in values(batch, layout.group) if layout.group else [None] * len(keys):
        group = (group or "").strip()
        marks.groups.append(pseudonym(secret, "group", group) if group else None)
    for written in values(batch, layout.time) if layout.time else [None] * len(keys):
        when = parse_time(written, layout.written)
        marks.unread_times += when is None and bool((written or "").strip())
        marks.times.append(when)
    marks.people = {column: _people(batch, column, secret) for column in _people_columns(batch.schema.names, layout)}
    return marks


def _people_columns(columns: Sequence[str], layout: Layout) -> list[str]:
    noticed = [one for one in columns if joining_column(one) == "customer" and one not in (layout.key, layout.group)]
    return [*layout.others, *(one for one in noticed if one not in layout.others)]


def _people(batch: pa.RecordBatch, column: str, secret: bytes) -> list[str | None]:
    # The fifth conversation is not the fifth customer; a customer has the letters of `group`, wherever named.
    kind = "conversation" if conversation_column(column) else "group"
    stripped = [(value or "").strip() for value in values(batch, column)]
    return [pseudonym(secret, kind, value) if value else None for value in stripped]


def _shown_key(layout: Layout, secret: bytes, redact: RedactConfig) -> Callable[[str], str]:
    """How the primary key is written down: as it is, unless it leads to a person or is the number of an order."""
    joins = joining_column(layout.key)
    if joins == "order" and "order" in redact.kinds and "order" in redact.pseudonyms:
        return lambda key: placeholder_of("order", key, redact, secret) if key else ""
    if layout.key and (layout.key == layout.group or joins == "customer" or personal_column(layout.key)):
        return lambda key: pseudonym(secret, "key", key)
    return lambda key: pseudonym(secret, "key", key) if _is_person(key) else key


def _fault(key: str, marked: str, seen: Collection[str]) -> str:
    if not key:
        return "no key"
    if _MANGLED.fullmatch(key):
        return "the key was turned into a rounded number by a spreadsheet"
    return "the key stands twice" if marked in seen else ""


def _is_person(key: str) -> bool:
    if len(key) < 7 and key.isascii():
        return False
    # Most keys hold nothing of the kind, which is told at a third of the cost of looking for every kind.
    return bool(find_personal(key, _PERSONS)) and any(kind in _PERSON_KINDS for kind, _, _ in find_personal(key))


def values(batch: pa.RecordBatch, column: str) -> list[str | None]:
    """A column as strings; all None when the batch lacks it."""
    place = batch.schema.get_field_index(column)
    return batch.column(place).to_pylist() if place >= 0 else [None] * batch.num_rows


class Columns:
    """Watches that the columns wanted of a source turn up: in the first batch of a table, anywhere in JSON lines."""

    def __init__(self, config: SourceConfig, place: str, wanted: Iterable[str]) -> None:
        self._loose = config.kind in ("jsonl", "social", "chat", "hub")
        self._place = place
        self._missing = [name for name in dict.fromkeys(wanted) if name]
        self._met: dict[str, None] = {}

    def see(self, names: Sequence[str]) -> None:
        """Take note of a batch's columns. Raises SourceError at once where every batch has the same ones."""
        self._met.update(dict.fromkeys(name for name in names if name != LINE))
        self._missing = [name for name in self._missing if name not in self._met]
        if not self._loose:
            self.settle()

    def settle(self) -> None:
        """At the end: raise SourceError for a column that never turned up; it lists those that are there."""
        if not self._missing:
            return
        name, met = self._missing[0], list(self._met)
        near = difflib.get_close_matches(name, met, n=1)
        hint = f" (did you mean {said(near[0])!r}?)" if near else ""
        hint_zh = f"(是否指 {said(near[0])!r}?)" if near else ""
        listed = ", ".join(map(said, met[:40]))
        raise SourceError(
            f"there is no column {name!r}{hint}; there are: {listed}. Name the right one, or map it under `fields`",
            f"没有列 {name!r}{hint_zh};现有:{listed}。请改列名,或在 fields 里对应",
            place=self._place,
        )


def place_of(config: SourceConfig) -> str:
    """The file or database as the recipe writes it: secrets from the environment stay names, telephone numbers go."""
    if config.kind == "hub":
        return config.dataset
    return said(config.url if config.kind == "sql" else config.path)

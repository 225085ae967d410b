"""The section `sources` of a recipe: one entry per source, told apart by `kind`."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from fittingroom.sources.database import has_written_secret
from fittingroom.types import Frozen

Role = Literal["examples", "annotations", "goods", "events", "reference"]


class SourceBase(Frozen):
    """What every kind of source has."""

    name: str = ""
    """Name in reports and in the column `source`; by default the kind and its position, such as `sql-1`."""
    role: Role = "examples"
    """`examples` become rows; `annotations` are labels by people for rows of `of`; `goods`, `events`: side tables;
    `reference`: what was there before (an earlier delivery, another data set, a test set kept elsewhere). It is never
    trained on; `dedup` takes out the examples that are copies of it."""
    key: str = ""
    """Column of the primary key; without one, the line or row number."""
    group: str | list[str] = ""
    """Column that names the customer or the conversation; several (`[customer_id, session_id]`) where a
    table has both: rows that share any of them stay on one side of the split."""
    time: str = ""
    """Column that says when it was true."""
    time_format: str = ""
    """How that column is written where the usual forms do not do, in the signs of Python's strptime: `%d-%m-%Y` for
    days before months. A value of another form is no time."""
    fields: dict[str, str] = Field(default_factory=dict)
    """Our name -> column of the source (dots reach into nested JSON)."""
    of: str = ""
    """annotations: name of the examples source whose `key` the column `key` refers to."""
    annotator: str = "annotator"
    """annotations: column that names the person."""
    label: str = "label"
    """annotations: column of the label given."""
    retention: str = Field(default="", pattern=r"^([1-9]\d{0,4}d)?$")
    """How long rows are kept, in days of their `time`: `90d`. Older ones are not read into the store, nor those without
    a time; `fittingroom forget --expired` and every run take those out of it that have grown too old."""

    @field_validator("group")
    @classmethod
    def _each_group_once(cls, value: str | list[str]) -> str | list[str]:
        if isinstance(value, list) and (not value or not all(value) or len(set(value)) < len(value)):
            raise ValueError("a list of columns names each once, and at least one")
        return value

    @field_validator("time_format")
    @classmethod
    def _format_says_a_day(cls, value: str) -> str:
        if value and not ("%Y" in value or "%y" in value):
            raise ValueError("a format of times needs the year: `%d-%m-%Y %H:%M`")
        return value

    @model_validator(mode="after")
    def _retention_needs_a_time(self) -> SourceBase:
        if self.retention and self.role == "annotations":
            raise ValueError("annotations go with the rows they speak of: set `retention` there")
        if self.retention and not (self.time or "time" in self.fields or getattr(self, "kind", "") == "weblog"):
            raise ValueError("`retention` needs `time`: the column that says how old a row is")
        return self


class SqlSource(SourceBase):
    """A query or a table of a SQL database, read in a read-only transaction."""

    kind: Literal["sql"]
    url: str
    """`sqlite:///shop.db`, `postgresql://reader:${SHOP_PASSWORD}@host/db`, `mysql://…`; `${NAME}` is read from the
    environment, and a password must be. `?sslmode=disable|require|verify-full`, `?socket=/path` for a local socket."""
    query: str = ""
    """One statement that only reads."""
    table: str = ""
    """Instead of a query: a table or view, whole."""
    cursor: str = ""
    """Column of times or numbers that rises whenever a row is new or changed, such as `updated_at`: later runs read
    only the rows at and above the highest value met, with the rest of their customers or conversations (`group`), and
    come to the same rows as a whole read. Needs `key`. Empty: all rows, each time."""
    overlap_seconds: float = Field(default=600.0, ge=0)
    """With a cursor of times: so much before the highest value is read again, for what was committed late."""

    @model_validator(mode="after")
    def _cursor_has_a_key(self) -> SqlSource:
        if self.cursor and not (self.key or self.fields.get("key")):
            raise ValueError("`cursor` needs `key`: by it the new version of a row takes the place of the old one")
        if self.cursor and self.role != "examples":
            raise ValueError("`cursor` is for the role examples; sources of other roles are read whole")
        return self

    @model_validator(mode="after")
    def _no_written_secret(self) -> SqlSource:
        if has_written_secret(self.url):
            raise ValueError("a password must not stand in a recipe; write ${NAME} and set NAME in the environment")
        return self


class CsvSource(SourceBase):
    """A CSV file; encoding (UTF-8, UTF-16, GB 18030, Big5, Windows-1252) and delimiter are found unless given. Gzip
    too."""

    kind: Literal["csv"]
    path: str
    encoding: str = ""
    """Given, it wins over what would be found; where the file is surely in another one, that is an error."""
    delimiter: str = ""
    """One character; empty: the one of `,`, tab, `;` and `|` that stands most often in the first line."""


class ExcelSource(SourceBase):
    """A sheet of an Excel workbook (.xlsx); its first row with anything in it names the columns."""

    kind: Literal["excel"]
    path: str
    sheet: str = ""
    """Name of the sheet; empty for the first."""


class JsonlSource(SourceBase):
    """JSON lines, also packed with gzip."""

    kind: Literal["jsonl"]
    path: str
    encoding: str = ""


class ParquetSource(SourceBase):
    """A Parquet file."""

    kind: Literal["parquet"]
    path: str


EventKind = Literal["view", "search", "cart", "order", "page", "asset", "bot", "health"]


class WeblogSource(SourceBase):
    """A web server's access log, also packed with gzip: the stream of events. Robots, health checks and the files that
    pages are made of are counted and kept out of it."""

    kind: Literal["weblog"]
    path: str
    role: Role = "events"
    format: str = ""
    """`combined` or `common` (told apart by themselves), or nginx's own `log_format` string."""
    routes: dict[EventKind, str] = Field(default_factory=dict)
    """The shop's own addresses: kind of event -> regular expression on path and query, tried in this order before the
    usual ones; the groups `(?P<item>…)` and `(?P<terms>…)` say which item or words."""
    session_minutes: float = Field(default=30.0, gt=0)
    """A pause longer than this begins a new session."""

    @field_validator("routes")
    @classmethod
    def _compile(cls, value: dict[EventKind, str]) -> dict[EventKind, str]:
        for kind, pattern in value.items():
            try:
                named = re.compile(pattern).groupindex
            except re.error as error:
                raise ValueError(f"{kind}: not a regular expression: {error}") from error
            if unknown := sorted(set(named) - {"item", "terms"}):
                raise ValueError(f"{kind}: a group is named item or terms, not {unknown[0]}")
        return value


class SocialSource(SourceBase):
    """An export of a social network in JSON or JSON lines; `fields` says where text, time, likes and replies stand."""

    kind: Literal["social"]
    path: str
    encoding: str = ""
    items: str = ""
    """Dotted path to the list of posts in one JSON document (`data.list`); empty for JSON lines or an array."""
    reply_fields: dict[str, str] = Field(default_factory=dict)
    """Our name -> dotted path in a reply, where replies have it elsewhere than posts."""


_ROLE = Literal["user", "assistant", "system"]

ChatFormat = Literal["auto", "alpaca", "sharegpt", "messages", "prompt_completion"]


class ChatSource(SourceBase):
    """Conversations in a format that people have already: alpaca, sharegpt, messages (OpenAI), prompt and completion,
    in JSON or JSON lines; or a data set of LLaMA-Factory's `dataset_info.json`. The columns are `system`, `history`,
    `prompt` (the last question), `response` (its answer), `first` (the first question), `messages` and what else each
    object holds."""

    kind: Literal["chat"]
    path: str
    format: ChatFormat = "auto"
    """`auto`: told by the names in the first object."""
    encoding: str = ""
    dataset: str = ""
    """Name in `dataset_info.json`, when `path` is one."""
    every_answer: bool = False
    """One row for every answer of a conversation, each behind what was said before it, instead of one for the last.
    The key gets the number of the turn (`session#3`); the conversation's own key is the column `conversation`, by which
    `group` should keep its rows together. What the answer's turn holds beside role and text is there as `turn.<name>`.
    """
    turns: str = ""
    """Field with the list of turns, where it is neither `messages` nor `conversations`."""
    role_field: str = ""
    """Field of a turn that says who speaks."""
    text_field: str = ""
    """Field of a turn that says what."""
    roles: dict[str, _ROLE] = Field(default_factory=dict)
    """Name of a speaker in this file -> who that is (`{agent: assistant}`)."""

    @model_validator(mode="after")
    def _turns_are_turns(self) -> ChatSource:
        if self.dataset and (self.turns or self.role_field or self.text_field):
            raise ValueError("dataset_info.json says already where turns stand: leave turns and their fields out")
        if self.turns and self.format not in ("auto", "messages", "sharegpt"):
            raise ValueError("turns is for lists of turns: leave format out, or set it to messages")
        if self.every_answer and self.format in ("alpaca", "prompt_completion"):
            raise ValueError("every_answer is for lists of turns (messages, sharegpt)")
        return self


class HubSource(SourceBase):
    """A data set of Hugging Face or ModelScope (pinned to a commit), or a local folder laid out like one. No code of a
    data set is run."""

    kind: Literal["hub"]
    dataset: str
    """`org/name`, or a folder."""
    hub: Literal["huggingface", "modelscope", "local"] = "huggingface"
    revision: str = ""
    """Commit (40 hexadecimal digits); needed for what comes from a hub."""
    config: str = ""
    """Configuration of the data set; empty for its default."""
    split: str = "train"


SourceConfig = Annotated[
    SqlSource
    | CsvSource
    | ExcelSource
    | JsonlSource
    | ParquetSource
    | WeblogSource
    | SocialSource
    | ChatSource
    | HubSource,
    Field(discriminator="kind"),
]

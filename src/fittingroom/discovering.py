"""`discover`: what customers want, found in dialogues that nobody labelled, named by people, and taken as labels.

The first message of every conversation (the earliest row of each `group`, or of each conversation that the recipe names
beside the customer) is clustered; a name for the cluster is suggested from its terms, and is no label until a person
writes it as the name. In the file, one name for two clusters unites them, `split` takes the messages with certain
keywords out of one, an empty name leaves it out. Read back, the names become annotations by `discover:<person>`: they
label rows that nobody labelled, and count as one annotator where others spoke.

Which row is in which cluster stays in the workspace (`discoveries/<key>.json`, row ids only): the file stays short.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import Field, ValidationError

from fittingroom import sheets
from fittingroom.config import RunConfig
from fittingroom.errors import StoreError, UserError
from fittingroom.reviewing import Decided, keep, signed, unknown_label
from fittingroom.sources import decisions
from fittingroom.sources.decisions import Decision
from fittingroom.sources.people import PEOPLE
from fittingroom.statistics.clustering import Clusters, cluster, terms
from fittingroom.store import Store, digest_of, write_json, write_text
from fittingroom.tasks.config import TaskConfig
from fittingroom.tasks.rows import targets, texts
from fittingroom.tasks.rules import has_keyword
from fittingroom.tasks.spelling import folded, spellings
from fittingroom.tasks.whose import conversations_of
from fittingroom.types import Frozen, Rows, Text
from fittingroom.values import wrong

if TYPE_CHECKING:
    import pyarrow as pa

FOLDER = "discoveries"
COLUMNS = ("id", "cluster", "terms", "text", "suggested", "label", "annotator")
_EXAMPLES, _EXAMPLE_LENGTH = 5, 120
_YAML = (".yaml", ".yml")


class Found(Frozen):
    """One cluster."""

    cluster: str
    name: str
    """Suggested: its first terms. No label before a person wrote it into the file."""
    rows: int
    terms: list[str]
    examples: list[str]


class Discovered(Frozen):
    """What the messages are about."""

    key: str
    rows: int
    clusters: list[Found]
    silhouettes: dict[int, float]
    """Number of clusters tried -> how well they are apart."""
    file: str


class Part(Frozen):
    """Messages that are taken out of a cluster."""

    name: str = ""
    keywords: list[str] = Field(min_length=1)


class Named(Frozen):
    """A cluster as people left it."""

    cluster: str
    name: str | None = ""
    suggested: Any = ""
    rows: int = 0
    terms: list[Any] = Field(default_factory=list)
    examples: list[Any] = Field(default_factory=list)
    split: list[Part] = Field(default_factory=list)


class Names(Frozen):
    """The file that people edit."""

    discovery: str
    clusters: list[Named]


def discover(
    root: Path,
    prepared: Rows,
    digest: str,
    config: RunConfig,
    out: Path,
    *,
    number: int | None = None,
    every: bool = False,
    labelled: bool = False,
    progress: Any = lambda done, total: None,
) -> Discovered:
    """Cluster messages and write them for people: `.yaml` one entry per cluster, `.csv`, `.xlsx` or `.jsonl` one row
    per message. `every`: not only the first of each conversation; `labelled`: also rows that have a label.
    """
    form = "" if out.suffix.lower() in _YAML else _sheet(out)
    table = _chosen(prepared, config.task, every=every, labelled=labelled)
    ids, said = table.column("id").to_pylist(), texts(table, config.task)
    found = cluster(said, seed=config.seed, number=number, progress=progress)
    described = list(_described(found, ids, said))
    members = {one.cluster: [ids[row] for row in rows] for one, rows in described}
    key = digest_of([digest, members])[:16]
    write_json(root / FOLDER / f"{key}.json", {"prepare": digest, "clusters": members})
    clusters = [one for one, _ in described]
    if form:
        rows = [
            {"id": ids[row], "cluster": one.cluster, "terms": " ".join(one.terms), "text": said[row],
             "suggested": one.name}
            for one, places in described
            for row in places
        ]  # fmt: skip
        sheets.write(out, rows, COLUMNS, form, [])
    else:
        write_text(out, _yaml(key, clusters))
    return Discovered(key=key, rows=len(ids), clusters=clusters, silhouettes=found.silhouettes, file=str(out))


def take_names(root: Path, file: Path, task: TaskConfig, by: str) -> Decided:
    """Read the edited file and keep the names as labels by `discover:<person>`.

    A row whose cluster was left out loses the label that this person gave it before. Raises UserError that names the
    file and the entry for what cannot be used, or says how to go on where nobody named anything; then nothing is kept.
    """
    if not file.is_file():
        raise UserError("there is no such file", "没有这个文件", place=str(file))
    read = _from_yaml if file.suffix.lower() in _YAML else _from_sheet
    given = list(read(root, file, by))
    if not any(name for _, name, _, _ in given) and not _named_before(root, given):
        raise UserError(
            "nothing is named yet: write `name` (in a sheet `label`; `suggested` stands beside it as a proposal), then "
            "hand the file in again",
            "还没有任何命名：请填写 `name`（表格中为 `label`；旁边的 `suggested` 是建议），再重新交回",
            place=str(file),
        )
    known = spellings(task, Counter(name for _, name, _, _ in given if name))
    at = decisions.now()
    found = []
    for row, name, person, place in given:
        label = known.get(folded(name)) if name else ""
        if label is None:
            raise unknown_label(name, sorted(set(known.values())), place)
        found.append(Decision(id=row, label=label, annotator=person, at=at, by="discover"))
    return keep(found, root, sum(bool(one.label) for one in found))


def _named_before(root: Path, given: Sequence[tuple[str, str, str, str]]) -> bool:
    """Whether these people named any of the rows before: a file without names takes that back."""
    theirs = {(row, person) for row, _, person, _ in given}
    said = (one for one in decisions.read(root) if one.by == "discover" and one.label)
    return any((one.id, one.annotator) in theirs for one in said)


# ---------------------------------------------------------------------------------------------- out


def _chosen(prepared: Rows, task: TaskConfig, *, every: bool, labelled: bool) -> pa.Table:
    """The rows to look at, by id."""
    import pyarrow as pa

    table = prepared.kept.arrow().sort_by("id")
    said_in, times = conversations_of(table, prepared.tables.get(PEOPLE)), table.column("time").to_pylist()
    ids, told = table.column("id").to_pylist(), table.column("annotations").to_pylist()
    first: dict[str, tuple[Any, ...]] = {}
    places: dict[str, int] = {}
    for row, (name, given) in enumerate(zip(ids, targets(table, task), strict=True)):
        group = name if every else said_in[row]
        rank = (times[row] is None, times[row].timestamp() if times[row] else 0.0, name)
        if group not in first or rank < first[group]:
            first[group], places[group] = rank, row if labelled or not (given or told[row]) else -1
    rows = sorted(row for row in places.values() if row >= 0)
    if not rows:
        raise UserError(
            "every message has a label already; --labelled looks at them too",
            "所有消息都已有标签；加 --labelled 可以连同有标签的一起看",
            place="discover",
        )
    return table.take(pa.array(rows, type=pa.int64()))


def _described(found: Clusters, ids: Sequence[str], said: Sequence[str]) -> Iterator[tuple[Found, list[int]]]:
    """Every cluster with its rows, those nearest to its middle first; names are its terms, and differ."""
    of = found.of.tolist()
    told = terms(said, of)
    members: dict[int, list[int]] = {}
    for row in sorted(range(len(ids)), key=lambda row: (of[row], -round(float(found.nearness[row]), 9), ids[row])):
        members.setdefault(of[row], []).append(row)
    taken: set[str] = set()
    width = len(str(len(members)))
    for name, rows in members.items():
        title = " ".join(told[name][:3]) or f"cluster {name + 1}"
        if title in taken:
            title = f"{title} {name + 1}"
        taken.add(title)
        examples = list(dict.fromkeys(said[row] for row in rows))[:_EXAMPLES]
        shown = [text if len(text) <= _EXAMPLE_LENGTH else f"{text[: _EXAMPLE_LENGTH - 1]}…" for text in examples]
        number = f"c{name + 1:0{width}d}"
        yield Found(cluster=number, name=title, rows=len(rows), terms=told[name], examples=shown), rows


_HEAD = """\
# What customers want. Write `name` (`suggested` is a proposal, and no label): the same name unites clusters, an empty
# one leaves a cluster out.
# `split` takes the messages that hold a keyword out of a cluster: - {name: late parcel, keywords: [late, 催]}
# Then: fittingroom discover --in THIS-FILE --by YOUR-NAME
# 客户想要什么。请填写 name（suggested 只是建议，不会成为标签）：同名即合并，留空即不用该簇。
# split 把含有关键词的消息从簇中分出。
# 改完后：fittingroom discover --in 本文件 --by 你的名字
"""


def _yaml(key: str, clusters: Sequence[Found]) -> str:
    import yaml

    entries = [
        {"cluster": one.cluster, "name": "", "suggested": one.name, **one.model_dump(exclude={"cluster", "name"}),
         "split": []}
        for one in clusters
    ]  # fmt: skip
    said = yaml.safe_dump({"discovery": key, "clusters": entries}, allow_unicode=True, sort_keys=False, width=110)
    return f"{_HEAD}{said}"


def _sheet(path: Path) -> str:
    form = sheets.format_of(path)
    if form == "labelstudio":
        raise UserError(
            "end the file's name with .yaml, .csv, .xlsx or .jsonl",
            "文件名请以 .yaml、.csv、.xlsx 或 .jsonl 结尾",
            place=str(path),
        )
    return form


# ---------------------------------------------------------------------------------------------- in

_Given = Iterator[tuple[str, str, str, str]]
"""Row, name ("" for none), person, place in the file."""


def _from_yaml(root: Path, file: Path, by: str) -> _Given:
    by = signed(by, str(file))
    names = _names(file)
    stored = _stored(root, names.discovery, file)
    members: dict[str, list[str]] = stored["clusters"]
    entries: dict[str, tuple[int, Named]] = {}
    for number, one in enumerate(names.clusters):
        place = f"{file}: clusters.{number}.cluster"
        if one.cluster not in members:
            raise UserError(
                f"there is no cluster {one.cluster[:40]!r} in this discovery", "该次发现中没有这个簇", place=place
            )
        if one.cluster in entries:
            raise UserError("stands twice: `split` divides a cluster", "出现了两次：请用 split 拆分一个簇", place=place)
        entries[one.cluster] = (number, one)
    divided = {row for name, (_, one) in entries.items() if one.split for row in members[name]}
    said = _texts(root, stored["prepare"], divided, file)
    for name, rows in members.items():
        number, one = entries.get(name, (-1, Named(cluster=name)))
        named = dict.fromkeys(rows, ((one.name or "").strip(), f"{file}: clusters.{number}.name"))
        for nth, part in reversed(list(enumerate(one.split))):  # the first part that fits counts
            hits = has_keyword([said[row] for row in rows], part.keywords)
            where = f"{file}: clusters.{number}.split.{nth}.name"
            named |= {row: (part.name.strip(), where) for row, hit in zip(rows, hits, strict=True) if hit}
        for row, (label, where) in named.items():
            yield row, label, by, where


def _names(file: Path) -> Names:
    import yaml

    try:
        values = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        mark = getattr(error, "problem_mark", None)
        place = f"{file}, line {mark.line + 1}" if mark else str(file)
        raise UserError("is not valid YAML in UTF-8", "不是 UTF-8 编码的合法 YAML", place=place) from None
    try:
        return Names.model_validate(values)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        key = ".".join(str(step) for step in first["loc"]) or "discovery"
        said = wrong(dict(first)) if first["type"] != "extra_forbidden" else Text(en="unknown key", zh="未知的键")
        raise UserError(said.en, f"值不合适：{said.zh}", place=f"{file}: {key}") from None


def _from_sheet(root: Path, file: Path, by: str) -> _Given:
    known = {row for path in _stores(root) for rows in _load(path)["clusters"].values() for row in rows}
    seen: dict[tuple[str, str], str] = {}
    for line in sheets.read(file, _sheet(file), ("id", "label")):
        row = line.cells.get("id", "")
        if row not in known:
            raise UserError(
                "this id is in no discovery of this workspace",
                "该 id 不在本工作区的任何一次发现中",
                place=f"{line.place}, id",
            )
        person = signed(line.cells.get("annotator") or by, f"{line.place}, annotator")
        label = line.cells.get("label", "")
        if seen.setdefault((row, person), label) != label:
            raise UserError(
                f"{person} gives this row two labels", f"{person} 给该行两个标签", place=f"{line.place}, label"
            )
        yield row, label, person, f"{line.place}, label"


def _stores(root: Path) -> list[Path]:
    return sorted((root / FOLDER).glob("*.json"))


def _stored(root: Path, key: str, file: Path) -> dict[str, Any]:
    """The rows of each cluster."""
    path = next((path for path in _stores(root) if path.stem == key), None)
    if path is None:
        raise StoreError(
            "this workspace does not know the discovery of this file: run `fittingroom discover --out` again",
            "本工作区没有该文件对应的发现：请重新运行 `fittingroom discover --out`",
            place=f"{file}: discovery",
        )
    return _load(path)


def _load(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found


def _texts(root: Path, digest: str, wanted: set[str], file: Path) -> Mapping[str, str]:
    """Texts of rows by id; needed only where a cluster is split."""
    if not wanted:
        return {}
    store = Store(root)
    if not store.has(digest):
        raise StoreError(
            "the rows of this discovery are gone: run `fittingroom discover --out` again",
            "该次发现的数据已不在：请重新运行 `fittingroom discover --out`",
            place=f"{file}: discovery",
        )
    frame = store.load(digest, Rows).kept.frame().select("id", "input")
    rows = frame.filter(frame["id"].is_in(sorted(wanted))).iter_rows(named=True)
    return {row["id"]: "\n".join(text for text in row["input"].values() if text) for row in rows}

"""Files of conversations, read and written: alpaca, sharegpt, messages, prompt and completion, and the
`dataset_info.json` with which LLaMA-Factory names such files.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fittingroom.engine import Context
from fittingroom.errors import SourceError, UserError
from fittingroom.sources.batching import Item, batched, flattened
from fittingroom.sources.config import ChatSource
from fittingroom.sources.conversation import FORMATS, Conversation, Format, Shape, parsed, told, written
from fittingroom.sources.document import objects
from fittingroom.sources.files import Reject, digest, encoding_of, line_count, locate

if TYPE_CHECKING:
    import pyarrow as pa

INFO = "dataset_info.json"
_TAGS = {"user_tag": "user", "assistant_tag": "assistant", "system_tag": "system"}


def check(config: ChatSource, context: Context) -> None:
    """The file is there and its format is known."""
    path, shape = _found(config, context)
    if shape is None:
        _shape_of_first(config, path)


def fingerprint(config: ChatSource, context: Context) -> str:
    """Digest of the file's bytes; with `dataset_info.json`, of both files."""
    path, _ = _found(config, context)
    own = digest(config.path, context)
    return own if path == context.path(config.path) else f"{own}-{digest(str(path), context)}"


def size(config: ChatSource, context: Context) -> int:
    """About as many rows as lines."""
    return line_count(str(_found(config, context)[0]), context)


def read(config: ChatSource, context: Context, reject: Reject) -> Iterator[pa.RecordBatch]:
    """All conversations; what is none is rejected with the reason."""
    path, shape = _found(config, context)
    shape = shape or _shape_of_first(config, path)
    yield from batched(_rows(config, path, shape, reject))


def _rows(config: ChatSource, path: Path, shape: Shape, reject: Reject) -> Iterator[tuple[int, dict[str, str | None]]]:
    own = shape.names()
    for number, record in objects(path, config.path, reject, encoding=config.encoding):
        try:
            conversation = parsed(record, shape)
        except ValueError as error:
            reject(number, str(error), json.dumps(record, ensure_ascii=False))
            continue
        beside = flattened({name: value for name, value in record.items() if name not in own})
        if not config.every_answer:
            yield number, {**beside, **conversation.columns()}
            continue
        yield from _answers(config, number, beside, conversation, record.get(shape.messages))


def _answers(
    config: ChatSource, line: int, beside: Mapping[str, str | None], whole: Conversation, turns: Any
) -> Iterator[tuple[int, dict[str, str | None]]]:
    """A row for every answer that follows something the user said."""
    spoken = [turn for turn in turns if isinstance(turn, Mapping)] if isinstance(turns, list) else []
    extra = spoken[len(spoken) - len(whole.turns) :]  # the system's turns stand before
    asked, number = False, 0
    for at, (role, _) in enumerate(whole.turns):
        if role == "user":
            asked = True
            continue
        if not asked:
            continue
        number += 1
        more = flattened(extra[at], "turn.") if at < len(extra) else {}
        key = beside.get(config.key) if config.key else None
        yield (
            Item(line, number),
            {
                **beside,
                **more,
                **Conversation(whole.turns[: at + 1], whole.system).columns(),
                "conversation": key if key is not None else str(line),
                **({config.key: f"{key}#{at + 1}"} if config.key and key is not None else {}),
            },
        )


def _found(config: ChatSource, context: Context) -> tuple[Path, Shape | None]:
    """The file of the conversations and its shape, None when it is to be told from its first object."""
    path = locate(config.path, context)
    encoding_of(path, config.encoding, config.path)
    if config.turns or config.role_field or config.text_field or config.roles:
        return path, _named(config)
    if config.dataset or path.name == INFO:
        return _of_info(config, path)
    return path, None if config.format == "auto" else Shape.of(config.format)


def _named(config: ChatSource) -> Shape:
    """The shape that the recipe spells out; what it leaves out is as in `messages`."""
    usual = Shape.of("messages")
    return replace(
        usual,
        messages=config.turns or usual.messages,
        role_tag=config.role_field or usual.role_tag,
        content_tag=config.text_field or usual.content_tag,
        roles=tuple((name, str(role)) for name, role in config.roles.items()),
    )


def _shape_of_first(config: ChatSource, path: Path) -> Shape:
    if config.format != "auto":
        return Shape.of(config.format)
    seen = objects(path, config.path, lambda *found: None, encoding=config.encoding)
    for place, (_, record) in enumerate(seen):
        if found := told(record):
            return Shape.of(found)
        if place == 100:
            break
    raise SourceError(
        f"none of its first objects is a conversation that is known ({', '.join(FORMATS)}); say `format`",
        f"开头的对象都不是已知的对话格式（{'、'.join(FORMATS)}）；请写明 format",
        place=config.path,
    )


# ---------------------------------------------------------------------------------------------- dataset_info.json


def _of_info(config: ChatSource, path: Path) -> tuple[Path, Shape]:
    try:
        info = json.loads(path.read_text("utf-8-sig"))
    except ValueError as error:
        raise SourceError("is not JSON in UTF-8", "不是 UTF-8 编码的 JSON", place=config.path) from error
    entry = info.get(config.dataset) if isinstance(info, dict) else None
    if not isinstance(entry, dict):
        names = ", ".join(sorted(info)[:40]) if isinstance(info, dict) else ""
        raise SourceError(
            f"there is no data set {config.dataset!r}; there are: {names}. Name one with `dataset`",
            f"没有数据集 {config.dataset!r}；现有：{names}。请用 dataset 指明",
            place=config.path,
        )
    place = f"{config.path}: {config.dataset}"
    name = entry.get("file_name")
    if not isinstance(name, str) or entry.get("ranking") or entry.get("script_url"):
        raise SourceError(
            "only entries with a file_name and without ranking or a script are read; for a hub use `kind: hub`",
            "只读取带 file_name、且没有 ranking 与脚本的条目；来自 hub 的请用 kind: hub",
            place=place,
        )
    file = path.parent / name
    if not file.is_file():
        raise SourceError(f"its file {name} is not there", f"找不到它的文件 {name}", place=place)
    return file, _shape_of(entry, place)


def _shape_of(entry: Mapping[str, Any], place: str) -> Shape:
    formatting = entry.get("formatting", "alpaca")
    if formatting not in ("alpaca", "sharegpt"):
        raise SourceError(
            f"formatting is alpaca or sharegpt, not {formatting!r}", "formatting 取值 alpaca 或 sharegpt", place=place
        )
    columns, tags = entry.get("columns") or {}, entry.get("tags") or {}
    known = {name: str(columns[name]) for name in ("prompt", "query", "response", "history", "system", "messages") if columns.get(name)}  # noqa: E501 # fmt: skip
    known |= {name: str(tags[name]) for name in ("role_tag", "content_tag") if tags.get(name)}
    roles = tuple((str(tags[tag]), role) for tag, role in _TAGS.items() if tags.get(tag))
    return Shape(format=formatting, roles=roles, **known)


# ---------------------------------------------------------------------------------------------- writing


def write_chat(path: Path, conversations: Iterable[Conversation], format: Format) -> int:
    """Write conversations as JSON lines (as one JSON array when the name ends in `.json`); returns their number.

    Raises UserError for a conversation that the format cannot hold; then nothing is left behind.
    """
    array = path.suffix == ".json"
    aside = path.with_name(f".{path.name}.part")
    count = 0
    try:
        with aside.open("w", encoding="utf-8") as file:
            file.write("[\n" if array else "")
            for conversation in conversations:
                text = json.dumps(_object(conversation, format, count + 1, path), ensure_ascii=False)
                file.write((",\n" if array and count else "") + text + ("" if array else "\n"))
                count += 1
            file.write("\n]\n" if array else "")
        aside.replace(path)
    finally:
        aside.unlink(missing_ok=True)
    return count


def _object(conversation: Conversation, format: Format, number: int, path: Path) -> dict[str, Any]:
    try:
        return written(conversation, format)
    except ValueError as error:
        raise UserError(
            f"conversation {number} does not fit: {error}",
            f"第 {number} 个对话无法写成 {format} 格式",
            place=path.name,
        ) from error


def write_dataset_info(folder: Path, name: str, file: str, format: Format) -> Path:
    """Add an entry to the folder's `dataset_info.json`, as LLaMA-Factory reads it; returns its path."""
    if format == "prompt_completion":
        raise UserError(
            "LLaMA-Factory knows no prompt and completion; write alpaca or sharegpt",
            "LLaMA-Factory 不支持 prompt/completion；请写成 alpaca 或 sharegpt",
            place=file,
        )
    path = folder / INFO
    _write_info(path, {**_info(path), name: _entry(file, format)})
    return path


def update_dataset_info(folder: Path, file: str, format: Format) -> Path | None:
    """Where the folder's `dataset_info.json` speaks of a file that is written anew, say its new format there, or take
    the entry out when LLaMA-Factory cannot read that; returns its path when it was changed.
    """
    path = folder / INFO
    info = _info(path)
    entries = {name for name, entry in info.items() if isinstance(entry, dict) and entry.get("file_name") == file}
    if not entries:
        return None
    if format == "prompt_completion":
        _write_info(path, {name: entry for name, entry in info.items() if name not in entries})
    else:
        _write_info(path, info | dict.fromkeys(entries, _entry(file, format)))
    return path


def _entry(file: str, format: Format) -> dict[str, Any]:
    entry: dict[str, Any] = {"file_name": file}
    if format == "alpaca":
        names = {"prompt": "instruction", "query": "input", "response": "output"}
        entry["columns"] = {**names, "system": "system", "history": "history"}
    else:
        shape = Shape.of(format)
        entry |= {"formatting": "sharegpt", "columns": {"messages": shape.messages}}
        if format == "messages":
            tags = {"role_tag": "role", "content_tag": "content"}
            entry["tags"] = {**tags, "user_tag": "user", "assistant_tag": "assistant", "system_tag": "system"}
    return entry


def _info(path: Path) -> dict[str, Any]:
    if not path.exists():
        return {}
    try:
        info = json.loads(path.read_text("utf-8"))
    except (json.JSONDecodeError, UnicodeDecodeError):
        info = None
    if not isinstance(info, dict):
        raise UserError(
            "is no JSON object in UTF-8: mend it, or export into another folder",
            "不是 UTF-8 编码的 JSON 对象：请改正它，或导出到别的文件夹",
            place=str(path),
        )
    return info


def _write_info(path: Path, info: dict[str, Any]) -> None:
    path.write_text(json.dumps(info, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")

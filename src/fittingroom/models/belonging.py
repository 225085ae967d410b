"""Whether tokenizer, configuration and weights are of one model, by comparing their files.

A tokenizer of another model is the quietest of faults: every id has a vector, training runs, and the model has learnt
the wrong words. What gives it away are ids beyond the embedding, an end mark that the model does not know, two id
tables that differ, and chat marks that the template writes but the vocabulary lacks.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fittingroom.errors import ModelError
from fittingroom.models.formats import refuse_foreign
from fittingroom.types import Text

_MARK = re.compile(r"<[|｜][^<>|｜\n]{1,40}[|｜]>")
_ROLE = re.compile(r"<[|｜](User|Assistant)[|｜]>")
_BROKEN = (KeyError, TypeError, ValueError, AttributeError, IndexError, OverflowError)
"""What reading a file raises whose values are of other kinds than expected; OverflowError: of Infinity."""
_LONGEST = 60
_cache: dict[tuple[tuple[str, int, int], ...], Vocabulary] = {}


@dataclass(frozen=True)
class Vocabulary:
    """What the tokenizer's files say."""

    highest: int
    """The largest id."""
    added: Mapping[str, int]
    """Added tokens, the marks among them."""
    bos: int | None
    eos: int | None
    pad: int | None
    template: str
    """The Jinja template; empty when there is none."""


def read_vocabulary(path: Path, place: str) -> Vocabulary:
    """From tokenizer.json, tokenizer_config.json and chat_template.jinja. Raises ModelError."""
    names = ("tokenizer.json", "tokenizer_config.json", "chat_template.jinja")
    states = [(path / name) for name in names if (path / name).is_file()]
    key = tuple((str(file.resolve()), file.stat().st_size, file.stat().st_mtime_ns) for file in states)
    if key not in _cache:
        _cache[key] = _read(path, place)
    return _cache[key]


def _read(path: Path, place: str) -> Vocabulary:
    whole = _json(path / "tokenizer.json", place)
    said = _json(path / "tokenizer_config.json", place) if (path / "tokenizer_config.json").is_file() else {}
    try:
        added = {str(token["content"]): int(token["id"]) for token in whole.get("added_tokens") or []}
        table = whole["model"]["vocab"]
        ids = table if isinstance(table, Mapping) else {str(entry[0]): at for at, entry in enumerate(table)}
    except _BROKEN as error:
        raise _unreadable("tokenizer.json", error, place) from None
    _refuse_false_ids(ids, place)
    _refuse_false_length(said, place)
    try:
        _refuse_two_tables(said, added, place)
    except _BROKEN as error:
        raise _unreadable("tokenizer_config.json", error, place) from None
    jinja = path / "chat_template.jinja"
    try:
        template = jinja.read_text(encoding="utf-8") if jinja.is_file() else said.get("chat_template") or ""
    except ValueError as error:
        raise _unreadable(jinja.name, error, place) from None

    def number(role: str) -> int | None:
        token = said.get(role)
        text = token.get("content") if isinstance(token, Mapping) else token
        return None if text is None else added.get(str(text), ids.get(str(text)))

    return Vocabulary(
        highest=max([*added.values(), *ids.values()], default=-1),
        added=added,
        bos=number("bos_token"),
        eos=number("eos_token"),
        pad=number("pad_token"),
        template=template if isinstance(template, str) else json.dumps(template, ensure_ascii=False),
    )


def _json(file: Path, place: str) -> dict[str, Any]:
    try:
        value = json.loads(file.read_text(encoding="utf-8"))
        if not isinstance(value, dict):
            raise ValueError("not an object")
        return value
    except ValueError as error:
        raise _unreadable(file.name, error, place) from None


def _unreadable(name: str, error: Exception, place: str) -> ModelError:
    return ModelError(
        f"{name} cannot be read ({type(error).__name__}): download the tokenizer's files again",
        f"{name} 无法读取（{type(error).__name__}）：请重新下载分词器文件",
        place=place,
    )


def _refuse_false_ids(ids: Mapping[str, Any], place: str) -> None:
    """Every word has an id of its own: of two with one id, the tokenizer knows the later one only, and no merge of the
    other.
    """
    words: dict[int, str] = {}
    for word, number in ids.items():
        if not isinstance(number, int) or isinstance(number, bool) or number < 0:
            raise ModelError(
                f"tokenizer.json: model.vocab gives {_shown(word)} the id {_shown(number)}, which is no number from 0 "
                "on: take tokenizer.json from the model's own repository again",
                f"tokenizer.json：model.vocab 中 {_shown(word)} 的编号 {_shown(number)} 不是非负整数："
                "请从该模型的仓库重新获取 tokenizer.json",
                place=place,
            )
        if words.setdefault(number, word) != word:
            raise ModelError(
                f"tokenizer.json: model.vocab gives {_shown(words[number])} and {_shown(word)} one id, {number}: take "
                "tokenizer.json from the model's own repository again",
                f"tokenizer.json：model.vocab 中 {_shown(words[number])} 与 {_shown(word)} 的编号同为 {number}："
                "请从该模型的仓库重新获取 tokenizer.json",
                place=place,
            )


def _refuse_false_length(said: Mapping[str, Any], place: str) -> None:
    """The one number that the tokenizer compares with whenever it encodes."""
    length = said.get("model_max_length")
    if length is None or (isinstance(length, int | float) and not isinstance(length, bool)):
        return
    raise ModelError(
        f"tokenizer_config.json: model_max_length = {_shown(length)} is no number: put in how many tokens the model "
        "reads, or take the file from the model's own repository again",
        f"tokenizer_config.json：model_max_length = {_shown(length)} 不是数字："
        "请填写模型可读的词元数，或从该模型的仓库重新获取该文件",
        place=place,
    )


def _shown(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _LONGEST else text[:_LONGEST] + "…"


def _refuse_two_tables(said: Mapping[str, Any], added: Mapping[str, int], place: str) -> None:
    listed = said.get("added_tokens_decoder") or {}
    for number, token in sorted(listed.items(), key=lambda item: int(item[0])):
        text = str(token["content"])
        if text in added and added[text] != int(number):
            raise ModelError(
                f"tokenizer_config.json gives {text} the id {number} and tokenizer.json {added[text]}: they are of two "
                "tokenizers, take both from the model's own repository",
                f"{text} 在 tokenizer_config.json 中编号为 {number}，在 tokenizer.json 中为 {added[text]}："
                "两个文件不属于同一分词器，请从该模型的仓库重新获取",
                place=place,
            )


def refuse_foreign_tokenizer(path: Path, config: Mapping[str, Any], embedded: int | None, place: str) -> None:
    """Refuse a tokenizer that is not this model's; `embedded`: rows of the embedding, where the weights are at hand.

    Raises ModelError that names the files and what to do.
    """
    known = read_vocabulary(path, place)
    rows = embedded if embedded is not None else int(config.get("vocab_size") or 0)
    if rows and known.highest >= rows:
        raise ModelError(
            f"is the tokenizer of another model: its highest id is {known.highest}, and the model has {rows} "
            "embeddings; take the tokenizer files from the model's own repository",
            f"分词器属于另一个模型：其最大编号为 {known.highest}，而模型只有 {rows} 个词向量；"
            "请使用该模型仓库中的分词器文件",
            place=f"{place}, tokenizer.json",
        )
    ends = _ends(path, config, place)
    if known.eos is not None and ends and known.eos not in ends:
        raise ModelError(
            f"is the tokenizer of another model: its end mark has the id {known.eos}, and the model ends its answers "
            f"with {', '.join(map(str, sorted(ends)))} (config.json, generation_config.json); take the tokenizer files "
            "from the model's own repository",
            f"分词器属于另一个模型：其结束符编号为 {known.eos}，而模型以 {'、'.join(map(str, sorted(ends)))} 结束回答"
            "（config.json、generation_config.json）；请使用该模型仓库中的分词器文件",
            place=f"{place}, tokenizer_config.json",
        )
    _refuse_broken_marks(known, place)
    refuse_foreign(known.added, known.template, f"{place}, tokenizer.json")


def _ends(path: Path, config: Mapping[str, Any], place: str) -> set[int]:
    """Every id that configuration and generation configuration know as the end of an answer."""
    generation = path / "generation_config.json"
    files = {"config.json": config, generation.name: _json(generation, place) if generation.is_file() else {}}
    found: set[int] = set()
    for name, said in files.items():
        value = said.get("eos_token_id")
        try:
            found.update(int(one) for one in (value if isinstance(value, list) else [value]) if one is not None)
        except (TypeError, ValueError, OverflowError):  # the last: Infinity
            raise ModelError(
                f"{name}: eos_token_id = {json.dumps(value, ensure_ascii=False)} is neither a number nor a list of "
                "numbers: put in the id of the end mark, or take the file from the model's own repository again",
                f"{name}：eos_token_id = {json.dumps(value, ensure_ascii=False)} 既不是数字也不是数字列表："
                "请填写结束符的编号，或从该模型的仓库重新获取该文件",
                place=place,
            ) from None
    return found


def _refuse_broken_marks(known: Vocabulary, place: str) -> None:
    """Half-width marks, and marks that the template writes but the vocabulary does not hold as one token."""
    written = set(_ROLE.findall(known.template))
    narrow = sorted(mark for mark in {*known.added, *_MARK.findall(known.template)} if _narrow(mark))
    if narrow:
        raise ModelError(
            f"writes {narrow[0]} with plain bars, and DeepSeek's mark has full-width ones (U+FF5C): the model would "
            "read it as a row of letters; take the tokenizer files from the deepseek-ai repository",
            f"使用了半角竖线的 {narrow[0]}，而 DeepSeek 的标记是全角竖线（U+FF5C）：模型会把它当成一串字符；"
            "请使用 deepseek-ai 仓库中的分词器文件",
            place=f"{place}, tokenizer_config.json",
        )
    lacking = sorted(f"<｜{role}｜>" for role in written if f"<｜{role}｜>" not in known.added)
    if lacking:
        raise ModelError(
            f"the chat template writes {lacking[0]}, which the vocabulary does not hold as one token: template and "
            "tokenizer are of two models, take both from the model's own repository",
            f"对话模板使用 {lacking[0]}，但词表中没有这个标记：模板与分词器不属于同一模型，请从该模型的仓库重新获取",
            place=f"{place}, tokenizer.json",
        )


def _narrow(mark: str) -> bool:
    return _ROLE.fullmatch(mark) is not None and "|" in mark


def differences(path: Path, config: Mapping[str, Any], place: str) -> list[Text]:
    """Ids that the three files state differently and that the loader sets right by the tokenizer (bos, pad)."""
    known = read_vocabulary(path, place)
    generation = path / "generation_config.json"
    files = {"config.json": config, "generation_config.json": _json(generation, place) if generation.is_file() else {}}
    return list(_differing(known, files))


def _differing(known: Vocabulary, files: Mapping[str, Mapping[str, Any]]) -> Iterator[Text]:
    for role, own in (("bos", known.bos), ("pad", known.pad)):
        for name, said in files.items():
            value = said.get(f"{role}_token_id")
            if own is not None and value is not None and value != own:
                yield Text(
                    en=f"{name} has {role} {value}, the tokenizer {own}: the tokenizer's is used",
                    zh=f"{name} 的 {role} 为 {value}，分词器为 {own}：采用分词器的",
                )

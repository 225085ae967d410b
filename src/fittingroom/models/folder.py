"""What lies in a model's folder, told from names and headers alone: no weight is read, nothing is run.

A safetensors file is a number (8 bytes, little endian), that many bytes of JSON (name -> dtype, shape, place), and the
tensors without a gap. So a file that is torn, cut short or not what it says is found from its first bytes and its size.
Source: the format's specification, github.com/huggingface/safetensors.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fittingroom.errors import ModelError

PICKLES = frozenset({".bin", ".pt", ".pth", ".pkl", ".pickle", ".ckpt", ".joblib", ".dill"})
_WEIGHTS = "model.safetensors"
INDEX = "model.safetensors.index.json"
_LONGEST_HEADER = 100_000_000
_BITS = {
    "BOOL": 8, "U8": 8, "I8": 8, "F8_E4M3": 8, "F8_E5M2": 8, "F8_E8M0": 8, "I16": 16, "U16": 16, "F16": 16, "BF16": 16,
    "I32": 32, "U32": 32, "F32": 32, "F64": 64, "I64": 64, "U64": 64, "C64": 64, "F4": 4, "F6_E2M3": 6, "F6_E3M2": 6,
}  # fmt: skip
_digests: dict[tuple[str, int, int], str] = {}


@dataclass(frozen=True)
class Inventory:
    """The tensors of a folder."""

    shapes: Mapping[str, tuple[int, ...]]
    bytes_by_dtype: Mapping[str, int]

    @property
    def bytes(self) -> int:
        """Of all tensors, as they are stored."""
        return sum(self.bytes_by_dtype.values())

    @property
    def numbers(self) -> int:
        """Of all tensors together."""
        return sum(math.prod(shape) for shape in self.shapes.values())

    @property
    def embedded(self) -> int | None:
        """Rows of the embedding: ids from this one on have no vector."""
        return next((shape[0] for name, shape in self.shapes.items() if name.endswith("embed_tokens.weight")), None)


def file_digest(file: Path) -> str:
    """SHA-256 of a file; remembered while its size and time stay."""
    state = file.stat()
    key = (str(file.resolve()), state.st_size, state.st_mtime_ns)
    if key not in _digests:
        with file.open("rb") as stream:
            _digests[key] = hashlib.file_digest(stream, "sha256").hexdigest()
    return _digests[key]


def refuse_pickles(path: Path, place: str) -> None:
    """Refuse a folder with a pickle anywhere in it, hidden or in a folder below."""
    found = sorted(name for name in _names_below(path) if Path(name).suffix.lower() in PICKLES)
    if found:
        raise ModelError(
            f"holds pickle files, which can run code when opened ({', '.join(found[:3])}): convert the weights to "
            "safetensors and remove these files",
            f"含有 pickle 文件，打开时可能执行代码（{'、'.join(found[:3])}）："
            "请把权重转换为 safetensors 并删除这些文件",
            place=place,
        )


def _names_below(path: Path) -> Iterator[str]:
    for folder, _, names in os.walk(path):
        for name in names:
            yield (Path(folder) / name).relative_to(path).as_posix()


def inventory(path: Path, place: str) -> Inventory:
    """The tensors that transformers would load, by the headers. Raises ModelError for files that are not whole."""
    for listing in sorted(path.glob("*.index.json")):
        _refuse_index(listing, place)
    shapes: dict[str, tuple[int, ...]] = {}
    sizes: dict[str, int] = {}
    for name, wanted in _files(path, place).items():
        header = read_header(path / name, f"{place}, {name}")
        if wanted - header.keys():
            raise _foreign(place, name, f"lacks {min(wanted - header.keys())}", f"缺少 {min(wanted - header.keys())}")
        for tensor, facts in header.items():
            shapes[tensor] = tuple(facts["shape"])
            start, end = facts["data_offsets"]
            sizes[facts["dtype"]] = sizes.get(facts["dtype"], 0) + end - start
    return Inventory(shapes, sizes)


def _files(path: Path, place: str) -> dict[str, set[str]]:
    """File name -> the tensors that the index expects in it."""
    if (path / INDEX).is_file():
        listed = _weight_map(path / INDEX, place)
        files: dict[str, set[str]] = {}
        for tensor, name in sorted(listed.items()):
            files.setdefault(name, set()).add(tensor)
        for name in files:
            if not (path / name).is_file():
                raise ModelError(
                    f"{INDEX} names {name}, which is not there: download the model again",
                    f"{INDEX} 指向的 {name} 不存在：请重新下载模型",
                    place=place,
                )
        return files
    if (path / _WEIGHTS).is_file():
        return {_WEIGHTS: set()}
    others = sorted(file.name for file in path.glob("*.safetensors"))
    if others:
        raise ModelError(
            f"holds {others[0]}, but neither {_WEIGHTS} nor {INDEX}: rename the one file, or add the index",
            f"含有 {others[0]}，但没有 {_WEIGHTS} 或 {INDEX}：请重命名该文件或补充索引",
            place=place,
        )
    raise ModelError(
        "holds no *.safetensors weights: download the model again, or convert its weights",
        "没有 *.safetensors 权重文件：请重新下载模型或转换权重",
        place=place,
    )


def _weight_map(listing: Path, place: str) -> dict[str, str]:
    try:
        listed = json.loads(listing.read_text(encoding="utf-8"))["weight_map"]
        return {str(tensor): str(name) for tensor, name in listed.items()}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ModelError(
            f"{listing.name} cannot be read ({type(error).__name__}): download it again",
            f"{listing.name} 无法读取（{type(error).__name__}）：请重新下载",
            place=place,
        ) from None


def _refuse_index(listing: Path, place: str) -> None:
    """An index that names a pickle, or a file outside the folder."""
    for name in sorted(set(_weight_map(listing, place).values())):
        if Path(name).suffix.lower() in PICKLES:
            raise ModelError(
                f"{listing.name} points at the pickle file {name}, which can run code when opened: remove this index "
                "and use safetensors weights",
                f"{listing.name} 指向 pickle 文件 {name}，打开时可能执行代码：请删除该索引，改用 safetensors 权重",
                place=place,
            )
        if name != Path(name).name or "\\" in name or not name.endswith(".safetensors"):
            raise ModelError(
                f"{listing.name} points at '{name}', which is not a safetensors file of this folder: download the "
                "model again from its publisher",
                f"{listing.name} 指向的“{name}”不是本文件夹中的 safetensors 文件：请从发布者处重新下载",
                place=place,
            )


def read_header(file: Path, place: str) -> dict[str, dict[str, Any]]:
    """Tensor -> dtype, shape, data_offsets. Raises ModelError when header and size do not agree."""
    size = file.stat().st_size
    with file.open("rb") as stream:
        length = int.from_bytes(stream.read(8), "little")
        if size < 8 or not 2 <= length <= min(_LONGEST_HEADER, size - 8):
            raise _torn(place, "its header is cut off", "文件头不完整")
        raw = stream.read(length)
    try:
        header = json.loads(raw)
        header.pop("__metadata__", None)
        end = _laid_out(header)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise _torn(place, f"its header cannot be read ({type(error).__name__})", "文件头无法读取") from None
    if end != size - 8 - length:
        have, need = size - 8 - length, end
        raise _torn(place, f"it holds {have:,} bytes of {need:,}", f"只有 {need:,} 字节中的 {have:,} 字节")
    return dict(header)


def _laid_out(header: Mapping[str, Mapping[str, Any]]) -> int:
    """Bytes of all tensors; ValueError when they overlap, leave gaps or do not have the size of their shape."""
    at = 0
    for facts in sorted(header.values(), key=lambda facts: tuple(facts["data_offsets"])):
        start, end = facts["data_offsets"]
        if any(int(side) < 0 for side in facts["shape"]):
            raise ValueError("a negative size")
        if start != at or (end - start) * 8 != math.prod(facts["shape"]) * _BITS[facts["dtype"]]:
            raise ValueError("a tensor does not lie where it should")
        at = int(end)
    return at


def _torn(place: str, en: str, zh: str) -> ModelError:
    return ModelError(f"is torn: {en}; download this file again", f"文件损坏：{zh}；请重新下载该文件", place=place)


def _foreign(place: str, name: str, en: str, zh: str) -> ModelError:
    return ModelError(
        f"{name} {en}, which {INDEX} expects in it: the files do not belong together, download the model again",
        f"{name} {zh}，与 {INDEX} 不符：文件不属于同一模型，请重新下载",
        place=place,
    )

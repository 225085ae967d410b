"""Data sets of Hugging Face and ModelScope, or a local folder that is laid out like one.

The library `datasets` says which files belong to a configuration and a split (the same rules and the same README as
everywhere); the values are read by our own readers, because its CSV reader turns "NA" into nothing and 007 into 7. No
code of a data set is ever run, pickles are not read, and a data set from a hub is pinned to a commit: another commit is
another recipe. Files of a commit that are in the hub's cache need no network.
"""

from __future__ import annotations

import hashlib
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fittingroom.engine import Context
from fittingroom.errors import RecipeError, SourceError
from fittingroom.sources import csv, jsonl, parquet
from fittingroom.sources.batching import LINE
from fittingroom.sources.config import CsvSource, HubSource, JsonlSource, ParquetSource
from fittingroom.sources.files import Reject

if TYPE_CHECKING:
    import pyarrow as pa

_ID = re.compile(r"[\w.-]+/[\w.-]+")
_COMMIT = re.compile(r"[0-9a-f]{40}")
_WANTED = ["*.parquet", "*.json", "*.jsonl", "*.csv", "*.tsv", "*.gz", "README.md", "dataset_infos.json"]
_SEPARATORS = {".tsv": "\t"}


def check(config: HubSource, context: Context) -> None:
    """The data set is here and has the split."""
    for file in _files(config, context):
        _reader(file)[0].check(_reader(file)[1], context)


def fingerprint(config: HubSource, context: Context) -> str:
    """Digest of the bytes of the split's files, in their order."""
    seal = hashlib.blake2b(digest_size=16)
    for file in _files(config, context):
        reader, inner = _reader(file)
        seal.update(f"{file.name}\0{reader.fingerprint(inner, context)}\0".encode())
    return seal.hexdigest()


def size(config: HubSource, context: Context) -> int:
    """About how many rows the files hold."""
    return sum(_reader(file)[0].size(_reader(file)[1], context) for file in _files(config, context))


def read(config: HubSource, context: Context, reject: Reject) -> Iterator[pa.RecordBatch]:
    """All rows of all files; row numbers go on from file to file, so that each stands once."""
    import pyarrow as pa
    import pyarrow.compute as pc

    files = _files(config, context)
    before = 0
    for file in files:
        reader, inner = _reader(file)
        where = f" (in {file.name})" if len(files) > 1 else ""
        last = 0

        def told(line: int, reason: str, text: str, where: str = where) -> None:
            reject(line, reason + where, text)

        for batch in reader.read(inner, context, told):
            lines = pc.cast(batch.column(LINE), pa.int64())
            last = max(last, pc.max(lines).as_py() or 0)
            numbered = pc.cast(pc.add(lines, before), pa.string())
            place = batch.schema.get_field_index(LINE)
            yield batch.set_column(place, LINE, numbered)
        before += last


def _reader(file: Path) -> tuple[Any, Any]:
    """The module that reads a file, and its configuration."""
    suffix = Path(file.stem).suffix if file.suffix == ".gz" else file.suffix
    if suffix == ".parquet":
        return parquet, ParquetSource(kind="parquet", path=str(file))
    if suffix in (".csv", ".tsv"):
        return csv, CsvSource(kind="csv", path=str(file), delimiter=_SEPARATORS.get(suffix, ""))
    if suffix in (".json", ".jsonl"):
        return jsonl, JsonlSource(kind="jsonl", path=str(file))
    raise SourceError(
        "only Parquet, CSV and JSON lines of a data set are read",
        "只读取数据集中的 Parquet、CSV 与 JSON Lines",
        place=file.name,
    )


def _files(config: HubSource, context: Context) -> list[Path]:
    """The files of the split, as `datasets` finds them."""
    place = f"{config.dataset}: {config.split}"
    try:
        import datasets
    except ImportError:
        raise SourceError(
            "needs the package datasets: pip install 'fittingroom[hub]'",
            "需要安装 datasets:pip install 'fittingroom[hub]'",
            place=place,
        ) from None
    folder = _folder(config, context)
    try:
        with tempfile.TemporaryDirectory() as passing:  # it leaves locks there; the data themselves stay where they are
            builder = datasets.load_dataset_builder(str(folder), config.config or None, cache_dir=passing)
        found = {str(name): [Path(str(file)) for file in files] for name, files in _data_files(builder).items()}
    except Exception as error:  # errors of many kinds: no data files, an unknown configuration, a script
        reason = " ".join(str(error).split())[:300].replace(str(folder), config.dataset)
        raise SourceError(
            f"cannot be opened as a data set ({reason})", f"无法作为数据集打开（{reason}）", place=place
        ) from None
    if config.split not in found:
        raise SourceError(
            f"there is no such split; there are: {', '.join(found)}",
            f"没有这个划分；现有：{'、'.join(found)}",
            place=place,
        )
    files = found[config.split]
    strange = [file.name for file in files if not file.resolve().is_file()]
    if strange:
        raise SourceError(f"{strange[0]} is not on this machine", f"{strange[0]} 不在本机", place=place)
    return files


def _data_files(builder: Any) -> dict[Any, Any]:
    return dict(builder.config.data_files or {})


def _folder(config: HubSource, context: Context) -> Path:
    """The folder with the data set's files: a local one, or the snapshot of a commit in the hub's cache."""
    local = context.path(config.dataset)
    if config.hub == "local" or (config.hub == "huggingface" and local.is_dir()):
        if not local.is_dir():
            raise SourceError("there is no such folder", "没有这个文件夹", place=config.dataset)
        return local
    if not _ID.fullmatch(config.dataset):
        raise RecipeError(
            "is neither a folder nor an id such as org/name", "既不是文件夹，也不是 org/name", place=config.dataset
        )
    if config.hub == "modelscope":
        return _from_modelscope(config)
    if not _COMMIT.fullmatch(config.revision):
        raise RecipeError(
            "pin the data set: `revision` is a commit of 40 hexadecimal digits (the hub's page shows it under History)",
            "请固定版本：revision 为 40 位十六进制的提交号（见数据集页面的 History）",
            place=f"{config.dataset}: revision",
        )
    import huggingface_hub as hub

    try:
        return Path(
            hub.snapshot_download(config.dataset, repo_type="dataset", revision=config.revision, allow_patterns=_WANTED)
        )
    except Exception as error:  # errors of the hub, of HTTP, of the disk: all mean that it is not here
        raise _not_fetched(config, error) from error


def _from_modelscope(config: HubSource) -> Path:
    if config.revision in ("", "master", "main"):
        raise RecipeError(
            "pin the data set: `revision` is a tag or commit, not a branch",
            "请固定版本：revision 为标签或提交号，不能是分支",
            place=f"{config.dataset}: revision",
        )
    try:
        from modelscope import dataset_snapshot_download  # type: ignore[import-not-found,unused-ignore]
    except ImportError:
        raise SourceError(
            "needs the package modelscope: pip install 'fittingroom[modelscope]'",
            "需要安装 modelscope:pip install 'fittingroom[modelscope]'",
            place=config.dataset,
        ) from None
    try:
        return Path(dataset_snapshot_download(config.dataset, revision=config.revision, allow_patterns=_WANTED))
    except Exception as error:  # modelscope raises plain exceptions of many kinds; all mean: not fetched
        raise _not_fetched(config, error) from error


def _not_fetched(config: HubSource, error: Exception) -> SourceError:
    return SourceError(
        f"could not be fetched ({type(error).__name__}): check name, revision and network, or give a local folder",
        f"无法获取（{type(error).__name__}）：请检查名称、版本与网络，或改用本地文件夹",
        place=f"{config.dataset}@{config.revision[:12]}",
    )

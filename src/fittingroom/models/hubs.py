"""Base models from a hub: what was asked for becomes one commit, and only that commit is looked at and loaded.

First the small files come and are judged, then the weights: what must be refused is refused before gigabytes are
fetched. Hugging Face and its mirrors (`HF_ENDPOINT`) speak `GET /api/models/<name>/revision/<revision>`.

ModelScope lists files with the SHA-256 of each and the commit that last changed it; it names no commit of the whole.
The newest of these commits is recorded (`branch@commit`; a digest over the list where the package tells no commits),
and every file is compared with its SHA-256: what is loaded is what was listed, and what was recorded.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable, Mapping, Sequence
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

from fittingroom.errors import ModelError
from fittingroom.models.folder import file_digest

_SMALL = ["*.json", "*.jinja", "*.txt", "LICENSE*", "LICENCE*", "COPYING*"]
_WEIGHTS = ["*.safetensors"]
_NOT = ["*/*", "*.bin.index.json"]
_COMMIT = 40

Judge = Callable[[Path, str], None]
"""(folder with the small files, place): raises ModelError for what must not be loaded."""


def from_hub(name: str, revision: str | None, judge: Judge) -> tuple[Path, str]:
    """Snapshot of a Hugging Face repository, and its commit; the local cache is honoured. Raises ModelError."""
    import huggingface_hub as hub
    from huggingface_hub.constants import HF_HUB_CACHE

    place = f"model.base = {name}"

    def snapshot(wanted: str, patterns: Sequence[str]) -> Path:
        # Without a network the library falls back to the commit in its cache.
        return Path(hub.snapshot_download(name, revision=wanted, allow_patterns=list(patterns), ignore_patterns=_NOT))

    try:
        try:
            told: Any = hub.HfApi().model_info(name, revision=revision, files_metadata=True)
        except Exception:  # offline, not reachable, not found: each HTTP library has its own errors
            # The commit that lies in the cache will do; where there is none, this raises again.
            folder = snapshot(revision or "main", [*_SMALL, *_WEIGHTS])
            return folder, folder.name
        commit = str(told.sha)
        sizes = {file.rfilename: int(file.size or 0) for file in told.siblings or []}
        _refuse_listing(sizes, place)
        judge(snapshot(commit, _SMALL), place)
        _refuse_full_disk(_missing(name, commit, sizes), Path(HF_HUB_CACHE), place)
        return snapshot(commit, [*_SMALL, *_WEIGHTS]), commit
    except ModelError:
        raise
    except Exception as error:  # errors of the hub, of HTTP, of the disk: all mean that the model is not here
        raise ModelError(
            f"could not be fetched from the hub ({type(error).__name__}): check the name, the revision and the network "
            "(HF_ENDPOINT names a mirror), or give a local folder",
            f"无法从模型库获取（{type(error).__name__}）：请检查名称、版本与网络（HF_ENDPOINT 可指定镜像），"
            "或改用本地文件夹",
            place=place,
        ) from error


def _missing(name: str, commit: str, sizes: Mapping[str, int]) -> int:
    """Bytes of weights that are not in the cache yet."""
    from huggingface_hub import try_to_load_from_cache

    return sum(
        size
        for file, size in sizes.items()
        if _wanted(file, _WEIGHTS) and not isinstance(try_to_load_from_cache(name, file, revision=commit), str)
    )


def _wanted(file: str, patterns: Sequence[str]) -> bool:
    """Whether a file of a repository is fetched; files of sub-folders never are."""
    return any(fnmatch(file, one) for one in patterns) and not any(fnmatch(file, one) for one in _NOT)


def _refuse_listing(sizes: Mapping[str, int], place: str) -> None:
    """What the list of files already shows; an empty list shows nothing."""
    if sizes and not any(_wanted(file, _WEIGHTS) for file in sizes):
        raise ModelError(
            "publishes no *.safetensors weights (other formats can run code when opened): choose another repository of "
            "the model, or convert the weights yourself",
            "没有发布 *.safetensors 权重（其他格式打开时可能执行代码）：请选择该模型的其他仓库，或自行转换权重",
            place=place,
        )
    if sizes and "tokenizer.json" not in sizes:
        raise ModelError(
            "publishes no tokenizer.json: choose another repository of the model",
            "没有发布 tokenizer.json：请选择该模型的其他仓库",
            place=place,
        )


def _refuse_full_disk(need: int, cache: Path, place: str) -> None:
    there = next(folder for folder in (cache, *cache.parents) if folder.exists())
    free = shutil.disk_usage(there).free
    if need > free:
        raise ModelError(
            f"its weights are {need / 2**30:,.1f} GiB and the disk of the cache has {free / 2**30:,.1f} GiB free: make "
            "room, or set HF_HOME to another disk",
            f"权重共 {need / 2**30:,.1f} GiB，而缓存所在磁盘只剩 {free / 2**30:,.1f} GiB："
            "请清理空间，或将 HF_HOME 设到其他磁盘",
            place=place,
        )


def from_modelscope(name: str, revision: str | None, judge: Judge) -> tuple[Path, str]:
    """Snapshot of a ModelScope repository, and the newest commit of its files. Raises ModelError."""
    place = f"model.base = modelscope:{name}"
    try:
        from modelscope import snapshot_download  # type: ignore[import-not-found,unused-ignore]
        from modelscope.hub.api import HubApi  # type: ignore[import-not-found,unused-ignore]
    except ImportError as error:
        raise ModelError(
            "needs the package 'modelscope', which is not installed: pip install modelscope, or give a local folder",
            "需要安装 modelscope：pip install modelscope，或改用本地文件夹",
            place=place,
        ) from error
    try:
        branch, wanted = _parted(revision)
        listed = _listed(HubApi(), name, branch)
        commit = _commit(listed)
        _refuse_moved(wanted, branch, commit, place)
        sizes = {str(file["Path"]): int(file.get("Size") or 0) for file in listed}
        _refuse_listing(sizes, place)
        judge(Path(snapshot_download(name, revision=branch, allow_patterns=_SMALL)), place)
        folder = Path(snapshot_download(name, revision=branch, allow_patterns=[*_SMALL, *_WEIGHTS]))
        _refuse_changed(folder, listed, place)
    except ModelError:
        raise
    except Exception as error:  # modelscope raises plain exceptions of many kinds; all mean: not fetched
        raise ModelError(
            f"could not be fetched from ModelScope ({type(error).__name__}): check name, revision and network",
            f"无法从 ModelScope 获取（{type(error).__name__}）：请检查名称、版本与网络",
            place=place,
        ) from error
    return folder, f"{branch}@{commit}"


_MASTER = "master"


def _parted(revision: str | None) -> tuple[str, str]:
    """Branch or tag, and the commit that it must stand at (empty: any). What is recorded is `branch@commit`."""
    branch, _, commit = (revision or _MASTER).partition("@")
    if not commit and len(branch) == _COMMIT and set(branch) <= set("0123456789abcdef"):
        return _MASTER, branch
    return branch, commit


def _listed(api: Any, name: str, branch: str) -> list[dict[str, Any]]:
    """Files of a branch or tag: Path, Size, and as far as this version of the package tells them Sha256, Revision and
    CommittedDate.
    """
    files: list[dict[str, Any]] = api.get_model_files(name, revision=branch, recursive=True)
    if not any(file.get("Sha256") for file in files):
        # Since 1.40 the package keeps to names and sizes here, and has another call for the rest.
        files = [
            {"Path": file.path, "Size": file.size, "Sha256": file.sha256, "Type": file.type}
            for file in api.list_repo_files(name, "model", revision=branch)
        ]
    return [file for file in files if file.get("Type") != "tree"]


def _commit(files: Sequence[Mapping[str, Any]]) -> str:
    """The newest commit of the files; where none is told, a digest over their names and SHA-256."""
    dated = [file for file in files if file.get("Revision")]
    newest = max(dated, key=lambda file: (int(file.get("CommittedDate") or 0), str(file["Path"])), default=None)
    if newest is not None:
        return str(newest["Revision"])
    lines = sorted(f"{file['Path']} {file.get('Sha256') or ''}" for file in files)
    return f"files-{hashlib.sha256(chr(10).join(lines).encode()).hexdigest()[:_COMMIT]}"


def _refuse_moved(wanted: str, branch: str, commit: str, place: str) -> None:
    """A commit was asked for, and the branch has gone on since."""
    if wanted and wanted != commit:
        raise ModelError(
            f"ModelScope fetches branches and tags, and '{branch}' now stands at {commit[:12]}, no longer at "
            f"{wanted[:12]}: give a local folder with the weights of then, or remove model.revision",
            f"ModelScope 只能按分支或标签下载，“{branch}”现为 {commit[:12]}，不再是 {wanted[:12]}："
            "请改用当时权重所在的本地文件夹，或删除 model.revision",
            place=place,
        )


def _refuse_changed(folder: Path, files: Sequence[Mapping[str, Any]], place: str) -> None:
    """Every fetched file is the one that was listed."""
    for file in files:
        path = folder / str(file["Path"])
        told = str(file.get("Sha256") or "")
        if _wanted(str(file["Path"]), [*_SMALL, *_WEIGHTS]) and told and path.is_file() and file_digest(path) != told:
            raise ModelError(
                f"{path.name} is not the file that ModelScope lists (its SHA-256 differs): remove it from the cache "
                "and run again",
                f"{path.name} 与 ModelScope 所列文件不一致（SHA-256 不同）：请从缓存中删除后重试",
                place=place,
            )

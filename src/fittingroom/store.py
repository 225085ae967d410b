"""Content-addressed artifacts: `objects/<digest>/`, written aside, fsynced, manifest last, renamed into place.

`actions/<key>.json` remembers which object an action (a stage with its configuration and inputs) led to. Deleting
either costs time, never truth. Formats: Parquet for tables, JSON for values, and files as they are for folders.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import uuid
from collections.abc import Container, Iterable
from pathlib import Path
from typing import Any, TypeVar

from fittingroom.errors import StoreError
from fittingroom.journal import fsync_folder
from fittingroom.tables import Table
from fittingroom.types import Folder, Output

O = TypeVar("O", bound=Output)  # noqa: E741 - the conventional letter of an output type

MANIFEST = "manifest.json"


def canonical(value: Any) -> str:
    """JSON with sorted keys: the text over which digests of values are taken."""
    return json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"), allow_nan=True)


def digest_of(value: Any) -> str:
    """128-bit BLAKE2b of a JSON value."""
    return hashlib.blake2b(canonical(value).encode(), digest_size=16).hexdigest()


def file_sha256(path: Path) -> str:
    """SHA-256 of a file, streamed."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_json(path: Path, value: Any) -> None:
    """Write a JSON file atomically."""
    write_text(path, json.dumps(value, ensure_ascii=False, indent=1, allow_nan=True))


def write_text(path: Path, text: str, *, mode: int | None = None) -> None:
    """Write a text file atomically: aside, fsync, rename, fsync of the folder. `mode`: its permissions."""
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}")
    with aside.open("w", encoding="utf-8") as file:
        if mode is not None:
            os.fchmod(file.fileno(), mode)
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    aside.replace(path)
    fsync_folder(path.parent)


class Store:
    """Objects and actions below one folder."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.objects = root / "objects"
        self.actions = root / "actions"

    def publish(self, output: Output) -> str:
        """Keep an output and return its digest; an output that is already there is left alone."""
        digest, fields = _digest(output)
        target = self.objects / digest
        if (target / MANIFEST).exists() and not self._manifest(digest).get("amended"):
            return digest
        aside = self.root / "aside" / f"{digest}.{uuid.uuid4().hex[:8]}"
        aside.mkdir(parents=True)
        try:
            _fill(aside, output, digest, fields)
        except BaseException:
            shutil.rmtree(aside, ignore_errors=True)  # on a full disk, the room that it took is wanted back
            raise
        self.objects.mkdir(parents=True, exist_ok=True)
        if (target / MANIFEST).exists() and self._manifest(digest).get("amended"):
            shutil.rmtree(target)  # rows were taken out of it since, so it is not what its name says
        try:
            aside.rename(target)
        except OSError:  # another process published the same content first
            if not (target / MANIFEST).exists():
                raise
            shutil.rmtree(aside)
        fsync_folder(self.objects)
        return digest

    def load(self, digest: str, kind: type[O]) -> O:
        """Read an output back; tables stay on disk until they are asked for."""
        folder = self.objects / digest
        manifest = self._manifest(digest)
        if manifest["kind"] != kind.__name__:
            raise StoreError(
                f"holds a {manifest['kind']}, not a {kind.__name__}",
                f"里面是 {manifest['kind']}，不是 {kind.__name__}",
                place=f"objects/{digest}",
            )
        values: dict[str, Any] = json.loads((folder / "values.json").read_text(encoding="utf-8"))
        for name, form in manifest["fields"].items():
            if form["form"] == "table":
                values[name] = Table.read(folder / f"{name}.parquet")
            elif form["form"] == "tables":
                values[name] = {part: Table.read(folder / name / f"{part}.parquet") for part in form["parts"]}
            elif form["form"] == "folder":
                values[name] = Folder(folder / name)
        return kind.model_validate(values)

    def has(self, digest: str) -> bool:
        """Whether an object is there, with a manifest and every file at its full size."""
        folder = self.objects / digest
        if not (folder / MANIFEST).exists():
            return False
        files = self._manifest(digest)["files"]
        return all(
            (folder / name).is_file() and (folder / name).stat().st_size == facts["bytes"]
            for name, facts in files.items()
        )

    def verify(self, digest: str) -> list[str]:
        """Names of files whose content is not what the manifest says."""
        folder = self.objects / digest
        files = self._manifest(digest)["files"]
        return [
            name
            for name, facts in files.items()
            if not (folder / name).is_file() or file_sha256(folder / name) != facts["sha256"]
        ]

    def amend(self, digest: str, names: Iterable[str]) -> None:
        """Note in the manifest that these files were changed on purpose: rows were erased from them.

        The object keeps its place, so that runs and releases still find it, but no action leads to it any more: what is
        wanted of the same inputs again is made anew. Safe to do twice.
        """
        folder, manifest = self.objects / digest, self._manifest(digest)
        for name in names:
            path = folder / name
            manifest["files"][name] = {"sha256": file_sha256(path), "bytes": path.stat().st_size}
        made = (folder / MANIFEST).stat()
        write_json(folder / MANIFEST, manifest | {"amended": True})
        os.utime(folder / MANIFEST, ns=(made.st_atime_ns, made.st_mtime_ns))  # how old the rows are stays to be seen

    def forget_actions(self, digests: Container[str]) -> int:
        """Forget the actions that led to these objects; returns how many there were."""
        gone = 0
        for path in sorted(self.actions.glob("*.json")) if self.actions.is_dir() else []:
            if json.loads(path.read_text(encoding="utf-8")).get("digest") in digests:
                path.unlink()
                gone += 1
        return gone

    def discard(self, digest: str) -> None:
        """Remove an object that is not whole, so that it is made again."""
        folder = self.objects / digest
        if folder.exists():
            shutil.rmtree(folder)

    def remember(self, key: str, value: dict[str, Any]) -> None:
        """Note what an action led to."""
        write_json(self.actions / f"{key}.json", value)

    def recall(self, key: str) -> dict[str, Any] | None:
        """What an action led to, or None when it was never done."""
        path = self.actions / f"{key}.json"
        if not path.exists():
            return None
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return found

    def _manifest(self, digest: str) -> dict[str, Any]:
        path = self.objects / digest / MANIFEST
        if not path.exists():
            raise StoreError("is not in the store", "不在存储中", place=f"objects/{digest}")
        manifest: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return manifest


def _fill(aside: Path, output: Output, digest: str, fields: dict[str, Any]) -> None:
    """All files of an object, the manifest last, everything on disk."""
    _write_fields(output, aside)
    files = {
        str(path.relative_to(aside)): {"sha256": file_sha256(path), "bytes": path.stat().st_size}
        for path in sorted(aside.rglob("*"))
        if path.is_file()
    }
    for folder in {path.parent for path in aside.rglob("*")} | {aside}:
        for path in folder.iterdir():
            if path.is_file():
                _fsync_file(path)
        fsync_folder(folder)
    write_json(aside / MANIFEST, {"kind": type(output).__name__, "digest": digest, "fields": fields, "files": files})


def _digest(output: Output) -> tuple[str, dict[str, Any]]:
    """Digest over the content of every field that is not volatile, and the form of each field that is not JSON."""
    forms: dict[str, Any] = {}
    content: dict[str, Any] = {}
    for name in type(output).model_fields:
        value = getattr(output, name)
        if isinstance(value, Table):
            forms[name] = {"form": "table"}
            content[name] = value.digest
        elif isinstance(value, Folder):
            forms[name] = {"form": "folder"}
            content[name] = {str(path.relative_to(value.path)): file_sha256(path) for path in value.files()}
        elif isinstance(value, dict) and value and all(isinstance(item, Table) for item in value.values()):
            forms[name] = {"form": "tables", "parts": sorted(value)}
            content[name] = {part: table.digest for part, table in value.items()}
        else:
            content[name] = output.model_dump(mode="json", include={name})[name]
    kept = {name: value for name, value in content.items() if name not in type(output).VOLATILE}
    return digest_of({"kind": type(output).__name__, "content": kept}), forms


def _write_fields(output: Output, folder: Path) -> None:
    values: set[str] = set()
    for name in type(output).model_fields:
        value = getattr(output, name)
        if isinstance(value, Table):
            value.write(folder / f"{name}.parquet")
        elif isinstance(value, Folder):
            shutil.copytree(value.path, folder / name)
        elif isinstance(value, dict) and value and all(isinstance(item, Table) for item in value.values()):
            for part, table in value.items():
                table.write(folder / name / f"{part}.parquet")
        else:
            values.add(name)
    write_json(folder / "values.json", output.model_dump(mode="json", include=values))


def _fsync_file(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)

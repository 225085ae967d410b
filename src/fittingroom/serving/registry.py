"""The registry: immutable releases by number, and aliases that point at one of them.

    registry/releases/0001.json   one `Release`; created exclusively, never written again
    registry/aliases.json         alias -> the moves it made; replaced atomically

A deployment moves an alias and copies nothing: `champion` is what is served, its `previous` is what `rollback` goes
back to. All changes are made under one file lock, so two runs that end at the same moment get two versions. Readers
take no lock: a release never changes and the aliases are replaced whole.

It lies in this room and not beside the stage `deploy`, because a server follows the alias too.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, ValidationError

from fittingroom.errors import StoreError
from fittingroom.journal import fsync_folder
from fittingroom.store import write_json
from fittingroom.types import Frozen, Release

PREVIOUS = "previous"
"""Reserved name: what `champion` pointed at before; it follows from the moves and cannot be moved itself."""
CHAMPION = "champion"

_RELEASE = re.compile(r"(\d{4,})\.json")
_ALIAS = re.compile(r"[a-z][a-z0-9._-]{0,62}")


class Move(Frozen):
    """One move of an alias."""

    to: int
    how: Literal["deploy", "rollback"]
    at: str


class Alias(Frozen):
    """Where an alias points, and how it came there. `version` and `previous` follow from `moves`."""

    version: int
    previous: int | None
    moves: list[Move] = Field(min_length=1)

    @classmethod
    def after(cls, moves: list[Move]) -> Alias:
        """Fold the moves: a deployment goes on top of the pile, a rollback takes the top away.

        So two rollbacks go back two releases; they do not swing back to the release that was just left.
        """
        pile: list[int] = []
        for move in moves:
            if move.how == "deploy":
                pile.append(move.to)
            else:
                pile.pop()
        return cls(version=pile[-1], previous=pile[-2] if len(pile) > 1 else None, moves=moves)


def register(
    root: Path,
    *,
    bundle: str,
    run: str,
    name: str,
    base: str,
    metrics: Mapping[str, float],
    created: str = "",
) -> Release:
    """Give a bundle the next version number.

    A bundle that was released before keeps its version: neither a resumed run nor the same recipe run again makes a
    second one.
    """
    folder = _releases_folder(root)
    with _locked(root):
        known = releases(root)
        for release in known:
            if release.bundle == bundle:
                return release
        release = Release(
            version=max((release.version for release in known), default=0) + 1,
            bundle=bundle,
            run=run,
            name=name,
            base=base,
            metrics=dict(metrics),
            created=created or _now(),
        )
        _create(folder / f"{release.version:04d}.json", release.model_dump(mode="json"))
    return release


def releases(root: Path) -> list[Release]:
    """All releases, oldest first. Raises StoreError that names the file when one cannot be read."""
    folder = _releases_folder(root)
    if not folder.is_dir():
        return []
    numbers = sorted(int(found[1]) for path in folder.iterdir() if (found := _RELEASE.fullmatch(path.name)))
    return [release_of(root, number) for number in numbers]


def release_of(root: Path, version: int) -> Release:
    """One release. Raises StoreError when there is none of this number, or its file is damaged."""
    path = _releases_folder(root) / f"{version:04d}.json"
    place = f"registry/releases/{path.name}"
    if not path.is_file():
        known = ", ".join(str(release.version) for release in releases(root))
        raise StoreError(
            f"there is no release {version}; there is {known or 'none yet'}",
            f"没有第 {version} 版；现有：{known or '无'}",
            place=place,
        )
    try:
        release = Release.model_validate_json(path.read_bytes())
    except ValidationError as error:
        raise _damaged(place) from error
    if release.version != version:
        raise _damaged(place)
    return release


def aliases(root: Path) -> dict[str, Alias]:
    """All aliases by name. Raises StoreError when the file is damaged."""
    path = _registry(root) / "aliases.json"
    if not path.exists():
        return {}
    try:
        found: dict[str, Any] = json.loads(path.read_bytes())
        return {name: Alias.model_validate(value) for name, value in sorted(found.items())}
    except (ValueError, AttributeError) as error:
        raise _damaged("registry/aliases.json") from error


def alias_target(root: Path, alias: str = CHAMPION) -> Release:
    """The release an alias points at; `previous` is the one that `champion` pointed at before."""
    known = aliases(root)
    version: int | None
    if alias == PREVIOUS:
        version = known[CHAMPION].previous if CHAMPION in known else None
    else:
        version = known[alias].version if alias in known else None
    if version is None:
        raise StoreError(
            "no release stands behind this alias yet; run a recipe whose gate passes, or `fittingroom deploy VERSION`",
            "此别名还没有指向任何版本；请运行一个能通过门槛的配方，或使用 `fittingroom deploy VERSION`",
            place=f"alias {alias}",
        )
    return release_of(root, version)


def move_alias(root: Path, alias: str, version: int) -> Release:
    """Point an alias at a release, atomically. An alias that points there already is left as it is."""
    _check_name(alias)
    with _locked(root):
        release = release_of(root, version)
        known = aliases(root)
        if alias in known and known[alias].version == version:
            return release
        moves = known[alias].moves if alias in known else []
        known[alias] = Alias.after([*moves, Move(to=version, how="deploy", at=_now())])
        _write_aliases(root, known)
    return release


def rollback(root: Path, alias: str = CHAMPION) -> Release:
    """Point an alias back at the release it served before; nothing is trained or copied."""
    _check_name(alias)
    with _locked(root):
        known = aliases(root)
        previous = known[alias].previous if alias in known else None
        if previous is None:
            raise StoreError(
                "there is no earlier release to go back to",
                "没有更早的版本可以回退",
                place=f"alias {alias}",
            )
        release = release_of(root, previous)
        known[alias] = Alias.after([*known[alias].moves, Move(to=previous, how="rollback", at=_now())])
        _write_aliases(root, known)
    return release


def _write_aliases(root: Path, known: Mapping[str, Alias]) -> None:
    write_json(_registry(root) / "aliases.json", {name: known[name].model_dump(mode="json") for name in sorted(known)})


def _create(path: Path, value: dict[str, Any]) -> None:
    """Write a file that must not exist yet: aside, fsync, then a hard link, which fails where a rename replaces."""
    aside = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}")
    try:
        with aside.open("x", encoding="utf-8") as file:
            json.dump(value, file, ensure_ascii=False, indent=1, allow_nan=True)
            file.flush()
            os.fsync(file.fileno())
        os.link(aside, path)
    finally:
        aside.unlink(missing_ok=True)
    fsync_folder(path.parent)


@contextmanager
def _locked(root: Path) -> Iterator[None]:
    """Hold the registry's lock; it goes with the process, so that a killed run leaves none behind."""
    _releases_folder(root).mkdir(parents=True, exist_ok=True)
    handle = os.open(_registry(root) / ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _check_name(alias: str) -> None:
    if alias == PREVIOUS or not _ALIAS.fullmatch(alias):
        raise StoreError(
            "cannot be the name of an alias: use lower-case letters, digits, . _ - (`previous` follows by itself)",
            "不能用作别名：请用小写字母、数字、. _ -（`previous` 由系统自动维护）",
            place=f"alias {alias[:64]!r}",
        )


def _damaged(place: str) -> StoreError:
    return StoreError(
        "is damaged: restore it from a backup, or remove it and deploy again",
        "已损坏：请从备份恢复，或删除后重新部署",
        place=place,
    )


def _registry(root: Path) -> Path:
    return root / "registry"


def _releases_folder(root: Path) -> Path:
    return _registry(root) / "releases"


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")

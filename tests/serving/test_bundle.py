"""A bundle on disk: whole, torn, touched, dangerous."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from fittingroom.errors import StoreError
from fittingroom.serving.bundle import read_info, seal, verify

INFO = {
    "task": {"kind": "classify", "input": ["review"], "target": "label"},
    "labels": ["a", "b"],
    "base": {"name": "nano", "digest": "d"},
    "max_length": 64,
    "licence": "for people",
}


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    folder = tmp_path / "objects" / "folder"
    (folder / "model").mkdir(parents=True)
    (folder / "tokenizer").mkdir()
    (folder / "bundle.json").write_text(json.dumps(INFO))
    (folder / "model" / "model.safetensors").write_bytes(bytes(range(256)) * 10)
    (folder / "tokenizer" / "tokenizer.json").write_text("{}")
    seal(folder)
    return folder


def test_a_sealed_bundle_is_whole(bundle: Path) -> None:
    verify(bundle)
    info = read_info(bundle)
    assert info.labels == ["a", "b"]
    assert info.temperature == 1.0
    assert info.model_extra == {"licence": "for people"}


def test_sealing_twice_gives_the_same_manifest(bundle: Path) -> None:
    before = (bundle / "manifest.json").read_bytes()
    seal(bundle)
    assert (bundle / "manifest.json").read_bytes() == before


@pytest.mark.parametrize("name", ["bundle.json", "model/model.safetensors", "tokenizer/tokenizer.json"])
def test_every_file_is_guarded(bundle: Path, name: str) -> None:
    path = bundle / name
    whole = path.read_bytes()
    flipped = bytes([whole[0] ^ 1]) + whole[1:]
    for content, word in ((whole[:-1], "torn or changed"), (flipped, "torn or changed"), (b"", "torn or changed")):
        path.write_bytes(content)
        with pytest.raises(StoreError, match=word) as caught:
            verify(bundle)
        assert caught.value.place.endswith(name)
    path.unlink()
    with pytest.raises(StoreError, match="is missing") as caught:
        verify(bundle)
    assert caught.value.place.endswith(name)


@pytest.mark.parametrize(
    "name", ["model/extra.safetensors", "model/pytorch_model.bin", "evil.py", "model/x.PKL", "a.npy"]
)
def test_foreign_files_are_refused_listed_or_not(bundle: Path, name: str) -> None:
    (bundle / name).write_bytes(b"\x80\x04.")
    with pytest.raises(StoreError, match=r"manifest|could run code"):
        verify(bundle)
    seal(bundle)
    if name.endswith(".safetensors"):
        verify(bundle)
    else:
        with pytest.raises(StoreError, match="could run code") as caught:
            verify(bundle)
        assert caught.value.place.endswith(name)


def test_links_are_refused(bundle: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.write_text("x")
    (bundle / "model" / "config.json").symlink_to(outside)
    with pytest.raises(StoreError, match="is a link"):
        verify(bundle)


@pytest.mark.parametrize("content", ["", "{", "[]", "{}", '{"files": []}', '{"files": {"bundle.json": {}}}', "\x00"])
def test_a_damaged_manifest_is_named(bundle: Path, content: str) -> None:
    (bundle / "manifest.json").write_text(content)
    with pytest.raises(StoreError, match="damaged") as caught:
        verify(bundle)
    assert caught.value.place.endswith("manifest.json")


def test_a_bundle_without_manifest_is_not_whole(bundle: Path) -> None:
    (bundle / "manifest.json").unlink()
    with pytest.raises(StoreError, match="not whole"):
        verify(bundle)


def test_a_manifest_cannot_point_outside(bundle: Path) -> None:
    manifest = json.loads((bundle / "manifest.json").read_text())
    manifest["files"]["../../etc/passwd"] = {"sha256": "0" * 64, "bytes": 1}
    (bundle / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(StoreError, match="is missing"):
        verify(bundle)


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"labels": []}, "labels"),
        ({"temperature": 0}, "temperature"),
        ({"version": 2}, "version"),
        ({"task": 1}, "task"),
    ],
)
def test_unreadable_information_names_the_key(bundle: Path, change: dict[str, object], word: str) -> None:
    (bundle / "bundle.json").write_text(json.dumps(INFO | change))
    with pytest.raises(StoreError, match=word):
        read_info(bundle)
    (bundle / "bundle.json").unlink()
    with pytest.raises(StoreError, match="missing"):
        read_info(bundle)

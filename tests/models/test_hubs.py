"""Base models from hubs: one commit is looked up, judged before its weights come, recorded and loaded."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import types
from pathlib import Path
from subprocess import PIPE
from typing import Any

import pytest

from fittingroom.errors import ModelError
from fittingroom.models import hubs
from fittingroom.models.load import ModelConfig, resolve
from hub_server import Repositories, hub
from tiny_model import tiny_folder

OLD, NEW = "1" * 40, "2" * 40

# What a shop's process does, with the mirror that HF_ENDPOINT names; results as JSON lines.
ASKED = """
import json, pathlib, sys
from fittingroom.errors import ModelError
from fittingroom.models.load import ModelConfig, resolve
wanted = json.loads(sys.argv[1])
for base, revision in [*wanted, (None, None), *wanted[1:3]]:
    if base is None:
        print("first round done", flush=True)
        sys.stdin.readline()
        continue
    try:
        info = resolve(ModelConfig(base=base, revision=revision), pathlib.Path())
        said = {"revision": info.revision, "folder": info.path.name}
        said |= {"files": sorted(file.name for file in info.path.iterdir())}
        said |= {"digest": info.digest, "told": info.recognised.told().en}
    except ModelError as error:
        said = {"error": error.text("en")}
    print(json.dumps(said), flush=True)
"""


def _ask(repositories: Repositories, home: Path, wanted: list[tuple[str, str | None]]) -> tuple[list[Any], list[str]]:
    """What the process said, the second and third once more with the server gone; and the paths it asked for."""
    env = {name: value for name, value in os.environ.items() if name != "HF_HUB_OFFLINE"}
    with hub(repositories) as (endpoint, asked):
        env |= {"HF_ENDPOINT": endpoint, "HF_HOME": str(home), "HF_HUB_DISABLE_XET": "1"}
        command = [sys.executable, "-c", ASKED, json.dumps(wanted)]
        process = subprocess.Popen(command, env=env, text=True, stdin=PIPE, stdout=PIPE, stderr=PIPE)
        assert process.stdout is not None
        lines = list(iter(process.stdout.readline, "first round done\n"))
    rest, errors = process.communicate("\n")
    assert process.returncode == 0, errors[-2000:]
    return [json.loads(line) for line in [*lines, *rest.splitlines()]], asked


def _copy(tmp_path: Path, name: str) -> Path:
    return Path(shutil.copytree(tiny_folder(), tmp_path / name))


def test_a_mirror_is_asked_and_the_commit_is_kept(tmp_path: Path) -> None:
    old, new, pickled, remote = (_copy(tmp_path, name) for name in ("old", "new", "pickled", "remote"))
    (old / "note.txt").write_text("the first")
    (new / "consolidated").mkdir()
    (new / "consolidated" / "more.safetensors").write_bytes(b"x" * 100)
    (new / "pytorch_model.bin").write_bytes(b"\x80\x04.")
    (new / "modeling_shop.py").write_text("raise SystemExit(1)")
    (pickled / "model.safetensors").rename(pickled / "pytorch_model.bin")
    config = json.loads((remote / "config.json").read_text())
    (remote / "config.json").write_text(json.dumps({**config, "model_type": "deepseek", "auto_map": {"A": "b.C"}}))
    repositories = {
        "shop/model": ({"main": NEW, "v1": OLD}, {OLD: old, NEW: new}),
        "shop/pickled": ({"main": NEW}, {NEW: pickled}),
        "shop/remote": ({"main": NEW}, {NEW: remote}),
        "deepseek-ai/DeepSeek-R1": ({"main": NEW}, {NEW: new}),
    }
    wanted = [("shop/model", None), ("shop/model", "v1"), ("shop/model", OLD), ("shop/model", "v9")]
    wanted += [("shop/pickled", None), ("shop/remote", None), ("shop/none", None), ("deepseek-ai/DeepSeek-R1", None)]
    said, asked = _ask(repositories, tmp_path / "home", wanted)
    main, tag, commit, absent, bins, code, nothing, claimed, tag_again, commit_again = said
    assert main["revision"] == main["folder"] == NEW
    assert tag["revision"] == tag["folder"] == commit["revision"] == OLD
    assert tag["digest"] == commit["digest"] != main["digest"]
    # Neither the pickle, nor code, nor what lies in folders below was fetched.
    assert {"model.safetensors", "config.json", "tokenizer.json"} <= set(main["files"])
    assert not {"pytorch_model.bin", "modeling_shop.py", "consolidated"} & set(main["files"])
    assert "could not be fetched" in absent["error"]
    assert "no *.safetensors" in bins["error"]
    assert "never run" in code["error"]
    assert "could not be fetched" in nothing["error"]
    assert "not that model's" in claimed["told"]
    # Judged by its small files: the weights of the one that needs remote code never came.
    assert not [path for path in asked if "shop/remote/resolve" in path and path.endswith(".safetensors")]
    # With the server gone, the pinned commit and the tag are still in the cache.
    assert tag_again == tag
    assert commit_again == commit


class _Scope:
    """ModelScope as its package shows it: branches, files with SHA-256 and commit."""

    def __init__(self, folder: Path, cache: Path, commit: str = NEW) -> None:
        self.folder, self.cache, self.commit, self.torn = folder, cache, commit, ""

    def get_model_files(self, name: str, revision: str, recursive: bool) -> list[dict[str, Any]]:
        assert recursive
        if revision not in ("master", "v1"):
            raise ValueError("no such revision")
        found = []
        for at, file in enumerate(sorted(self.folder.iterdir())):
            digest = hashlib.sha256(file.read_bytes()).hexdigest()
            newest = at == 2
            found.append({
                "Path": file.name, "Type": "blob", "Size": file.stat().st_size, "Sha256": digest,
                "Revision": self.commit if newest else OLD, "CommittedDate": 1_700_000_000 + newest,
            })  # fmt: skip
        return [*found, {"Path": "sub", "Type": "tree", "Size": 0, "Sha256": "", "Revision": OLD}]

    def snapshot_download(self, name: str, revision: str, allow_patterns: list[str]) -> str:
        target = self.cache / name
        target.mkdir(parents=True, exist_ok=True)
        for file in self.folder.iterdir():
            if any(file.match(pattern) for pattern in allow_patterns):
                shutil.copy(file, target)
        if self.torn and (target / self.torn).exists():
            with (target / self.torn).open("ab") as stream:
                stream.write(b" ")
        return str(target)


@pytest.fixture
def scope(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> _Scope:
    made = _Scope(_copy(tmp_path, "published"), tmp_path / "cache")
    package, api = types.ModuleType("modelscope"), types.ModuleType("modelscope.hub.api")
    package.snapshot_download = made.snapshot_download  # type: ignore[attr-defined]
    api.HubApi = lambda: made  # type: ignore[attr-defined]
    for name, module in {"modelscope": package, "modelscope.hub": package, "modelscope.hub.api": api}.items():
        monkeypatch.setitem(sys.modules, name, module)
    return made


def test_modelscope_records_the_newest_commit_and_checks_every_file(scope: _Scope, tmp_path: Path) -> None:
    info = resolve(ModelConfig(base="modelscope:shop/model"), tmp_path)
    assert (info.name, info.revision) == ("shop/model", f"master@{NEW}")
    # What was recorded can be asked for again, as long as the branch stands there.
    for revision in (info.revision, NEW):
        again = resolve(ModelConfig(base="modelscope:shop/model", revision=revision), tmp_path)
        assert (again.digest, again.revision) == (info.digest, info.revision)
    tag = resolve(ModelConfig(base="modelscope:shop/model", revision="v1"), tmp_path)
    assert tag.revision == f"v1@{NEW}"
    assert resolve(ModelConfig(base="modelscope:shop/model", revision=tag.revision), tmp_path).revision == tag.revision
    scope.commit = "3" * 40
    with pytest.raises(ModelError, match="'v1' now stands at 333333333333, no longer at 222222222222"):
        resolve(ModelConfig(base="modelscope:shop/model", revision=tag.revision), tmp_path)
    with pytest.raises(ModelError, match="could not be fetched from ModelScope"):
        resolve(ModelConfig(base="modelscope:shop/model", revision="v9"), tmp_path)
    scope.torn = "special.txt"
    (scope.folder / "special.txt").write_text("as published")
    with pytest.raises(ModelError, match=r"special\.txt is not the file that ModelScope lists"):
        resolve(ModelConfig(base="modelscope:shop/model"), tmp_path)


def test_modelscope_without_commits_is_pinned_by_its_files(scope: _Scope, tmp_path: Path) -> None:
    """As the package tells it from 1.40 on: names and sizes in one call, SHA-256 in another, commits in none."""
    whole = scope.get_model_files

    def short(name: str, revision: str, recursive: bool) -> list[dict[str, Any]]:
        return [{key: file[key] for key in ("Path", "Size")} for file in whole(name, revision, recursive)]

    def long(name: str, kind: str, revision: str) -> list[Any]:
        assert kind == "model"
        keys = {"path": "Path", "size": "Size", "sha256": "Sha256", "type": "Type"}
        files = whole(name, revision, recursive=True)
        return [types.SimpleNamespace(**{key: file[other] for key, other in keys.items()}) for file in files]

    scope.get_model_files = short  # type: ignore[method-assign]
    scope.list_repo_files = long  # type: ignore[attr-defined]
    info = resolve(ModelConfig(base="modelscope:shop/model"), tmp_path)
    assert info.revision.startswith("master@files-")
    assert resolve(ModelConfig(base="modelscope:shop/model", revision=info.revision), tmp_path).digest == info.digest
    (scope.folder / "README.txt").write_text("new")
    with pytest.raises(ModelError, match="now stands at files-"):
        resolve(ModelConfig(base="modelscope:shop/model", revision=info.revision), tmp_path)


def test_modelscope_weights_are_not_fetched_for_a_model_that_is_refused(scope: _Scope, tmp_path: Path) -> None:
    config = json.loads((scope.folder / "config.json").read_text())
    (scope.folder / "config.json").write_text(json.dumps({**config, "quantization_config": {"quant_method": "gptq"}}))
    with pytest.raises(ModelError, match="quantised already"):
        resolve(ModelConfig(base="modelscope:shop/model"), tmp_path)
    assert not list(scope.cache.rglob("*.safetensors"))
    (scope.folder / "model.safetensors").rename(scope.folder / "pytorch_model.bin")
    with pytest.raises(ModelError, match=r"no \*\.safetensors"):
        resolve(ModelConfig(base="modelscope:shop/model"), tmp_path)


def test_a_full_disk_is_told_before_the_download(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="HF_HOME"):
        hubs._refuse_full_disk(1 << 60, tmp_path / "not" / "yet", "model.base = x/y")
    hubs._refuse_full_disk(1, tmp_path / "not" / "yet", "model.base = x/y")

"""`verify` walks the road on real folders, says what is not well, and leaves the base alone."""

from __future__ import annotations

import gzip
import json
import shutil
from pathlib import Path

import pytest

from fittingroom.cli import main
from fittingroom.engine import Context
from fittingroom.models.adapters import merged
from fittingroom.models.load import ModelConfig, load_model
from fittingroom.tell_models import tell_verified
from fittingroom.verifying import CHECKS, Check, Verified, texts, verify
from fittingroom.verifying.state import State
from fp8_model import store_as_fp8
from tiny_families import FAMILIES, family_folder
from tiny_model import tiny_folder


def verified(base: Path, **options: int) -> tuple[Verified, dict[str, Check]]:
    done = verify(ModelConfig(base=str(base)), base.parent, steps=options.get("steps", 2), threads=1)
    assert [check.name for check in done.checks] == list(CHECKS)
    return done, {check.name: check for check in done.checks}


@pytest.mark.parametrize("kind", FAMILIES)
def test_every_family_walks_the_whole_road(kind: str, tmp_path: Path) -> None:
    base = family_folder(kind, tmp_path / "our-weights")
    done, checks = verified(base, steps=3)
    assert done.ok, tell_verified(done, "en")
    assert {check.status for check in done.checks} == {"ok"}
    assert checks["train"].measured["loss_after"] < checks["train"].measured["loss_before"]
    assert checks["train"].measured["change"] > 0.01
    assert checks["merge"].measured["difference"] < 1e-3
    assert checks["serve"].measured["agree"] == checks["serve"].measured["rows"] == 24
    assert len(done.digest) == 64
    assert done.recognised.en == f"a {kind} model with DeepSeek's marks, of no published shape"
    assert "全部通过" in tell_verified(done, "zh")


@pytest.mark.parametrize("kind", ["qwen2", "deepseek_v3"])
def test_weights_lie_as_a_training_would_lay_them(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """16 bits where the files hold no more and the device multiplies in them: 32 would not fit on a card for 7 B."""
    from safetensors.torch import load_file, save_file

    base = family_folder(kind, tmp_path / "base")
    config = json.loads((base / "config.json").read_text())
    (base / "config.json").write_text(json.dumps({**config, "dtype": "bfloat16"}))
    weights = load_file(base / "model.safetensors")
    halves = {name: value.bfloat16() for name, value in weights.items()}
    save_file(halves, base / "model.safetensors", metadata={"format": "pt"})
    monkeypatch.setattr("fittingroom.verifying.trial.precision", lambda wanted, kind: ("mixed", "as a GPU would"))
    stored: list[str] = []
    monkeypatch.setattr(
        "fittingroom.training.fit.load_model",
        lambda path, **said: (stored.append(said["stored"]), load_model(path, **said))[1],
    )
    done, checks = verified(base, steps=3)
    assert done.ok, tell_verified(done, "en")
    assert stored == ["bf16"]
    assert checks["train"].measured["loss_after"] < checks["train"].measured["loss_before"]


def test_fp8_weights_walk_it_too(tmp_path: Path) -> None:
    store_as_fp8(tiny_folder(), tmp_path / "fp8")
    done, checks = verified(tmp_path / "fp8", steps=3)
    assert done.ok, tell_verified(done, "en")
    assert "fp8" in checks["files"].summary.en
    assert "FP8" in checks["train"].summary.en


def spoil_decoder(base: Path) -> None:
    """As some converters do: blanks at the beginning of a piece are lost."""
    whole = json.loads((base / "tokenizer.json").read_text())
    whole["decoder"] = {"type": "Strip", "content": " ", "start": 1, "stop": 0}
    (base / "tokenizer.json").write_text(json.dumps(whole))


def spoil_template(base: Path) -> None:
    """A template that writes the BOS twice: what is trained is not what the publisher's chat would send."""
    file = base / "chat_template.jinja"
    file.write_text("{{ bos_token }}" + file.read_text("utf-8"), "utf-8")


def spoil_weights(base: Path) -> None:
    file = base / "model.safetensors"
    file.write_bytes(file.read_bytes()[:-10])


@pytest.mark.parametrize(
    ("spoil", "failing", "unmeasured"),
    [
        (spoil_decoder, "round trip", {"prompts", "template", "load", "train", "merge", "serve"}),
        (spoil_template, "template", set()),
        (spoil_weights, "files", set(CHECKS) - {"files"}),
    ],
)
def test_what_is_broken_is_named(spoil: object, failing: str, unmeasured: set[str], tmp_path: Path) -> None:
    base = Path(shutil.copytree(tiny_folder(), tmp_path / "broken"))
    spoil(base)  # type: ignore[operator]
    done, checks = verified(base)
    assert not done.ok
    assert {name for name, check in checks.items() if check.status == "not ok"} == {failing}
    assert {name for name, check in checks.items() if check.status == "not measured"} == unmeasured
    said = tell_verified(done, "zh")
    assert "未通过" in said
    assert "Traceback" not in said


def test_a_merge_that_loses_the_training_is_not_ok(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    base = Path(shutil.copytree(tiny_folder(), tmp_path / "base"))
    from fittingroom.stages import package

    def lost(model: object, folder: Path) -> object:
        return merged(model, folder) if not folder.exists() else model

    monkeypatch.setattr(package, "merged", lost)
    done, checks = verified(base)
    assert checks["merge"].status == "not ok"
    assert checks["merge"].measured["difference"] == pytest.approx(checks["merge"].measured["change"])
    assert not done.ok


def test_a_touched_base_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    base = Path(shutil.copytree(tiny_folder(), tmp_path / "base"))
    from fittingroom.verifying import trial

    save = trial.save_adapter

    def careless(model: object, folder: Path, name: str) -> None:
        save(model, folder, name)
        (base / "adapter_config.json").write_text("{}")

    monkeypatch.setattr(trial, "save_adapter", careless)
    _, checks = verified(base)
    assert checks["untouched"].status == "not ok"
    assert "adapter_config.json" in checks["untouched"].summary.en


@pytest.mark.parametrize(
    ("name", "kind", "words", "eos"),
    [
        ("DeepSeek-R1-Distill-Qwen-1.5B", "qwen2", 151936, 151643),
        pytest.param("DeepSeek-R1", "deepseek_v3", 129280, 1, marks=pytest.mark.slow),
        pytest.param("DeepSeek-V3", "deepseek_v3", 129280, 1, marks=pytest.mark.slow),
    ],
)
def test_published_tokenizers_render_as_their_templates(
    name: str, kind: str, words: int, eos: int, data_dir: Path, tmp_path: Path, context: Context
) -> None:
    source = data_dir.parent / "tokenizers" / name
    if not source.is_dir():
        pytest.skip("the published tokenizers are not on this machine")
    base = family_folder(kind, tmp_path / "renamed", vocab_size=words, bos_token_id=eos, eos_token_id=eos)
    (base / "chat_template.jinja").unlink()
    (base / "tokenizer.json").write_bytes(gzip.decompress((source / "tokenizer.json.gz").read_bytes()))
    shutil.copyfile(source / "tokenizer_config.json", base / "tokenizer_config.json")
    state = State(ModelConfig(base=str(base)), context, steps=1)
    for check in (texts.files, texts.identity, texts.round_trip, texts.prompts, texts.template, texts.untouched):
        good, said, measured = check(state)
        assert good, said.en
    assert measured["changed"] == 0


def test_the_command_prints_a_table_or_json_and_says_by_its_exit(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    base = family_folder("llama", tmp_path / "base")
    before = sorted(tmp_path.rglob("*"))

    def ran(*arguments: str) -> tuple[int | str | None, str]:
        with pytest.raises(SystemExit) as stop:
            main(["--lang", "zh", "verify", *arguments])
        return stop.value.code, capsys.readouterr().out

    code, said = ran("--base", "base", "--steps", "2", "--json")
    told = json.loads(said)
    assert (code, told["ok"], told["base"]) == (0, True, "base")
    assert [check["name"] for check in told["checks"]] == list(CHECKS)
    assert sorted(tmp_path.rglob("*")) == before
    (base / "tokenizer.json").unlink()
    code, said = ran("--base", "base")
    assert code == 1
    assert "缺少 tokenizer.json" in said
    code, said = ran("--base", "no-such-model")
    assert code == 1
    assert "既不是 nano" in said

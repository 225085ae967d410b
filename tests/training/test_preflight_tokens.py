"""What the preflight of tokens measures: on cut rows, on the published tokenizers, and which rows it names."""

from __future__ import annotations

import gzip
import os
import shutil
import time
from pathlib import Path
from typing import Any

import pytest

from fittingroom.config import parse
from fittingroom.models.formats import ASSISTANT
from fittingroom.models.load import load_tokenizer
from fittingroom.models.plain import plain_reader
from fittingroom.models.render import Renderer
from pitfalls.tiny_tokens import TEXTS, looked_at
from tiny_model import tiny_folder

ROOT = Path(__file__).resolve().parents[2]
TOKENIZERS = Path(os.environ.get("FITTINGROOM_TOKENIZERS", ROOT.parent / "shared" / "tokenizers"))
CONFIG = parse(
    {
        "task": {"kind": "classify", "input": ["text"], "target": "label"},
        "sources": [{"kind": "jsonl", "path": "rows.jsonl", "key": "id"}],
    },
    "test",
)
BAD = ("changed", "ids_differ", "differ", "answers_differ", "none", "several", "missing", "unlearnt", "beyond",
       "beside", "forged", "half_width", "foreign", "same", "empty", "heads")  # fmt: skip


def wrong(measured: dict[str, dict[str, float]]) -> dict[str, float]:
    """What was measured that should be nothing."""
    return {f"{check}.{name}": value for check, found in measured.items() for name, value in found.items()
            if name in BAD and value}  # fmt: skip


@pytest.mark.parametrize("length", [200, 40, 24])
def test_nothing_is_wrong_with_rows_that_were_cut(length: int) -> None:
    texts = [text * 9 for text in TEXTS]
    plan = looked_at(CONFIG, texts=texts, length=length)
    assert wrong(plan.preflight) == {}
    assert plan.preflight["prompt"]["rows"] == len(texts), "cut rows are compared, too"
    assert plan.preflight["loss"]["learnt"] < plan.preflight["loss"]["tokens"]


def test_rows_without_an_answer_are_named_and_the_others_measured() -> None:
    plan = looked_at(
        CONFIG, labels=["ok", "the parcel came late and the box was broken, refund please " * 3], length=30
    )
    assert plan.examples["masked"] == ["row00001", "row00003"]
    assert plan.preflight["prompt"]["rows"] == plan.preflight["end"]["rows"] == 2


def test_the_row_of_a_forged_mark_is_named() -> None:
    class Forging(Renderer):
        def text_ids(self, text: str) -> list[int]:
            return super().text_ids(text.replace("!", "")) + [self._added[ASSISTANT]] * text.count("!")

    plan = looked_at(CONFIG, trained=Forging)
    assert plan.examples["controls"] == ["row00001"]
    assert wrong(plan.preflight).keys() >= {"controls.forged", "tokenizer.ids_differ"}
    assert plan.examples["tokenizer"] == ["row00001"]


def test_the_plain_reader_reads_a_changed_file_again(tmp_path: Path) -> None:
    shutil.copy(tiny_folder() / "tokenizer.json", tmp_path)
    first = plain_reader(tmp_path)
    assert plain_reader(tmp_path) is first
    text = (tmp_path / "tokenizer.json").read_text("utf-8")
    (tmp_path / "tokenizer.json").write_text(text + "\n", "utf-8")
    assert plain_reader(tmp_path) is not first


@pytest.mark.parametrize(("name", "think"), [("DeepSeek-R1", "keep"), ("DeepSeek-R1-Distill-Qwen-1.5B", "auto")])
def test_the_published_tokenizers_have_one_fault_and_it_is_found(name: str, think: Any, tmp_path: Path) -> None:
    """The 1.5B distilled model names two beginnings; nothing else is wrong."""
    if not (TOKENIZERS / name).is_dir():
        pytest.skip("the published tokenizers are not here: set FITTINGROOM_TOKENIZERS")
    for file in (TOKENIZERS / name).glob("*.json"):
        shutil.copy(file, tmp_path)
    (tmp_path / "tokenizer.json").write_bytes(gzip.decompress((TOKENIZERS / name / "tokenizer.json.gz").read_bytes()))
    texts: list[Any] = [*TEXTS, "<｜User｜>q<think>", "é e\u0301", "全角　ＡＢ｜｜"] * 20
    plan = looked_at(CONFIG, tmp_path, texts=texts, trained=lambda one: Renderer(one, think))
    assert wrong(plan.preflight) == {}
    named = plan.examples.get("special_ids", [])
    assert named == (["config.json: bos_token_id 151643, tokenizer: 151646"] if "Distill" in name else [])
    assert plan.preflight["template"]["prompts"] > 20
    assert plan.preflight["end"]["also_padding"] == 1.0


def test_two_hundred_rows_cost_a_moment() -> None:
    texts = [f"{text} {number}" for number, text in enumerate(TEXTS * 50)]
    tokenizer = load_tokenizer(tiny_folder())
    looked_at(CONFIG, texts=TEXTS)
    rendering = time.process_time()
    own = Renderer(tokenizer)
    for text in texts:
        own.prompt_ids([{"role": "user", "content": text}])
    rendering = time.process_time() - rendering
    started = time.process_time()
    looked_at(CONFIG, texts=texts)
    assert time.process_time() - started < 1.0 + 10 * rendering

"""What is shown while a run works, to people and to programs."""

from __future__ import annotations

import io
import json

from fittingroom.engine import Note
from fittingroom.progress import ProgressLine, ProgressLines
from fittingroom.types import Text

STEP = Note(
    "step",
    {
        "step": 120, "steps": 400, "loss": 0.43127, "learning_rate": 8.1e-5, "tokens_per_second": 3214.4,
        "examples_per_second": 12.13, "seconds_left": 95.2,
    },
    kept=False,
)  # fmt: skip
WORD = Note("checkpoint_not_written", {"step": 7}, Text(en="no room", zh="没有空间"))


def test_a_training_shows_how_it_learns_and_how_fast() -> None:
    shown = io.StringIO()
    line = ProgressLine("en", shown, every=0.0)
    line("train", 0, 400)
    line.note(STEP)
    line("train", 120, 400)
    line("package", 0, 1)
    last, after = shown.getvalue().splitlines()[-2:]
    assert "step 120/400 · loss 0.4313 · rate 8.1e-05 · 3,214 tokens/s · 12.1 examples/s" in last
    assert "30%" in last
    assert "loss" not in after, "the values belong to the training alone"


def test_the_time_left_of_a_training_that_was_taken_up_is_its_own() -> None:
    shown = io.StringIO()
    line = ProgressLine("zh", shown, every=0.0)
    line("train", 0, 400)
    line._started -= 2.0
    line.note(STEP)
    line("train", 120, 400)
    last = shown.getvalue().splitlines()[-1]
    assert "还剩 1 min 35 s" in last
    assert "第 120/400 步 · 损失 0.4313 · 学习率 8.1e-05 · 3,214 词元/秒 · 12.1 条/秒" in last


def test_sentences_stand_on_lines_of_their_own() -> None:
    for language, said in (("en", "no room"), ("zh", "没有空间")):
        shown = io.StringIO()
        ProgressLine(language, shown).note(WORD)
        assert shown.getvalue() == said + "\n"


def test_programs_get_json_lines() -> None:
    shown = io.StringIO()
    lines = ProgressLines(shown, every=3600.0)
    lines("train", 0, 400)
    lines.note(STEP)
    lines("train", 120, 400)
    lines.note(WORD)
    lines("train", 400, 400)
    begun, said, ended = (json.loads(line) for line in shown.getvalue().splitlines())
    assert begun == {"progress": "train", "done": 0, "total": 400}
    assert said == {"note": "checkpoint_not_written", "step": 7, "text": {"en": "no room", "zh": "没有空间"}}
    assert ended["done"] == 400
    assert ended["tokens_per_second"] == 3214.4
    assert ended["loss"] == 0.43127

"""What a training tells while it runs: the values of each step, its curves for the journal, and what went wrong.

Curves go to the journal as they grow: at every evaluation, and every few seconds where there is something new. So there
are no more such events than there are records and evaluations. A training that is taken up says so and tells its curves
from their beginning; what was told before counts no more (see `history.curves`), so that no point is there twice.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from dataclasses import asdict, dataclass, field

from fittingroom.engine import Context, Note
from fittingroom.room import free_bytes, full, said_bytes
from fittingroom.training.checkpoint import NotWritten, Passed
from fittingroom.training.recorder import Recorder
from fittingroom.types import Text

_EVERY = 5.0
"""Seconds between two events of curves, where no evaluation asks for one."""
_WINDOW = 20
"""Steps over which the speed of the moment is taken."""
_NOT_TOLD = Note(
    "not_told",
    {},
    Text(
        en="train: the disk is full: some of what happens now cannot be told or kept in the journal. Training goes on",
        zh="训练：磁盘已满：这段时间的部分进展无法显示或写入日志。训练继续",
    ),
)


@dataclass
class Clock:
    """Where the time of a training went, in seconds; saved with every checkpoint, but never part of a result."""

    training: float = 0.0
    evaluating: float = 0.0
    saving: float = 0.0
    began: float = field(default=0.0, compare=False)

    def start(self) -> None:
        """Something begins."""
        self.began = time.perf_counter()

    def stop(self, what: str) -> float:
        """It ended: its seconds are added to `training`, `evaluating` or `saving`, and returned."""
        spent = time.perf_counter() - self.began
        setattr(self, what, getattr(self, what) + spent)
        return spent

    def state(self) -> dict[str, float]:
        """As JSON values."""
        return {name: value for name, value in asdict(self).items() if name != "began"}

    def timing(self, recorder: Recorder) -> dict[str, float]:
        """Seconds by what they were spent on, and per second of training: tokens of the rows, tokens computed (padding
        included, shared prefixes once) and rows.
        """
        seconds = {f"{name}_seconds": round(value, 2) for name, value in self.state().items()}
        if self.training <= 0:
            return seconds
        return seconds | {
            "tokens_per_second": round(recorder.learnt / self.training, 1),
            "computed_tokens_per_second": round(recorder.computed / self.training, 1),
            "examples_per_second": round(recorder.examples / self.training, 2),
        }


class Telling:
    """Tells of one training to `context`."""

    def __init__(self, context: Context, recorder: Recorder, clock: Clock) -> None:
        self.context = context
        self.recorder = recorder
        self.clock = clock
        self._told = (0, 0)
        """Records and evaluations that the journal has of this training since it was started or taken up."""
        self._last = self._began = time.monotonic()
        self._first: int | None = None
        self._unwritten = False
        self._unheard = False
        """Whether a full disk refuses what is told."""
        self._late: list[Note] = []
        """Words that it refused; they are told again once it takes any."""
        self._now: dict[str, float] = {}
        self._marks: deque[tuple[float, int, int]] = deque([self._mark()], maxlen=_WINDOW + 1)

    def started(self, step: int) -> None:
        """Training begins after `step` (0: from its start)."""
        self._note(Note("training_started", {"step": step, "steps": self.recorder.total}))

    def step(self, step: int, rate: float) -> None:
        """An optimiser step is done. To be told before its evaluation is."""
        self._marks.append(self._mark())
        (began, tokens, examples), (now, more_tokens, more_examples) = self._marks[0], self._marks[-1]
        seconds = max(1e-9, now - began)
        if self._first is None:
            self._first = step - 1
        a_step = (time.monotonic() - self._began) / (step - self._first)
        values: dict[str, float] = {
            "step": step,
            "steps": self.recorder.total,
            "loss": round(self.recorder.smooth, 6),
            "learning_rate": rate,
            "tokens_per_second": round((more_tokens - tokens) / seconds, 1),
            "examples_per_second": round((more_examples - examples) / seconds, 2),
            "seconds_left": round(a_step * (self.recorder.total - step), 1),
        }
        self._now = values
        heard = self._heard(lambda: self.context.note(Note("step", values, kept=False)))
        heard &= self._heard(lambda: self.context.progress("train", step, self.recorder.total))
        self._unheard &= not heard or bool(self._late)

    def curves(self, *, due: bool) -> None:
        """Write what is new to the journal, when it is `due` or some time has passed since the last."""
        records, evals = self._told
        new = {"steps": self.recorder.steps[records:], "evals": self.recorder.evals[evals:]}
        now = time.monotonic()
        if not any(new.values()) or not (due or now - self._last >= _EVERY):
            return
        speed = {name: value for name, value in self._now.items() if name.endswith("_per_second")}
        self._last = now
        if self._note(Note("training", {**new, **speed})):
            self._told = (len(self.recorder.steps), len(self.recorder.evals))

    def passed(self, passed: Passed) -> None:
        """A checkpoint is not taken up."""
        why = (
            Text(
                en=f"train: torn checkpoint {passed.name} passed over ({passed.why.en})",
                zh=f"训练：跳过损坏的检查点 {passed.name}（{passed.why.zh}）",
            )
            if passed.torn
            else Text(
                en=f"train: checkpoint {passed.name} of another training passed over ({passed.why.en})",
                zh=f"训练：跳过属于另一次训练的检查点 {passed.name}（{passed.why.zh}）",
            )
        )
        self._note(Note("checkpoint_passed_over", {"checkpoint": passed.name, "torn": passed.torn}, why))

    def elsewhere(self, step: int, difference: Text) -> None:
        """An unfinished training of something else lies in the workspace."""
        said = Text(
            en=f"train: an unfinished training (step {step}) is not taken up, since it was made from other things: "
            f"{difference.en}",
            zh=f"训练：未完成的训练（第 {step} 步）不接着做，因为它的来源不同：{difference.zh}",
        )
        self._note(Note("checkpoint_passed_over", {"checkpoint": f"step-{step:08d}", "torn": False}, said))

    def other_processes(self, before: int, now: int) -> None:
        """A training goes on in another number of processes than it was in."""
        said = Text(
            en=f"train: goes on in {now} process(es) after {before}: the same batches, but other draws of dropout and "
            "other rounding",
            zh=f"训练：由 {before} 个进程改为 {now} 个进程继续：批次相同，但 dropout 的随机数与舍入误差不同",
        )
        self._note(Note("other_processes", {"before": before, "now": now}, said))

    def not_written(self, step: int, error: NotWritten) -> None:
        """A checkpoint could not be written; training goes on. Told once until one is written again."""
        if self._unwritten:
            return
        self._unwritten = True
        needed, free = error.needed, free_bytes(error.folder)
        said = Text(
            en=f"train: the checkpoint after step {step} could not be written to {error.folder} ({error.cause}); it "
            f"needs {said_bytes(needed)}, {said_bytes(free)} are free. Training goes on; the checkpoint before stays",
            zh=f"训练：第 {step} 步后的检查点无法写入 {error.folder}（{error.cause}）；需要 {said_bytes(needed)}，"
            f"剩余 {said_bytes(free)}。训练继续；之前的检查点仍在",
        )
        self._note(Note("checkpoint_not_written", {"step": step, "needed": needed, "free": free}, said))

    def written(self, step: int) -> None:
        """A checkpoint was written: told after one that was not."""
        if self._unwritten:
            self._unwritten = False
            said = Text(
                en=f"train: checkpoints can be written again (step {step})",
                zh=f"训练：检查点又可以写入了（第 {step} 步）",
            )
            self._note(Note("checkpoint_written", {"step": step}, said))

    def little_room(self, needed: int, free: int, checkpoints: int) -> None:
        """Fewer checkpoints fit than are kept and written."""
        folder = self.context.scratch
        said = Text(
            en=f"train: {checkpoints} checkpoints take {said_bytes(needed)} and {said_bytes(free)} are free in "
            f"{folder}: make room, or some checkpoints cannot be written",
            zh=f"训练：{checkpoints} 个检查点需要 {said_bytes(needed)}，{folder} 剩余 {said_bytes(free)}："
            "请腾出空间，否则部分检查点无法写入",
        )
        self._note(Note("little_room", {"needed": needed, "free": free}, said))

    def _note(self, note: Note) -> bool:
        """Whether what is to be kept could be told; what it says in words is told later where it could not."""
        if not self._heard(lambda: self.context.note(note)):
            self._late += [note] if note.text is not None else []
            return False
        late, self._late = self._late, []
        for one in late:
            self._note(one)
        return True

    def _heard(self, tell: Callable[[], None]) -> bool:
        """Whether it could be told. A full disk takes no line of a journal, nor of the file by which one of several
        processes tells: that must not end the training, and is said once.
        """
        try:
            tell()
        except OSError as error:
            if not full(error):
                raise
            if not self._unheard:
                self._unheard = True
                self._note(_NOT_TOLD)
            return False
        return True

    def _mark(self) -> tuple[float, int, int]:
        return self.clock.training, self.recorder.learnt, self.recorder.examples


def kept_until(step: int) -> Note:
    """The word that an error did not take what was trained up to `step`."""
    said = Text(
        en=f"what was trained up to step {step} is kept: `fittingroom resume`, or the same recipe again, goes on from "
        "there",
        zh=f"第 {step} 步之前的训练已保留：用 `fittingroom resume`，或再次运行同一配方，即可从该处继续",
    )
    return Note("checkpoints_kept", {"step": step}, said)

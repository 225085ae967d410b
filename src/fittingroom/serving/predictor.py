"""The predictor: a bundle, brought to life. Evaluation, the server and `ask` all answer through it.

What training did to a text is done here again by the same code: clean and redact with the configuration that lies in
the bundle, render with the same renderer and the same cut, score every label as a whole answer.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from fittingroom.errors import StoreError, UserError
from fittingroom.serving.answers import Chat, Prediction
from fittingroom.serving.bundle import INFO as BUNDLE_INFO
from fittingroom.serving.bundle import SHELF, TOKENIZER, BundleInfo, golden_prompt, read_info, verify
from fittingroom.serving.conversation import Talker
from fittingroom.serving.generation import Reply, Sampling
from fittingroom.serving.inputs import Inputs, RawInput
from fittingroom.serving.labelling import Labeller
from fittingroom.serving.ranking import Ranked, Ranker, RawQuestion, candidates_of, fields_of
from fittingroom.serving.weights import tuned, untuned
from fittingroom.serving.writer import Said, Writer
from fittingroom.serving.writing import Written
from fittingroom.tasks.jobs import job_of
from fittingroom.tasks.recommend import impersonal, settings_of
from fittingroom.tasks.shelf import Shelf

if TYPE_CHECKING:
    import numpy as np

    from fittingroom.models.render import Renderer


class Predictor:
    """Answers of one bundle. Safe to share between threads: the model works on one request at a time."""

    def __init__(
        self, info: BundleInfo, model: Any, tokenizer: Any, *, calibrated: bool = True, secret: bytes = b"",
        shelf: Shelf | None = None,
    ) -> None:  # fmt: skip
        """Use `Predictor.load`."""
        from fittingroom.models.render import Renderer

        self.info = info
        self.renderer: Renderer = Renderer(tokenizer, info.think)
        self._model = model
        self._tokenizer = tokenizer
        self._lock = threading.Lock()
        self._job = job_of(info.task)
        self._inputs = Inputs(info, secret)
        self._labeller = Labeller(info, model, self.renderer, calibrated=calibrated, lock=self._lock)
        # Training keeps room for the longest answer, so that the cut of an input does not depend on its own.
        self._prompt_limit = info.max_length - self._labeller.longest
        self._writer = Writer(info, model, self._decode, end=self.renderer.eos_id, lock=self._lock)
        self._talker = Talker(
            info, model, self.renderer, self._decode, inputs=self._inputs, prompt_limit=self._prompt_limit,
            mark=self._writer.mark, lock=self._lock,
        )  # fmt: skip
        self._ranker = None if shelf is None else Ranker(
            model, self.renderer, info.task, shelf, prompt_limit=self._prompt_limit, by=info.rank_by or "likelihood",
            lock=self._lock,
        )  # fmt: skip
        self._refuse_another_prompt()

    @classmethod
    def load(
        cls,
        folder: Path,
        *,
        threads: int | None = None,
        weights: Literal["bundle", "base"] = "bundle",
        root: Path | None = None,
        secret: bytes = b"",
    ) -> Predictor:
        """Check a bundle against its manifest and load it.

        `weights="base"` takes the weights before tuning under the same prompts and labels, uncalibrated: the baseline.
        `root` is where a relative folder in `base.name` starts. `threads` sets the threads of the whole process. Raises
        StoreError for a bundle that is torn or touched, ModelError for a model that cannot be loaded.
        """
        verify(folder)
        info = read_info(folder)
        if threads is not None:
            import torch

            torch.set_num_threads(threads)
        from fittingroom.models.load import load_tokenizer

        tokenizer = load_tokenizer(folder / TOKENIZER)
        model = tuned(folder) if weights == "bundle" else untuned(folder, info, root)
        shelf = Shelf.load(folder / SHELF) if info.task.kind == "recommend" else None
        return cls(info, model, tokenizer, calibrated=weights == "bundle", secret=secret, shelf=shelf)

    def _refuse_another_prompt(self) -> None:
        if self.info.golden_prompt not in ("", golden_prompt(self.renderer, self.info.task, self.info.labels)):
            raise StoreError(
                "this version writes another prompt than the one that the model was trained with; serve it with the "
                "version that made it, or run the recipe again",
                "当前版本生成的提示与训练时不同；请用制作它的版本提供服务，或重新运行配方",
                place=BUNDLE_INFO,
            )

    @property
    def labels(self) -> list[str]:
        """The closed set of labels, in the order of the columns of `score`."""
        return list(self.info.labels)

    @property
    def marks(self) -> bool:
        """Whether answers carry a mark that a machine wrote them."""
        return bool(self._writer.mark)

    @property
    def makes_pseudonyms(self) -> bool:
        """Whether redaction needs the key: some kinds of personal data become pseudonyms."""
        return bool(self.info.prepare.redact.pseudonyms)

    # ------------------------------------------------------------------------------------------ classify

    def prepare(self, raw_inputs: Sequence[RawInput]) -> list[dict[str, str]]:
        """Clean and redact, as training did. Raises UserError that names the position of an unusable input."""
        return [prepared.input for prepared in self._inputs.prepared(raw_inputs)]

    def prompt_ids(self, given: Mapping[str, str]) -> tuple[list[int], int]:
        """Ids of the prompt of one prepared input, and how many tokens were cut off."""
        return self._prompt(given, self.shown(given))

    @property
    def reads(self) -> int:
        """Tokens of a prompt that leave room for the longest label within what the model can read."""
        return int(self._model.config.max_position_embeddings) - self._labeller.longest

    @property
    def model(self) -> Any:
        """The weights, for who measures them; those of a served model are not to be changed."""
        return self._model

    def shown(self, given: Mapping[str, str]) -> list[str]:
        """The labels that stand open to a prepared input, in the order in which its prompt lists them."""
        return self._job.choices(given, self.info.task, self.info.labels)

    def _prompt(
        self, given: Mapping[str, str], shown: Sequence[str], before: Sequence[Mapping[str, str]] = ()
    ) -> tuple[list[int], int]:
        asked = self._job.messages(given, self.info.task, shown)
        if not before:
            return self.renderer.prompt(asked, self._prompt_limit)
        system = [turn for turn in asked if turn["role"] == "system"]
        turns = [*system, *(dict(turn) for turn in before), *(turn for turn in asked if turn["role"] != "system")]
        return self.renderer.prompt(turns, self.reads)

    def score(
        self,
        inputs: Sequence[Mapping[str, str]],
        shown: Sequence[Sequence[str]] | None = None,
        *,
        before: Sequence[Mapping[str, str]] = (),
    ) -> np.ndarray:
        """[n, k] float64 calibrated probabilities of prepared inputs, in the order of `labels`.

        `shown`: for every input the labels in the order in which its prompt lists them; by default as served. `before`:
        turns between the system turn and the question, such as examples with their answers; then as much is kept as the
        model reads, the oldest of them going first.
        """
        orders = [self.shown(given) for given in inputs] if shown is None else shown
        prompts = [self._prompt(given, order, before)[0] for given, order in zip(inputs, orders, strict=True)]
        return self._labeller.score(prompts, orders)

    def decide(self, probabilities: np.ndarray) -> list[tuple[str, bool]]:
        """For every row of probabilities [n, k] the answer, and whether the model abstains (see `Prediction`).

        Of equally likely labels the first one wins.
        """
        return self._labeller.decide(probabilities)

    def classify(self, raw_inputs: Sequence[RawInput]) -> list[Prediction]:
        """Prepare and score messages as users send them. Raises UserError where answers are free or ranked."""
        self._refuse_a_ranker()
        if not self._job.closed:
            raise UserError(
                f"the model of kind {self.info.task.kind} answers in free text and has no labels: POST /v1/write, or "
                "`fittingroom ask`",
                f"{self.info.task.kind} 类型的模型以自由文本作答，没有标签：请用 POST /v1/write 或 `fittingroom ask`",
                place="input",
            )
        prepared = self._inputs.prepared(raw_inputs)
        shown = [self.shown(item.input) for item in prepared]
        prompts = [self._prompt(item.input, order) for item, order in zip(prepared, shown, strict=True)]
        shares = self._labeller.score([ids for ids, _ in prompts], shown)
        found = []
        for item, (_, cut), row, said in zip(prepared, prompts, shares, self.decide(shares), strict=True):
            label, abstained = said
            found.append(
                Prediction(
                    label=label,
                    probabilities=dict(zip(self.info.labels, (float(share) for share in row), strict=True)),
                    confidence=float(row.max()),
                    input=item.input,
                    edits=item.edits,
                    abstained=abstained,
                    truncated=cut,
                )
            )
        return found

    # ------------------------------------------------------------------------------------------ rank

    @property
    def ranker(self) -> Ranker:
        """What ranks. Raises UserError for a bundle of another job."""
        if self._ranker is None:
            raise UserError("this model does not rank goods", "该模型不用于商品排序", place="model")
        return self._ranker

    def _refuse_a_ranker(self) -> None:
        if self._ranker is not None:
            raise UserError(
                "the model ranks goods and invents no text: POST /v1/rank",
                "该模型只对商品排序，不生成文本：请用 POST /v1/rank",
                place="input",
            )

    def rank(
        self, raw: RawQuestion, candidates: Sequence[str] | None = None, *, most: int = 10, personal: bool = True
    ) -> Ranked:
        """Titles for a customer (or a search), best first.

        `candidates`: titles to rank; without them the bundle's own tables propose some. `personal`: False leaves out
        what the customer bought and looked at, as if nothing were known. Raises UserError for unknown fields, and where
        there is nothing to rank.
        """
        ranker, task = self.ranker, self.info.task
        given = fields_of(raw, task)
        known = given if personal and settings_of(task).personal else impersonal(given)
        asked = self._inputs.washed([known], place="input", empty=True)[0]
        titles = ranker.shelf.candidates(asked.input, task) if candidates is None else candidates_of(candidates)
        ranked = ranker.rank([asked.input], [titles])[0][:most]
        return Ranked(
            titles=[title for title, _ in ranked], scores=[score for _, score in ranked], input=dict(asked.input)
        )

    # ------------------------------------------------------------------------------------------ write

    def write(self, raw_inputs: Sequence[RawInput]) -> list[Written]:
        """Prepare messages as users send them and answer each in free text, greedily; marked where the task asks for
        it. Raises UserError where answers come from a closed set.
        """
        self._refuse_a_ranker()
        if self._job.closed:
            raise UserError(
                "the model answers with a label and writes no free text: POST /v1/classify",
                "该模型以标签作答，不生成自由文本：请用 POST /v1/classify",
                place="input",
            )
        prepared = self._inputs.prepared(raw_inputs)
        cuts = [self.prompt_ids(item.input)[1] for item in prepared]
        made = self.generate([item.input for item in prepared])
        return [
            Written(
                text=self._writer.marked(text),
                finish_reason=reason,
                ai_generated=self.marks,
                input=item.input,
                edits=item.edits,
                truncated=cut,
            )
            for item, cut, (text, reason) in zip(prepared, cuts, made, strict=True)
        ]

    def generate(
        self,
        inputs: Sequence[Mapping[str, str]],
        progress: Callable[[int, int], None] | None = None,
        *,
        asked: Sequence[Sequence[dict[str, str]]] | None = None,
    ) -> list[Said]:
        """Free answers to prepared inputs, without the mark, and why each ended: as long as those of training at most.

        Greedy; where the task asks for several drafts, the best of them by what can be told without a reference.
        `asked`: for every input the conversation that asks for its answer, where it is not the task's own, such as one
        with examples; as much of it is kept as the model reads.
        """
        if asked is None:
            prompts = [self.prompt_ids(given)[0] for given in inputs]
        else:
            prompts = [self.renderer.prompt_ids(turns, self.reads) for turns in asked]
        return self._writer.write(inputs, prompts, progress)

    # ------------------------------------------------------------------------------------------ chat

    def chat(
        self,
        messages: Sequence[Mapping[str, str]],
        max_tokens: int = 256,
        temperature: float = 0.0,
        stop: Sequence[str] = (),
        seed: int | None = None,
    ) -> Reply:
        """Generate an answer to a conversation; greedy by default."""
        sampling = Sampling(max_tokens=max_tokens, temperature=temperature, stop=tuple(stop), seed=seed)
        return self.start_chat(messages, sampling).stream.whole()

    def start_chat(self, messages: Sequence[Mapping[str, str]], sampling: Sampling) -> Chat:
        """Begin an answer; what the user said is cleaned and redacted first.

        Without a system turn of its own the conversation gets that of the task: a single message is then asked for its
        label with the very tokens of training, and the model answers with the label as it learnt to. Raises UserError
        for a conversation that does not end with the user, or is longer than the model can read.
        """
        return self._talker.start(messages, sampling)

    def _decode(self, ids: list[int]) -> str:
        return str(self._tokenizer.decode(ids, skip_special_tokens=True))

"""The predictor: a bundle, brought to life. Evaluation, the server and `ask` all answer through it.

What training did to a text is done here again by the same code: clean and redact with the configuration that lies in
the bundle, render with the same renderer and the same cut, score every label as a whole answer.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Protocol

from fittingroom.errors import StoreError, UserError
from fittingroom.serving.bundle import INFO as BUNDLE_INFO
from fittingroom.serving.bundle import SHELF, TOKENIZER, BundleInfo, golden_prompt, read_info, verify
from fittingroom.serving.generation import Reply, Sampling, Stream, tokens
from fittingroom.serving.ranking import Ranked, Ranker, RawQuestion, candidates_of, fields_of
from fittingroom.serving.weights import tuned, untuned
from fittingroom.serving.writer import Said, Writer
from fittingroom.serving.writing import Written
from fittingroom.tasks.abstaining import kept
from fittingroom.tasks.classify import probabilities, shifted
from fittingroom.tasks.config import QUESTION
from fittingroom.tasks.jobs import job_of
from fittingroom.tasks.marking import unmarked
from fittingroom.tasks.options import Places, by_label
from fittingroom.tasks.recommend import impersonal
from fittingroom.tasks.shelf import Shelf
from fittingroom.text.clean import Cleaned, clean_batch
from fittingroom.text.redact import agree, redact_batch
from fittingroom.types import Frozen

if TYPE_CHECKING:
    import numpy as np

    from fittingroom.models.render import Renderer

__all__ = ["Answers", "Chat", "Prediction", "Predictor", "Reply", "Sampling", "Written"]

RawInput = str | Mapping[str, str]
"""What a user sends: the text alone where the task has one field, else field -> text."""


class Prediction(Frozen):
    """An answer to one message."""

    label: str
    probabilities: dict[str, float]
    """Calibrated, over all labels; they sum to 1."""
    confidence: float
    """Probability of the likeliest label."""
    input: dict[str, str]
    """What the model was given: cleaned and redacted."""
    edits: dict[str, int]
    """What cleaning and redaction did: rule and count."""
    abstained: bool = False
    """Whether the model is not sure enough for the precision that the task wants; `label` is then the task's "none of
    these", where that is not learnt, else the likeliest one all the same."""
    truncated: int = 0
    """Tokens of the message that were cut off to fit the length of training."""


class Chat(NamedTuple):
    """An answer under way, and what it answers."""

    stream: Stream
    input: dict[str, str]
    """The last message of the user, cleaned and redacted."""


class Answers(Protocol):
    """What the application needs of a predictor."""

    @property
    def labels(self) -> list[str]: ...

    @property
    def marks(self) -> bool: ...

    def classify(self, raw_inputs: Sequence[RawInput]) -> list[Prediction]: ...

    def rank(
        self, raw: RawQuestion, candidates: Sequence[str] | None = None, *, most: int = 10, personal: bool = True
    ) -> Ranked: ...
    def write(self, raw_inputs: Sequence[RawInput]) -> list[Written]: ...

    def start_chat(self, messages: Sequence[Mapping[str, str]], sampling: Sampling) -> Chat: ...


class _Prepared(NamedTuple):
    input: dict[str, str]
    edits: dict[str, int]


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
        self._temperature = info.temperature if calibrated else 1.0
        self._shift = info.prior_shift if calibrated else {}
        self._secret = secret
        self._lock = threading.Lock()
        self._job = job_of(info.task)
        said = self._job.answers(info.task, info.labels)
        self._answers = [self.renderer.answer_ids(text) for text in said]
        self._places = Places(self._job, info.task, info.labels)
        self._threshold = info.abstention.threshold if info.abstention and calibrated else None
        # Training keeps room for the longest answer, so that the cut of an input does not depend on its own.
        longest = max((len(answer) for answer in self._answers), default=info.max_tokens)
        self._prompt_limit = info.max_length - longest
        self._writer = Writer(info, model, self._decode, end=self.renderer.eos_id, lock=self._lock)
        self._ranker = None if shelf is None else Ranker(
            model, self.renderer, info.task, shelf, prompt_limit=self._prompt_limit, by=info.rank_by or "likelihood",
            lock=self._lock,
        )  # fmt: skip
        if info.golden_prompt not in ("", golden_prompt(self.renderer, info.task, info.labels)):
            raise StoreError(
                "this version writes another prompt than the one that the model was trained with; serve it with the "
                "version that made it, or run the recipe again",
                "当前版本生成的提示与训练时不同；请用制作它的版本提供服务，或重新运行配方",
                place=BUNDLE_INFO,
            )

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
        return [prepared.input for prepared in self._prepared(raw_inputs)]

    def prompt_ids(self, given: Mapping[str, str]) -> tuple[list[int], int]:
        """Ids of the prompt of one prepared input, and how many tokens were cut off."""
        return self._prompt(given, self.shown(given))

    @property
    def reads(self) -> int:
        """Tokens of a prompt that leave room for the longest label within what the model can read."""
        return self._context() - max((len(answer) for answer in self._answers), default=self.info.max_tokens)

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
        return self._score(prompts, orders)

    def decide(self, probabilities: np.ndarray) -> list[tuple[str, bool]]:
        """For every row of probabilities [n, k] the answer, and whether the model abstains (see `Prediction`).

        Of equally likely labels the first one wins.
        """
        best = probabilities.argmax(axis=1).tolist()
        given = kept(probabilities.max(axis=1), self._threshold).tolist()
        none = self.info.task.none_of_these
        instead = none if none is not None and none not in self.info.labels else None
        return [
            (self.info.labels[at] if sure or instead is None else instead, not sure)
            for at, sure in zip(best, given, strict=True)
        ]

    def classify(self, raw_inputs: Sequence[RawInput]) -> list[Prediction]:
        """Prepare and score messages as users send them. Raises UserError where answers are free or ranked."""
        self._refuse_a_ranker()
        if not self._job.closed:
            raise _unusable(
                "input",
                f"the model of kind {self.info.task.kind} answers in free text and has no labels: POST /v1/write, or "
                "`fittingroom ask`",
                f"{self.info.task.kind} 类型的模型以自由文本作答，没有标签：请用 POST /v1/write 或 `fittingroom ask`",
            )
        prepared = self._prepared(raw_inputs)
        shown = [self.shown(item.input) for item in prepared]
        prompts = [self._prompt(item.input, order) for item, order in zip(prepared, shown, strict=True)]
        shares = self._score([ids for ids, _ in prompts], shown)
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

    def _score(self, prompts: list[list[int]], shown: Sequence[Sequence[str]]) -> np.ndarray:
        from fittingroom.models.scoring import score_answers

        with self._lock:
            raw = score_answers(self._model, prompts, self._answers)
        scores = by_label(raw, [self._places(order) for order in shown])
        return probabilities(shifted(scores, self.info.labels, self._shift), self._temperature)

    # ------------------------------------------------------------------------------------------ rank

    @property
    def ranker(self) -> Ranker:
        """What ranks. Raises UserError for a bundle of another job."""
        if self._ranker is None:
            raise _unusable("model", "this model does not rank goods", "该模型不用于商品排序")
        return self._ranker

    def _refuse_a_ranker(self) -> None:
        if self._ranker is not None:
            raise _unusable(
                "input",
                "the model ranks goods and invents no text: POST /v1/rank",
                "该模型只对商品排序，不生成文本：请用 POST /v1/rank",
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
        known = given if personal else impersonal(given)
        asked = self._washed([known], place="input", empty=True)[0]
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
            raise _unusable(
                "input",
                "the model answers with a label and writes no free text: POST /v1/classify",
                "该模型以标签作答，不生成自由文本：请用 POST /v1/classify",
            )
        prepared = self._prepared(raw_inputs)
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
        self, inputs: Sequence[Mapping[str, str]], progress: Callable[[int, int], None] | None = None
    ) -> list[Said]:
        """Free answers to prepared inputs, without the mark, and why each ended: as long as those of training at most.

        Greedy; where the task asks for several drafts, the best of them by what can be told without a reference.
        """
        return self._writer.write(inputs, [self.prompt_ids(given)[0] for given in inputs], progress)

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
        if not messages or messages[-1]["role"] != "user":
            raise _unusable("messages", "the last message must be the user's", "最后一条消息必须来自用户")
        turns, given = self._conversation(messages)
        asks_for_label = len(messages) == 1
        room = self._context() - 1
        prompt, cut = self.renderer.prompt(turns, min(self._prompt_limit, room) if asks_for_label else room)
        if (cut and not asks_for_label) or len(prompt) > room:
            raise _unusable(
                "messages",
                f"the conversation is longer than the {room} tokens that the model can read",
                f"对话超过模型可读的 {room} 个 token",
            )
        bounded = sampling.model_copy(update={"max_tokens": min(sampling.max_tokens, self._context() - len(prompt))})
        made = tokens(self._model, prompt, end=self.renderer.eos_id, sampling=bounded, lock=self._lock)
        stream = Stream(
            made,
            self._decode,
            end=self.renderer.eos_id,
            prompt_tokens=len(prompt),
            stop=sampling.stop,
            mark=self._writer.mark,
        )
        return Chat(stream, given)

    def _conversation(self, messages: Sequence[Mapping[str, str]]) -> tuple[list[dict[str, str]], dict[str, str]]:
        """The turns as the model gets them, and the last user message.

        What the user said is cleaned and redacted, what was answered is redacted, and what is personal in one turn goes
        from all of them. The system's turn is the shop's own and stays.
        """
        # A task of several fields has no place for a lone text; then it is free talk, prepared all the same.
        field = self.info.task.input[0] if len(self.info.task.input) == 1 else "message"
        spoken = [at for at, message in enumerate(messages) if message["role"] != "system"]
        safe = self._washed(
            [{field: self._as_said(messages[at])} for at in spoken],
            place="messages",
            clean=[messages[at]["role"] == "user" for at in spoken],
            together=True,
        )
        turns = [{**message, "content": self._as_said(message)} for message in messages]
        for at, one in zip(spoken, safe, strict=True):
            turns[at]["content"] = one.input[field]
        given = safe[-1].input
        if not any(message["role"] == "system" for message in messages):
            asked = self._job.messages({}, self.info.task, self.shown({}))
            turns = [turn for turn in asked if turn["role"] == "system"] + turns
        return turns, given

    def _as_said(self, message: Mapping[str, str]) -> str:
        """A turn as it was learnt: an earlier answer without the mark that it was sent with."""
        content = message["content"]
        return unmarked(content, self._writer.mark) if message["role"] == "assistant" else content

    def _decode(self, ids: list[int]) -> str:
        return str(self._tokenizer.decode(ids, skip_special_tokens=True))

    def _context(self) -> int:
        return int(self._model.config.max_position_embeddings)

    # ------------------------------------------------------------------------------------------ inputs

    def _prepared(self, raw_inputs: Sequence[RawInput]) -> list[_Prepared]:
        given = [self._fields(raw, at) for at, raw in enumerate(raw_inputs)]
        # What is asked is the shop's own, and stays as the recipe names it.
        asked = [{name: item.pop(name) for name in [QUESTION] if self.info.task.questions} for item in given]
        washed = self._washed(given, place="input")
        return [one._replace(input={**one.input, **names}) for one, names in zip(washed, asked, strict=True)]

    def _fields(self, raw: RawInput, at: int) -> dict[str, str]:
        """Field -> text, in the task's order. A field that is not sent is empty, as a null was in training."""
        names = self.info.task.input
        known = ", ".join(names)
        if isinstance(raw, str):
            if len(names) > 1:
                raise _unusable(f"input.{at}", f"must be an object with {known}", f"必须是包含 {known} 的对象")
            return {names[0]: raw}
        if set(raw) - set(names):
            # The name of the unknown field is the sender's text and is not repeated.
            raise _unusable(f"input.{at}", f"holds a field that is none of {known}", f"含有 {known} 以外的字段")
        questions = self.info.task.questions
        if questions and raw.get(QUESTION) not in questions:
            asked = ", ".join(questions)
            raise _unusable(f"input.{at}.{QUESTION}", f"must be one of {asked}", f"必须是其中之一：{asked}")
        return {name: raw.get(name, "") for name in names}

    def _washed(
        self, given: list[dict[str, str]], place: str, *, clean: Sequence[bool] | None = None, together: bool = False,
        empty: bool = False,
    ) -> list[_Prepared]:  # fmt: skip
        """Clean (all, or those marked), then redact. Raises UserError when nothing is left of an input (with `empty`,
        nothing need be known).

        What is personal in one field of an input goes from all its fields; `together`: from all inputs, as they are
        turns of one conversation.
        """
        config = self.info.prepare
        marks = clean or [True] * len(given)
        texts = [(text, mark) for item, mark in zip(given, marks, strict=True) for text in item.values()]
        cleaned = iter(clean_batch([text for text, mark in texts if mark], config.clean))
        ready = [next(cleaned) if mark else Cleaned(text) for text, mark in texts]
        redacted = redact_batch([one.text for one in ready], config.redact, self._secret)
        if together:
            agree(redacted, config.redact, self._secret)
        done = iter(zip(ready, redacted, strict=True))
        found = []
        for at, (item, mark) in enumerate(zip(given, marks, strict=True)):
            pairs = [next(done) for _ in item]
            agree([safe for _, safe in pairs], config.redact, self._secret)
            edits: Counter[str] = Counter()
            for before, safe in pairs:
                edits.update(before.edits)
                edits.update(safe.edits)
            fields = {name: safe.text for name, (_, safe) in zip(item, pairs, strict=True)}
            if mark and not empty and not any(text.strip() for text in fields.values()):
                raise _unusable(f"{place}.{at}", "has no text", "没有文字")
            found.append(_Prepared(fields, dict(edits)))
        return found


def _unusable(place: str, en: str, zh: str) -> UserError:
    return UserError(en, zh, place=place)

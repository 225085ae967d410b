"""Rankings of the base model before tuning, shown some examples from train in its prompt.

An example is a moment of train and the best title that was right there. The examples stand as earlier turns, the same
for every question; candidates and the way of scoring are those of the tuned model.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from fittingroom.errors import UserError
from fittingroom.evaluating.setting import Ordered, Setting, lot, unbalanced
from fittingroom.tasks.questions import Question, asked
from fittingroom.tasks.recommend import JOB, asked_for
from fittingroom.tasks.shelf import Shelf

if TYPE_CHECKING:
    from fittingroom.models.render import Message
    from fittingroom.serving.predictor import Predictor

    Turns = list[Message]

_TRIED = 20
"""Moments that are looked at for each example that is wanted: the first ones drawn may be too long, or alike."""


def lists(questions: Sequence[Question], shelf: Shelf, setting: Setting) -> Ordered:
    """On a sample of `untuned_rows` questions; None for the others. Raises UserError when not one example fits."""
    places = setting.sample([question.id for question in questions])
    chosen = [questions[place] for place in places]
    base = setting.predictor("base")
    candidates = [base.ranker.candidates(question) for question in chosen]
    shown, fewer = examples(base, chosen, candidates, setting)
    ranker = base.ranker.after([turn for turns in shown for turn in turns])
    ranked = ranker.rank(
        [question.given for question in chosen],
        candidates,
        lambda done, total: setting.context.progress("few_shot", done, total),
    )
    found: list[list[str] | None] = [None] * len(questions)
    for place, pairs in zip(places, ranked, strict=True):
        found[place] = [title for title, _ in pairs]
    return Ordered(found, {"examples": len(shown), "wanted": setting.config.few_shot.examples, "fewer": fewer})


def examples(
    base: Predictor, questions: Sequence[Question], candidates: Sequence[Sequence[str]], setting: Setting
) -> tuple[list[Turns], int]:
    """Examples that the model can read in front of the longest question as training cut it; no title stands twice. And
    how many questions are so long that they see fewer.
    """
    task, renderer = setting.task, base.renderer
    answers = [max(len(renderer.answer_ids(title)) for title in titles) for titles in candidates]
    cut = [len(base.prompt_ids(asked_for(question.given, task))[0]) for question in questions]
    longest = max(map(sum, zip(cut, answers, strict=True)))
    reads = int(base.model.config.max_position_embeddings)
    room, wanted = reads - longest, setting.config.few_shot.examples
    bare = len(renderer.prompt_ids([{"role": "user", "content": ""}]))
    shown: list[Turns] = []
    said: set[str] = set()
    met = asked(unbalanced(setting.splits), task, seed=setting.seed).questions
    for moment in sorted(met, key=lambda one: lot(one.id, setting.seed))[: wanted * _TRIED]:
        title = _best_of(moment, said, setting.seed)
        if title is None or not any(moment.given.values()) or len(shown) == wanted:
            continue
        turns = [*_asking(moment, setting)[-1:], {"role": "assistant", "content": JOB.answer(title, task, [])}]
        needs = len(renderer.prompt_ids([*turns, {"role": "user", "content": ""}])) - bare
        if needs <= room:
            shown.append(turns)
            said.add(title)
            room -= needs
    if not shown:
        raise UserError(
            f"no moment of train can be shown as an example: the base model reads {reads} tokens, {longest} of which "
            "the longest question and its longest title take",
            f"训练集中没有可作示例的时刻：基座模型最多读取 {reads} 个 token，最长的问题与标题已占 {longest} 个",
            place="evaluate.few_shot",
        )
    whole = [len(renderer.prompt_ids(_asking(question, setting))) for question in questions]
    taken = reads - longest - room
    return shown, sum(sum(pair) + taken > reads for pair in zip(whole, answers, strict=True))


def _best_of(moment: Question, said: set[str], seed: int) -> str | None:
    """One of the best titles of a moment that no example shows yet; None where there is none."""
    best = max(moment.wanted.values())
    left = [title for title, gain in moment.wanted.items() if gain == best and title not in said]
    return min(left, key=lambda title: lot(f"{moment.id} {title}", seed), default=None)


def _asking(question: Question, setting: Setting) -> Turns:
    return JOB.messages(asked_for(question.given, setting.task), setting.task, [])

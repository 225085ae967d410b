"""Preflight of tokens: tokenizer, template, marks, answers, on the very rows that training would read.

Nothing is taken on trust from the renderer: its rows are compared with the plain reader of the tokenizer's file, with
the publisher's chat template, with what serving would write, and with the tokens that a batch really hands to the loss.
"""

from __future__ import annotations

import itertools
import unicodedata
from collections import Counter
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from fittingroom.training.preflight.files import special_ids
from fittingroom.training.preflight.template import spread, template

if TYPE_CHECKING:
    from fittingroom.training.preflight import Examples, Measured, Subject

Found = tuple[dict[str, float], list[str]]
"""What a check measured, and what it means by name."""
_NAMED = 20
_IN_A_BATCH = 8


def measured(subject: Subject) -> Measured:
    """Checks of the rendered rows against the tokenizer and the base model's files."""
    return looked_at(subject)[0]


def looked_at(subject: Subject) -> tuple[Measured, Examples]:
    """The same, and the rows (ids) or labels that each check means. What cannot be measured is left out."""
    checks: dict[str, Callable[[Subject], Found]] = {
        "tokenizer": tokenizer, "template": template, "prompt": prompt, "beginning": beginning, "end": end,
        "loss": loss, "controls": controls, "special_ids": special_ids, "labels": labels, "masked": masked,
    }  # fmt: skip
    found = {name: check(subject) for name, check in checks.items()}
    return (
        {name: numbers for name, (numbers, _) in found.items() if numbers},
        {name: named[:_NAMED] for name, (_, named) in found.items() if named},
    )


def tokenizer(subject: Subject) -> Found:
    """Texts that do not come back as they were (up to Unicode's composition, which some vocabularies normalise), and
    texts of which tokenizer or renderer make other ids than the plain reader of the same file.
    """
    from fittingroom.models.plain import plain_reader

    owner = {message["content"]: row for row, turns in _asked(subject) for message in reversed(turns)}
    said = [text for text in {**owner, **dict.fromkeys(subject.answers, "")} if text]
    if not said:
        return {}, []
    clean = [text.encode("utf-8", "replace").decode("utf-8") for text in said]
    ids = subject.tokenizer(clean, add_special_tokens=False)["input_ids"]
    plain = plain_reader(subject.folder).encode_batch(clean, add_special_tokens=False)
    back = subject.tokenizer.batch_decode(ids, skip_special_tokens=False)
    changed, differ = [], []
    for text, read, wanted, again in zip(clean, ids, plain, back, strict=True):
        marked = not subject.renderer.control_ids.isdisjoint(wanted.ids)
        if read != wanted.ids or (not marked and subject.renderer.text_ids(text) != wanted.ids):
            differ.append(text)
        if _composed(again) != _composed(text):
            changed.append(text)
    named = [owner[text] for text in (*changed, *differ) if owner.get(text)]
    return {"texts": float(len(said)), "changed": float(len(changed)), "ids_differ": float(len(differ))}, named


def prompt(subject: Subject) -> Found:
    """Of some rows those whose prompt is not the one that serving will write for the same message, and those whose
    answer is not one of those that serving will score.
    """
    rows, differs, others, count = subject.rows, [], [], 0
    answers = [subject.renderer.answer_ids(answer) for answer in subject.answers]
    asked = _asked(subject)
    for at in spread(len(asked)):
        row, turns = asked[at]
        if not rows.answer_tokens(at):
            continue
        count += 1
        start = rows.answer_starts[at]
        if rows.ids[at][:start] != subject.renderer.prompt_ids(turns, rows.prompt_limit):
            differs.append(row)
        if answers and rows.ids[at][start:] != answers[rows.said(at)]:
            others.append(row)
    numbers = {"rows": float(count), "differ": float(len(differs)), "answers_differ": float(len(others))}
    return (numbers, [*differs, *others]) if count else ({}, [])


def beginning(subject: Subject) -> Found:
    """Rows without the mark of the beginning at their head, and rows with several."""
    bos, eos = subject.tokenizer.bos_token_id, subject.tokenizer.eos_token_id
    if bos is None or not len(subject.rows):
        return {}, []
    none = [at for at, ids in enumerate(subject.rows.ids) if ids[0] != bos]
    # Where one token is both marks, the ends of earlier answers are no second beginning.
    heads = [ids[:2] if bos == eos else ids for ids in subject.rows.ids]
    several = [at for at, ids in enumerate(heads) if ids.count(bos) > 1]
    numbers = {"rows": float(len(subject.rows)), "none": float(len(none)), "several": float(len(several))}
    return numbers, _names(subject, [*none, *several])


def end(subject: Subject) -> Found:
    """Rows whose last token is not the end mark, and of a batch those whose end mark carries no loss (as where it is
    masked for being the padding token as well).
    """
    rows, eos = subject.rows, subject.tokenizer.eos_token_id
    usual = rows.with_loss()
    if not usual:
        return {}, []
    missing = [at for at in usual if rows.ids[at][-1] != eos]
    some = _short(subject, usual)
    learnt = sum(int((batch["targets"] == eos).sum()) for batch in subject.layout.collate(rows, some))
    numbers = {
        "rows": float(len(usual)), "missing": float(len(missing)), "batch": float(len(some)),
        "unlearnt": float(max(0, len(some) - learnt)),
        "also_padding": float(subject.tokenizer.pad_token_id == eos),
    }  # fmt: skip
    return numbers, _names(subject, missing)


def loss(subject: Subject) -> Found:
    """Tokens of all rows with loss, those of their answers, and those that a batch hands over beside its answers."""
    rows, usual = subject.rows, subject.rows.with_loss()
    if not usual or not subject.answers:
        return {}, []
    lengths = [len(subject.renderer.answer_ids(answer)) for answer in subject.answers]
    beyond = [at for at in usual if rows.answer_tokens(at) > lengths[rows.said(at)]]
    some = _short(subject, usual)
    learnt = sum(len(batch["targets"]) for batch in subject.layout.collate(rows, some))
    answers = sum(lengths[rows.said(at)] for at in some)
    numbers = {
        "tokens": float(sum(len(rows.ids[at]) for at in usual)),
        "learnt": float(sum(rows.answer_tokens(at) for at in usual)),
        "beyond": float(len(beyond)),
        "beside": max(0.0, learnt - answers) / max(1.0, learnt),
    }
    return numbers, _names(subject, beyond)


def controls(subject: Subject) -> Found:
    """Rows whose prompt holds more marks of the template than the template put there."""
    known: dict[tuple[str, ...], Counter[int]] = {}
    marks, forged, count = subject.renderer.control_ids, [], 0
    for at, (row, turns) in enumerate(_asked(subject)):
        roles = tuple(turn["role"] for turn in turns)
        if roles not in known:
            bare = [turn if turn["role"] == "assistant" else {**turn, "content": "x"} for turn in turns]
            known[roles] = Counter(one for one in subject.renderer.prompt_ids(bare) if one in marks)
        start = subject.rows.answer_starts[at]
        count += 1
        if Counter(one for one in subject.rows.ids[at][:start] if one in marks) - known[roles]:
            forged.append(row)
    return ({"rows": float(count), "forged": float(len(forged))}, forged) if count else ({}, [])


def labels(subject: Subject) -> Found:
    """Pairs of answers of the same tokens, answers that begin with a whole other one, answers that share their first
    token with another, answers that are the end mark alone. Named are the answers of the first kind, else the second.
    """
    if len(subject.answers) < 2:
        return {}, []
    bare = sorted((_without_end(subject, answer), answer) for answer in subject.answers)
    same = [(one, other) for (a, one), (b, other) in itertools.pairwise(bare) if a == b]
    heads: list[tuple[str, str]] = []
    open_: list[tuple[list[int], str]] = []
    for ids, answer in bare:  # sorted: whatever begins with an answer follows it
        while open_ and ids[: len(open_[-1][0])] != open_[-1][0]:
            open_.pop()
        if open_ and open_[-1][0] != ids and open_[-1][0]:
            heads.append((open_[-1][1], answer))
        open_.append((ids, answer))
    first = Counter(ids[0] for ids, _ in bare if ids)
    numbers = {
        "labels": float(len(bare)),
        "same": float(len(same)),
        "heads": float(len(heads)),
        "first": float(sum(count for count in first.values() if count > 1)),
        "empty": float(sum(not ids for ids, _ in bare)),
    }
    return numbers, [f"{one} / {other}" for one, other in same or heads]


def masked(subject: Subject) -> Found:
    """Rows whose answer did not fit: named only, the plan counts them."""
    rows = subject.rows
    return {}, _names(subject, [at for at in range(len(rows)) if not rows.answer_tokens(at)])


def _asked(subject: Subject) -> list[tuple[str, Sequence[dict[str, str]]]]:
    """Id and conversation of the rows that are looked at one by one."""
    return list(zip(subject.rows.row_ids, subject.messages, strict=False))


def _short(subject: Subject, rows: Sequence[int]) -> list[int]:
    """A few short rows, that a batch of them costs nothing."""
    return sorted(sorted(rows, key=lambda at: (len(subject.rows.ids[at]), at))[:_IN_A_BATCH])


def _names(subject: Subject, rows: Sequence[int]) -> list[str]:
    return [subject.rows.row_ids[at] for at in rows[:_NAMED]]


def _without_end(subject: Subject, answer: str) -> list[int]:
    ids = subject.renderer.answer_ids(answer)
    return ids[:-1] if ids[-1:] == [subject.tokenizer.eos_token_id] else ids


def _composed(text: str) -> str:
    return unicodedata.normalize("NFC", text)

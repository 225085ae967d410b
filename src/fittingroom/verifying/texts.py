"""Checks of files, identity and rendering; no weight is loaded."""

from __future__ import annotations

from typing import Any

from fittingroom.models.configuration import read_config
from fittingroom.models.load import load_tokenizer, resolve
from fittingroom.types import Text
from fittingroom.verifying.state import Made, State, file_states


def files(state: State) -> Made:
    """The loader finds the base and refuses nothing of it."""
    from fittingroom.models.folder import inventory
    from fittingroom.models.quantised import stored_format

    state.base = resolve(state.model, state.context.root)
    state.before = file_states(state.base.path)
    held = inventory(state.base.path, state.model.base)
    kind = stored_format(read_config(state.base.path, state.model.base), held.bytes_by_dtype)
    size = held.bytes / 2**30
    en = f"safetensors are whole, {size:,.2f} GiB, {kind}; no pickle, no code of its own is needed"
    zh = f"safetensors 完整，{size:,.2f} GiB，{kind}；没有 pickle，也不需要自带代码"
    return True, Text(en=en, zh=zh), {"bytes": float(held.bytes), "tensors": float(len(held.shapes))}


def identity(state: State) -> Made:
    """It has DeepSeek's marks, and is what its hub id says."""
    from fittingroom.models.belonging import differences

    assert state.base is not None
    found, path = state.base.recognised, state.base.path
    good = found.marked and not found.contradicted
    told = differences(path, read_config(path, state.model.base), state.model.base)
    en = "; ".join([found.told().en, *(line.en for line in told)])
    zh = "；".join([found.told().zh, *(line.zh for line in told)])
    measured = {"candidates": float(len(found.candidates)), "ids_set_right": float(len(told))}
    return good, Text(en=en, zh=zh), measured


def round_trip(state: State) -> Made:
    """Ids give the sentences back, as the tokenizer normalises them."""
    from fittingroom.verifying.trial import sentences

    assert state.base is not None
    tokenizer: Any = load_tokenizer(state.base.path)
    texts = [str(row["review"]) for row in sentences().arrow()["input"].to_pylist()]
    normal = tokenizer.backend_tokenizer.normalizer
    wrong = [
        text
        for text in texts
        if tokenizer.decode(tokenizer.encode(text, add_special_tokens=False), clean_up_tokenization_spaces=False)
        != (normal.normalize_str(text) if normal is not None else text)
    ]
    state.tokenizer = None if wrong else tokenizer
    right = len(texts) - len(wrong)
    said = Text(
        en=f"{right} of {len(texts)} sentences come back from their ids",
        zh=f"{len(texts)} 句中有 {right} 句编码后能还原",
    )
    return not wrong, said, {"texts": float(len(texts)), "wrong": float(len(wrong))}


def prompts(state: State) -> Made:
    """Every row has one BOS, begins with its prompt, and ends with an EOS that carries loss."""
    from fittingroom.models.render import Renderer
    from fittingroom.verifying.trial import Trial

    assert state.base is not None
    renderer = Renderer(state.tokenizer)
    reads = int(read_config(state.base.path, state.model.base).get("max_position_embeddings") or 4096)
    trial = Trial(state.tokenizer, renderer, reads)
    bos = sum(ids.count(renderer.bos_id) == 1 for ids in trial.rows.ids if renderer.bos_id is not None)
    prefixed = sum(
        renderer.prompt_ids(asked) == ids[:start]
        for asked, ids, start in zip(trial.messages(), trial.rows.ids, trial.rows.answer_starts, strict=True)
    )
    ended = sum(
        ids[-1] == renderer.eos_id and start < len(ids)
        for ids, start in zip(trial.rows.ids, trial.rows.answer_starts, strict=True)
    )
    count = len(trial.rows)
    good = prefixed == ended == count and bos == (count if renderer.bos_id is not None else 0)
    if good:
        state.renderer, state.trial = renderer, trial
    said = Text(
        en=f"{renderer.format.kind} format; of {count} rows {bos} have one BOS, {prefixed} begin with their "
        f"prompt, {ended} end with an EOS that is learnt; longest {trial.max_length} tokens",
        zh=f"{renderer.format.kind} 格式；{count} 行中 {bos} 行恰有一个 BOS，{prefixed} 行以其提示开头，"
        f"{ended} 行以参与训练的 EOS 结尾；最长 {trial.max_length} 个 token",
    )
    measured = {"rows": count, "one_bos": bos, "prompt_first": prefixed, "eos_learnt": ended}
    return good, said, {name: float(value) for name, value in measured.items()}


def template(state: State) -> Made:
    """Our renderer writes the ids that the publisher's template writes."""
    from fittingroom.models.render import Renderer

    assert state.trial is not None
    if not state.tokenizer.chat_template:
        return None, Text(en="the publisher ships no Jinja template", zh="官方未提供 Jinja 模板"), {}
    assert state.renderer is not None
    # As the publisher asks for an answer: R1 opens its thought; those that can be asked not to think are.
    own = Renderer(state.tokenizer, think="keep" if state.renderer.format.kind == "thinking" else "none")
    asked = [[turn for turn in messages if turn["role"] == "user"] for messages in state.trial.messages()]
    same = sum(own.prompt_ids(messages) == _by_template(state.tokenizer, messages) for messages in asked)
    said = Text(
        en=f"{same} of {len(asked)} prompts have the very ids that the publisher's template gives",
        zh=f"{len(asked)} 条提示中有 {same} 条与官方模板的编号完全一致",
    )
    return same == len(asked), said, {"prompts": float(len(asked)), "same": float(same)}


def _by_template(tokenizer: Any, messages: list[dict[str, str]]) -> list[int]:
    text = tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
    return [int(token) for token in tokenizer.encode(text, add_special_tokens=False)]


def untouched(state: State) -> Made:
    """No file of the base has another size or time than before."""
    assert state.base is not None
    now = file_states(state.base.path)
    changed = sorted(name for name in {*now, *state.before} if now.get(name) != state.before.get(name))
    if changed:
        return (
            False,
            Text(en=f"changed: {changed[0]}", zh=f"有变化：{changed[0]}"),
            {"changed": float(len(changed))},
        )
    said = Text(en=f"none of its {len(now)} files changed", zh=f"其 {len(now)} 个文件均未变化")
    return True, said, {"changed": 0.0, "files": float(len(now))}

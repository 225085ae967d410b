"""Conversations in the formats that fine-tuning tools know: alpaca, sharegpt, messages, prompt and completion."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

Format = Literal["alpaca", "sharegpt", "messages", "prompt_completion"]
FORMATS: tuple[Format, ...] = ("alpaca", "sharegpt", "messages", "prompt_completion")

_ROLES = {
    "system": "system", "developer": "system",
    "user": "user", "human": "user", "customer": "user",
    "assistant": "assistant", "gpt": "assistant", "bot": "assistant", "model": "assistant", "chatgpt": "assistant",
}  # fmt: skip


@dataclass(frozen=True)
class Conversation:
    """What was said, in turns of (role, text); roles are user and assistant, `system` stands before."""

    turns: tuple[tuple[str, str], ...]
    system: str = ""

    def messages(self) -> list[dict[str, str]]:
        """All turns as OpenAI's messages, the system's first."""
        head = [{"role": "system", "content": self.system}] if self.system else []
        return head + [{"role": role, "content": text} for role, text in self.turns]

    def columns(self) -> dict[str, str | None]:
        """As columns of a row."""
        answered = bool(self.turns) and self.turns[-1][0] == "assistant"
        before = list(self.turns[:-1] if answered else self.turns)
        prompt = before.pop()[1] if before and before[-1][0] == "user" else None
        history = [{"role": role, "content": text} for role, text in before]
        return {
            "system": self.system or None,
            "history": json.dumps(history, ensure_ascii=False) if history else None,
            "prompt": prompt,
            "response": self.turns[-1][1] if answered else None,
            "first": next((text for role, text in self.turns if role == "user"), None),
            "messages": json.dumps(self.messages(), ensure_ascii=False),
        }


@dataclass(frozen=True)
class Shape:
    """Under which names a format keeps what: LLaMA-Factory's `columns` and `tags`, with its defaults."""

    format: Format
    prompt: str = "instruction"
    query: str = "input"
    response: str = "output"
    history: str = "history"
    system: str = "system"
    messages: str = "conversations"
    role_tag: str = "from"
    content_tag: str = "value"
    roles: tuple[tuple[str, str], ...] = ()
    """Further names of roles -> ours."""

    @classmethod
    def of(cls, format: Format) -> Shape:
        """The usual shape of a format."""
        if format == "messages":
            return cls(format, messages="messages", role_tag="role", content_tag="content")
        if format == "prompt_completion":
            return cls(format, prompt="prompt", response="completion", role_tag="role", content_tag="content")
        return cls(format)

    def names(self) -> set[str]:
        """Columns that make up the conversation; others are the row's own."""
        if self.format == "alpaca":
            return {self.prompt, self.query, self.response, self.history, self.system}
        return {self.prompt, self.response} if self.format == "prompt_completion" else {self.messages, self.system}


def told(record: Mapping[str, Any]) -> Format | None:
    """The format of an object, by its names."""
    if isinstance(record.get("messages"), list):
        return "messages"
    if isinstance(record.get("conversations"), list):
        return "sharegpt"
    if "prompt" in record and "completion" in record:
        return "prompt_completion"
    return "alpaca" if "instruction" in record and "output" in record else None


def parsed(record: Mapping[str, Any], shape: Shape) -> Conversation:
    """The conversation of an object. ValueError says why there is none, without quoting it."""
    if shape.format == "alpaca":
        found = _from_alpaca(record, shape)
    elif shape.format == "prompt_completion":
        found = _from_pair(record, shape)
    else:
        found = _turns(record.get(shape.messages), shape, shape.messages)
        system = record.get(shape.system)
        if isinstance(system, str) and system and not found.system:
            found = Conversation(found.turns, system)
    if not found.turns:
        raise ValueError("no turn in the conversation")
    return found


def _from_alpaca(record: Mapping[str, Any], shape: Shape) -> Conversation:
    question = "\n".join(part for part in (_text(record, shape.prompt), _text(record, shape.query)) if part)
    if not question:
        raise ValueError(f"no {shape.prompt}")
    turns: list[tuple[str, str]] = []
    for pair in record.get(shape.history) or ():
        if not (isinstance(pair, list) and len(pair) == 2 and all(isinstance(said, str) for said in pair)):
            raise ValueError(f"{shape.history} is no list of pairs")
        turns += [("user", pair[0]), ("assistant", pair[1])]
    turns.append(("user", question))
    answer = _text(record, shape.response)
    return Conversation((*turns, *([("assistant", answer)] if answer else [])), _text(record, shape.system))


def _from_pair(record: Mapping[str, Any], shape: Shape) -> Conversation:
    prompt, completion = record.get(shape.prompt), record.get(shape.response)
    before = Conversation((("user", prompt),)) if isinstance(prompt, str) else _turns(prompt, shape, shape.prompt)
    if isinstance(completion, str):
        return Conversation((*before.turns, ("assistant", completion)), before.system)
    return Conversation((*before.turns, *_turns(completion, shape, shape.response).turns), before.system)


def _turns(value: Any, shape: Shape, name: str) -> Conversation:
    if not isinstance(value, list):
        raise ValueError(f"{name} is no list of turns")
    roles = {**_ROLES, **dict(shape.roles)}
    turns: list[tuple[str, str]] = []
    system: list[str] = []
    for place, turn in enumerate(value, start=1):
        if not isinstance(turn, dict):
            raise ValueError(f"turn {place} is no object")
        role = roles.get(str(turn.get(shape.role_tag, "")).lower()) or roles.get(str(turn.get(shape.role_tag, "")))
        if role is None:
            raise ValueError(f"turn {place} is by nobody known (user, assistant and system are)")
        text = _content(turn.get(shape.content_tag), place)
        if role == "system":
            if turns:
                raise ValueError(f"turn {place}: the system speaks in the middle")
            system.append(text)
        else:
            turns.append((role, text))
    return Conversation(tuple(turns), "\n".join(system))


def _content(value: Any, place: int) -> str:
    """The text of a turn: a string, or OpenAI's list of parts when all of them are text."""
    if isinstance(value, list) and all(isinstance(part, dict) and part.get("type") == "text" for part in value):
        value = "\n".join(str(part.get("text", "")) for part in value)
    if not isinstance(value, str):
        raise ValueError(f"turn {place} holds something else than text")
    return value


def _text(record: Mapping[str, Any], name: str) -> str:
    value = record.get(name)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise ValueError(f"{name} is no text")
    return value


def written(conversation: Conversation, format: Format) -> dict[str, Any]:
    """The conversation as an object of a format. ValueError when the format cannot hold it."""
    return _WRITERS[format](conversation)


def _as_alpaca(conversation: Conversation) -> dict[str, Any]:
    turns = conversation.turns
    if [role for role, _ in turns] != ["user", "assistant"] * (len(turns) // 2) or not turns:
        raise ValueError("alpaca holds question and answer in turn, no other order")
    if not turns[-2][1] or not turns[-1][1]:
        raise ValueError("alpaca holds no empty question or answer")
    record: dict[str, Any] = {"instruction": turns[-2][1], "input": "", "output": turns[-1][1]}
    if conversation.system:
        record["system"] = conversation.system
    if len(turns) > 2:
        record["history"] = [[turns[at][1], turns[at + 1][1]] for at in range(0, len(turns) - 2, 2)]
    return record


def _as_sharegpt(conversation: Conversation) -> dict[str, Any]:
    names = {"system": "system", "user": "human", "assistant": "gpt"}
    return {
        "conversations": [
            {"from": names[turn["role"]], "value": turn["content"]} for turn in conversation.messages()
        ]
    }  # fmt: skip


def _as_messages(conversation: Conversation) -> dict[str, Any]:
    return {"messages": conversation.messages()}


def _as_pair(conversation: Conversation) -> dict[str, Any]:
    turns = conversation.turns
    if len(turns) < 2 or turns[-1][0] != "assistant":
        raise ValueError("prompt and completion need a question and its answer")
    if len(turns) == 2 and turns[0][0] == "user" and not conversation.system:
        return {"prompt": turns[0][1], "completion": turns[1][1]}
    messages = conversation.messages()
    return {"prompt": messages[:-1], "completion": messages[-1:]}


_WRITERS: dict[Format, Callable[[Conversation], dict[str, Any]]] = {
    "alpaca": _as_alpaca,
    "sharegpt": _as_sharegpt,
    "messages": _as_messages,
    "prompt_completion": _as_pair,
}

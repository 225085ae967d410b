"""The export of a social network: posts about the shop in JSON lines, with nested replies; a few lines are broken."""

from __future__ import annotations

import json
from random import Random
from typing import Any

from fittingroom.sample import words_en, words_zh
from fittingroom.sample.catalogue import moment
from fittingroom.sample.dialogues import Message
from fittingroom.sample.grammar import expand

BROKEN = 0.02
_CHAT = {
    "zh": (
        "[今天|刚刚]逛{brand}[店|直播间][看到|种草]{item}[,好看|]",
        "{who}生日送{item}[合适|俗]吗",
        "[开箱|晒]一下{item} [第一次|]用{brand}",
        "[求|有]{item}[推荐|平替]",
        "{city}[下雨|好冷][,想买|,缺]{item}",
    ),
    "en": (
        "[saw|found] a {item} at {brand} today",
        "is a {item} a good gift for {who}",
        "unboxing my {item} #{brand}",
        "any {item} [tips|recommendations]",
        "rain in {city}, need a {item}",
    ),
}
_REPLY = {
    "zh": ("[同|我也]问", "[顶|沙发]", "私信客服[吧|试试]", "我的[也|]这样", "哈哈[哈|]", "后来呢"),
    "en": ("same here", "try their chat", "lol", "what happened then", "following", "mine too"),
}


def write_mentions(messages: list[Message], chat: int, rng: Random) -> tuple[list[str], dict[str, Any]]:
    """Lines of `mentions.jsonl` and their truth.

    `messages` become posts of customers who ask in public, two in five with a tag by the social media team (the
    intent); `chat` posts are about the shop but ask it nothing and carry no tag.
    """
    posts = []
    for message in messages:
        tag = message.intent if rng.random() < 0.4 else None
        posts.append(
            _post(
                f"@{rng.choice(words_en.BRANDS)} {message.text}" if rng.random() < 0.3 else message.text,
                message.language,
                tag,
                rng,
            )
        )
    for _ in range(chat):
        language = "zh" if rng.random() < 0.62 else "en"
        words = words_zh if language == "zh" else words_en
        posts.append(
            _post(expand(rng.choice(_CHAT[language]), {**words.PLAIN, "brand": words.BRANDS}, rng), language, None, rng)
        )
    rng.shuffle(posts)
    lines: list[str] = []
    broken: list[int] = []
    for number, post in enumerate(posts, start=1):
        post["id"] = f"m{number:05d}"
        line = json.dumps(post, ensure_ascii=False)
        if rng.random() < BROKEN:
            broken.append(len(lines) + 1)
            lines.append(
                rng.choice(
                    [line[: len(line) // 2], line.replace('"content":', '"content"', 1), "<<< export interrupted >>>"]
                )
            )
        else:
            lines.append(line)
    truth = {"lines": len(lines), "broken_lines": broken, "tagged": sum(post["tag"] is not None for post in posts)}
    return lines, truth


def _post(text: str, language: str, tag: str | None, rng: Random, depth: int = 0) -> dict[str, Any]:
    given = rng.choice(words_en.GIVEN).lower()
    post: dict[str, Any] = {
        "id": "",
        "content": text,
        "posted_at": moment(rng).replace(" ", "T") + "Z",
        "author": f"{given}_{rng.randint(10, 9999)}",
        "likes": int(rng.paretovariate(0.9)) - 1,
        "tag": tag,
        "replies": [],
    }
    while depth < 2 and rng.random() < 0.35:
        post["replies"].append(_post(expand(rng.choice(_REPLY[language]), {}, rng), language, None, rng, depth + 1))
    if depth:
        del post["tag"], post["id"]
    return post

"""What is no text in a text: entities, control tokens of the model, invisible characters, web addresses; for tags see
`hypertext`."""

from __future__ import annotations

import html
import re

ENTITY = re.compile(r"&(?:#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});")

# DeepSeek writes its tokens with full-width bars (U+FF5C), people and other models with the ASCII bar.
CONTROL_TOKEN = re.compile(
    r"[<＜]\s{0,3}(?P<close>/?)\s{0,3}[|｜]\s{0,3}(?P<name>[^<>|｜＜＞\n]{1,60}?)\s{0,3}[|｜]\s{0,3}[>＞]"
    r"|[<＜]\s{0,3}(?P<word>/?\s{0,3}(?:think|thinking|tool_calls?|tool_response|tool_outputs?|function_calls?))"
    r"\s{0,3}[>＞]"
    r"|(?P<open><\s{0,3}/?｜)|(?P<end>｜\s{0,3}>)",
    re.IGNORECASE,
)

# Bidirectional marks, zero-width characters, fillers, tags and controls (but not line breaks). The zero-width joiner
# stays between pictographs, where it builds one of several.
_UNSEEN = (
    "\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180e\u200b\u200c\u200e\u200f"
    "\u202a-\u202e\u2060-\u206f\u3164\ufeff\uffa0\ufff9-\ufffb\U000e0000-\U000e007f"
)
INVISIBLE_SIGN = re.compile(f"[{_UNSEEN}\u200d]")
"""A cheap sign that there may be something invisible."""
INVISIBLE = re.compile(
    f"[{_UNSEEN}]|(?<![\u2190-\u27bf\ufe0f\U0001f000-\U0001faff])\u200d|\u200d(?![\u2190-\u27bf\U0001f000-\U0001faff])"
)

# Of the tags only those of a flag: England, Scotland, Wales, the states of the USA. Others hide a text.
_FLAG = re.compile("(\U0001f3f4[\U000e0061-\U000e007a]{2}[\U000e0030-\U000e0039\U000e0061-\U000e007a]{1,3}\U000e007f)")

_PATH = r"[^\s<>\"'`，。！？；：、（）【】《》「」『』“”‘’…\u3400-\u9fff\uff00-\uffef]"
WEB = re.compile(r"://|www\.|\.[a-z]{2,6}/", re.IGNORECASE)
"""A cheap sign that there may be a web address."""
URL = re.compile(
    rf"(?:(?:https?|ftp|wss?)://|(?<![A-Za-z0-9.@])www\.){_PATH}+"
    rf"|(?<![\w.@/-])(?:[A-Za-z0-9-]{{1,63}}\.)+(?:com|cn|net|org|top|cc|me|tv|io|shop|xyz|vip|hk|co|uk)/{_PATH}*",
    re.IGNORECASE,
)

_PAIRS = {")": "(", "]": "[", "}": "{"}


def without_urls(text: str, by: str) -> tuple[str, int]:
    """The text with `by` in place of each web address, and how many there were; signs and brackets behind one stay."""
    count = 0

    def replaced(found: re.Match[str]) -> str:
        nonlocal count
        address = found.group()
        end = _end(address)
        if URL.fullmatch(address, 0, end) is None:  # www...
            return address
        count += 1
        return by + address[end:]

    return URL.sub(replaced, text), count


def _end(address: str) -> int:
    """Where an address ends: before punctuation at its end, and brackets that were opened before it."""
    end, open_now = len(address), {sign: address.count(opener) - address.count(sign) for sign, opener in _PAIRS.items()}
    while end:
        last = address[end - 1]
        if last in _PAIRS and open_now[last] < 0:
            open_now[last] += 1
        elif last not in ".,;:!?*~":
            break
        end -= 1
    return end


_BREAK = re.compile(r"\r\n?|[\x0b\x0c\x85\u2028\u2029]")
_BLANK = re.compile(r"[ \t\u00a0\u1680\u2000-\u200a\u202f\u205f\u3000]+")
_AROUND_BREAK = re.compile(r" ?\n ?")
_BREAKS = re.compile(r"\n{3,}")
_UNTIDY = re.compile(r"[\r\n\t\x0b\x0c\x85\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]")


def without_invisible(text: str) -> tuple[str, int]:
    """The text without invisible characters, and how many there were; flags keep theirs."""
    if "\U0001f3f4" not in text:
        return INVISIBLE.subn("", text)
    parts = _FLAG.split(text)
    count = 0
    for place in range(0, len(parts), 2):
        parts[place], some = INVISIBLE.subn("", parts[place])
        count += some
    return "".join(parts), count


def may_hold_url(text: str) -> bool:
    """Whether there is a sign of a web address; most texts have not even a stop or a slash."""
    return "://" in text or ("." in text and WEB.search(text) is not None)


def unescaped(found: re.Match[str]) -> str:
    """The character that an entity stands for."""
    return html.unescape(found.group())


def harmless(found: re.Match[str]) -> str:
    """A control token as people read it, which no tokenizer takes for one: 〈User〉."""
    if found.group("open"):
        return "〈"
    if found.group("end"):
        return "〉"
    name = found.group("word") or found.group("close") + found.group("name").strip()
    return f"〈{''.join(name.split()) if found.group('word') else name}〉"


def spaced(text: str) -> bool:
    """Whether there is a space too many: two together, or one at an end."""
    return "  " in text or text.startswith(" ") or text.endswith(" ")


def tidy(text: str) -> str:
    """Runs of blanks become one space, line ends `\\n`, at most one empty line; none at the ends."""
    if not (spaced(text) or _UNTIDY.search(text)):
        return text
    text = _BLANK.sub(" ", _BREAK.sub("\n", text))
    if "\n" in text:
        text = _BREAKS.sub("\n\n", _AROUND_BREAK.sub("\n", text))
    return text.strip(" \n")

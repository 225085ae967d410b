"""HTML in texts: told from what merely holds < and >, then read by a real parser (lexbor, by selectolax).

Customers write `<S>码`, `a<b and b>c` and `<M的`; a parser takes all of them for tags. So only what is HTML for sure is
left to it: known names whose attributes are attributes, and letters or English words in brackets (`<b>`, `<small>`)
only with a partner or beside surer tags. Every other < and every & is escaped first. What a browser shows is what
stays: nothing of scripts, styles, comments. Tags reach the parser without attributes, tables as plain blocks (else it
moves words out of broken ones), and blocks with a line break beside them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from selectolax.lexbor import LexborNode

_BLOCK = (
    "address|article|aside|blockquote|body|br|caption|center|col|colgroup|dd|details|dialog|div|dl|dt|fieldset|figcaption|"
    "figure|footer|form|frame|frameset|h1|h2|h3|h4|h5|h6|head|header|hgroup|hr|html|legend|li|link|main|menu|meta|nav|"
    "noscript|ol|optgroup|option|p|pre|search|section|select|summary|table|tbody|td|textarea|tfoot|th|thead|title|tr|ul"
)
_INLINE = (
    "a|abbr|acronym|area|audio|b|base|bdi|bdo|big|button|canvas|cite|code|data|datalist|del|dfn|em|embed|font|i|iframe|img|"
    "input|ins|kbd|label|map|mark|marquee|meter|nobr|noembed|noframes|object|output|param|path|picture|progress|q|rp|rt|"
    "ruby|s|samp|script|slot|small|source|span|strike|strong|style|sub|sup|svg|template|time|track|tt|u|var|video|wbr"
)
# A size, a variable or an English word as likely as a tag.
_DOUBTFUL = frozenset({
    "a", "address", "area", "article", "aside", "b", "base", "big", "body", "button", "caption", "center",
    "cite", "code", "data", "del", "details", "dialog", "em", "figure", "font", "footer", "form", "frame",
    "head", "header", "i", "input", "ins", "label", "legend", "link", "main", "map", "mark", "menu", "meter",
    "object", "option", "output", "path", "picture", "progress", "q", "ruby", "s", "script", "search",
    "section", "select", "slot", "small", "source", "strike", "strong", "style", "sub", "summary", "sup",
    "table", "template", "time", "title", "track", "u", "var", "video",
})  # fmt: skip
_UNSHOWN = frozenset({"script", "style", "template", "iframe", "noembed", "noframes"})
_TABLE = frozenset({"table", "caption", "colgroup", "col", "tbody", "thead", "tfoot", "tr", "td", "th"})
_BOOLEAN = (
    "allowfullscreen|async|autofocus|autoplay|checked|compact|controls|default|defer|disabled|hidden|inert|ismap|loop|"
    "multiple|muted|nohref|noresize|noshade|novalidate|nowrap|open|readonly|required|reversed|selected"
)
_VALUE = r"""(?:"[^"]*"|'[^']*'|[^\s"'<>]+)"""
_ATTRIBUTES = rf"(?P<attributes>(?:\s+(?:[A-Za-z_:@][\w:.@-]*\s*=\s*{_VALUE}|(?:{_BOOLEAN})(?![\w-]))){{0,60}}+)"
TAG = re.compile(
    r"<!--|<!doctype\b[^<>]*>|<\?xml\b[^<>]*>"
    rf"|<[ \t]{{0,3}}(?P<close>/?)[ \t]{{0,3}}(?P<name>(?:{_BLOCK}|{_INLINE})(?![\w:.-])|(?:o|w|v|m|x|st1):[a-z]\w*)"
    rf"(?:{_ATTRIBUTES}\s{{0,20}}/?>|(?P<broken>\s[^<>=]{{0,200}}+=[^<>]{{0,4000}}+>))",
    re.IGNORECASE,
)
"""A tag, perhaps: which of them are is told from the whole text."""
_CDATA = re.compile(r"<!\[CDATA\[|\]\]>", re.IGNORECASE)
_BLOCKS = frozenset(_BLOCK.split("|"))
_MOST = 1000
"""Tags up to which a text goes to the parser: it takes time with the square of the depth of blocks."""


def without_tags(text: str) -> str:
    """The text as a browser shows it, or as it is where nothing in it is HTML; entities stay. Blocks break lines."""
    if "]]>" in text or "CDATA[" in text:
        text = _CDATA.sub("", text)
    found = list(TAG.finditer(text)) if "<" in text else []
    tags = _surely(text, found)
    if not tags:
        return text
    return _parsed(text, tags) if len(tags) <= _MOST else _cut(text, tags)


def _name(tag: re.Match[str]) -> str:
    return (tag["name"] or "").lower()


def _surely(text: str, found: list[re.Match[str]]) -> list[re.Match[str]]:
    """Those of the tags found that are HTML and no letters in brackets."""
    opened = {_name(tag) for tag in found if not tag["close"]}
    closed = {_name(tag) for tag in found if tag["close"]}
    sure = [_is_sure(tag, text, opened & closed) for tag in found]
    # Beside surer tags a lone lower-case one is HTML that was cut off; `<S>` and `< b >` may still be the customer's.
    beside = any(sure)
    return [
        tag
        for tag, certain in zip(found, sure, strict=True)
        if certain or (beside and tag.group().islower() and tag.group()[1] != " ")
    ]


def _is_sure(tag: re.Match[str], text: str, paired: set[str]) -> bool:
    name = _name(tag)
    if name not in _DOUBTFUL or name in paired or (tag["attributes"] or "").strip():
        return True
    if tag["broken"]:
        return re.search(r"=\s*[\"']", tag["broken"]) is not None
    # Of a script or a style that never ends, code must follow.
    return name in ("script", "style") and re.search(r"[{;=(]", text[tag.end() : tag.end() + 200]) is not None


def _cut(text: str, tags: list[re.Match[str]]) -> str:
    """Very many tags: they go by name, and what is inside scripts and comments by their ends."""
    kept, end, hidden = [], 0, ""
    for tag in tags:
        name = _name(tag) or tag.group()
        if hidden:
            if name == hidden and tag["close"]:
                hidden, end = "", tag.end()
            continue
        if tag.start() < end:
            continue
        kept.append(text[end : tag.start()])
        end = tag.end()
        if name in _BLOCKS:
            kept.append("\n")
        elif name == "<!--":
            stop = text.find("-->", end)
            end = len(text) if stop < 0 else stop + 3
        elif name in _UNSHOWN and not tag["close"]:
            hidden = name
    return "".join(kept) + ("" if hidden else text[end:])


def _parsed(text: str, tags: list[re.Match[str]]) -> str:
    from selectolax.lexbor import LexborHTMLParser

    source, end = [], 0
    for tag in tags:
        if tag.start() < end:
            continue
        source += [_escaped(text[end : tag.start()]), _rewritten(tag)]
        end = tag.end()
    source.append(_escaped(text[end:]))
    # A lone surrogate is no character, and no bytes can be made of it.
    raw = "".join(source).encode("utf-8", "replace")
    return "".join(_shown(LexborHTMLParser(raw, is_fragment=True).root))


def _rewritten(tag: re.Match[str]) -> str:
    """The tag as the parser gets it."""
    name = _name(tag)
    if not name:
        return tag.group() if tag.group() == "<!--" else ""
    if ":" in name:
        return ""  # of Word and its kin: no browser knows it
    beside = "\n" if name in _BLOCKS else ""
    return f"{beside}<{tag['close']}{'div' if name in _TABLE else name}>"


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;") if "<" in text or "&" in text else text


def _shown(first: LexborNode | None) -> Iterator[str]:
    """The texts from a node on in their order, without what a browser does not show."""
    node = first
    while node is not None:
        if node.tag == "-text":
            yield node.text_content or ""
        inside = node.child if node.tag not in _UNSHOWN else None
        while inside is None and node.next is None:
            node = node.parent
            if node is None:
                return
        node = inside if inside is not None else node.next

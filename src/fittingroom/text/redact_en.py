"""Recognisers of personal data as it is written in English: telephones, national numbers, names, streets.

They take folded text and yield (start, end), see `redact_common`. English words may stand right beside Chinese ones, so
there is no `\\b` here either.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from fittingroom.text.redact_common import Span
from fittingroom.text.redact_people import HAN_NAME, is_called

_PHONE = re.compile(
    r"(?<![0-9A-Za-z.$£€+-])(?:"
    r"\+(?!86)[1-9]\d{0,2}[ .-]?(?:\(0?\d{1,4}\)[ .-]?)?\d(?:[ .-]?\d){5,12}(?: ?(?:x|ext\.?) ?\d{1,6})?"
    r"|(?:\+?1[ .-]?)?(?![48]00)(?:\([2-9]\d{2}\) ?|[2-9]\d{2}[ .-])[2-9]\d{2}[ .-]\d{4}(?: ?(?:x|ext\.?) ?\d{1,6})?"
    r"|0(?:7\d{3}[ -]?\d{3}[ -]?\d{3}|20[ -]\d{4}[ -]\d{4}|1\d{2,3}[ -]\d{3}[ -]?\d{3,4})"
    r")(?![0-9])"
)
_STATED_PHONE = re.compile(
    r"(?<![A-Za-z])(?:call|phone|tel|telephone|mobile|cell|whatsapp|text|fax|number|ring|dial|desk|office)"
    r"(?: (?:me|us|him|her|is|at|on|number|no\.?))*[:. \n]{1,3}(?P<value>\(?\+?\d[\d ().-]{5,18}\d)(?![0-9])",
    re.IGNORECASE,
)
_NUMBER_OF_A_THING = re.compile(
    r"(?:order|tracking|parcel|shipment|transaction|invoice|ticket|case|reference|item|article|product|model|part|serial"
    r"|batch|style|coupon|voucher)[ -]number",
    re.IGNORECASE,
)
_DAY = re.compile(r"(?:19|20)\d\d[-. ][01]?\d[-. ][0-3]?\d(?!\d)|[0-3]?\d[-. ][0-3]?\d[-. ](?:19|20)\d\d(?!\d)")
_CALL_SIGN = re.compile(r"call|phone|tel|mobile|cell|what|text|fax|number|ring|dial|desk|office", re.IGNORECASE)
_SSN = re.compile(r"(?<![\d-])(?!000|666|9\d\d)\d{3}-(?!00)\d{2}-(?!0000)\d{4}(?![\d-])")
_DOCUMENT = re.compile(
    r"(?<![A-Za-z])(?P<which>passport|driver'?s? licen[cs]e|licen[cs]e plate|national id|id card"
    r"|id number|identity card|ssn|social security)(?: (?:number|no\.?|#))?(?: is|:|=){0,2} ?"
    r"(?P<value>[A-Z]{0,3}[- ]?\d[A-Z0-9-]{4,14})(?![A-Za-z0-9])",
    re.IGNORECASE,
)
_DOCUMENT_SIGN = re.compile(r"passport|licen|id |card|ssn|social", re.IGNORECASE)
_WORD = r"[A-Z][A-Za-z'’.-]*[A-Za-z]"
_NAME = rf"{_WORD}(?: (?:{_WORD}|[A-Z]\.|de|van|von|der|da|bin|al)){{0,3}}"
_SIGNS = (
    r"(?<![A-Za-z])(?i:my (?:full )?name(?:'s| is)|(?:full |first |last |customer |buyer )?name(?: is)?:"
    r"|i am called|they call me|recipient(?: is)?|receiver(?: is)?|addressee|contact(?: person)?:|attn|attention:"
    r"|signed|card ?holder(?: is)?|account holder)"
    r"[:, ]{1,3}"
)
_CALLED = re.compile(rf"{_SIGNS}(?P<name>{_NAME})")
_CALLED_HAN = re.compile(_SIGNS + HAN_NAME)
_CALLED_LOW = re.compile(
    r"(?<![A-Za-z])(?:my name(?:'s| is)|i am called|they call me) (?P<name>[a-z][a-z'-]+(?: [a-z][a-z'-]+)?)"
    r"(?=$|[,.!?;\n])",
    re.IGNORECASE,
)
_TITLE = re.compile(rf"(?<![A-Za-z])(?P<title>Mr|Mrs|Ms|Miss|Mx|Dr|Prof|MR|MRS|MS|DR)\.? (?P<name>{_NAME})")
_BRAND = re.compile(
    r"(?:office|excel|word|windows|outlook|teams|access|project|visio|surface|sql|dos|international|coffee|beams?|martens?"
    r"|christmas|clean|muscle|kipling|porky|heater|longarm|pepper|bean|potato|bubble|fresh|oetker|scholl|dre|bronner|teal"
    r"|infrared|squiggles|lube|steam)(?![A-Za-z])",
    re.IGNORECASE,
)
"""Brands and products whose names begin like a title."""
_SPEECH = re.compile(
    r"(?<![A-Za-z])(?:I|[Mm]e|[Mm]y|[Ww]e|[Oo]ur|us|[Yy]ou|[Yy]our|[Hh]e|[Ss]he|him|his|her|they|is|was|are|were|has|have|had"
    r"|please|thanks?|called|ask(?:ed)?|said|from|told|did|will|can|[Dd]ear|[Tt]o|[Aa]ttn|[Ww]hat|[Ww]here|[Ww]hen|[Hh]ow)(?![A-Za-z])"
)
_HEADLINE_WORDS, _HEADLINE_SHARE, _AROUND = 4, 0.6, 200
_OF_A_THING = re.compile(
    r"(?:brand|product|item|model|file|store|shop|company|domain|host|trade|code|game|event|colou?r|pack|style|material"
    r"|series|app|site|website|business|bank|dog|cat|pet|city|town|street|country|state|category|class|table|field"
    r"|column)'?s?[ _]?$",
    re.IGNORECASE,
)
_GREETED = re.compile(rf"(?<![A-Za-z])(?:Dear|Hi|Hello|Hey) (?P<name>{_WORD}(?: {_WORD})?)(?=[,!:\n])")
_SIGNED = re.compile(
    r"(?<![A-Za-z])(?i:regards|sincerely|yours truly|best wishes|cheers|many thanks|thanks),?[ \n]{1,3}"
    rf"(?P<name>{_WORD}(?: {_WORD})?)\.? *(?=$|\n)"
)
_I_AM = re.compile(
    rf"(?<![A-Za-z])(?:I'm|I am|[Tt]his is) (?P<name>{_WORD} {_WORD})"
    r"(?=$|[,.!?;\n]| (?:and|from|here|calling|speaking))"
)
NAME_SIGNS = (
    "name", "called", "call me", "recip", "receiv", "addressee", "contact", "attn", "attention", "signed", "holder",
    "mr", "ms ", "ms.", "miss ", "mx", "dr", "prof", "dear ", "hi ", "hello ", "hey ", "regards", "sincerely", "yours",
    "wishes", "cheers", "thanks", "i'm ", "i am ", "this is ",
)  # fmt: skip
_NAME_SIGN = re.compile("|".join(map(re.escape, NAME_SIGNS)))
_NO_NAME = re.compile(
    r"(?:team|customer|customers|sir|madam|sirs|all|there|support|seller|service|everyone|everybody|friend|friends|folks|guys|amazon|"
    r"apple|alexa|google|santa|not|very|on|wrong|spelled|misspelled|the|a|an|is|my|your|our|in|so|just|great|good|love|prime|"
    r"again|for|and|manager|store|shop|admin|sales|staff|god|jesus)(?![A-Za-z])",
    re.IGNORECASE,
)

_SUFFIX = (
    "Street|St|Avenue|Ave|Road|Rd|Boulevard|Blvd|Lane|Ln|Court|Ct|Place|Pl|Terrace|Ter|Highway|Hwy|Parkway|Pkwy|Crescent|"
    "Cres|Mews|Alley|Quay"
)
# Words of goods as well (3/4 HP Chain Drive, iPhone 11 Midnight Green): with more of an address around them only.
_SUFFIX_MORE = "Drive|Dr|Way|Square|Sq|Close|Circle|Cir|Row|Gardens|Grove|Hill|Walk|Rise|Trail|Loop|Park|View|Green"
_MEASURE = (
    "HP|TB|GB|MB|KB|Gal|Gallon|Gallons|In|Inch|Ft|Oz|Lb|Lbs|Qt|Pt|Panel|Panels|Piece|Pieces|Pc|Pack|Packs|Speed|Volt|Volts|"
    "Amp|Amps|Watt|Watts|Port|Ports|Way|Door|Drawer|Light|Lights|Stage|Step|Ton|Wheel|Seater|Person|Pin|Bit|Core|MHz|GHz|"
    "MP|Mm|Cm|Kg|Pro|Plus|Max|Mini|Power|Select|Equivalent|Star|Year|Years|Day|Days|Hour|Hours|Month|Months|Set|Sets|Size"
)
_ZIP = r"(?:\d{5}(?:-\d{4})?|[A-Z]{1,2}\d[A-Z\d]? \d[A-Z]{2})"
_TOWN = (
    rf"(?:,? ?(?:(?!{_ZIP})[A-Z][A-Za-z'.-]+ ?){{1,3}}"
    rf"(?:,? (?:[A-Z]{{2}}|[A-Z][a-z]+)(?![A-Za-z0-9]))?(?:,? ?{_ZIP})?)?"
)
_UNIT = r"(?:,? (?:Apt|Apartment|Suite|Ste|Unit|Flat|Floor|Room|#)\.? ?[A-Za-z0-9-]{1,6})?"
_STREET = re.compile(
    r"(?<![A-Za-z0-9$£€./#-])(?:(?:Flat|Apt|Unit|Suite) ?[A-Za-z0-9-]{1,5},? )?"
    rf"(?:\d{{1,4}}[-/])?\d{{1,6}}[A-Za-z]?,? "
    rf"(?:[NSEW]\.? )?(?!(?:{_MEASURE})(?![A-Za-z]))"
    rf"(?:(?:[A-Z][A-Za-z'.-]+|\d{{1,3}}(?:st|nd|rd|th)) ){{1,4}}"
    rf"(?:(?P<sure>{_SUFFIX})|{_SUFFIX_MORE})(?![A-Za-z]|-[A-Z])\.?"
    rf"(?P<unit>{_UNIT})(?:,{_TOWN})?"
    r"|P\.? ?O\.? Box \d{1,6}"
)
_HOUSED = re.compile(
    r"(?<![A-Za-z])(?:at|to|from|address(?: is)?|live[sd]?|living|house|home|moved|street|resid\w+|of|visit|near)"
    r"(?: (?:on|in|at|is|to))?[:, ]{1,3}$",
    re.IGNORECASE,
)
_GOES_ON = re.compile(r"[^\nA-Za-z0-9]{0,200}[A-Za-z0-9]")
_AREA_CODE = re.compile(rf"(?:{_ZIP}|, ?[A-Z]{{2}})$")
_ADDRESS_SIGN = re.compile(r"\d[a-z]?,? [A-Z0-9]|Box|code|zip", re.IGNORECASE)
_STATED = re.compile(
    r"(?<![A-Za-z])(?:address(?: is)?|live at|living at|located at"
    r"|(?:send|ship|deliver|post|mail)(?:ed)?(?: it| them| this)? to)[:, ]{1,3}"
    rf"(?P<value>\d{{1,6}}[A-Za-z]?,? [A-Z][A-Za-z'.-]+(?: [A-Za-z'.-]+){{0,4}}(?:,{_TOWN}){{0,2}})"
)
_POSTCODE = re.compile(
    r"(?:post ?code|zip(?: code)?)(?: is|:| )*"
    r"(?P<value>[A-Z]{1,2}\d[A-Z\d]? ?\d[A-Z]{2}|\d{5}(?:-\d{4})?)(?![A-Za-z0-9])",
    re.IGNORECASE,
)


def phones(text: str) -> Iterator[Span]:
    """Numbers with a country code, of North America and Britain; any of 7 to 15 digits behind call, tel, number …

    Numbers with 400 and 800 belong to companies and stay.
    """
    for found in _PHONE.finditer(text):
        yield found.span()
    if not _CALL_SIGN.search(text):
        return
    things = {found.end() for found in _NUMBER_OF_A_THING.finditer(text)}
    for found in _STATED_PHONE.finditer(text):
        if any(found.start() < end <= found.start("value") for end in things):
            continue
        digits = sum(character.isdigit() for character in found.group("value"))
        grouped = any(character in " -.(" for character in found.group("value"))
        if 7 <= digits <= 15 and (grouped or digits >= 9) and not _DAY.match(found.group("value")):
            yield found.span("value")


def documents(text: str) -> Iterator[Span]:
    """US social security numbers by form; passports, licences and other identity numbers behind such a word."""
    for found in _SSN.finditer(text):
        yield found.span()
    if not _DOCUMENT_SIGN.search(text):
        return
    for found in _DOCUMENT.finditer(text):
        if sum(character.isdigit() for character in found.group("value")) >= 5:
            yield found.span("value")


def names(text: str) -> Iterator[Span]:
    """Names behind "my name is", "recipient", a title, a greeting or a closing line."""
    if not _NAME_SIGN.search(text.lower()):
        return
    for pattern in (_CALLED, _CALLED_HAN, _CALLED_LOW, _TITLE, _GREETED, _SIGNED, _I_AM):
        for found in pattern.finditer(text):
            if _NO_NAME.match(found.group("name")) or (pattern is _TITLE and _is_goods(found)):
                continue
            if pattern is _CALLED_HAN and not is_called(found["name"]):
                continue
            if pattern not in (_CALLED, _CALLED_HAN) or not _OF_A_THING.search(
                text[max(0, found.start() - 12) : found.start()]
            ):
                yield found.span("name")


def _is_goods(found: re.Match[str]) -> bool:
    """Whether a title begins the name of a brand (MS Office, Dr Martens) or stands in the headline of an article."""
    name, text = found["name"], found.string
    if _BRAND.match(name) or (found["title"] in ("MR", "MRS", "MS", "DR") and not name.isupper()):
        return True
    before, after = text[max(0, found.start() - _AROUND) : found.start()], text[found.start() : found.start() + _AROUND]
    line = before.rpartition("\n")[2] + after.partition("\n")[0]
    words = re.findall(r"[A-Za-z][A-Za-z'’-]*", line)
    if len(words) < _HEADLINE_WORDS or _SPEECH.search(line) or _STREET.search(line):
        return False
    return sum(word[0].isupper() for word in words) >= _HEADLINE_SHARE * len(words) and bool(re.search(r"\d", line))


def addresses(text: str) -> Iterator[Span]:
    """House number and street with its kind (12 King Street, Apt 4, Springfield, IL 62704); post boxes; zip codes."""
    if not _ADDRESS_SIGN.search(text):
        return
    flat = text.replace("\n", ",")  # an address is written on several lines as often as on one
    for found in _STREET.finditer(flat):
        if found["sure"] or found["unit"] or found.group()[-1].isdigit() or _in_context(text, found):
            yield found.span()
    for found in _STATED.finditer(flat):
        yield found.span("value")
    for found in _POSTCODE.finditer(text):
        yield found.span("value")


def _in_context(text: str, found: re.Match[str]) -> bool:
    """Whether a house is spoken of around 7 Hampton Green, or the line (the field of an address) is nothing else."""
    if _HOUSED.search(text[max(0, found.start() - 24) : found.start()]) or _AREA_CODE.search(found.group()):
        return True
    before = text[max(0, found.start() - _AROUND) : found.start()].rpartition("\n")[2]
    ends = (found.end("unit"), found.end())
    return not re.search("[A-Za-z]", before) and any(not _GOES_ON.match(text, end) for end in ends)

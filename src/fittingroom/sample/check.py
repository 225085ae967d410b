"""Measure against the truth: of every kind of planted fault, what was found, missed, and found where there was none.

The pipeline never imports this. A pair of near copies whose exact Jaccard index is above the threshold is no false one,
planted or not; nor is a merge of texts that are the same after redaction.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping

from fittingroom.sample.road import Gone, Road
from fittingroom.sample.tally import Line
from fittingroom.sample.truth import Planted, Truth
from fittingroom.text.clean import CleanConfig, clean_text
from fittingroom.text.fold import fold
from fittingroom.text.similarity import distinguishing, jaccard, match_key
from fittingroom.types import Output

COPIES = ("exact duplicate", "near duplicate")
RULES: dict[str, tuple[str, ...]] = {
    "html": ("markup", "entity"),
    "mojibake": ("mojibake",),
    "control_token": ("control token",),
}
"""Kind of fault -> the rules of cleaning that answer it."""
_MARKUP = re.compile(r"<[a-zA-Z/!]|&#?\w+;")


def measure(
    truth: Truth,
    outputs: Mapping[str, Output],
    *,
    source: str,
    field: str,
    target: str,
    row_id: Callable[[str], str],
    threshold: float = 0.8,
    findings: Collection[str] = (),
    untouched: Mapping[str, str] | None = None,
) -> list[Line]:
    """One line per kind of fault, for the rows of one source.

    `outputs` are those of prepare, label, dedup, split and audit by name; `field` and `target` name the text and the
    label; `row_id` turns a primary key into the id of the row; `findings` are ids of the pitfalls that the run met;
    `untouched` the texts before planting by primary key, where they may have had markup of their own.
    """
    road = Road.walk(outputs, source=source, field_name=field, target=target, row_id=row_id)
    lines = [*_copies(truth, road, threshold), _families(truth, road)]
    lines += [_marked(truth, road, kind, untouched or {}) for kind in RULES]
    lines += [*_personal(truth, road), _spam(truth, road), _conflicts(truth, road), _wrong_labels(truth, road)]
    if truth.rare:
        lines.append(_rare(truth, road, "class-imbalance" in findings))
    return [line for line in lines if line.planted or line.false]


# ---------------------------------------------------------------------------------------------- copies


def _copies(truth: Truth, road: Road, threshold: float) -> Iterator[Line]:
    """Exact and near copies; a copy counts when it and what it copies met in `dedup` with one label."""
    owned: dict[str, str] = {}
    for kind in ("exact_duplicate", "near_duplicate", "conflicting_label"):
        for one in truth.planted.get(kind, ()):
            owned[road.row_id(one.key)] = owned[road.row_id(one.twin)] = one.twin
    for kind, reason in (("exact_duplicate", COPIES[0]), ("near_duplicate", COPIES[1])):
        sets: defaultdict[str, list[str]] = defaultdict(list)
        low = 0
        for one in truth.planted.get(kind, ()):
            if not _met(road, one):
                continue
            if kind == "near_duplicate" and _alike(road, one) < threshold:
                low += 1
                continue
            sets[one.twin].append(one.key)
        found = planted = 0
        for twin, keys in sets.items():
            gone = sum(road.dropped(key, *COPIES) for key in (twin, *keys))
            planted += len(keys)
            found += min(gone, len(keys))
        false = sum(_wrongly_merged(road, gone, threshold, owned) for gone in _merged(road, reason))
        note = f"{low} more below the threshold" if low else ""
        yield Line(
            kind=kind.replace("_", " "), planted=planted, found=found, missed=planted - found, false=false, note=note
        )


def _met(road: Road, one: Planted) -> bool:
    pair = [road.labelled.get(road.row_id(key)) for key in (one.key, one.twin)]
    return pair[0] is not None and pair[1] is not None and road.label(pair[0]) == road.label(pair[1])


def _alike(road: Road, one: Planted) -> float:
    """Exact Jaccard index of the pair as `dedup` met it."""
    texts = [road.text(road.labelled[road.row_id(key)]) for key in (one.key, one.twin)]
    return jaccard(texts[0], texts[1])


def _merged(road: Road, reason: str) -> list[Gone]:
    return [gone for gone in road.gone.values() if gone.reason == reason]


def _wrongly_merged(road: Road, gone: Gone, threshold: float, owned: Mapping[str, str]) -> bool:
    """Whether a row went as a copy of one that it is no copy of."""
    twin = road.labelled.get(gone.twin or "")
    if twin is None:
        return True
    if road.label(twin) != road.label(gone.row):
        return True
    texts = road.text(gone.row), road.text(twin)
    if distinguishing(texts[0]) != distinguishing(texts[1]):
        return True
    if owned.get(gone.row["id"], "-") == owned.get(str(twin["id"])):
        return False
    return jaccard(*texts) < threshold


def _families(truth: Truth, road: Road) -> Line:
    """Families that differ in a number or name: no member merged, none on another side of the split than the rest."""
    families: defaultdict[str, list[str]] = defaultdict(list)
    for one in truth.planted.get("number_copy", ()):
        families[one.family].append(road.row_id(one.key))
    torn = merged = 0
    for members in families.values():
        parts = {road.part[name] for name in members if name in road.part}
        torn += len(parts) > 1
        for name in members:
            gone = road.gone.get(name)
            twin = road.labelled.get(gone.twin or "") if gone and gone.reason in COPIES else None
            if gone and twin is not None and match_key(road.text(gone.row)) != match_key(road.text(twin)):
                merged += 1
    return Line(
        kind="families that differ in number or name",
        planted=len(families),
        found=len(families) - torn,
        missed=torn,
        false=merged,
        note="found: on one side of the split; false: merged though the texts differ after redaction",
    )


# ---------------------------------------------------------------------------------------------- texts


def _marked(truth: Truth, road: Road, kind: str, untouched: Mapping[str, str]) -> Line:
    """Markup and wrong decoding: found when the text is as it was; control tokens: when they are harmless."""
    planted = truth.planted.get(kind, ())
    found = 0
    for one in planted:
        text = road.prepared_text(one.key)
        if kind == "control_token":
            found += text is not None and not any(token in text for token in one.gone)
        else:
            found += text is not None and match_key(text) in (match_key(one.original), _cleaned(one.original))
    own = {road.row_id(one.key) for one in planted}
    own |= {road.row_id(key) for key, text in untouched.items() if kind == "html" and _MARKUP.search(text)}
    false = len(road.edited(*RULES[kind]) - own)
    return Line(
        kind=kind.replace("_", " "), planted=len(planted), found=found, missed=len(planted) - found, false=false
    )


def _cleaned(text: str) -> str:
    """Match key of a text that has no fault, cleaned: a web address in it becomes a placeholder all the same."""
    return match_key(clean_text(text, CleanConfig()).text)


def _personal(truth: Truth, road: Road) -> Iterator[Line]:
    """Personal data by kind: found when nothing of the value is left; false: redacted where nothing was planted."""
    kinds: defaultdict[str, list[Planted]] = defaultdict(list)
    for one in truth.planted.get("personal", ()):
        kinds[one.variant.split("/")[0]].append(one)
    anyone = {road.row_id(one.key) for one in truth.planted.get("personal", ())}
    # A family's names and numbers were planted as well, only not to be found by this line.
    anyone |= {road.row_id(one.key) for one in truth.planted.get("number_copy", ())}
    for kind, planted in sorted(kinds.items()):
        missed = [one for one in planted if _left(road, one)]
        false = len(road.edited(kind) - anyone)
        note = ", ".join(sorted({one.variant for one in missed}))
        yield Line(
            kind=f"personal data: {kind.replace('_', ' ')}",
            planted=len(planted),
            found=len(planted) - len(missed),
            missed=len(missed),
            false=false,
            note=f"missed: {note}" if note else "",
        )


def _left(road: Road, one: Planted) -> bool:
    """Whether the value can still be read, however it is spaced; a row that is gone from the road keeps nothing."""
    row = road.prepared.get(road.row_id(one.key)) or getattr(road.gone.get(road.row_id(one.key)), "row", None)
    if row is None:
        return False
    bare = _bare(road.text(row))
    return any(_bare(value) in bare for value in one.gone)


def _bare(text: str) -> str:
    return "".join(sign for sign in fold(text).casefold() if not sign.isspace() and sign not in "-.")


def _spam(truth: Truth, road: Road) -> Line:
    planted = truth.planted.get("spam", ())
    # Noise of nothing but signs goes as "too short": gone is gone.
    found = sum(road.row_id(one.key) not in road.prepared for one in planted)
    own = {road.row_id(one.key) for one in planted}
    false = sum(gone.reason == "spam" and name not in own for name, gone in road.gone.items())
    return Line(kind="spam", planted=len(planted), found=found, missed=len(planted) - found, false=false)


# ---------------------------------------------------------------------------------------------- labels


def _conflicts(truth: Truth, road: Road) -> Line:
    """Equal texts with two labels: found when no row with the wrong one is left."""
    planted = truth.planted.get("conflicting_label", ())
    found = 0
    for one in planted:
        row = road.labelled.get(road.row_id(one.key))
        found += row is None or road.label(row) == one.right
    texts: defaultdict[str, set[str | None]] = defaultdict(set)
    for row in road.prepared.values():
        texts[match_key(road.text(row))].add(road.label(row))
    alone = 0
    for gone in road.gone.values():
        if gone.reason == "conflicting labels":
            twin = road.prepared.get(gone.twin or "")
            near = twin is not None and jaccard(road.text(gone.row), road.text(twin)) >= 0.9
            alone += not near and len(texts[match_key(road.text(gone.row))]) < 2
    return Line(kind="conflicting labels", planted=len(planted), found=found, missed=len(planted) - found, false=alone)


def _wrong_labels(truth: Truth, road: Road) -> Line:
    """Wrong labels of rows that came as far as the audit, or were put right by annotators before it."""
    wrong = {road.row_id(one.key): one.right for one in truth.planted.get("wrong_label", ())}
    reached = {name for name in wrong if name in road.part}
    right_before = {name for name in reached if road.relabelled.get(name) == wrong[name]}
    conflicts = {road.row_id(one.key) for one in truth.planted.get("conflicting_label", ())}
    found = {name for name in reached if name in road.flagged} | right_before
    # A row that annotators made wrong is no false alarm; neither is a wrong one of a conflict that was left.
    right = {road.row_id(key): label for key, label in truth.labels.items()}
    false = {
        name
        for name in road.flagged & set(right)
        if name not in wrong and name not in conflicts and road.label(road.labelled[name]) == right[name]
    }
    mended = sum(road.suggested.get(name) == wrong[name] for name in found) + len(right_before - road.flagged)
    return Line(
        kind="wrong labels",
        planted=len(reached),
        found=len(found),
        missed=len(reached) - len(found),
        false=len(false),
        note=f"right label suggested for {mended}",
    )


def _rare(truth: Truth, road: Road, named: bool) -> Line:
    """Rows of the rare class with the right label that came as far as the audit: found when it left them alone."""
    label = truth.rare["label"]
    rows = {road.row_id(key) for key, right in truth.labels.items() if right == label}
    reached = {name for name in rows & set(road.part) if road.label(road.labelled[name]) == label}
    kept = {name for name in reached if name in road.final and road.label(road.final[name]) == label}
    return Line(
        kind="rows of the rare class",
        planted=len(reached),
        found=len(kept),
        missed=len(reached) - len(kept),
        note=f"found: kept as they are; class-imbalance {'named' if named else 'not named'}",
    )

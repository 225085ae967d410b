"""Personal data found in real Chinese and in generated English sentences: `python benchmarks/personal_data.py`.

Needs `zh_pii_ccf2020` and `en_pii_presidio` in FITTINGROOM_DATA. The texts are split in two halves by their SHA-256;
the first was looked at while the recognisers were written, only the second is reported. Per type: precision, recall and
F1 of spans, once exact (start and end) and once by overlap (at least half of the union of the two spans). Rows per
second of one core's CPU time. FITTINGROOM_PRESIDIO names the Python of an environment with presidio-analyzer, which is
then measured on the same texts. Writes benchmarks/results/personal_data.{json,md}.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from fittingroom.text.redact import RedactConfig, find_personal, redact_batch
from machine import machine

HERE = Path(__file__).resolve().parent
DATA = Path(os.environ.get("FITTINGROOM_DATA", HERE.parent.parent / "shared" / "data"))
RESULTS = HERE / "results" / "personal_data"
PEER = os.environ.get("FITTINGROOM_PRESIDIO", "")
Span = tuple[str, int, int]

TYPES = {
    "zh_pii_ccf2020": {
        "mobile": "telephone", "email": "email", "QQ": "account", "vx": "account", "name": "name", "address": "address",
    },
    "en_pii_presidio": {
        "PERSON": "name", "STREET_ADDRESS": "address", "ZIP_CODE": "address", "CREDIT_CARD": "bank card",
        "PHONE_NUMBER": "telephone", "EMAIL_ADDRESS": "email", "US_SSN": "identity", "IP_ADDRESS": "ip",
    },
}  # fmt: skip
"""Types of the data -> the types that are compared. What is not named here is no personal data that we look for."""
OURS = {
    "mobile": "telephone", "phone": "telephone", "landline": "telephone", "email": "email", "qq": "account",
    "wechat": "account", "name": "name", "address": "address", "bank_card": "bank card", "id_card": "identity",
    "passport": "identity", "ip": "ip",
}  # fmt: skip
THEIRS = {
    "PHONE_NUMBER": "telephone", "EMAIL_ADDRESS": "email", "CREDIT_CARD": "bank card", "IBAN_CODE": "bank card",
    "US_SSN": "identity", "IP_ADDRESS": "ip",
}  # fmt: skip


def second_half(text: str) -> bool:
    """Whether a text is one of those that are reported."""
    return hashlib.sha256(text.encode()).digest()[0] % 2 == 1


def rows_of(name: str) -> list[tuple[str, list[Span]]]:
    """Text and spans with the data's own types."""
    found = []
    for line in (DATA / name / "pii.jsonl").read_text("utf-8").splitlines():
        row = json.loads(line)
        if name.startswith("zh"):
            found.append((row["text"], [(one["type"], one["start"], one["end"]) for one in row["spans"]]))
        else:
            spans = [(one["entity_type"], one["start_position"], one["end_position"]) for one in row["spans"]]
            found.append((row["full_text"], spans))
    return found


def scored(truth: Sequence[list[Span]], found: Sequence[list[Span]], kinds: Sequence[str]) -> dict[str, Any]:
    """Per type: spans, and precision, recall, F1 exact and by overlap."""
    result = {}
    for kind in kinds:
        wanted = [[span for span in spans if span[0] == kind] for spans in truth]
        given = [[span for span in spans if span[0] == kind] for spans in found]
        total, said = sum(map(len, wanted)), sum(map(len, given))
        entry: dict[str, Any] = {"spans": total, "found": said}
        for way, least in (("exact", 1.0), ("overlap", 0.5)):
            hits = sum(_hits(one, two, least) for one, two in zip(wanted, given, strict=True))
            precision, recall = hits / said if said else None, hits / total if total else None
            f1 = 2 * hits / (said + total) if said + total else None
            entry[way] = {"precision": precision, "recall": recall, "f1": f1}
        result[kind] = entry
    return result


def _hits(wanted: list[Span], given: list[Span], least: float) -> int:
    """One span answers one."""
    left, hits = list(given), 0
    for _, start, end in wanted:
        best = max(left, key=lambda one: _shared(start, end, one), default=None)
        if best is not None and _shared(start, end, best) >= least:
            left.remove(best)
            hits += 1
    return hits


def _shared(start: int, end: int, other: Span) -> float:
    both = min(end, other[2]) - max(start, other[1])
    return max(0, both) / (max(end, other[2]) - min(start, other[1]))


def mapped(spans: Sequence[Sequence[Any]], names: dict[str, str]) -> list[Span]:
    """Spans under the types that are compared."""
    return [(names[kind], start, end) for kind, start, end in spans if kind in names]


def ours(texts: list[str]) -> tuple[list[list[Span]], float]:
    """What we find, and the CPU seconds of redacting (finding and replacing) the texts."""
    config = RedactConfig()
    redact_batch(texts[:50], config, b"a key of the benchmark")
    started = time.process_time()
    for _ in range(5):
        redact_batch(texts, config, b"a key of the benchmark")
    seconds = (time.process_time() - started) / 5
    return [mapped(find_personal(text, config), OURS) for text in texts], seconds


def theirs(language: str, texts: list[str]) -> dict[str, Any] | None:
    """What presidio finds, in its own process."""
    if not PEER:
        return None
    asked = json.dumps({"language": language, "texts": texts})
    script = str(HERE / "personal_data_presidio.py")
    done = subprocess.run(
        [PEER, script],
        input=asked,
        capture_output=True,
        text=True,
        check=True,
        env={"PATH": "", "OMP_NUM_THREADS": "1"},
    )
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def measured(name: str) -> dict[str, Any]:
    """Both on the second half of one data set."""
    rows = [row for row in rows_of(name) if second_half(row[0])]
    texts = [text for text, _ in rows]
    truth = [mapped(spans, TYPES[name]) for _, spans in rows]
    kinds = list(dict.fromkeys(TYPES[name].values()))
    all_types = Counter(kind for _, spans in rows for kind, _, _ in spans)
    found, seconds = ours(texts)
    result: dict[str, Any] = {
        "rows": len(texts), "characters": sum(map(len, texts)),
        "not_compared": {kind: count for kind, count in sorted(all_types.items()) if kind not in TYPES[name]},
        "fittingroom": {"rows_per_second": len(texts) / seconds, "types": scored(truth, found, kinds)},
    }  # fmt: skip
    peer = theirs(name[:2], texts)
    if peer:
        spans = [mapped(one, THEIRS) for one in peer["found"]]
        result["presidio"] = {
            "version": peer["version"], "entities": peer["entities"], "rows_per_second": len(texts) / peer["seconds"],
            "types": scored(truth, spans, kinds),
        }  # fmt: skip
        result["speed_ratio"] = peer["seconds"] / seconds
    return result


def main() -> None:
    """Measure, write both files."""
    results = {"machine": machine(), "data": {name: measured(name) for name in TYPES}}
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.with_suffix(".json").write_text(json.dumps(results, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    RESULTS.with_suffix(".md").write_text(page(results), encoding="utf-8")
    print(page(results))


def page(results: dict[str, Any]) -> str:
    """The table for people."""
    made = results["machine"]
    told = f"{made['processor']}, {made['cores']} cores, load {made['load_1min']}, Python {made['python']}."
    lines = [
        "# Personal data: what is found, and how fast",
        "",
        told,
        "",
        _HOW,
    ]
    for name, one in results["data"].items():
        lines += ["", f"## {name} ({one['rows']} texts)", ""]
        lines += [
            "| type | spans | who | found | P exact / overlap | R exact / overlap | F1 exact / overlap |",
            "|---|---:|---|---:|---|---|---|",
        ]
        for kind, facts in one["fittingroom"]["types"].items():
            lines.append(_line(kind, "fittingroom", facts))
            if "presidio" in one:
                lines.append(_line("", "presidio", one["presidio"]["types"][kind]))
        speed = f"fittingroom {one['fittingroom']['rows_per_second']:,.0f} texts/s (finding and replacing, all kinds)"
        if "presidio" in one:
            peer = one["presidio"]
            speed += f"; presidio {peer['rows_per_second']:,.0f} (finding {len(peer['entities'])} kinds)"
            speed += f"; ratio {one['speed_ratio']:.1f}"
        left = ", ".join(f"{kind} {count}" for kind, count in one["not_compared"].items())
        lines += ["", f"Speed: {speed}.", "", f"Types of the data that neither looks for: {left}."]
    lines += ["", _NOTES]
    return "\n".join(lines)


_HOW = """\
`python benchmarks/personal_data.py`; speeds are of one core's CPU time. Each data set is split in two by the SHA-256 of
the text: the first half was looked at, the second is reported. P, R and F1 are of spans: exact / by overlap (at least
half of the union of the two).

presidio runs with its recognisers by pattern, context and check digit, threshold 0.4, telephone regions of the
language, the network cut. Its recogniser of persons and places needs a spaCy model, which is no package of the index
and could not be had, so it does not look for them here: with a model it would find names and places that both miss."""

_NOTES = """\
## What the figures mean

- `zh_pii_ccf2020` is running text (biographies, advertisements), not customers' messages. Its `address` is any place
  (东四环, 伦敦), ours is where somebody lives; its `name` are mostly public persons, named without a word beside them.
  Recognisers by form and context find next to nothing of either: a bare name needs a model of language.
  The digits of its telephone numbers were replaced at random, so many begin with digits that do not exist.
- `en_pii_presidio` is generated from templates by the makers of presidio, and both halves share templates: its
  second half is no unseen kind of sentence. A ZIP code counts as an address.
- A dash stands where there is nothing to divide by.
"""


def _line(kind: str, who: str, facts: dict[str, Any]) -> str:
    cells = [
        f"{_share(facts['exact'][name])} / {_share(facts['overlap'][name])}" for name in ("precision", "recall", "f1")
    ]
    return f"| {kind} | {facts['spans'] if kind else ''} | {who} | {facts['found']} | {' | '.join(cells)} |"


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


if __name__ == "__main__":
    main()

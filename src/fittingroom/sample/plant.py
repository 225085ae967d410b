"""Plant known faults into a table, so that finding them can be measured.

    python -m fittingroom.sample.plant --csv reviews.csv --text review --label label --key id \\
        --out planted.csv --truth truth.json --seed 7 --rows 5000
"""

from __future__ import annotations

import argparse
import csv
import json
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random

from fittingroom.errors import SourceError
from fittingroom.sample import faults, personal
from fittingroom.sample.bed import Bed, Record
from fittingroom.sample.truth import Rates, Truth
from fittingroom.text.similarity import jaccard, match_key

NEAR = 0.8
"""A planted near copy is drawn again, some times, until it shares at least this part of the character 5-grams."""
_DRAWS = 8


def plant(
    records: Sequence[Record],
    *,
    text: str,
    label: str,
    key: str,
    group: str | None = None,
    time: str | None = None,
    rates: Rates | None = None,
    seed: int = 7,
) -> tuple[list[Record], Truth]:
    """The rows with faults planted into them, and what was planted where.

    `text`, `label`, `key`, `group` (customer or conversation) and `time` (ISO 8601) name columns. The rows given stay
    in their order, new rows (copies, spam) follow with keys that were free. A row gets one fault at most. Raises
    SourceError where a key is there twice, a row has no text, or there is only one label.
    """
    rates = rates or Rates()
    records, rare = _thinned([dict(record) for record in records], label, rates, seed)
    _check(records, text, label, key)
    bed = Bed(records, text=text, label=label, key=key, group=group, time=time, seed=seed)
    count = len(records)
    _number_copies(bed, round(count * rates.number_copy))
    _near_duplicates(bed, round(count * rates.near_duplicate))
    _conflicts(bed, round(count * rates.conflicting_label))
    _marked(bed, "mojibake", round(count * rates.mojibake / 3), faults.misread_gbk)
    _marked(bed, "mojibake", round(count * rates.mojibake) - round(count * rates.mojibake / 3), faults.misread_latin)
    _marked(bed, "html", round(count * rates.html), faults.html)
    _personal(bed, round(count * rates.personal))
    _exact_duplicates(bed, round(count * rates.exact_duplicate))
    _control_tokens(bed, round(count * rates.control_token))
    _wrong_labels(bed, round(count * rates.wrong_label))
    _spam(bed, round(count * rates.spam))
    rows = bed.rows + bed.fresh
    planted = {
        kind: sorted(found, key=lambda one: (len(one.key), one.key)) for kind, found in sorted(bed.planted.items())
    }
    return rows, Truth(
        seed=seed, rates=rates, rows_in=count, rows_out=len(rows), planted=planted, labels=bed.right, rare=rare
    )


def _check(records: Sequence[Record], text: str, label: str, key: str) -> None:
    keys = Counter(str(record[key]) for record in records)
    twice = [name for name, times in keys.items() if times > 1]
    if twice:
        raise SourceError(
            f"the key {twice[0]} is there twice: name a column that tells rows apart",
            f"主键 {twice[0]} 重复:请换一个能区分每一行的列",
            place=key,
        )
    if len({str(record[label]) for record in records}) < 2:
        raise SourceError(
            "there is only one label: wrong labels need another one", "只有一个标签:至少要两个", place=label
        )
    empty = next((str(record[key]) for record in records if not str(record[text]).strip()), None)
    if empty is not None:
        raise SourceError(
            f"the row {empty} has no text: leave such rows out", f"第 {empty} 行没有文本:请先去掉", place=text
        )


def _thinned(records: list[Record], label: str, rates: Rates, seed: int) -> tuple[list[Record], dict[str, int | str]]:
    """The rows with one class made rare."""
    if not rates.rare_share:
        return records, {}
    counts = Counter(str(record[label]) for record in records)
    name = rates.rare_class or min(counts, key=lambda one: (counts[one], one))
    rest = len(records) - counts[name]
    keep = min(counts[name], round(rest * rates.rare_share / (1 - rates.rare_share)))
    places = [place for place, record in enumerate(records) if str(record[label]) == name]
    gone = set(Random(f"{seed}/rare").sample(places, len(places) - keep))
    return [record for place, record in enumerate(records) if place not in gone], {
        "label": name,
        "before": counts[name],
        "after": keep,
    }


def _exact_duplicates(bed: Bed, count: int) -> None:
    rng = bed.rng("exact_duplicate")
    made = 0
    for row in bed.take(count):
        for _ in range(rng.choices([1, 2, 3], weights=[7, 2, 1])[0]):
            if made == count:
                return
            fresh = bed.copy(row, rng, same_group=rng.random() < 0.5)
            bed.note("exact_duplicate", key=str(fresh[bed.key]), twin=str(row[bed.key]), jaccard=1.0)
            made += 1


def _near_duplicates(bed: Bed, count: int) -> None:
    rng = bed.rng("near_duplicate")
    for row in bed.take(count, lambda row: len(match_key(str(row[bed.text]))) >= 8):
        text, drawn = str(row[bed.text]), []
        for _ in range(_DRAWS):
            edited = faults.small_edits(text, rng)
            # an edit of nothing but signs and case makes an exact copy of the match key: that is the other kind
            if edited and match_key(edited) != match_key(text):
                drawn.append((jaccard(text, edited), edited))
                if drawn[-1][0] >= NEAR:
                    break
        if not drawn:
            continue
        near, edited = max(drawn)
        fresh = bed.copy(row, rng, same_group=rng.random() < 0.5, **{bed.text: edited})
        bed.note(
            "near_duplicate", key=str(fresh[bed.key]), twin=str(row[bed.key]), jaccard=round(near, 4), original=text
        )


def _conflicts(bed: Bed, count: int) -> None:
    rng = bed.rng("conflicting_label")
    for row in bed.take(count):
        right = str(row[bed.label])
        wrong = bed.other_label(right, rng)
        variant = "majority" if rng.random() < 1 / 3 else "tie"
        fresh = bed.copy(row, rng, same_group=False, **{bed.label: wrong})
        bed.note(
            "conflicting_label",
            key=str(fresh[bed.key]),
            twin=str(row[bed.key]),
            variant=variant,
            given=wrong,
            right=right,
        )
        if variant == "majority":
            bed.copy(row, rng, same_group=False)


def _marked(bed: Bed, kind: str, count: int, mark: Callable[[str, Random], tuple[str, str] | None]) -> None:
    rng = bed.rng(f"{kind}/{mark.__name__}")
    for row in bed.take(count, lambda row: mark(str(row[bed.text]), Random(0)) is not None):
        text = str(row[bed.text])
        marked = mark(text, rng)
        if marked is None:
            continue
        row[bed.text] = marked[0]
        bed.note(kind, key=str(row[bed.key]), variant=marked[1], original=text)


def _control_tokens(bed: Bed, count: int) -> None:
    rng = bed.rng("control_token")
    for row in bed.take(count):
        text = str(row[bed.text])
        row[bed.text], token = faults.control_token(text, rng)
        bed.note("control_token", key=str(row[bed.key]), variant=token, original=text, gone=(token,))


def _personal(bed: Bed, count: int) -> None:
    rng = bed.rng("personal")
    for place, row in enumerate(bed.take(count)):
        text = str(row[bed.text])
        language = faults.language_of(text)
        slip = personal.slip(personal.KINDS[place % len(personal.KINDS)], language, rng)
        mark = rng.choice(["", "，", ",", " "]) if language == "zh" else rng.choice([", ", ". ", " "])
        # glued to the text on purpose: there is no word boundary between a Chinese character and a digit
        row[bed.text] = text + mark + slip.sentence if rng.random() < 0.6 else slip.sentence + (mark or ",") + text
        bed.note(
            "personal", key=str(row[bed.key]), variant=f"{slip.kind}/{slip.variant}", original=text, gone=slip.gone
        )


def _wrong_labels(bed: Bed, count: int) -> None:
    rng = bed.rng("wrong_label")
    for row in bed.take(count):
        right = str(row[bed.label])
        row[bed.label] = bed.other_label(right, rng)
        bed.note("wrong_label", key=str(row[bed.key]), given=row[bed.label], right=right)


def _number_copies(bed: Bed, count: int) -> None:
    rng = bed.rng("number_copy")
    for number, row in enumerate(bed.take(count, lambda row: len(match_key(str(row[bed.text]))) >= 8)):
        text = str(row[bed.text])
        language = faults.language_of(text)
        template, variant = faults.numbered(text, rng)
        values: list[str] = []
        size = rng.choice([2, 2, 3, 4])
        while len(values) < size:
            value = faults.number_value(variant, language, rng)
            if value not in values:
                values.append(value)
        family = f"family-{number + 1}"
        row[bed.text] = template.replace("{v}", values[0])
        members = [row] + [
            bed.copy(row, rng, same_group=False, **{bed.text: template.replace("{v}", value)}) for value in values[1:]
        ]
        for member in members:
            bed.note("number_copy", key=str(member[bed.key]), family=family, variant=variant, original=text)


def _spam(bed: Bed, count: int) -> None:
    rng = bed.rng("spam")
    languages = [faults.language_of(str(row[bed.text])) for row in bed.rows]
    for _ in range(count):
        text, variant = faults.spam(rng.choice(languages), rng)
        fresh = bed.copy(rng.choice(bed.rows), rng, same_group=False, **{bed.text: text})
        bed.note("spam", key=str(fresh[bed.key]), variant=variant)


def main(arguments: Sequence[str] | None = None) -> int:
    """Plant into a CSV file."""
    parser = argparse.ArgumentParser(
        prog="python -m fittingroom.sample.plant", description="Plant known faults into a CSV file."
    )
    parser.add_argument("--csv", type=Path, required=True, help="the table, UTF-8")
    for name in ("text", "label", "key"):
        parser.add_argument(f"--{name}", required=True, help=f"name of the column with the {name}")
    parser.add_argument("--group", help="name of the column with the customer or conversation")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--truth", type=Path, required=True, help="where to write what was planted (JSON)")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--rows", type=int, help="take this many rows, drawn at random")
    parser.add_argument("--rates", default="{}", help='JSON of shares per kind, such as {"spam": 0.05}')
    given = parser.parse_args(arguments)
    columns, records = read_csv(given.csv, given.text)
    if given.rows is not None and given.rows < len(records):
        chosen = set(Random(f"{given.seed}/rows").sample(range(len(records)), given.rows))
        records = [record for place, record in enumerate(records) if place in chosen]
    rates = Rates.model_validate(json.loads(given.rates))
    rows, truth = plant(
        records, text=given.text, label=given.label, key=given.key, group=given.group, rates=rates, seed=given.seed
    )
    with given.out.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, columns)
        writer.writeheader()
        writer.writerows(rows)
    given.truth.write_text(truth.model_dump_json(indent=1, exclude_defaults=True) + "\n", encoding="utf-8")
    return 0


def read_csv(path: Path, text: str) -> tuple[list[str], list[Record]]:
    """Columns and rows of a CSV file, rows without a text left out."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.DictReader(file)
        columns = list(reader.fieldnames or [])
        if text not in columns:
            raise SourceError(
                f"there is no column {text}; there are {', '.join(columns)}",
                f"没有列 {text};现有列:{', '.join(columns)}",
                place=str(path),
            )
        return columns, [record for record in reader if (record[text] or "").strip()]


if __name__ == "__main__":
    raise SystemExit(main())

"""Our side of `clean_and_dedup.py`: each task is a process of its own, `python benchmarks/peers/ours.py TASK IN OUT`.

`clean` and `dedup` use the product's functions with the rules of the peers and no others; `road` runs the stages
`prepare`, `label`, `dedup` and `split` as a recipe would, with every rule, redaction, ledger and keys.
"""

from __future__ import annotations

import hashlib
import json
import sys
import time
from collections.abc import Callable, Iterator
from json.encoder import encode_basestring
from pathlib import Path
from typing import Any

GRAM_SHARE = 0.7


def batches(folder: Path) -> Iterator[tuple[list[str], list[str]]]:
    """Ids and texts of all files of a folder, streamed by Arrow's reader of JSON lines."""
    from pyarrow import json as arrow_json

    for path in sorted(folder.glob("*.jsonl")):
        with arrow_json.open_json(path) as reader:
            for batch in reader:
                yield batch.column("id").to_pylist(), batch.column("text").to_pylist()


def rules() -> Any:
    """Unicode repair, HTML, links, whitespace; what else we would clean or drop is off."""
    from fittingroom.text.clean import CleanConfig

    return CleanConfig(
        control_tokens=False, max_repeat=0, min_chars=0, max_chars=10_000_000, spam=False, boilerplate=False
    )


def clean(source: Path, out: Path, *, guarded: bool = True) -> None:
    """As `wash` does it; without the guard every text goes through `clean_text` and `redact_text` by itself."""
    from fittingroom.text.clean import clean_text
    from fittingroom.text.redact import RedactConfig, redact_text
    from fittingroom.text.wash import wash

    clean, redact = rules(), RedactConfig(kinds=["email"], consistent=False)
    quoted = encode_basestring
    out.mkdir(parents=True, exist_ok=True)
    with (out / "part-00000.jsonl").open("w", encoding="utf-8") as file:
        for ids, texts in batches(source):
            if guarded:
                washed = [one.text for one in wash(texts, clean, redact, b"")]
            else:
                washed = [redact_text(clean_text(text, clean).text, redact, b"").text for text in texts]
            file.writelines(
                f'{{"id": {quoted(name)}, "text": {quoted(text)}}}\n' for name, text in zip(ids, washed, strict=True)
            )


def dedup(source: Path, out: Path) -> None:
    """Of every connected family of texts that share 0.7 of their 5-grams, the first stays; no guards."""
    import numpy as np

    from fittingroom.tasks.families import components
    from fittingroom.text.bands import Bands, sketched
    from fittingroom.text.similarity import alike, match_key

    out.mkdir(parents=True, exist_ok=True)
    number: dict[str, int] = {}
    of_row: list[int] = []
    keys: list[str] = []
    long: list[Any] = []
    with Bands([GRAM_SHARE], out / "bands") as bands:
        for _, texts in batches(source):
            before = len(keys)
            for text in texts:
                key = match_key(text)
                of_row.append(number.setdefault(key, len(number)))
                if of_row[-1] == len(keys):
                    keys.append(key)
            sketch = sketched(keys[before:])
            bands.keep(sketch)
            long.append(before + np.flatnonzero(sketch.long))
        place = np.concatenate(long)
        pairs, _ = alike(
            place[bands.candidates(GRAM_SHARE)], lambda wanted: [keys[one] for one in wanted.tolist()], GRAM_SHARE
        )
    family = components(len(keys), pairs)[np.array(of_row)]
    first = np.zeros(len(family), dtype=np.bool_)
    first[np.unique(family, return_index=True)[1]] = True
    stays = iter(first.tolist())
    with (out / "part-00000.jsonl").open("w", encoding="utf-8") as file:
        for path in sorted(source.glob("*.jsonl")):
            with path.open(encoding="utf-8") as lines:
                file.writelines(line for line in lines if next(stays))


def road(source: Path, out: Path) -> None:
    """The stages of a recipe's data with their defaults, results as Parquet: `prepare` (clean, redact, ledger, keys),
    `label` (conflicting labels), `dedup`, `split`.
    """
    from fittingroom.config import RunConfig
    from fittingroom.engine import Context
    from fittingroom.stages.dedup import dedup
    from fittingroom.stages.label import label
    from fittingroom.stages.prepare import prepare
    from fittingroom.stages.split import split

    files = [
        {"kind": "jsonl", "path": str(path.resolve()), "role": "examples", "key": "id"}
        | {"fields": {"text": "text", "label": "label"}}
        for path in sorted(source.glob("*.jsonl"))
    ]
    kinds = [f"class-{number}" for number in range(8)]
    config = RunConfig.model_validate(
        {"task": {"kind": "classify", "input": ["text"], "target": "label", "labels": kinds}, "sources": files}
    )
    task, facts = config.task, {}

    def timed(name: str, work: Callable[[Context], Any]) -> Any:
        scratch = out / "scratch" / name
        scratch.mkdir(parents=True)
        began = time.process_time()
        found = work(Context(root=source, scratch=scratch, secret=hashlib.sha256(b"benchmark").digest(), threads=1))
        facts[name] = {**found.facts, "cpu_s": round(time.process_time() - began, 2)}
        found.dropped.write(out / f"{name}-dropped.parquet")
        return found

    rows = timed("prepare", lambda at: prepare(sources=config.sources, prepare=config.prepare, task=task, context=at))
    rows = timed("label", lambda at: label(rows, label=config.label, task=task, context=at))
    rows = timed("dedup", lambda at: dedup(rows, dedup=config.dedup, task=task, context=at))
    splits = timed("split", lambda at: split(rows, split=config.split, task=task, seed=config.seed, context=at))
    for name, table in splits.parts().items():
        table.write(out / f"{name}.parquet")
    (out / "facts.json").write_text(json.dumps(facts, default=str, ensure_ascii=False), encoding="utf-8")


def main() -> None:
    task, source, out = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])
    if task == "clean":
        clean(source, out)
    elif task == "clean-unguarded":
        clean(source, out, guarded=False)
    elif task == "dedup":
        dedup(source, out)
    elif task == "road":
        road(source, out)
    else:
        raise SystemExit(f"no task {task}")


if __name__ == "__main__":
    main()

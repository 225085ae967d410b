"""data-juicer's side: the recipes that `dj-process` is given, and what it is told by its environment."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

CLEAN: list[dict[str, Any]] = [
    {"fix_unicode_mapper": {}},
    {"clean_html_mapper": {}},
    {"clean_links_mapper": {"repl": "[URL]"}},
    {"clean_email_mapper": {"repl": "[EMAIL]"}},
    {"whitespace_normalization_mapper": {}},
]
DEDUP: list[dict[str, Any]] = [
    {
        "document_minhash_deduplicator": {
            "tokenization": "character",
            "window_size": 5,
            "num_permutations": 128,
            "jaccard_threshold": 0.7,
        }
    }
]


def recipe(steps: list[dict[str, Any]], source: Path, out: Path, work: Path) -> Path:
    """A recipe file (JSON is YAML), one process; what stands where in it is in its documentation."""
    work.mkdir(parents=True, exist_ok=True)
    path = work / "recipe.yaml"
    given = {
        "project_name": "benchmark",
        "dataset_path": str(source / "part-00000.jsonl"),
        "export_path": str(out / "part-00000.jsonl"),
        "work_dir": str(work),
        "text_keys": "text",
        "np": 1,
        "process": steps,
    }
    path.write_text(json.dumps(given, ensure_ascii=False, indent=1), encoding="utf-8")
    return path


def environment(work: Path) -> dict[str, str]:
    """Caches in the folder of this run, so that no run finds what another left."""
    return {
        "HF_DATASETS_CACHE": str(work / "cache"),
        "HF_HOME": str(work / "hf"),
        "DATA_JUICER_CACHE_HOME": str(work / "dj"),
        "HF_HUB_OFFLINE": "1",
    }

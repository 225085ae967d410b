"""What the report gathers from the journal of a run, also of one that did not come to its end."""

from __future__ import annotations

from html import escape
from pathlib import Path

import pytest

from fittingroom.config import load
from fittingroom.history import History
from fittingroom.pipeline import data_road
from fittingroom.report.words import WORDS
from fittingroom.reporting import gather, write_report
from fittingroom.run import Run
from fittingroom.store import Store
from fittingroom.types import Attempt
from shop import messages, write_csv, write_shop


@pytest.mark.parametrize("language", ["en", "zh"])
def test_an_interrupted_run_shows_what_its_stages_found(tmp_path: Path, language: str) -> None:
    folder = write_shop(tmp_path)
    write_csv(folder / "messages.csv", [{**row, "customer": ""} for row in messages(240)])
    config, history = load(folder / "recipe.yaml"), History(folder)
    run = Run(history.create(config, "recipe.yaml"), Store(folder), root=folder, secret=b"k" * 32)
    run.journal.append("run_started", pid=1)
    run.begin(Attempt(number=1, config_digest=config.digest))
    data_road(config, run)
    found = [finding.pitfall for finding in run.findings]
    assert found
    (view,) = gather(folder, history, run.folder).attempts
    assert [one.finding.pitfall for one in view.findings] == found
    page = write_report(folder, history, run.folder, languages=[language]).read_text("utf-8")
    assert WORDS["no_findings"].say(language) not in page
    assert all(escape(one.title.say(language)) in page for one in view.findings)

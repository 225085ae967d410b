"""How often each test part was opened. A test that is looked at again and again stops being one.

One release opens a test digest once; the same bundle may open it again (a resumed run). The second bundle is flagged,
the third is refused until there are new rows.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from fittingroom.journal import Journal, alone
from fittingroom.types import Text


class Opening(NamedTuple):
    """The how-manieth bundle this is that sees the test part."""

    number: int
    refused: bool
    message: Text


class Openings:
    """The list of openings of a workspace."""

    def __init__(self, root: Path) -> None:
        self._journal = Journal(root / "openings.jsonl")
        self._lock = root / "locks" / "openings"

    def open(self, test: str, bundle: str, run: str) -> Opening:
        """Record that `bundle` is judged on the test part `test`, unless that is the third one."""
        with alone(self._lock):
            seen = self.bundles(test)
            if bundle in seen:
                return self._opening(seen.index(bundle) + 1)
            number = len(seen) + 1
            if number < 3:
                self._journal.append("opened", test=test, bundle=bundle, run=run)
            return self._opening(number)

    def bundles(self, test: str) -> list[str]:
        """Bundles that saw this test part, oldest first."""
        return [event["bundle"] for event in self._journal.read() if event["test"] == test]

    @staticmethod
    def _opening(number: int) -> Opening:
        if number == 1:
            message = Text(en="first opening of this test part", zh="首次打开该测试集")
        elif number == 2:
            message = Text(
                en="this test part was opened before by another release: its score is a little too hopeful",
                zh="该测试集已被另一版本打开过：分数会略显乐观",
            )
        else:
            message = Text(
                en="two releases were already judged on this test part; add new rows to the sources (or change the "
                "split) so that there is an unseen test part, then run again",
                zh="该测试集已评判过两个版本；请向数据源补充新数据（或改变划分），得到未见过的测试集后再运行",
            )
        return Opening(number, number > 2, message)

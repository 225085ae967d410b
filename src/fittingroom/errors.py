"""One tree of errors that a user can act on.

    FittingroomError
    ├── UserError            wrong use or bad input: exit code 2
    │   ├── RecipeError      the recipe: an unknown key, a value out of range
    │   ├── SourceError      a source that is missing, empty or unreadable
    │   ├── ModelError       a base model that cannot or must not be loaded
    │   └── StoreError       an artifact, run or release that is not there or not whole
    ├── NoRoom               a disk is full; what is done so far stays, `resume` goes on: exit code 2
    ├── WorkersLost          processes of a training died too often; `resume` goes on: exit code 2
    ├── Blocked              a blocking finding ended an attempt: exit code 1
    └── Interrupted          the run was stopped and can be resumed: exit code 130

Every message exists in English and Chinese, names its place and says what to do. It never quotes a customer's text.
"""

from __future__ import annotations


class FittingroomError(Exception):
    """Base of all errors raised on purpose."""

    exit_code = 1

    def __init__(self, en: str, zh: str, *, place: str = "") -> None:
        """`en` and `zh` say what is wrong and what to do; `place` is a file, row, field or key."""
        super().__init__(f"{place}: {en}" if place else en)
        self.en = en
        self.zh = zh
        self.place = place

    def __reduce__(self) -> tuple[object, ...]:
        """Errors travel between processes with all that they say."""
        return _again, (type(self), self.en, self.zh, self.place)

    def text(self, language: str = "en") -> str:
        """One line in the language asked for."""
        said = self.zh if language.startswith("zh") else self.en
        line = f"{self.place}: {said}" if self.place else said
        return " ".join(line.split())


def _again(kind: type[FittingroomError], en: str, zh: str, place: str) -> FittingroomError:
    return kind(en, zh, place=place)


class UserError(FittingroomError):
    """Wrong use or bad input."""

    exit_code = 2


class RecipeError(UserError):
    """The recipe cannot be used as it is."""


class SourceError(UserError):
    """A source of data is missing, empty or unreadable."""


class ModelError(UserError):
    """A base model cannot be loaded, or must not be."""


class StoreError(UserError):
    """An artifact, run or release is not there, or not whole."""


class NoRoom(FittingroomError):
    """A disk is full. What was done until then is kept; `fittingroom resume` goes on once there is room."""

    exit_code = 2


class WorkersLost(FittingroomError):
    """Processes of a training died more often than the recipe allows. Its checkpoints are kept; `resume` goes on."""

    exit_code = 2


class Blocked(FittingroomError):
    """A blocking finding ended an attempt before money was spent on training."""

    exit_code = 1


class Interrupted(FittingroomError):
    """The run was stopped from outside; `fittingroom resume` goes on with it."""

    exit_code = 130

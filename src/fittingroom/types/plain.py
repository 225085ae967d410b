"""What all nouns are made of: frozen models, sentences in both languages, folders of files."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict


class Frozen(BaseModel):
    """Base of all configuration and result models: immutable, and an unknown key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True, protected_namespaces=())


class Text(Frozen):
    """A sentence for people, in both languages; neither can be forgotten."""

    en: str
    zh: str

    def say(self, language: str) -> str:
        """The sentence in `language` ("zh…" is Chinese, all else English)."""
        return self.zh if language.startswith("zh") else self.en


class Folder:
    """A folder of files that belongs to an output: model weights, a tokenizer, pictures."""

    def __init__(self, path: Path) -> None:
        self.path = Path(path)

    def __truediv__(self, name: str) -> Path:
        return self.path / name

    def files(self) -> list[Path]:
        """All files below, sorted by their relative name."""
        return sorted(path for path in self.path.rglob("*") if path.is_file())

"""From a release to the predictor that answers for it."""

from __future__ import annotations

import os
from pathlib import Path

from fittingroom.errors import StoreError, UserError
from fittingroom.serving.predictor import Predictor
from fittingroom.store import Store
from fittingroom.types import Release

_KEY = "FITTINGROOM_KEY"
_SHORTEST_KEY = 16


def load_release(root: Path, release: Release) -> Predictor:
    """Load the bundle of a release of a workspace.

    Raises StoreError when it is gone or not whole, UserError when its redaction makes pseudonyms and there is no key.
    """
    key = pseudonym_key(root)
    predictor = Predictor.load(bundle_folder(root, release), root=root, secret=key)
    if predictor.makes_pseudonyms and len(key) < _SHORTEST_KEY:
        raise UserError(
            f"set {_KEY} in the environment (or in .env) to the key of the training: order numbers become pseudonyms "
            "with it",
            f"请在环境变量（或 .env）里设置训练时所用的 {_KEY}：订单号要用它变成化名",
            place=str(root),
        )
    return predictor


def bundle_folder(root: Path, release: Release) -> Path:
    """Folder of a release's bundle in the store. Raises StoreError when it is gone or not whole."""
    store = Store(root)
    if not store.has(release.bundle):
        raise StoreError(
            "the bundle of this release is gone or not whole; run the recipe again",
            "该版本的模型包缺失或不完整；请重新运行配方",
            place=f"objects/{release.bundle}",
        )
    return store.objects / release.bundle / "folder"


def pseudonym_key(root: Path) -> bytes:
    """Key of pseudonyms, from the environment or the workspace's `.env`; empty when there is none."""
    value = os.environ.get(_KEY, "")
    env = root / ".env"
    if not value and env.is_file():
        lines = (line.strip() for line in env.read_text(encoding="utf-8").splitlines())
        value = next((line.split("=", 1)[1].strip() for line in lines if line.startswith(f"{_KEY}=")), "")
    return value.encode()

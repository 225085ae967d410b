"""The key of pseudonyms: from the environment, or from the workspace's `.env`."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from fittingroom.errors import RecipeError
from fittingroom.store import write_text

KEY = "FITTINGROOM_KEY"


def secret_of(root: Path) -> bytes:
    """Key of pseudonyms: from the environment, or from the workspace's `.env`, which only its owner can read."""
    value = os.environ.get(KEY, "") or kept_key(root / ".env")
    if len(value) < 16:
        raise RecipeError(
            f"set {KEY} in the environment (or in .env) to a secret of at least 16 characters; row ids and "
            "pseudonyms are made with it; `fittingroom init` puts a new one into .env",
            f"请在环境变量（或 .env）里设置 {KEY}，至少 16 个字符；行号与化名由它生成；"
            "`fittingroom init` 会在 .env 中生成一个",
            place=str(root),
        )
    return value.encode()


def kept_key(env: Path) -> str:
    """The key in a `.env` file, or nothing."""
    if not env.is_file():
        return ""
    lines = [line.strip() for line in env.read_text(encoding="utf-8").splitlines()]
    return next((line.split("=", 1)[1].strip() for line in lines if line.startswith(f"{KEY}=")), "")


def add_key(env: Path) -> None:
    """Put a new key into a `.env` file that has none; what else stands there stays."""
    if kept_key(env):
        return
    old = env.read_text(encoding="utf-8") if env.is_file() else ""
    gap = "" if not old or old.endswith("\n") else "\n"
    text = f"{old}{gap}# Key of pseudonyms. Keep it secret and keep it.\n{KEY}={secrets.token_hex(32)}\n"
    write_text(env, text, mode=0o600)

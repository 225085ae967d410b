"""Before a run: its recipe is read, what can be known to be wrong is refused, and what is past its time is erased."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fittingroom.config import RunConfig
    from fittingroom.models.load import BaseModelInfo


def load_recipe(root: Path, recipe: str, sets: Sequence[str]) -> RunConfig:
    """The recipe with the values of `--set` in place. Raises RecipeError for one that cannot be used."""
    from fittingroom.config import load

    # The workspace's own recipe comes first: one of the same name may lie where the command was typed.
    own = root / recipe
    return load(own if own.exists() or not Path(recipe).exists() else Path(recipe), sets)


def preflight(root: Path, config: RunConfig, secret: bytes) -> BaseModelInfo:
    """What can be known to be wrong before a run is written down: unreadable sources and general data, an unusable
    base model, more frozen layers than it has. Returns the base, which is then at hand.
    """
    from fittingroom.engine import Context
    from fittingroom.models.configuration import read_config
    from fittingroom.models.load import resolve
    from fittingroom.offering import refuse_unfit
    from fittingroom.pitfalls import check_settings
    from fittingroom.sources import check_source
    from fittingroom.training.freezing import plan_of
    from fittingroom.training.replay import check_replay

    context = Context(root=root, scratch=root, secret=secret)
    for source in config.sources:
        check_source(source, context)
    check_settings(config.pitfalls)
    base = resolve(config.model, root)
    refuse_unfit(config, base)
    check_replay(config.train.replay, context)
    layers = read_config(base.path, base.name).get("num_hidden_layers")
    if layers is not None:  # else the loaded model tells
        plan_of(config.train.freeze, layers=int(layers), steps=1, full=config.train.method == "full")
    return base


def pinned(config: RunConfig, base: BaseModelInfo) -> RunConfig:
    """With the revision that the hub gave now: a run stays with it, whatever comes out meanwhile."""
    if not base.revision or config.model.revision == base.revision:
        return config
    return config.patched({"model.revision": base.revision})


def expire(root: Path, config: RunConfig, secret: bytes) -> None:
    """Take what is past its retention out of the store before a run. Not while another run works, or a search: the
    next does."""
    from fittingroom.forgetting import forget, searching, under_way

    limits, before = limits_of(config)
    if (limits or before) and not (under_way(root) or searching(root)):
        forget(root, secret, limits=limits, requests_before=before)


def limits_of(config: RunConfig) -> tuple[dict[str, datetime], date | None]:
    """From when on rows of each source and recorded requests are kept, as the recipe says."""
    from fittingroom.sources import named
    from fittingroom.sources.forgotten import cutoff, days_ago

    limits = {name: limit for name, source in named(config.sources) if (limit := cutoff(source))}
    return limits, days_ago(config.monitor.retention).date() if config.monitor.retention else None

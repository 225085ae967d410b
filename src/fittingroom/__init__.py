"""fittingroom: fit a DeepSeek model to a shop's own data, and stay out of the pits on the way."""

import os as _os

# What libraries read when they are first imported: those that phone home are switched off.
for _name, _value in {
    "DO_NOT_TRACK": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "DISABLE_TELEMETRY": "1",
    "RAY_USAGE_STATS_ENABLED": "0",
    "ANONYMIZED_TELEMETRY": "False",
    "TOKENIZERS_PARALLELISM": "false",
    # Waiting threads soon sleep instead of spinning: as fast on free cores, and beside other work on the same cores
    # spinning made training 30 times slower.
    "GOMP_SPINCOUNT": "3000",
}.items():
    _os.environ.setdefault(_name, _value)

from fittingroom.version import __version__  # noqa: E402 - after the environment is set

__all__ = ["Workspace", "__version__"]


def __getattr__(name: str) -> object:
    """`Workspace` is imported on first use, so that `import fittingroom` stays light."""
    if name == "Workspace":
        from fittingroom.workspace import Workspace

        return Workspace
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

"""Run.step(): key -> recall or execute -> publish -> detect pitfalls.

An action's key holds the stage and its VERSION, every section of the recipe that its signature names, the digests of
its inputs, what the stage's `observes` says about the world (source fingerprints, base weights, threads), and the
versions of the libraries that matter. The same key is never computed twice in a workspace.
"""

from __future__ import annotations

import contextlib
import functools
import importlib.metadata
import inspect
import os
import shutil
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol, TypeVar, get_type_hints

from fittingroom import pitfalls
from fittingroom.config import RunConfig
from fittingroom.engine import Context, Note, NoteSink, ProgressSink, silent, unheard
from fittingroom.errors import Blocked, FittingroomError, NoRoom, RecipeError, WorkersLost
from fittingroom.journal import Journal, alone
from fittingroom.room import output_bytes, roomy
from fittingroom.store import Store, digest_of, file_sha256
from fittingroom.training.checkpoint import newest_step
from fittingroom.training.telling import kept_until
from fittingroom.types import Attempt, Bundle, EvalReport, Finding, GateDecision, Output, Rows, Severity, Splits

O = TypeVar("O", bound=Output)  # noqa: E741 - the conventional letter of an output type


class Proposal(Protocol):
    """A change of the configuration that needs a person's word."""

    @property
    def cause(self) -> str: ...
    @property
    def patch(self) -> dict[str, Any]: ...
    @property
    def config(self) -> RunConfig | None: ...


class Run:
    """One run: its folder, its journal, and the step function through which every stage goes."""

    def __init__(
        self,
        folder: Path,
        store: Store,
        *,
        root: Path,
        secret: bytes,
        progress: ProgressSink = silent,
        note: NoteSink = unheard,
    ) -> None:
        self.folder = folder
        self.id = folder.name
        self.store = store
        self.root = root
        self.secret = secret
        self.progress = progress
        self.note = note
        self.journal = Journal(folder / "events.jsonl")
        self.findings: list[Finding] = []
        self.attempts: list[Attempt] = []
        self.outputs: dict[str, Output] = {}
        """Outputs of the current attempt by stage name (`evaluate.dev`, `gate.test`, …)."""
        self.digests: dict[str, str] = {}
        self._digest_of: dict[int, tuple[Output, str]] = {}
        self.searched: dict[str, float] = {}
        """Minutes that each search between attempts took; one that is resumed counts what it took before."""
        self._tried: set[str] = set()
        self._number = 0

    # ------------------------------------------------------------------------------------------ attempts

    def is_new(self, config: RunConfig) -> bool:
        """Whether this configuration was not tried yet and the bounds of the loop leave room for it."""
        return self.bound(config) is None and config.digest not in self._tried

    def bound(self, config: RunConfig) -> str | None:
        """The bound of the section `adapt` that was met: max_attempts, max_minutes, max_cost; None within all."""
        adapt = config.adapt
        if len(self.attempts) >= adapt.max_attempts:
            return "max_attempts"
        if self.minutes >= adapt.max_minutes:
            return "max_minutes"
        if adapt.max_cost is not None and (spent := self.cost()):
            if len(spent) > 1:
                raise RecipeError(
                    f"endpoints are paid in {' and '.join(sorted(spent))}, which cannot be added: use endpoints of one "
                    "currency, or leave the bound out",
                    f"端点以 {'、'.join(sorted(spent))} 计费，无法相加：请使用同一币种的端点，或去掉这个限度",
                    place="adapt.max_cost",
                )
            return "max_cost" if sum(spent.values()) >= adapt.max_cost else None
        return None

    @property
    def minutes(self) -> float:
        """Of all attempts and searches so far."""
        return sum(attempt.minutes for attempt in self.attempts) + sum(self.searched.values())

    def cost(self, attempt: int | None = None) -> dict[str, float]:
        """What endpoints asked for, by currency, in all or in one attempt (`spent` in the journal)."""
        total: dict[str, float] = {}
        number = 0
        for event in self.journal.read():
            if event["kind"] == "attempt_started":
                number = event["attempt"]["number"]
            elif event["kind"] == "spent" and attempt in (None, number) and event["amount"]:
                currency = str(event["currency"])
                total[currency] = round(total.get(currency, 0.0) + float(event["amount"]), 6)
        return total

    def tried(self, config: RunConfig) -> bool:
        """Whether this configuration had its attempt."""
        return config.digest in self._tried

    def ask(self, proposal: Proposal) -> None:
        """Put a change before a person; `approved` says later what they decided."""
        assert proposal.config is not None
        self.journal.append("asked", config=proposal.config.digest, cause=proposal.cause, patch=proposal.patch)

    def approved(self, config: RunConfig | None) -> bool:
        """Whether a person allowed this configuration."""
        return config is not None and any(
            event["kind"] == "approved" and event["config"] == config.digest for event in self.journal.read()
        )

    def begin(self, attempt: Attempt) -> None:
        """Start an attempt: findings and outputs of the one before are put aside."""
        self._tried.add(attempt.config_digest)
        self._number = attempt.number
        self.findings, self.outputs, self.digests = [], {}, {}
        self._digest_of = {}
        self.journal.append("attempt_started", attempt=attempt.model_dump(mode="json"))

    def end(self, attempt: Attempt) -> None:
        """Record how an attempt ended. What it took before a kill counts: the replay of a resumed run is quick."""
        before = [
            event["attempt"]["minutes"]
            for event in self.journal.read()
            if event["kind"] == "attempt_done" and event["attempt"]["config_digest"] == attempt.config_digest
        ]
        told = {"minutes": max([attempt.minutes, *before]), "cost": self.cost(attempt.number)}
        attempt = attempt.model_copy(update=told)
        self.attempts.append(attempt)
        self.journal.append("attempt_done", attempt=attempt.model_dump(mode="json"))

    # ------------------------------------------------------------------------------------------ one step

    def step(self, stage: Callable[..., O], config: RunConfig, *inputs: Output, part: str = "") -> O:
        """The output of `stage` for these inputs: recalled when it was made before, made and kept otherwise.

        Raises Blocked when a pitfall that ends an attempt is found in the output.
        """
        name = f"{stage.__name__}.{part}" if part else stage.__name__
        started = time.monotonic()
        kind: type[O] = get_type_hints(stage)["return"]
        arguments = self._arguments(stage, config, part)
        self.journal.append("stage_started", stage=name)
        self.progress(name, 0.0, 1.0)
        context = Context(
            root=self.root,
            scratch=self.root,
            secret=self.secret,
            progress=self.progress,
            note=functools.partial(self._noted, name),
            engine=config.engine,
        )
        key = self._key(stage, arguments, inputs, context)
        digest, recalled = self._recall(key), True
        if digest is None:
            with alone(self.store.root / "locks" / key):
                digest = self._recall(key)  # another process may have made it while this one waited
                if digest is None:
                    digest, recalled = self._execute(stage, arguments, inputs, context, key, config), False
        output = self._as_it_came(key, self.store.load(digest, kind))
        self.outputs[name], self.digests[name] = output, digest
        if isinstance(output, EvalReport):
            self._lay_out(output, digest)
        self._digest_of[id(output)] = (output, digest)
        found = self._detect(stage.__name__, output, digest, config)
        self.findings += found
        self.journal.append(
            "stage_done",
            stage=name,
            key=key,
            digest=digest,
            recalled=recalled,
            seconds=round(time.monotonic() - started, 3),
            worked=(self.store.recall(key) or {}).get("seconds", 0.0),  # also where it was another run's work
            ledger=ledger(output),
            metrics=scores(output),
            verdict=output.verdict.value if isinstance(output, GateDecision) else None,
            findings=[finding.model_dump(mode="json") for finding in found],
        )
        self.progress(name, 1.0, 1.0)
        self._stop_if_blocked(found, name, getattr(sys.modules[stage.__module__], "withdrawn", None), context)
        return output

    def _lay_out(self, report: EvalReport, digest: str) -> None:
        """Put the predictions where a person looks: `predictions-<attempt>-<part>.parquet` in the run's folder.

        A link into the store, not a copy: a customer who is erased there is gone here too.
        """
        link = self.folder / f"predictions-{self._number}-{report.part}.parquet"
        target = self.store.objects / digest / "predictions.parquet"
        link.unlink(missing_ok=True)
        try:
            link.symlink_to(os.path.relpath(target, link.parent))
        except OSError as error:  # a file system without links: the rows lie in the store all the same
            self.journal.append("not_linked", file=link.name, digest=digest, error=type(error).__name__)

    def look(self, seen: Output, after: str, config: RunConfig) -> list[Finding]:
        """Detect pitfalls in something that no stage put out; what is found stands in the journal."""
        found = pitfalls.detect_all(seen, after, settings=config.pitfalls.settings, disabled=config.pitfalls.disable)
        self.findings += found
        if found:
            told = [finding.model_dump(mode="json") for finding in found]
            self.journal.append("looked", after=after, findings=told)
        return found

    def _noted(self, stage: str, note: Note) -> None:
        """Show what a stage tells while it works, and keep it where it is worth keeping."""
        self.note(note)
        if note.kept:
            text = {"text": note.text.model_dump()} if note.text is not None else {}
            self.journal.append(note.kind, stage=stage, **note.data, **text)

    def digest(self, output: Output) -> str:
        """Store digest of an output of this attempt."""
        return self._digest_of[id(output)][1]

    def known(self, output: Output, digest: str) -> None:
        """Make an output of an earlier attempt one that steps can be given again."""
        self._digest_of[id(output)] = (output, digest)

    def _arguments(self, stage: Callable[..., Output], config: RunConfig, part: str) -> dict[str, Any]:
        """Sections of the recipe that the stage's signature names."""
        names = [
            parameter.name
            for parameter in inspect.signature(stage).parameters.values()
            if parameter.kind is inspect.Parameter.KEYWORD_ONLY and parameter.name != "context"
        ]
        return {name: part if name == "part" else getattr(config, name) for name in names}

    def _key(
        self, stage: Callable[..., Output], arguments: dict[str, Any], inputs: tuple[Output, ...], context: Context
    ) -> str:
        module = sys.modules[stage.__module__]
        observes = getattr(module, "observes", None)
        observed: dict[str, str] = {}
        if observes is not None:
            wanted = inspect.signature(observes).parameters
            known = {**arguments, "context": context}
            observed = observes(**{name: value for name, value in known.items() if name in wanted})
        measured = (
            {"measured": [_volatile(item) for item in inputs]} if getattr(module, "READS_VOLATILE", False) else {}
        )
        libraries = {name: importlib.metadata.version(name) for name in getattr(module, "LIBRARIES", ())}
        return digest_of(
            {
                "stage": stage.__name__,
                "version": module.VERSION,
                "arguments": {name: _plain(value) for name, value in arguments.items()},
                "inputs": [self.digest(item) for item in inputs],
                "observed": observed,
                **measured,
                "libraries": libraries,
            }
        )

    def _recall(self, key: str) -> str | None:
        memory = self.store.recall(key)
        if memory is None:
            return None
        digest: str = memory["digest"]
        if self.store.has(digest):
            return digest
        self.store.discard(digest)
        return None

    def _as_it_came(self, key: str, output: O) -> O:
        """The output with the volatile fields that this action gave it. The store keeps those of whoever published the
        same content first, and what was measured then may have been mended since.
        """
        volatile = (self.store.recall(key) or {}).get("volatile", {})
        return type(output).model_validate({**dict(output), **volatile}) if volatile else output

    def _execute(
        self,
        stage: Callable[..., Output],
        arguments: dict[str, Any],
        inputs: tuple[Output, ...],
        context: Context,
        key: str,
        config: RunConfig,
    ) -> str:
        # The key names the folder, so that the same work, taken up after a kill, finds its checkpoints.
        scratch = self.store.root / "scratch" / key
        scratch.mkdir(parents=True, exist_ok=True)
        inside = replace(context, scratch=scratch, spread=config.engine.spread(context.threads))
        if "context" in inspect.signature(stage).parameters:
            arguments = {**arguments, "context": inside}
        began = time.monotonic()
        try:
            with roomy(scratch):
                output = stage(*inputs, **arguments)
        except (NoRoom, WorkersLost):
            raise  # what is done so far lies in the scratch folder, to be taken up once there is room, or a machine
        except FittingroomError:
            step = newest_step(scratch)
            if step is None:
                shutil.rmtree(scratch)  # the input is at fault: there is nothing to take up again
            else:
                # Memory was short in the middle of a training, say. The word on it must not hide the error itself,
                # which is told in any case, where a full disk does not take it.
                with contextlib.suppress(OSError):
                    context.note(kept_until(step))
            raise
        with roomy(self.store.root, output_bytes(output)):
            digest = self.store.publish(output)
        seconds = round(time.monotonic() - began, 3)
        memory = {"digest": digest, "stage": stage.__name__, "seconds": seconds, "volatile": _volatile(output)}
        if not getattr(sys.modules[stage.__module__], "fleeting", _lasting)(output):
            self.store.remember(key, memory)
        if (published := getattr(sys.modules[stage.__module__], "published", None)) is not None:
            published(context=inside)  # what a stage keeps for the next time may count from now on
        shutil.rmtree(scratch)
        return digest

    # ------------------------------------------------------------------------------------------ pitfalls

    def _detect(self, stage: str, output: Output, digest: str, config: RunConfig) -> list[Finding]:
        """Findings are remembered too: the same output under the same settings has the same pits."""
        settings = config.pitfalls.model_dump(mode="json")
        key = "detect-" + digest_of([_detectors(), stage, digest, _volatile(output), settings])
        memory = self.store.recall(key)
        if memory is not None:
            return [Finding.model_validate(finding) for finding in memory["findings"]]
        found = pitfalls.detect_all(output, stage, settings=config.pitfalls.settings, disabled=config.pitfalls.disable)
        if not any("check_failed" in finding.measured for finding in found):
            self.store.remember(key, {"findings": [finding.model_dump(mode="json") for finding in found]})
        return found

    def _stop_if_blocked(
        self, found: list[Finding], name: str, withdrawn: Callable[..., None] | None, context: Context
    ) -> None:
        blocking = [finding for finding in found if finding.severity is Severity.BLOCK]
        if blocking:
            if any(pitfalls.catalog()[finding.pitfall].guards for finding in blocking):
                self.outputs.pop(name)
                self.store.discard(self.digests[name])  # what a guard objects to is not kept either
                if withdrawn is not None:
                    withdrawn(context=context)
            first = blocking[0]
            raise Blocked(first.summary.en, first.summary.zh, place=first.pitfall)


def _volatile(output: Output) -> dict[str, Any]:
    """The fields that are no part of an output's digest, as JSON values."""
    return output.model_dump(mode="json", include=set(type(output).VOLATILE))


def ledger(output: Output) -> dict[str, int]:
    """Rows of a stage's output, for the road in the report."""
    if isinstance(output, Rows):
        rejected = output.rejected.rows if output.rejected is not None else 0
        return {"kept": output.kept.rows, "dropped": output.dropped.rows, "rejected": rejected}
    if isinstance(output, Splits):
        return {name: part.rows for name, part in output.parts().items()} | {"dropped": output.dropped.rows}
    if isinstance(output, EvalReport):
        return {"rows": output.rows, "unscored": output.unscored}
    if isinstance(output, Bundle):
        return {"files": len(output.folder.files())}
    return {}


def scores(output: Output) -> dict[str, float]:
    """Metrics of a judged part: `dev.macro_f1`, …"""
    if not isinstance(output, EvalReport):
        return {}
    return {f"{output.part}.{name}": interval.value for name, interval in output.model.metrics.items()}


def _plain(value: Any) -> Any:
    """A section as JSON."""
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {name: _plain(item) for name, item in value.items()}
    return value.model_dump(mode="json") if hasattr(value, "model_dump") else value


@functools.cache
def _detectors() -> str:
    """Digest of the code that looks for pitfalls: findings of an older detector are not recalled.

    Ours with what it stands on (recognisers, similarity, statistics), and the versions of the packages that add some.
    """
    root = Path(inspect.getfile(pitfalls)).parents[1]
    files = [path for room in ("pitfalls", "text", "statistics") for path in sorted((root / room).rglob("*.py"))]
    others = {
        f"{entry.name} {entry.value}": entry.dist.version if entry.dist else ""
        for entry in importlib.metadata.entry_points(group=pitfalls.GROUP)
    }
    return digest_of({**{str(path.relative_to(root)): file_sha256(path) for path in files}, **others})


def _lasting(output: Output) -> bool:
    """Whether an output is made anew each time: none is, unless its stage says so (`fleeting`)."""
    return False

"""RunConfig: the sections that the stages own, put together; read from a recipe, patched by remedies."""

from __future__ import annotations

import copy
import difflib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, Field, ValidationError, field_validator, model_validator

from fittingroom.defaults import filled
from fittingroom.dotted import flatten, set_path
from fittingroom.engine import EngineConfig
from fittingroom.errors import RecipeError
from fittingroom.evaluating.config import OFFERED
from fittingroom.evaluating.sense import refuse_senseless
from fittingroom.idle import Idle, idle_in, refuse_idle
from fittingroom.models.endpoint_config import EndpointConfig, EndpointName, with_listed_teacher
from fittingroom.models.endpoint_prices import prices_of
from fittingroom.models.load import ModelConfig
from fittingroom.pitfalls.config import PitfallsConfig
from fittingroom.sources.config import SourceConfig
from fittingroom.stages.audit import AuditConfig
from fittingroom.stages.balance import BalanceConfig
from fittingroom.stages.dedup import DedupConfig
from fittingroom.stages.deploy import DeployConfig
from fittingroom.stages.evaluate import EvaluateConfig
from fittingroom.stages.examine import ExamineConfig
from fittingroom.stages.gate import GateConfig
from fittingroom.stages.label import LabelConfig
from fittingroom.stages.monitor import MonitorConfig
from fittingroom.stages.prepare import PrepareConfig
from fittingroom.stages.split import SplitConfig
from fittingroom.store import digest_of
from fittingroom.tasks.config import TaskConfig
from fittingroom.tasks.jobs import job_of
from fittingroom.training.config import TrainConfig
from fittingroom.training.finders.space import SearchConfig
from fittingroom.types import Frozen
from fittingroom.values import key_of, wrong


class AdaptConfig(Frozen):
    """Bounds of the loop."""

    max_attempts: int = Field(default=4, ge=1, le=50)
    """How many configurations are tried at most."""
    max_minutes: float = Field(default=60.0, gt=0)
    """No new attempt starts when the run has used this many minutes."""
    max_cost: float | None = Field(default=None, ge=0)
    """No new attempt starts when endpoints have asked for this much, in the currency that they are paid in. None: no
    bound."""
    search: bool | Literal["auto"] = "auto"
    """Whether Optuna (extra `search`) looks for better values when no cause is left, within half of the minutes that
    are; what it searches stands in `search`, else rate, batch, weight decay and rank around the values used. auto:
    where training is done in one process."""
    bases: list[str] = Field(default_factory=list)
    """Base models that may be fitted instead of `model.base`, smallest first, such as [nano, org/larger]. Where room is
    missing the next larger one is put before a person, where answers are too slow the next smaller one; `approve`
    applies it. Empty: a larger or smaller base is advised only."""

    @field_validator("bases")
    @classmethod
    def _named_once(cls, value: list[str]) -> list[str]:
        if any(not base.strip() for base in value):
            raise ValueError("a base has no name")
        if len(set(value)) != len(value):
            raise ValueError("the same base stands twice")
        return value


class PricesConfig(Frozen):
    """What things cost, so that `check` can say what a run would; no stage reads it."""

    currency: str = Field(default="CNY", pattern=r"^[A-Za-z]{3}$")
    machine_hour: float | None = Field(default=None, ge=0)
    """An hour of the machine that trains. None: no price is told."""
    input_tokens: float | None = Field(default=None, ge=0)
    """A million tokens that an endpoint without prices of its own is sent."""
    output_tokens: float | None = Field(default=None, ge=0)
    """A million tokens that an endpoint without prices of its own answers with."""


class RunConfig(Frozen):
    """A whole recipe. Everything has a default except `task` and `sources`."""

    name: str = Field(default="run", pattern=r"^[\w\-.]{1,64}$")
    seed: int = Field(default=7, ge=0, lt=2**31)
    task: TaskConfig
    sources: list[SourceConfig] = Field(min_length=1)
    endpoints: dict[EndpointName, EndpointConfig] = Field(default_factory=dict)
    prepare: PrepareConfig = PrepareConfig()
    label: LabelConfig = LabelConfig()
    dedup: DedupConfig = DedupConfig()
    split: SplitConfig = SplitConfig()
    audit: AuditConfig = AuditConfig()
    balance: BalanceConfig = BalanceConfig()
    model: ModelConfig = ModelConfig()
    train: TrainConfig = TrainConfig()
    search: SearchConfig = SearchConfig()
    evaluate: EvaluateConfig = EvaluateConfig()
    gate: GateConfig = GateConfig()
    examine: ExamineConfig = ExamineConfig()
    adapt: AdaptConfig = AdaptConfig()
    deploy: DeployConfig = DeployConfig()
    monitor: MonitorConfig = MonitorConfig()
    engine: EngineConfig = EngineConfig()
    pitfalls: PitfallsConfig = PitfallsConfig()
    prices: PricesConfig = PricesConfig()

    @model_validator(mode="before")
    @classmethod
    def _teacher_on_the_list(cls, values: Any) -> Any:
        return with_listed_teacher(values)

    @model_validator(mode="after")
    def _endpoints_are_listed(self) -> RunConfig:
        teacher, labeller, contestant = self.balance.teacher, self.label.endpoint, self.evaluate.api
        judge = self.evaluate.judge
        named = {
            "balance.teacher.endpoint": teacher.endpoint if teacher else None,
            "label.endpoint.name": labeller.name if labeller else None,
            "evaluate.api.endpoint": contestant.endpoint if contestant else None,
            "evaluate.judge.endpoint": judge.endpoint if judge else None,
        }
        for key, name in named.items():
            if name is not None and name not in self.endpoints:
                raise ValueError(f"{key} names {name}, which is not on the list `endpoints`: add it with url and model")
        if labeller and not job_of(self.task).closed:
            raise ValueError(f"label.endpoint chooses among labels, and a task of the kind {self.task.kind} has none")
        others = {
            "evaluate.judge": judge.against if judge else None,
            "gate.pairs": self.gate.pairs.against if self.gate.pairs else None,
        }
        for key, name in others.items():
            if name is not None and self.task.kind == "recommend":
                raise ValueError(f"{key} compares answers, and a task of the kind recommend ranks: take it out")
            if name not in (None, "target", *self.evaluate.baselines):
                raise ValueError(f"{key}.against names {name}, which evaluate.baselines does not hold: add it there")
        if self.adapt.search is True and self.engine.processes > 1:
            raise ValueError("adapt.search trains in one process: set engine.processes to 1, or adapt.search to false")
        if self.adapt.max_cost is not None:
            self._one_currency({name for name in named.values() if name is not None})
        return self

    def _one_currency(self, names: set[str]) -> None:
        """A bound on money adds up what endpoints asked for: that needs prices, and one currency."""
        for name in sorted(names):
            prices = prices_of(self.endpoints[name], self.endpoints[name].url)
            if prices is None or prices.currency != self.prices.currency:
                raise ValueError(
                    f"adapt.max_cost is in {self.prices.currency}, endpoints.{name} has "
                    f"{prices.currency if prices else 'no prices'}: write its `prices` in {self.prices.currency}, or "
                    "set `prices.currency`"
                )

    @model_validator(mode="before")
    @classmethod
    def _as_the_job_wants_it(cls, values: Any) -> Any:
        return filled(values)

    @model_validator(mode="after")
    def _gate_can_be_judged(self) -> RunConfig:
        held, wanted = self.evaluate.baselines, list(self.gate.better_than)
        if self.gate.no_worse_than_champion is not None:
            wanted.append("champion")
        offered, metrics = OFFERED[self.task.kind], job_of(self.task).metrics
        foreign = [name for name in held if name not in offered]
        if foreign:
            raise ValueError(
                f"evaluate.baselines holds {', '.join(foreign)}, which a task of the kind {self.task.kind} does not "
                f"have; it has: {', '.join(offered)}"
            )
        missing = [name for name in wanted if name not in held]
        if missing:
            key = "better_than" if missing[0] in self.gate.better_than else "no_worse_than_champion"
            raise ValueError(
                f"gate.{key} asks for {', '.join(missing)}, which evaluate.baselines does not hold: add it there"
            )
        if self.gate.metric not in metrics:
            raise ValueError(
                f"gate.metric is {self.gate.metric}, which a task of the kind {self.task.kind} does not have; it has: "
                f"{', '.join(metrics)}"
            )
        if self.gate.forgetting is not None and not self.evaluate.forgetting.measure:
            raise ValueError("gate.forgetting has a limit, but evaluate.forgetting.measure is false: set it to true")
        refuse_senseless(self.task, self.evaluate, self.gate)
        return self

    @property
    def digest(self) -> str:
        """Digest of every value; a configuration is tried once."""
        return digest_of(self.model_dump(mode="json"))

    def patched(self, patch: Mapping[str, Any]) -> RunConfig:
        """A copy with the values at the dotted paths of `patch` replaced; an unknown path is a RecipeError."""
        values = self.model_dump(mode="json")
        for path, value in patch.items():
            set_path(values, path, value)
        return parse(values, place="patch")

    def diff(self, other: RunConfig) -> dict[str, tuple[Any, Any]]:
        """Dotted path -> (value here, value there), where they differ."""
        mine, theirs = flatten(self.model_dump(mode="json")), flatten(other.model_dump(mode="json"))
        return {
            path: (mine.get(path), theirs.get(path))
            for path in sorted(mine.keys() | theirs.keys())
            if mine.get(path) != theirs.get(path)
        }


def load(path: Path, sets: Sequence[str] = ()) -> RunConfig:
    """Read a recipe from YAML; `sets` are `dotted.path=value` overrides from the command line."""
    import yaml

    if not path.is_file():
        raise RecipeError(
            "no such recipe; `fittingroom init DIR --sample` writes one",
            "没有这个配方文件；`fittingroom init DIR --sample` 会生成一份示例",
            place=str(path),
        )
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        place = f"{path}, line {mark.line + 1}" if mark else str(path)
        problem = getattr(error, "problem", None) or "not readable as YAML"
        raise RecipeError(f"not valid YAML: {problem}", f"不是合法的 YAML：{problem}", place=place) from error
    except UnicodeDecodeError as error:
        raise RecipeError("not UTF-8; save it as UTF-8", "不是 UTF-8 编码，请另存为 UTF-8", place=str(path)) from error
    if not isinstance(values, dict):
        raise RecipeError("is empty or not a mapping of sections", "是空的，或不是由各小节组成的映射", place=str(path))
    changed = _changed(values, sets)
    config = parse(changed, place=str(path))
    found = _idle(changed, config)
    if found and sets:
        found = [one for one in found if one in {*_idle(_changed({}, sets), config), *_idle_by_itself(values)}]
    refuse_idle(found, place=str(path))
    return config


def _changed(values: Mapping[str, Any], sets: Sequence[str]) -> dict[str, Any]:
    """A copy of a recipe with what the command line says."""
    changed = copy.deepcopy(dict(values))
    for item in sets:
        name, separator, value = item.partition("=")
        if not separator:
            raise RecipeError("write it as path=value", "请写成 path=value", place=f"--set {item}")
        set_path(changed, name.strip(), _yaml_value(item, value))
    return changed


def _idle(values: Mapping[str, Any], config: RunConfig) -> list[Idle]:
    return idle_in(values, config.train, config.search, config.engine)


def _idle_by_itself(values: Mapping[str, Any]) -> list[Idle]:
    """Of a recipe without the command line: one that is none without it contradicts nothing."""
    try:
        return _idle(values, parse(values, place=""))
    except RecipeError:
        return []


def _yaml_value(item: str, text: str) -> Any:
    import yaml

    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise RecipeError(
            "the value is not valid YAML; quote it", "这个值不是合法的 YAML；请加引号", place=f"--set {item}"
        ) from error


def parse(values: Mapping[str, Any], place: str) -> RunConfig:
    """Validate plain values; the first problem becomes one clear line that names the key."""
    try:
        return RunConfig.model_validate(values)
    except ValidationError as error:
        raise _first_problem(error, place) from None


def _first_problem(error: ValidationError, place: str) -> RecipeError:
    problems = error.errors(include_url=False)
    problem, places = problems[0], [key_of(one["loc"], RunConfig) for one in problems]
    steps = places[0]
    key = ".".join(map(str, steps))
    # A union tells one wrong value once for each of its members.
    more = len({tuple(map(str, place)) for place in places if place[: len(steps)] != steps})
    tail_en = f" ({more} more problem{'s' if more > 1 else ''} after this one)" if more else ""
    tail_zh = f"（后面还有 {more} 个问题）" if more else ""
    kind = problem["type"]
    if kind == "extra_forbidden":
        hint = _did_you_mean(steps)
        en, zh = f"unknown key{hint[0]}", f"未知的键{hint[1]}"
    elif kind == "missing":
        en, zh = "is missing; it has no default", "缺少这个键，它没有默认值"
    elif kind == "union_tag_not_found":
        en, zh = f"needs `kind`, one of {', '.join(_SOURCE_KINDS)}", f"需要 `kind`，取值 {', '.join(_SOURCE_KINDS)}"
    elif kind == "union_tag_invalid":
        en, zh = (
            f"unknown `kind`; one of {', '.join(_SOURCE_KINDS)}",
            f"未知的 `kind`；应为 {', '.join(_SOURCE_KINDS)} 之一",
        )
    else:
        said, value = wrong(dict(problem)), problem.get("input")
        given = ("", "") if isinstance(value, dict | list) else (f", not {value!r}", f"，而不是 {value!r}")
        en, zh = f"{said.en}{given[0]}", f"值不合适：{said.zh}{given[1]}"
    return RecipeError(en + tail_en, zh + tail_zh, place=f"{place}: {key}" if key else place)


_SOURCE_KINDS = ("sql", "csv", "excel", "jsonl", "parquet", "weblog", "social", "chat", "hub")


def _did_you_mean(steps: Sequence[Any]) -> tuple[str, str]:
    """The nearest key that exists at that place, from the model's own fields."""
    model: type[BaseModel] | None = RunConfig
    for step in steps[:-1]:
        field = model.model_fields.get(str(step)) if model else None
        annotation = field.annotation if field else None
        model = annotation if isinstance(annotation, type) and issubclass(annotation, BaseModel) else None
    if model is None:
        return "", ""
    names = list(model.model_fields)
    near = difflib.get_close_matches(str(steps[-1]), names, n=1)
    if near:
        return f"; did you mean `{near[0]}`?", f"；是不是想写 `{near[0]}`？"
    return f"; known keys here: {', '.join(names)}", f"；这里可用的键：{', '.join(names)}"

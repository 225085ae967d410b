"""A bundle on disk: what is in it, and whether it is whole.

    bundle.json      what was fitted to what, and all that serving must repeat: task, labels, calibration, preparation
    model/           weights (safetensors) and configuration; the base's, when there is an adapter
    adapter/         only when the weights are an adapter
    tokenizer/       tokenizer.json and its configuration
    shelf/           goods and what goes with what (Parquet), for a bundle that ranks
    LICENSE.base     licence text of the base model
    manifest.json    SHA-256 and size of every other file; written last

`seal` writes the manifest, `verify` refuses a bundle that is torn, was touched, or holds what could run code.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import ConfigDict, Field, ValidationError, model_validator

from fittingroom.errors import StoreError
from fittingroom.models.formats import ThinkPolicy
from fittingroom.store import MANIFEST, digest_of, file_sha256, write_json
from fittingroom.tasks.abstaining import Abstention
from fittingroom.tasks.config import TaskConfig
from fittingroom.tasks.jobs import job_of
from fittingroom.text.clean import CleanConfig, clean_batch
from fittingroom.text.redact import RedactConfig, redact_batch
from fittingroom.types import Frozen

if TYPE_CHECKING:
    from fittingroom.models.render import Renderer
    from fittingroom.tables import Table

INFO = "bundle.json"
MODEL, ADAPTER, TOKENIZER, SHELF, LICENCE = "model", "adapter", "tokenizer", "shelf", "LICENSE.base"
_REPLAYED = 500
_RUNS_CODE = frozenset({".bin", ".pt", ".pth", ".pkl", ".pickle", ".ckpt", ".joblib", ".npy", ".npz", ".py", ".so"})


By = Literal["likelihood", "per_token", "lift", "lift_popular", "contrast"]
"""Ways to score a title behind a question (see `serving.ranking`)."""


class BaseRecord(Frozen):
    """Which base model it was."""

    name: str
    """As the recipe says it in `model.base`."""
    revision: str = ""
    digest: str
    """SHA-256 over weights, configuration and tokenizer of the base."""


class Preparation(Frozen):
    """What was done to every text before the model saw it."""

    model_config = ConfigDict(frozen=True, extra="allow", protected_namespaces=())

    clean: CleanConfig = CleanConfig()
    redact: RedactConfig = RedactConfig()


class BundleInfo(Frozen):
    """`bundle.json`. Keys that are not read here (lineage for people) are kept."""

    model_config = ConfigDict(frozen=True, extra="allow", protected_namespaces=())

    version: Literal[1] = 1
    """Of this format."""
    task: TaskConfig
    """With the instruction, and whether the prompt lists the labels."""
    labels: list[str]
    """The closed set; [] where answers are free."""
    max_tokens: int = Field(default=0, ge=0)
    """Free answers: tokens that nearly all in training keep to (`training.rows.answer_room`), the end mark included;
    serving makes no longer ones. 0 where they come from a closed set."""
    temperature: float = Field(default=1.0, gt=0)
    """Divides the scores before they become probabilities; fitted on the calibration part."""
    abstention: Abstention | None = None
    """Below which confidence an answer is withheld, where the task wants a precision."""
    attributes: list[str] = Field(default_factory=list)
    """`copywrite` with several drafts: values of attributes that the training rows hold, by which a draft is told that
    speaks of attributes its article does not have."""
    prior_shift: dict[str, float] = Field(default_factory=dict)
    """Added to the scores of the labels first, where training met the classes in another mix than the world has."""
    base: BaseRecord
    data: dict[str, str] = Field(default_factory=dict)
    """Part -> digest of the rows."""
    prepare: Preparation = Preparation()
    """What the recipe says under `prepare`: serving repeats it with the same code."""
    max_length: int = Field(ge=2)
    """Tokens of prompt and answer in training; serving cuts inputs at the same place."""
    method: Literal["full", "lora"] = "full"
    think: ThinkPolicy = "auto"
    """What stood between the assistant's mark and an answer in training; serving writes the same."""
    rank_by: By | None = None
    """For a bundle that ranks: the way of scoring that was best on rows it has not learnt (see `serving.ranking`)."""
    golden_prompt: str = ""
    """Digest of the ids of one fixed prompt, as training rendered it (`golden_prompt`); compared when loading."""

    @model_validator(mode="after")
    def _has_answers(self) -> BundleInfo:
        if not self.labels and not self.max_tokens:
            raise ValueError("a bundle has labels, or says how long its free answers may be")
        return self


def read_info(folder: Path) -> BundleInfo:
    """`bundle.json` of a bundle. Raises StoreError."""
    path = folder / INFO
    if not path.is_file():
        raise StoreError(
            "is missing: this folder is no bundle, or it is not whole",
            "缺失：该文件夹不是模型包，或不完整",
            place=_place(folder, INFO),
        )
    try:
        return BundleInfo.model_validate_json(path.read_bytes())
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        key = ".".join(str(step) for step in first["loc"]) or "labels"  # what a bundle as a whole must have
        raise StoreError(
            f"cannot be read ({key}: {first['type']}): make the bundle again by running the recipe",
            f"无法读取（{key}:{first['type']}）：请重新运行配方生成模型包",
            place=_place(folder, INFO),
        ) from None


def replayed(rows: Table, prepare: Preparation, secret: bytes, but: Collection[str] = ()) -> dict[str, int]:
    """How many of the first 500 rows change when they are prepared again as serving prepares what it is asked.

    None should: their texts were prepared by the same rules before training. `but`: fields that are not prepared.
    """
    import pyarrow.compute as pc

    values = rows.arrow().slice(0, _REPLAYED).column("input")
    changed: set[int] = set()
    for place in range(values.type.num_fields):
        if values.type.field(place).name in but:
            continue
        texts = [text or "" for text in pc.struct_field(values, [place]).to_pylist()]
        cleaned = [one.text for one in clean_batch(texts, prepare.clean)]
        served = [one.text for one in redact_batch(cleaned, prepare.redact, secret)]
        changed |= {row for row, (text, after) in enumerate(zip(texts, served, strict=True)) if text != after}
    return {"rows": len(values), "changed": len(changed)}


def golden_prompt(renderer: Renderer, task: TaskConfig, labels: Sequence[str]) -> str:
    """Digest of the ids of one fixed prompt: another renderer, tokenizer or prompt in service gives another one."""
    job, given = job_of(task), dict.fromkeys(task.input, "Hello,  世界 123")
    asked = job.messages(given, task, job.choices(given, task, labels))
    return digest_of(renderer.prompt_ids(asked))


def seal(folder: Path) -> None:
    """Write the manifest of a finished bundle: the last thing that is written into it."""
    names = _names(folder)
    files = {name: {"sha256": file_sha256(folder / name), "bytes": (folder / name).stat().st_size} for name in names}
    write_json(folder / MANIFEST, {"files": files})


def verify(folder: Path) -> None:
    """Compare a bundle with its manifest, file by file. Raises StoreError that names the first file at fault."""
    listed = _listed(folder)
    there = set(_names(folder))
    for name in sorted(there | listed.keys()):
        place = _place(folder, name)
        if Path(name).suffix.lower() in _RUNS_CODE:
            raise StoreError(
                "could run code when it is opened; a bundle holds safetensors and JSON only",
                "打开时可能执行代码；模型包只应包含 safetensors 与 JSON",
                place=place,
            )
        if name not in listed:
            raise StoreError("is not in the manifest: remove it", "不在清单中：请删除该文件", place=place)
        if name not in there:
            raise StoreError(f"is missing; {_AGAIN_EN}", f"缺失；{_AGAIN_ZH}", place=place)
        path = folder / name
        if path.stat().st_size != listed[name]["bytes"] or file_sha256(path) != listed[name]["sha256"]:
            raise StoreError(
                f"is not what the manifest says (torn or changed); {_AGAIN_EN}",
                f"与清单不符（损坏或被改动）；{_AGAIN_ZH}",
                place=place,
            )


def _listed(folder: Path) -> dict[str, dict[str, Any]]:
    path = folder / MANIFEST
    try:
        files = json.loads(path.read_bytes())["files"]
        return {
            str(name): {"sha256": str(facts["sha256"]), "bytes": int(facts["bytes"])} for name, facts in files.items()
        }
    except FileNotFoundError:
        raise StoreError(
            f"is missing, so the bundle is not whole; {_AGAIN_EN}",
            f"缺失，模型包不完整；{_AGAIN_ZH}",
            place=_place(folder, MANIFEST),
        ) from None
    except (ValueError, KeyError, TypeError, AttributeError):
        raise StoreError(f"is damaged; {_AGAIN_EN}", f"已损坏；{_AGAIN_ZH}", place=_place(folder, MANIFEST)) from None


def _names(folder: Path) -> list[str]:
    """All files but the manifest, by relative name; a link is refused, it can point anywhere."""
    names = []
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_symlink():
            raise StoreError(
                "is a link; a bundle holds plain files only",
                "是链接；模型包只能包含普通文件",
                place=_place(folder, name),
            )
        if path.is_file() and name != MANIFEST:
            names.append(name)
    return names


def _place(folder: Path, name: str) -> str:
    return f"{folder.parent.name}/{folder.name}/{name}"


_AGAIN_EN = "make the bundle again by running the recipe"
_AGAIN_ZH = "请重新运行配方生成模型包"

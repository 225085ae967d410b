"""The nouns of the house: what stages put out, what a pitfall is, what a gate decides.

Every output of a stage is a frozen pydantic model whose fields are JSON values, a `Table`, a dictionary of tables, or a
`Folder` of files; the store knows how to keep exactly these (see `store.py`).
"""

from fittingroom.types.examined import Confused, Examination, Rival
from fittingroom.types.judged import Check, EvalReport, GateDecision, Interval, Opened, Score, Verdict
from fittingroom.types.outputs import Bundle, Output, Plan, Rows, Splits, Trained
from fittingroom.types.pits import Came, Cure, Detect, Expected, Finding, Page, Pitfall, Remedy, Safety, Severity
from fittingroom.types.plain import Folder, Frozen, Text
from fittingroom.types.runs import Attempt, Release, RunStatus, RunSummary
from fittingroom.types.schemas import dropped_schema, rejected_schema, row_schema

__all__ = [
    "Attempt",
    "Bundle",
    "Came",
    "Check",
    "Confused",
    "Cure",
    "Detect",
    "EvalReport",
    "Examination",
    "Expected",
    "Finding",
    "Folder",
    "Frozen",
    "GateDecision",
    "Interval",
    "Opened",
    "Output",
    "Page",
    "Pitfall",
    "Plan",
    "Release",
    "Remedy",
    "Rival",
    "Rows",
    "RunStatus",
    "RunSummary",
    "Safety",
    "Score",
    "Severity",
    "Splits",
    "Text",
    "Trained",
    "Verdict",
    "dropped_schema",
    "rejected_schema",
    "row_schema",
]

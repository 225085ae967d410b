"""The report: a run as one self-contained page of HTML, in English or Chinese."""

from fittingroom.report.data import AttemptView, Change, Example, FindingView, Judgement, ReportData, StageLine
from fittingroom.report.page import render_report

__all__ = [
    "AttemptView",
    "Change",
    "Example",
    "FindingView",
    "Judgement",
    "ReportData",
    "StageLine",
    "render_report",
]

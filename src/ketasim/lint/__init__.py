"""Checks of what goes in: models, tables, drugs, hypotheses, evidence, regimens, users' files.

A check is a small class with one ``run`` and a severity. The rooms own the rules; a check calls
them on everything there is and collects what they say.
"""

from ketasim.lint.finding import Check, Finding, Severity, run_checks
from ketasim.lint.given import FileCheck, RegimenCheck
from ketasim.lint.shipped import SHIPPED

__all__ = [
    "SHIPPED",
    "Check",
    "FileCheck",
    "Finding",
    "RegimenCheck",
    "Severity",
    "run_checks",
]

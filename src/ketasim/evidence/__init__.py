"""What was published: tables with a source in every row, their roles, and the references.

Read a table with `load`, its description with `describe`. Code that fits a model gets its rows from
`calibration_rows`, which refuses every row that is kept to judge or to compare. `Citations` gathers
what a result used; `cite` and `bibliography` format it.
"""

from __future__ import annotations

from ketasim.evidence.bibliography import Citations, Reference, bibliography, cite, reference
from ketasim.evidence.calibration import CalibrationData, calibration_rows
from ketasim.evidence.description import Column, Description, RoleRule, read_description
from ketasim.evidence.loading import load
from ketasim.evidence.tables import (
    bounds,
    describe,
    estimates,
    evidence_hash,
    list_tables,
    read_table,
    verify,
)

__all__ = [
    "CalibrationData",
    "Citations",
    "Column",
    "Description",
    "Reference",
    "RoleRule",
    "bibliography",
    "bounds",
    "calibration_rows",
    "cite",
    "describe",
    "estimates",
    "evidence_hash",
    "list_tables",
    "load",
    "read_description",
    "read_table",
    "reference",
    "verify",
]

"""The dossier: every claim, prediction, published value and verdict in one HTML file.

`write_dossier` runs the experiments into a results bundle and makes the page from the bundle
alone, so that the page and the files beside it cannot disagree.
"""

from __future__ import annotations

from ketasim.report.bundle import Bundle, read_bundle
from ketasim.report.dossier import write_dossier
from ketasim.report.page import render

__all__ = ["Bundle", "read_bundle", "render", "write_dossier"]

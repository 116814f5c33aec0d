"""The page: every section's content put into one HTML file that needs nothing else."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from ketasim.evidence.bibliography import split_keys
from ketasim.report.chart.style import sample, styles
from ketasim.report.sections import (
    calibration,
    experiment,
    hypotheses,
    mechanism,
    methods,
    provenance,
    study,
    trials,
    verdicts,
    warnings,
)
from ketasim.report.svg import element

if TYPE_CHECKING:
    from collections.abc import Callable

    from ketasim.report.bundle import Bundle

__all__ = ["render"]

TEMPLATES = Path(__file__).with_name("templates")


def render(bundle: Bundle) -> str:
    """Return the page of a bundle as HTML.

    Parameters
    ----------
    bundle : Bundle
        From `read_bundle`; nothing else is read, and nothing is computed anew.

    Returns
    -------
    str
        One self-contained document: no address is loaded when it is opened.
    """
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        cite=_citing(bundle), n=_number, quantity=_quantity, interval=_interval, share=_percent
    )
    return environment.get_template("dossier.html.jinja").render(**_content(bundle))


def _content(bundle: Bundle) -> dict[str, Any]:
    looks = styles(bundle.hypotheses)
    return {
        "index": bundle.index,
        "styles": list(looks.values()),
        "legend": {name: sample(one) for name, one in looks.items()},
        "warnings": warnings.content(bundle),
        "verdicts": verdicts.content(bundle),
        "mechanism": mechanism.content(bundle),
        "hypotheses": hypotheses.content(bundle),
        "experiments": [
            experiment.content(record, looks) for record in bundle.experiments.values()
        ],
        "studies": [study.content(record, looks) for record in bundle.studies.values()],
        "trials": trials.content(bundle),
        "calibration": calibration.content(bundle),
        "methods": methods.content(bundle),
        "provenance": provenance.content(bundle),
        "css": _inlined("style.css"),
        "script": _inlined("script.js"),
    }


def _inlined(name: str) -> Markup:
    return Markup((TEMPLATES / name).read_text(encoding="utf-8"))


def _citing(bundle: Bundle) -> Callable[[str], Markup]:
    known = bundle.index["references"]

    def link(keys: str) -> Markup:
        made = [
            element("a", known[key]["label"], href=f"#ref-{key}", class_="cite")
            for key in split_keys(keys)
            if key in known
        ]
        return Markup(", ").join(made)

    return link


def _number(value: float | None, digits: int = 3) -> str:
    """Return a number as a reader writes it, with a true minus sign."""
    if value is None or value != value:
        return "–"
    return f"{value:.{digits}g}".replace("-", "−")


def _interval(low: float | None, high: float | None, digits: int = 3) -> str:
    if low is None or high is None:
        return ""
    return f"{_number(low, digits)} to {_number(high, digits)}"


def _percent(value: float | None) -> str:
    # The zero added turns a rounded -0 into 0.
    return "–" if value is None else f"{round(100 * value) + 0} %".replace("-", "−")


def _quantity(value: float | None, unit: str) -> str:
    shown = _number(value)
    return shown if unit in ("", "1", "dimensionless") else f"{shown} {unit}"

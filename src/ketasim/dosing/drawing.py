"""A regimen drawn as a small timeline: one lane a drug, a bar an infusion, a dot a bolus."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from ketasim.dosing.dose import number_text, time_text
from ketasim.results import html_table

if TYPE_CHECKING:
    from ketasim.dosing.regimen import Administration, Regimen

__all__ = ["timeline"]

_WIDTH, _LEFT, _RIGHT, _LANE, _TOP = 640, 120, 24, 30, 8
# Okabe and Ito's colours, which the colour-blind can tell apart.
_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
_STEPS_H = (1 / 12, 1 / 6, 0.25, 0.5, 1, 2, 4, 6, 12, 24, 48, 84, 168, 336, 672, 1344)


def timeline(regimen: Regimen) -> str:
    """Draw a regimen as HTML: an inline SVG timeline and a table.

    Parameters
    ----------
    regimen : Regimen
        What to draw.

    Returns
    -------
    str
        One ``<div>`` that needs no script and no style from elsewhere.
    """
    rows = [
        (
            dose.drug,
            " ".join(filter(None, (number_text(dose.amount), dose.unit, dose.salt))),
            dose.route,
            time_text(dose.start_h),
            time_text(dose.duration_h) if dose.duration_h else "-",
            f"{dose.repeats} x every {time_text(dose.interval_h)}" if dose.repeats > 1 else "once",
        )
        for dose in regimen.doses
    ]
    table = html_table(rows, header=("drug", "dose", "route", "start", "lasts", "given"))
    return f'<div class="ketasim-regimen">{_svg(regimen) if rows else ""}{table}</div>'


def _svg(regimen: Regimen) -> str:
    drugs = regimen.drugs
    bottom = _TOP + _LANE * len(drugs)
    first = min(regimen.start_h, 0.0)
    span = max(regimen.end_h, regimen.last_start_h) - first or 1.0
    marks = [
        _mark(one, _TOP + _LANE * drugs.index(one.dose.drug), first, span, drugs)
        for one in regimen.administrations()
    ]
    parts = [
        f'<svg viewBox="0 0 {_WIDTH} {bottom + 26}" width="100%" role="img"'
        f' style="max-width:{_WIDTH}px" xmlns="http://www.w3.org/2000/svg"'
        ' font-family="sans-serif" font-size="12">',
        f"<title>{escape(str(regimen))}</title>",
        *(_lane(drug, _TOP + _LANE * lane) for lane, drug in enumerate(drugs)),
        *_axis(bottom, first, span),
        *marks,
        "</svg>",
    ]
    return "".join(parts)


def _across(time_h: float, first: float, span: float) -> float:
    return _LEFT + (time_h - first) / span * (_WIDTH - _LEFT - _RIGHT)


def _lane(drug: str, top: float) -> str:
    middle = top + _LANE / 2
    return (
        f'<text x="{_LEFT - 8}" y="{middle + 4}" text-anchor="end" fill="currentColor">'
        f"{escape(drug)}</text>"
        f'<line x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{middle}" y2="{middle}"'
        ' stroke="currentColor" stroke-opacity="0.25"/>'
    )


def _mark(
    one: Administration, top: float, first: float, span: float, drugs: tuple[str, ...]
) -> str:
    colour = _COLOURS[drugs.index(one.dose.drug) % len(_COLOURS)]
    left = _across(one.start_h, first, span)
    words = f"{number_text(one.dose.amount)} {one.dose.unit} {one.dose.route}"
    label = f"<title>{escape(words)} at {time_text(one.start_h)}</title>"
    middle = top + _LANE / 2
    if not one.dose.duration_h:
        return f'<circle cx="{left:.1f}" cy="{middle}" r="5" fill="{colour}">{label}</circle>'
    width = max(_across(one.stop_h, first, span) - left, 3.0)
    return (
        f'<rect x="{left:.1f}" y="{middle - 6}" width="{width:.1f}" height="12" rx="2"'
        f' fill="{colour}">{label}</rect>'
    )


def _axis(top: float, first: float, span: float) -> list[str]:
    step = next((one for one in _STEPS_H if span / one <= 8), _STEPS_H[-1])
    unit, size = ("min", 1 / 60) if step < 0.5 else ("h", 1.0) if step < 24 else ("day", 24.0)
    begin = int(first // step) + (first % step > 0)
    ticks = [k * step for k in range(begin, int((first + span) // step) + 1)]
    parts = [
        f'<text x="{_across(tick, first, span):.1f}" y="{top + 14}" text-anchor="middle"'
        f' fill="currentColor">{tick / size:.4g}</text>'
        for tick in ticks
    ]
    label = f'<text x="{_LEFT - 8}" y="{top + 14}" text-anchor="end" fill="currentColor">{unit}'
    return [*parts, f"{label}</text>"]

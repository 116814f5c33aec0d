"""From a row to an arm: what is given when, in which context, and what had to be guessed for it."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ketasim.dosing import regimen
from ketasim.errors import KetasimError
from ketasim.instruments.settings import DECLARED_CONTEXTS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ketasim.inference.predicting.rows import TrialRow

__all__ = ["Arm", "NotPredicted", "active_arm", "control_arm"]

INACTIVE = ("saline", "midazolam", "placebo")
"""Drugs that touch no edge of the antidepressant network."""

DRUGS: Mapping[str, str] = {
    "ketamine": "ketamine", "(r,s)-ketamine": "ketamine", "rs-ketamine": "ketamine",
    "racemic ketamine": "ketamine", "esketamine": "esketamine", "s-ketamine": "esketamine",
    "(s)-ketamine": "esketamine", "arketamine": "arketamine", "r-ketamine": "arketamine",
    "(r)-ketamine": "arketamine",
}  # fmt: skip
ROUTES: Mapping[str, str] = {
    "iv": "iv", "in": "nasal", "nasal": "nasal", "im": "im", "sc": "sc", "po": "oral",
    "oral": "oral", "sl": "sublingual", "sublingual": "sublingual",
}  # fmt: skip
DEFAULT_INFUSION_MIN = 40.0
DEFAULT_N = 20
_WEEK_H = 168.0
_CONTEXTS: Mapping[str, str] = {
    "saline": "saline", "midazolam": "midazolam",
    "nasal_placebo": "nasal_placebo_with_antidepressant", "active_other": "active_placebo",
}  # fmt: skip
_INTERVALS = (
    (r"(?:three times|3 ?x|thrice)(?: a| per|/)? ?w(?:ee)?k(?:ly)?", 56.0),
    (r"(?:twice|two times|2 ?x)(?: a| per|/)? ?w(?:ee)?k(?:ly)?|biweekly|bi-weekly", 84.0),
    (r"(?:once|1 ?x)(?: a| per|/)? ?w(?:ee)?k(?:ly)?|weekly", 168.0),
    (r"daily|every day|once a day", 24.0),
    (r"every other day|alternate days", 48.0),
)
_NEW_ANTIDEPRESSANT = re.compile(r"(?:\+ ?(?:new )?(?:oral )?(?:AD|antidepressant))|(?:AD ?\+)")


class NotPredicted(Exception):  # noqa: N818 - an outcome that is reported, no error
    """The model has nothing to say about a row; the message is its status."""


@dataclass(frozen=True)
class Arm:
    """An arm as the model sees it.

    Parameters
    ----------
    regimens : tuple of str
        What is given; several for a range of doses, each to an equal share of the patients.
        Empty for an arm without drug.
    context : str
        Whose mean change is added, see `ketasim.instruments`; ``"none"`` for none at all.
    inpatient, new_antidepressant : bool
        Whether a ward, and a new antidepressant, add theirs.
    n : int
        Patients.
    notes : tuple of str
        What was guessed, and what rests on a declared prior.
    """

    regimens: tuple[str, ...]
    context: str
    inpatient: bool
    new_antidepressant: bool
    n: int
    notes: tuple[str, ...]


def active_arm(row: TrialRow) -> Arm:
    """Return the arm that a row is about.

    Raises
    ------
    NotPredicted
        For a drug, a dose or a route that the model does not know.
    """
    drug = row.text("drug").lower()
    if drug in INACTIVE or row.text("dose") == "0":
        return _without_drug(row, drug, row.text("control_type"), row.number("n"))
    if row.text("control_type") == "ect" and "ect" in drug:
        raise NotPredicted("not_predicted: the model knows no electroconvulsive therapy")
    regimens, notes = _regimens(row)
    masking = row.text("masking") or _told_masking(row)
    context = {"open_label": "open_label", "anaesthetised": "anaesthesia"}.get(masking, "active")
    return _arm(row, regimens, context, row.number("n"), notes)


def control_arm(row: TrialRow, others: Sequence[TrialRow]) -> Arm:
    """Return the control of a row that compares.

    Parameters
    ----------
    row : TrialRow
        Of the kind ``diff`` or ``effect_size``.
    others : sequence of TrialRow
        The other rows of the study.

    Raises
    ------
    NotPredicted
        Where nothing says what the control was, or it is a treatment the model does not know.
    """
    size = row.number("control_n")
    kind = row.text("control_type")
    name = (row.text("control_drug") or _compared_with(row)).lower()
    if kind == "ect" or "electroconvulsive" in name or re.search(r"\bect\b", name):
        raise NotPredicted("not_predicted: the model knows no electroconvulsive therapy")
    for drug in INACTIVE:
        if drug in name:
            return _without_drug(row, drug, kind, size)
    if kind:
        return _without_drug(row, name, kind, size)
    for other in others:
        if other.text("drug").lower() in INACTIVE or other.text("dose") == "0":
            found = other.number("n") if math.isnan(size) else size
            return _without_drug(row, other.text("drug").lower(), other.text("control_type"), found)
    if name:
        raise NotPredicted(f"not_predicted: the control {name!r} is not in the model")
    raise NotPredicted("not_predicted: nothing says what the control was")


def _without_drug(row: TrialRow, drug: str, kind: str, size: float) -> Arm:
    if kind == "ect":
        raise NotPredicted("not_predicted: the model knows no electroconvulsive therapy")
    nasal = ROUTES.get(row.text("route").lower()) == "nasal"
    guess = "nasal_placebo" if nasal else "saline"
    kind = kind or (drug if drug in ("saline", "midazolam") and not nasal else guess)
    masking = row.text("masking") or _told_masking(row)
    context = _CONTEXTS.get(kind, "none")
    if masking == "anaesthetised":
        context = "anaesthesia"
    elif masking == "open_label" and context != "none":
        context = "open_label"
    notes = ["extrapolated_context"] if context == "none" else []
    return _arm(row, (), context, size, notes)


def _arm(
    row: TrialRow, regimens: tuple[str, ...], context: str, size: float, notes: list[str]
) -> Arm:
    if context in DECLARED_CONTEXTS:
        notes.append("extrapolated_context")
    inpatient = row.text("setting") == "inpatient"
    if inpatient:
        notes.append("extrapolated_context")
    background = row.text("background")
    words = f"{row.text('arm')} {row.text('study')}"
    begun = background == "new_antidepressant" or (
        not background and _NEW_ANTIDEPRESSANT.search(words) is not None
    )
    if math.isnan(size):
        notes.append(f"default_n={DEFAULT_N}")
        size = DEFAULT_N
    return Arm(regimens, context, inpatient, begun, int(size), tuple(dict.fromkeys(notes)))


def _told_masking(row: TrialRow) -> str:
    words = f"{row.text('arm')} {row.text('study')}".lower()
    return "open_label" if "open-label" in words or "open label" in words else ""


def _compared_with(row: TrialRow) -> str:
    """Return what stands behind "vs" in the arm's name."""
    parts = re.split(r"\bvs\.?\b|\bversus\b|\bminus\b", row.text("arm"), maxsplit=1)
    return parts[1].strip() if len(parts) == 2 else ""


def _regimens(row: TrialRow) -> tuple[tuple[str, ...], list[str]]:
    """Return what is given up to the row's time, and what was guessed for it."""
    drug = DRUGS.get(row.text("drug").lower())
    if drug is None:
        raise NotPredicted(f"not_predicted: the drug {row.text('drug')!r} is not in the model")
    route = ROUTES.get(row.text("route").lower())
    if route is None:
        raise NotPredicted(f"not_predicted: the route {row.text('route')!r} is not in the model")
    amounts = _amounts(row)
    over, notes = "", []
    if route == "iv":
        minutes = row.number("infusion_min")
        if math.isnan(minutes):
            minutes = DEFAULT_INFUSION_MIN
            notes.append(f"default_infusion={minutes:g}min")
        over = f" over {minutes:g} min" if minutes > 0 else ""
    repeats, guessed = _repeats(row, route)
    notes += guessed
    texts = tuple(
        f"{drug} {amount} {row.text('dose_unit')} {route}{over}{repeats}" for amount in amounts
    )
    for text in texts:
        try:
            regimen(text)
        except KetasimError as error:
            raise NotPredicted(f"not_predicted: {error}") from error
    return texts, notes


def _amounts(row: TrialRow) -> tuple[str, ...]:
    """Return the dose, or the two ends of a range."""
    text = row.text("dose").replace("–", "-")
    found = re.fullmatch(r"(\d+\.?\d*)(?: ?(?:-|to|/) ?(\d+\.?\d*))?", text)
    if not found or not row.text("dose_unit"):
        raise NotPredicted(f"not_predicted: the dose {text!r} {row.text('dose_unit')!r} is unclear")
    low, high = found.groups()
    return (low,) if high is None else (low, high)


def _repeats(row: TrialRow, route: str) -> tuple[str, list[str]]:
    """Return how a dose is repeated before the row's time."""
    time = row.number("timepoint_h")
    if math.isnan(time):
        raise NotPredicted("not_predicted: no time point is given")
    told = row.text("schedule").lower()
    words = told or f"{row.text('arm')} {row.text('study')}".lower()
    days = re.search(r"days? (\d+(?:(?:,| and| &|/) ?(?:day )?\d+)+)", words)
    if days:
        given = [24.0 * (int(day) - 1) for day in re.findall(r"\d+", days.group(1))]
        before = [hour for hour in given if hour < time or hour == 0.0]
        if len(before) < 2:
            return "", []
        gap = (before[-1] - before[0]) / (len(before) - 1)
        return f" every {gap:g} h x {len(before)}", []
    for pattern, interval in _INTERVALS:
        if re.search(pattern, words):
            return _every(interval, _course_h(words, interval), time), []
    sessions = re.search(r"(?:x ?(\d+)\b)|(?:(\d+) (?:infusions|doses|sessions))", words)
    if sessions:
        count = int(sessions.group(1) or sessions.group(2))
        return _every(56.0, 56.0 * count, time), ["default_schedule=3x/week"]
    if not told and route == "nasal" and time > _WEEK_H:
        return _every(84.0, math.inf, time), ["default_schedule=2x/week"]
    return "", []


def _course_h(words: str, interval: float) -> float:
    """Return how long doses are repeated, h; infinite where nothing says."""
    weeks = re.search(r"(?:x|for|over) ?(\d+) ?w(?:ee)?ks?", words)
    days = re.search(r"(?:x|for|over) ?(\d+) ?d(?:ays?)?\b", words)
    count = re.search(r"(\d+) (?:infusions|doses|sessions)|\bx ?(\d+)\b(?! ?(?:w|d))", words)
    if weeks:
        return _WEEK_H * int(weeks.group(1))
    if days:
        return 24.0 * int(days.group(1))
    if count:
        return interval * int(count.group(1) or count.group(2))
    return math.inf


def _every(interval: float, course: float, time: float) -> str:
    """Return the words of a repeated dose; a dose at the very time of the rating comes after it."""
    count = max(1, math.ceil(min(course, time) / interval - 1e-9))
    return f" every {interval:g} h x {count}" if count > 1 else ""

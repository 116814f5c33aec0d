"""What can be wrong with a design, one sentence each, with the field where it stands."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from ketasim.errors import InputError, nearest_names

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ketasim.trial.design import TrialArm, TrialDesign

__all__ = ["bad", "check_arm", "check_choice", "check_design", "check_share", "in_part"]

_NEEDS = {"crossover": "periods", "withdrawal": "induction", "rerandomised": "second_stage"}
_MOST_PATIENTS = 2**20
_UNEVEN = 2.0
"""Patients by which an arm's published size may depart from the ratio (or the block, if larger)."""


def bad(what: str, field: str, expected: str | None = None) -> InputError:
    """Make the error for a field of a design."""
    return InputError(what, where=f"field '{field}'", expected=expected)


def in_part(error: InputError, part: str) -> InputError:
    """Return the same error with the part of the design named before its field."""
    where = ", ".join(one for one in (part, error.where) if one)
    return type(error)(
        error.what, where=where, expected=error.expected, suggestions=error.suggestions
    )


def check_share(name: str, value: float) -> None:
    """Check that a number is a share from 0 to 1."""
    if not 0.0 <= value <= 1.0:
        raise bad(f"{name} is {value:g}", name, "a share from 0 to 1")


def check_choice(field: str, given: str, known: Iterable[str]) -> None:
    """Check that a word is one of those known."""
    names = tuple(known)
    if given not in names:
        near = nearest_names(given, names)
        raise InputError(
            f"unknown {field} {given!r}",
            where=f"field '{field}'",
            expected=None if near else "one of " + ", ".join(names),
            suggestions=near,
        )


def check_arm(arm: TrialArm) -> None:
    """Check one arm: its name, size, doses."""
    part = f"arm '{arm.name}'"
    if not arm.name.strip():
        raise bad("an arm has no name", "name")
    if not 2 <= arm.n <= _MOST_PATIENTS:
        raise in_part(bad(f"{arm.n} patients make no arm", "n", "at least 2"), part)
    if arm.role == "active" and not arm.regimen.strip():
        raise in_part(bad("an active arm has no dose", "regimen", "a regimen"), part)
    for field in ("regimen", "add_on"):
        _check_regimen(getattr(arm, field), field, part)
    if arm.flexible is not None:
        _check_regimen(arm.flexible.regimen, "flexible.regimen", part)


def _check_regimen(text: str, field: str, part: str) -> None:
    from ketasim.dosing import regimen

    if not text.strip():
        return
    try:
        regimen(text)
    except InputError as error:
        # The dose in the sentence says where in the text; the field says where in the design.
        raise in_part(error, f"{part}, field '{field}'" if part else f"field '{field}'") from error


def check_design(design: TrialDesign) -> None:
    """Check a design as a whole, once its parts are sound."""
    from ketasim.model import list_hypotheses

    if not design.arms:
        raise bad("a trial has no arm", "arms", "at least one")
    _check_names(design)
    _check_scale(design)
    check_choice("hypothesis", design.hypothesis, list_hypotheses())
    _check_regimen(design.add_on, "add_on", "")
    _check_contexts(design)
    _check_visits(design)
    _check_entry(design)
    _check_kind(design)
    _check_allocation(design)
    _check_decisions(design)
    _check_endpoint(design)


def _check_scale(design: TrialDesign) -> None:
    from ketasim.instruments import load_scale

    try:
        load_scale(design.scale)
    except InputError as error:
        raise in_part(error, "field 'scale'") from error


def _check_names(design: TrialDesign) -> None:
    names = design.arm_names
    twice = [name for name in names if names.count(name) > 1]
    if twice:
        raise bad(f"two arms are called {twice[0]!r}", "arms", "names that differ")


def _check_contexts(design: TrialDesign) -> None:
    from ketasim.instruments import CONTROL_TYPES
    from ketasim.instruments.settings import DECLARED_CONTEXTS

    known = (*CONTROL_TYPES, *DECLARED_CONTEXTS, *(one.name for one in design.contexts))
    for arm in design.arms:
        try:
            check_choice("control", arm.control, known)
        except InputError as error:
            raise in_part(error, f"arm '{arm.name}'") from error
    if design.induction is not None:
        check_choice("induction.control", design.induction.control, known)


def _check_visits(design: TrialDesign) -> None:
    if not design.visits:
        raise bad("a trial has no visit", "visits", "at least one after the first dose")
    times = [one.time_h for one in design.visits]
    if times != sorted(set(times)):
        raise bad("the visits do not follow each other in time", "visits", "rising times")
    for one, following in pairwise(design.visits):
        if one.time_h + one.window_h >= following.time_h - following.window_h:
            raise bad(f"the windows of {one.name!r} and {following.name!r} overlap", "visits")
    names = [one.name for one in design.visits]
    if len(set(names)) < len(names):
        raise bad("two visits have the same name", "visits")


def _check_entry(design: TrialDesign) -> None:
    from ketasim.instruments import load_scale
    from ketasim.trial.rating import entry_law

    entry, top = design.entry, load_scale(design.scale).maximum
    low = 0.0 if entry.minimum is None else entry.minimum
    high = float(top) if entry.maximum is None else entry.maximum
    if not 0.0 <= low < high <= top:
        raise bad(
            f"scores from {low:g} to {high:g} may enter",
            "entry.minimum",
            f"a range within 0 to {top} points of {design.scale}",
        )
    if entry.mean is not None and not low < entry.mean < high:
        raise bad(
            f"a mean baseline of {entry.mean:g} lies outside the entry criterion",
            "entry.mean",
            f"more than {low:g} and less than {high:g}",
        )
    entry_law(entry, design.scale)


def _check_kind(design: TrialDesign) -> None:
    for kind, field in _NEEDS.items():
        given = getattr(design, field) is not None
        if given != (design.kind == kind):
            what = f"a {design.kind} design has {'a' if given else 'no'} field '{field}'"
            raise bad(what, field, f"'{field}' for a {kind} design and for no other")
    if design.periods is not None:
        _check_periods(design)
    if design.induction is not None:
        _check_induction(design)
    if design.second_stage is not None:
        stage = design.second_stage
        for name in (*stage.of, *stage.to):
            check_choice("second_stage", name, design.arm_names)
        if not stage.of or len(stage.to) < 2:
            raise bad("nobody is randomised again", "second_stage", "arms in 'of', two in 'to'")


def _check_periods(design: TrialDesign) -> None:
    periods = design.periods
    assert periods is not None
    starts = list(periods.starts_h)
    if len(starts) < 2 or starts[0] != 0.0 or starts != sorted(set(starts)):
        raise bad(
            "the periods do not follow each other", "periods.starts_h", "0, then rising hours"
        )
    last = design.visits[-1]
    gap = min(b - a for a, b in pairwise(starts))
    if last.time_h + last.window_h > gap:
        raise bad(
            f"the visit at {last.time_h:g} h lies in the next period",
            "visits",
            f"at most {gap:g} h, counted from the start of each period",
        )
    for sequence in periods.sequences:
        for name in sequence:
            check_choice("periods.sequences", name, design.arm_names)
        if len(sequence) != len(starts):
            raise bad(
                f"a sequence names {len(sequence)} arms for {len(starts)} periods",
                "periods.sequences",
            )
    if not periods.sequences:
        raise bad("there is no sequence", "periods.sequences", "at least one")
    if len({arm.n for arm in design.arms}) > 1:
        raise bad("the arms of a crossover differ in size", "arms", "the same patients in each")


def _check_induction(design: TrialDesign) -> None:
    induction = design.induction
    assert induction is not None
    _check_regimen(induction.regimen, "induction.regimen", "")
    if not induction.regimen.strip():
        raise bad("the induction has no dose", "induction.regimen", "a regimen")
    times = [one.time_h for one in design.visits]
    if induction.time_h not in times or induction.time_h == times[-1]:
        raise bad(
            f"nobody is rated at randomisation, {induction.time_h:g} h, and after it",
            "induction.time_h",
            "the time of a visit, with visits after it",
        )
    if induction.relapse_visits < 1:
        raise bad("a relapse needs a visit", "induction.relapse_visits", "1 or more")
    if induction.relapse_score <= induction.at_most:
        raise bad(
            "who is randomised may be in relapse already",
            "induction.relapse_score",
            f"more than {induction.at_most:g}",
        )


def _check_allocation(design: TrialDesign) -> None:
    plan = design.allocation
    groups = len(design.periods.sequences) if design.periods else len(design.arms)
    if plan.ratio:
        _check_ratio(design, groups)
    if plan.method in ("block", "stratified"):
        total = sum(plan.ratio) if plan.ratio else float(groups)
        if plan.block < 1 or abs(plan.block / total - round(plan.block / total)) > 1e-9:
            raise bad(
                f"a block of {plan.block} cannot hold the ratio",
                "allocation.block",
                f"a multiple of {total:g}",
            )
    if (plan.method == "stratified") != bool(plan.strata):
        raise bad(
            f"the method {plan.method!r} and {len(plan.strata)} strata do not fit together",
            "allocation.strata",
        )


def _check_ratio(design: TrialDesign, groups: int) -> None:
    ratio = design.allocation.ratio
    field = "allocation.ratio"
    if len(ratio) != groups:
        raise bad(f"the ratio has {len(ratio)} numbers for {groups} arms", field)
    if min(ratio) <= 0:
        raise bad("a part of the ratio is not positive", field)
    whole = all(float(one).is_integer() for one in ratio)
    if not whole and abs(sum(ratio) - 1.0) > 1e-9:
        raise bad(
            f"the shares sum to {sum(ratio):g}", field, "whole numbers, or shares that sum to 1"
        )
    if not whole and design.allocation.method in ("block", "stratified"):
        raise bad("shares cannot fill a block", field, "whole numbers such as [2, 1]")
    if design.periods:
        return
    for arm, part in zip(design.arms, ratio, strict=True):
        due = design.patients * part / sum(ratio)
        if abs(arm.n - due) > max(_UNEVEN, design.allocation.block):
            raise in_part(
                bad(f"{arm.n} patients do not fit the ratio", "n", f"about {due:.0f}"),
                f"arm '{arm.name}'",
            )


def _check_decisions(design: TrialDesign) -> None:
    times = [one.time_h for one in design.visits]
    asked = [("rescue.at_h", design.rescue.at_h)] if design.rescue else []
    if design.second_stage:
        asked.append(("second_stage.time_h", design.second_stage.time_h))
    asked += [
        (f"arms.{arm.name}.flexible.at_h", arm.flexible.at_h) for arm in design.arms if arm.flexible
    ]
    for field, time in asked:
        if time not in times or time == times[-1]:
            raise bad(
                f"nothing can be decided at {time:g} h", field, "the time of an earlier visit"
            )


def _check_endpoint(design: TrialDesign) -> None:
    end = design.endpoint
    if (end.measure == "relapse") != (design.kind == "withdrawal"):
        raise bad(
            f"a {design.kind} design is not judged by {end.measure}",
            "endpoint.measure",
            "relapse for a withdrawal design and for no other",
        )
    if (end.analysis == "crossover") and design.kind != "crossover":
        raise bad("the design is no crossover", "endpoint.analysis")
    place = design.visit_index(end.visit)
    if design.induction and design.visits[place].time_h <= design.induction.time_h:
        raise bad("the end point lies before randomisation", "endpoint.visit")

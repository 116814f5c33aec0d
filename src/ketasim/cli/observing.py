"""What `ketasim simulate` has measured in its patients: scores, outcomes, dissociation, by visit."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ketasim.errors import unknown_name

if TYPE_CHECKING:
    import pandas as pd

    from ketasim.dosing import Regimen
    from ketasim.simulate import Trajectories

__all__ = ["MEASURES", "NO_CONTEXT", "control_of", "observe", "visits"]

MEASURES = ("madrs", "hamd17", "hamd21", "madrs_response", "madrs_remission", "cadss")
"""What is measured at every visit."""

NO_CONTEXT = "none"
"""The word for a setting without any expectancy."""

# The infusion's end, the early visit and the days of the trials; from the first week on weekly.
_VISITS_H = (0.0, 2 / 3, 2.0, 4.0, 24.0, 48.0, 72.0)
_WEEK_H = 168.0


def visits(end_h: float) -> tuple[float, ...]:
    """Return when patients are seen in a run.

    Parameters
    ----------
    end_h : float
        Length of the run in hours.

    Returns
    -------
    tuple of float
        Hours, rising: those of the trials that lie within the run, then one a week, and its end.
    """
    weekly = (_WEEK_H * number for number in range(1, int(end_h // _WEEK_H) + 1))
    return (*(time for time in (*_VISITS_H, *weekly) if time < end_h), end_h)


def control_of(given: Regimen, control: str | None = None) -> str | None:
    """Return the control type whose expectancy the scores of an arm carry.

    Parameters
    ----------
    given : Regimen
        What the patients receive.
    control : str, optional
        What the user names; by default it follows from the drugs. A drug makes an active arm,
        midazolam and saline are controls of their own, and where nothing is given nobody expects
        anything.

    Returns
    -------
    str or None
        One of `ketasim.instruments.CONTROL_TYPES`; None for no context.

    Raises
    ------
    UnknownNameError
        If there is no such control type.
    """
    from ketasim.instruments import CONTROL_TYPES

    known = (*CONTROL_TYPES, NO_CONTEXT)
    if control is not None and control not in known:
        raise unknown_name("control type", control, known, where="--control")
    return _inferred(given) if control is None else None if control == NO_CONTEXT else control


def _inferred(given: Regimen) -> str | None:
    drugs = set(given.drugs)
    sprayed = any(dose.drug == "saline" and dose.route == "nasal" for dose in given)
    if sprayed and drugs == {"saline", "ssri"}:
        return "nasal_placebo_with_antidepressant"
    if drugs - {"saline", "midazolam"}:
        return "active"
    # Whoever gets both cannot tell the sedation of midazolam from an effect.
    return next((name for name in ("midazolam", "saline") if name in drugs), None)


def observe(run: Trajectories, control: str | None) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """Measure a run with every instrument of `MEASURES`.

    Parameters
    ----------
    run : Trajectories
        With the outputs that are read by default.
    control : str or None
        From `control_of`.

    Returns
    -------
    DataFrame
        One row for each patient, visit and measure; ``attrs`` hold the units, the control type,
        the seed and the notes.
    tuple of str
        What a reader must know beside the numbers.
    """
    import pandas as pd

    from ketasim.instruments import measure

    arm = "+".join(run.regimen.drugs) or "none"
    times = visits(float(run.times[-1]))
    seen = [measure(run, name, control=control, visits=times, arm=arm) for name in MEASURES]
    table = pd.concat([one.table for one in seen], ignore_index=True)
    notes = tuple(dict.fromkeys(note for one in seen for note in one.notes()))
    table.attrs = {
        "units": {one.measure: one.unit for one in seen},
        "control": control or NO_CONTEXT,
        "seed": seen[0].seed,
        "notes": list(notes),
    }
    return table, notes

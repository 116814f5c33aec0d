"""What `long_term` answers: sentences and verdicts, computed from its numbers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from ketasim.experiments.study import Answer, StudyVerdict
from ketasim.inference.longterm import withdrawal_trial
from ketasim.inference.longterm.intervals import exact_interval, median_interval

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd

    from ketasim.experiments.long_term_courses import Followed

__all__ = [
    "Numbers",
    "Published",
    "ignorance_answers",
    "predicted",
    "published",
    "relapse_answers",
    "verdict_of",
]

Numbers: TypeAlias = "Mapping[str, tuple[float, float, float]]"
"""Value, low and high of every published number under one hypothesis, by its name."""


@dataclass(frozen=True)
class Published:
    """A published number with its interval.

    Parameters
    ----------
    name, title, unit : str
        What it is.
    value, low, high : float
        The value is NaN where only a range is printed; an open end is infinite.
    fitted : bool
        Whether the model was fitted to it, so that agreement is no test.
    source : str
        Citation key.
    """

    name: str
    title: str
    unit: str
    value: float
    low: float
    high: float
    fitted: bool
    source: str

    def holds(self, number: float) -> bool:
        """Say whether a number lies in the published interval."""
        return self.low <= number <= self.high


def published() -> tuple[Published, ...]:
    """Return what is known of relapse, from the tables of evidence.

    Returns
    -------
    tuple of Published
        One dose and six infusions, which were not fitted; stopping, going on and the hazard ratio,
        which were.
    """
    trial = withdrawal_trial()
    single, six = _single_dose(), _six_infusions()
    shares = [
        _share(name, title, events, n)
        for (name, title), events, n in zip(_ARMS, trial.relapsed, trial.n, strict=True)
    ]
    median = Published(
        "median stopped", "Median time to relapse after stopping", "d", trial.median_d,
        trial.median_low_d, float("inf"), True, "daly2019",
    )  # fmt: skip
    ratio = Published(
        "hazard ratio", "Hazard ratio of going on against stopping", "ratio", trial.hazard_ratio,
        trial.low, trial.high, True, "daly2019",
    )  # fmt: skip
    return (single, six, median, *shares, ratio)


_ARMS = (
    ("share continued", "Relapse within 40 weeks of going on"),
    ("share stopped", "Relapse within 40 weeks of stopping"),
)


def _share(name: str, title: str, events: int, n: int) -> Published:
    low, high = exact_interval(events, n)
    value = 100 * events / n
    return Published(name, title, "%", value, 100 * low, 100 * high, True, "daly2019")


def _single_dose() -> Published:
    from ketasim.evidence import load

    table = load("observations")
    row = table[table["id"] == "relapse-single-dose"].iloc[0]
    low, high = float(row["lower"]) / 24.0, float(row["upper"]) / 24.0
    title = "Median time to relapse after one dose"
    return Published("one dose", title, "d", float("nan"), low, high, False, str(row["source"]))


def _six_infusions() -> Published:
    from ketasim.evidence import calibration_rows

    rows = calibration_rows("clinical_aux", where={"kind": "relapse"}).to_frame()
    row = rows[rows["scale"] == "median_days_to_relapse"].iloc[0]
    value = float(row["value"])
    low, high = median_interval(value, int(row["n"]))
    title = "Median time to relapse after six infusions"
    return Published("six infusions", title, "d", value, low, high, False, str(row["citation"]))


def predicted(found: Followed, seed: int) -> Numbers:
    """Return value and interval of every published number under a hypothesis, in its unit.

    Parameters
    ----------
    found : Followed
        Its programmes.
    seed : int
        Of the trials drawn.

    Returns
    -------
    mapping of str to tuple of float
        Value, low and high, by the name of the published number.
    """
    from ketasim.experiments.long_term_courses import ratio_interval

    medians = {name: found.median(name, seed) for name in ("one dose", "six infusions")}
    shares = {
        f"share {name}": tuple(100 * one for one in found.share(name))
        for name in ("continued", "stopped")
    }
    return {
        **medians,
        "median stopped": found.median("stopped", seed),
        **{name: (one[0], one[1], one[2]) for name, one in shares.items()},
        "hazard ratio": (found.ratio, *ratio_interval(found, seed)),
    }


def verdict_of(numbers: Numbers) -> StudyVerdict:
    """Compute the verdict on a hypothesis.

    Parameters
    ----------
    numbers : mapping of str to tuple of float
        From `predicted`.

    Returns
    -------
    StudyVerdict
        Only numbers that nothing was fitted to decide: supported if all lie in the published
        intervals, contradicted if none does, undecided between the two.
    """
    deciding = [one for one in published() if not one.fitted]
    inside = [one for one in deciding if one.holds(numbers[one.name][0])]
    words = "; ".join(
        f"{one.title.lower()} {numbers[one.name][0]:.0f} {one.unit}, published "
        f"{one.low:.0f} to {one.high:.0f}"
        for one in deciding
    )
    fitted = [one for one in published() if one.fitted]
    met = sum(one.holds(numbers[one.name][0]) for one in fitted)
    why = (
        f"{words}. {met} of {len(fitted)} numbers that the model was fitted to lie in their "
        "intervals, which is no test. Nothing beyond 9 months can be tested."
    )
    if len(inside) == len(deciding):
        return StudyVerdict("supported", why)
    return StudyVerdict("undecided" if inside else "contradicted", why)


def relapse_answers(numbers: Mapping[str, Numbers]) -> list[Answer]:
    """Return one answer for each published number, with the range over hypotheses.

    Parameters
    ----------
    numbers : mapping of str to mapping
        From `predicted`, by hypothesis; the first is the one whose number is given.

    Returns
    -------
    list of Answer
        Every hypothesis by itself is in the table ``relapse``.
    """
    return [_relapse_answer(numbers, what) for what in published()]


def _relapse_answer(numbers: Mapping[str, Numbers], what: Published) -> Answer:
    first = next(iter(numbers))
    value, low, high = numbers[first][what.name]
    every = [one[what.name][0] for one in numbers.values()]
    inside = sum(what.holds(one) for one in every)
    fitted = "fitted, so no test" if what.fitted else "not fitted"
    text = (
        f"{_number(value)} {what.unit} under {first} (95 % of trials of the published size "
        f"{_number(low)} to {_number(high)}); {_number(min(every))} to {_number(max(every))} over "
        f"{len(every)} hypotheses, of which {inside} lie inside the published {_number(what.low)} to "
        f"{_number(what.high)} ({fitted})."
    )
    return Answer(
        f"{what.title}, in the model?", text, "", value, low, high, what.unit, (what.source,)
    )


def _number(value: float) -> str:
    if np.isinf(value):
        return "not reached"
    return "none" if np.isnan(value) else f"{value:.3g}"


def ignorance_answers(table: pd.DataFrame) -> list[Answer]:
    """Return one answer for each outcome of the long term.

    Parameters
    ----------
    table : DataFrame
        From `ketasim.inference.longterm.value.ignorance_table`.

    Returns
    -------
    list of Answer
        Data, interval, months behind it, assumption, and the study that would narrow it most.
    """
    return [_ignorance_answer({str(key): cell for key, cell in row.items()})
            for row in table.to_dict("records")]  # fmt: skip


def _ignorance_answer(row: dict[str, object]) -> Answer:
    numbers = [float(str(row[name])) for name in ("value", "low", "high")]
    value, low, high = numbers
    point = "" if np.isnan(value) else f"{_number(value)} {row['unit']}, "
    beyond = "beyond the data, " if row["extrapolated"] else ""
    study = (
        f"Narrowed most by: {row['best_study']} (interval narrower by "
        f"{float(str(row['reduction_pct'])):.0f} % on average)."
        if float(str(row["reduction_pct"])) > 0
        else "No study of the list would narrow it."
    )
    text = (
        f"{point}{beyond}95 % interval {_number(low)} to {_number(high)} {row['unit']}; data: "
        f"{row['data']}; population {row['population']}; {float(str(row['months_controlled'])):g} "
        f"months of controlled data and {float(str(row['months_any'])):g} of any. "
        f"{row['assumption']}. {study}"
    )
    sources = tuple(str(row["source"]).split(";"))
    return Answer(
        f"{row['title']} ({str(row['population']).split(':')[0]} use)?",
        text, "", value, low, high, str(row["unit"]), sources,
    )  # fmt: skip

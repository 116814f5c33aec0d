"""Acute side effects in the model: when they peak, what is left, and how cuffs would read them."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from ketasim.experiments.study import Chart
from ketasim.instruments.vitals import older_ages, vital_sessions

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pandas as pd
    from numpy.typing import NDArray

    from ketasim.model import Model
    from ketasim.population import Cohort
    from ketasim.simulate import Trajectories

__all__ = ["Acute", "Check", "acute", "acute_charts", "check_table"]

IV = "ketamine 0.5 mg/kg iv over 40 min"
_NASAL = "esketamine {} mg nasal"
_PLACEBO = "saline 1 mg nasal"
_NALTREXONE = f"naltrexone 50 mg oral at -45 min; {IV}"
_REPEATED = f"{IV} every 84 h x 8"
_OUTPUTS = ("dissociation", "sedation", "sbp_rise", "dbp_rise", "hr_rise")
_MINUTES = np.arange(0.0, 245.0, 5.0)
_INFUSION_READINGS_H = (0.25, 0.5, 2 / 3, 1.0, 1.5, 2.0)
_READ_AGAIN = 12
_SIZES = {
    ("spray", "18 to 64"): 346, ("placebo", "18 to 64"): 222,
    ("spray", "65 or more"): 72, ("placebo", "65 or more"): 65,
}  # fmt: skip
"""Patients of the label's table of readings, whose trials the means of maxima come from."""

_OLDER_DOSES_MG, _DOSES_MG = (28, 56, 84), (56, 84)


@dataclass(frozen=True)
class Check:
    """One number of the model beside the published range.

    Parameters
    ----------
    name, title, unit : str
        Name in code, name in print, and unit.
    value : float
        The model's.
    low, high : float
        The published range, or the bound that the acceptance of the model asks for.
    published : str
        What was published, in words.
    sources : tuple of str
        BibTeX keys.
    """

    name: str
    title: str
    unit: str
    value: float
    low: float
    high: float
    published: str
    sources: tuple[str, ...]

    @property
    def inside(self) -> bool:
        """Whether the value lies in the range."""
        return bool(self.low <= self.value <= self.high)


@dataclass(frozen=True, eq=False)
class Acute:
    """Mean courses and readings under one hypothesis.

    Parameters
    ----------
    courses : DataFrame
        Columns ``series`` (the regimen), ``output``, ``minutes``, ``mean``.
    pressure : DataFrame
        Columns ``sign``, ``series``, ``minutes``, ``mean``, ``standard_error``: a mean at a time.
    maxima : DataFrame
        Columns ``sign``, ``series``, ``age``, ``mean``, ``standard_error``, ``sd`` (of patients),
        ``published``.
    repeats : DataFrame
        Columns ``series``, ``session``, ``share`` of the first session.
    naltrexone : float
        The largest difference that naltrexone makes to anybody's dissociation.
    above : mapping of str to float
        Share of patients with a reading 40 mmHg or more above that before the session, in four
        weeks, by drug.
    """

    courses: pd.DataFrame = field(repr=False)
    pressure: pd.DataFrame = field(repr=False)
    maxima: pd.DataFrame = field(repr=False)
    repeats: pd.DataFrame = field(repr=False)
    naltrexone: float
    above: Mapping[str, float]

    def course(self, series: str, output: str) -> NDArray[np.float64]:
        """Return a mean course on the grid of five minutes."""
        kept = self.courses[(self.courses["series"] == series) & (self.courses["output"] == output)]
        return kept["mean"].to_numpy(dtype=np.float64)


def acute(model: Model, patients: int, seed: int) -> Acute:
    """Simulate what is compared with the published side effects of one session.

    Parameters
    ----------
    model : Model
        Under one hypothesis.
    patients : int
        Size of each cohort.
    seed : int
        Its seed.
    """
    import pandas as pd

    from ketasim.population import virtual_patients

    people = virtual_patients(model, patients, seed, clinical=True)
    young = _of_age(people, 0.0, 65.0)
    old = virtual_patients(model, patients, seed, clinical=True, extra=older_ages())
    single = {"infusion": IV, **{f"spray, {mg} mg": _NASAL.format(mg) for mg in _DOSES_MG}}
    runs = {name: _run(model, text, people, _MINUTES / 60.0) for name, text in single.items()}
    placebo = _run(model, _PLACEBO, people, _MINUTES / 60.0)
    courses = pd.concat(
        [
            pd.DataFrame(
                {"series": name, "output": output, "minutes": _MINUTES, "mean": _mean(run, output)}
            )
            for name, run in runs.items()
            for output in _OUTPUTS
        ],
        ignore_index=True,
    )
    both = _run(model, _NALTREXONE, people, _MINUTES / 60.0)
    moved = both.dataset["dissociation"].values - runs["infusion"].dataset["dissociation"].values
    groups = [
        ("spray", "18 to 64", young, [_NASAL.format(mg) for mg in _DOSES_MG]),
        ("placebo", "18 to 64", young, [_PLACEBO]),
        ("spray", "65 or more", old, [_NASAL.format(mg) for mg in _OLDER_DOSES_MG]),
        ("placebo", "65 or more", old, [_PLACEBO]),
    ]
    return Acute(
        courses=courses,
        pressure=_pressure({**runs, "placebo": placebo}),
        maxima=pd.concat([_maxima(model, seed, *one) for one in groups], ignore_index=True),
        repeats=_repeats(model, people),
        naltrexone=float(np.nanmax(np.abs(moved))),
        above=_above(model, young),
    )


def _of_age(cohort: Cohort, lowest: float, below: float) -> Cohort:
    age = cohort.table["age"]
    return replace(cohort, table=cohort.table[(age >= lowest) & (age < below)])


def _run(
    model: Model, regimen: str, cohort: Cohort, times: NDArray[np.float64] | Sequence[float]
) -> Trajectories:
    from ketasim.simulate import simulate

    return simulate(
        model, regimen, cohort=cohort, times=list(times), outputs=_OUTPUTS, progress=False
    )


def _mean(run: Trajectories, output: str) -> NDArray[np.float64]:
    return np.asarray(np.nanmean(run.dataset[output].values, axis=0), dtype=np.float64)


def _pressure(runs: Mapping[str, Trajectories]) -> pd.DataFrame:
    import pandas as pd

    parts = []
    for sign in ("sbp", "dbp", "heart_rate"):
        for name, run in runs.items():
            told = vital_sessions(run, sign, readings_h=_INFUSION_READINGS_H).mean_at_a_time()
            told = told.reset_index().assign(sign=sign, series=name)
            parts.append(told.assign(minutes=60.0 * told["reading_h"]))
    columns = ["sign", "series", "minutes", "mean", "standard_error"]
    return pd.concat(parts, ignore_index=True)[columns]


def _maxima(
    model: Model, seed: int, drug: str, age: str, cohort: Cohort, regimens: Sequence[str]
) -> pd.DataFrame:
    import pandas as pd

    runs = [_run(model, text, cohort, _MINUTES / 60.0) for text in regimens]
    rows = []
    for sign in ("sbp", "dbp"):
        # Readings are drawn several times over, so that the luck of one cuff does not show.
        drawn = [
            [vital_sessions(run, sign, seed=one).largest for run in runs]
            for one in range(seed, seed + _READ_AGAIN)
        ]
        means = [np.mean([one.mean() for one in each]) for each in drawn]
        rows.append(
            {
                "sign": sign, "series": drug, "age": age, "mean": float(np.mean(means)),
                "standard_error": float(np.std(means, ddof=1) / np.sqrt(_READ_AGAIN)),
                "sd": float(np.std(np.concatenate(drawn[0]))),
                "published": _published_maximum(sign, drug, age),
            }
        )  # fmt: skip
    return pd.DataFrame(rows)


def _published_maximum(sign: str, drug: str, age: str) -> float:
    from ketasim.evidence import load

    rows = load("safety_timecourse")
    wanted = {"spray": "esketamine", "placebo": "placebo"}[drug]
    group = {"18 to 64": "TRD 18-64 y", "65 or more": "TRD >=65 y"}[age]
    kept = rows[
        (rows["measure"] == f"{sign.upper()} change")
        & (rows["drug"] == wanted)
        & (rows["population"] == group)
    ]
    return float(kept["value"].astype(float).iloc[0])


def _repeats(model: Model, cohort: Cohort) -> pd.DataFrame:
    import pandas as pd

    ends = [84.0 * k + 2 / 3 for k in range(8)]
    run = _run(model, _REPEATED, cohort, ends)
    return pd.concat(
        [
            pd.DataFrame(
                {
                    "series": title, "session": np.arange(1, 9),
                    "share": _mean(run, output) / _mean(run, output)[0],
                }
            )
            for title, output in (("dissociation", "dissociation"), ("blood pressure", "sbp_rise"))
        ],
        ignore_index=True,
    )  # fmt: skip


def _above(model: Model, cohort: Cohort) -> dict[str, float]:
    offsets = (0.0, 2 / 3, 1.0, 1.5, 2.0)
    times = [84.0 * k + one for k in range(8) for one in offsets]
    shares = {}
    for name, doses in (("spray", [f"esketamine {mg} mg" for mg in _DOSES_MG]),
                        ("placebo", ["saline 1 mg"])):  # fmt: skip
        runs = [_run(model, f"{dose} nasal every 84 h x 8", cohort, times) for dose in doses]
        shares[name] = float(
            np.mean([vital_sessions(run, "sbp").share_above(change=40.0) for run in runs])
        )
    return shares


def check_table(found: Acute) -> list[Check]:
    """Return every number that the evidence gives a range for.

    Parameters
    ----------
    found : Acute
        From `acute`.
    """
    checks = []
    for output, name in (("dissociation", "dissociation"), ("sedation", "sedation")):
        for series, low, high in (("infusion", 35.0, 45.0), ("spray, 84 mg", 30.0, 50.0)):
            course = found.course(series, output)
            limit = 120.0 if output == "dissociation" else 90.0
            bounds = (30.0, 45.0) if output == "sedation" else (low, high)
            seen = (
                "peaks at 40 min, gone by 1.5 to 2 h" if output == "dissociation"
                else "peaks at 30 to 45 min, gone at 60 to 90 min"
            )  # fmt: skip
            key = f"{output}_{series.split(',')[0]}"
            checks += [
                Check(
                    f"{key}_peak", f"Peak of {name}, {series}", "min",
                    float(_MINUTES[course.argmax()]), *bounds, seen, ("jnjmedical",),
                ),
                Check(
                    f"{key}_left", f"{name.capitalize()} left at {limit:g} min, {series}",
                    "share of peak",
                    float(course[limit == _MINUTES][0] / course.max()), 0.0, 0.15, seen,
                    ("jnjmedical", "acevedodiaz2020"),
                ),
            ]  # fmt: skip
    return [*checks, *_pressure_checks(found), *_other_checks(found)]


def _pressure_checks(found: Acute) -> list[Check]:
    checks = []
    for series in ("infusion", "spray, 84 mg"):
        for sign, low, high, seen, keys in (
            ("sbp", 3.0, 16.0, "largest mean +3.3, +7.4 and +16.0 mmHg in three cohorts",
             ("rivaposse2018", "infusions741", "yale2024")),
            ("heart_rate", 2.0, 6.0, "+1.9 and +4.1 (0.6 to 7.6) per minute",
             ("infusions741", "vankawala2021")),
        ):  # fmt: skip
            rows = found.pressure[
                (found.pressure["series"] == series) & (found.pressure["sign"] == sign)
            ]
            unit = "mmHg" if sign == "sbp" else "1/min"
            title = "Systolic rise" if sign == "sbp" else "Heart rate rise"
            checks.append(
                Check(
                    f"{sign}_{series.split(',')[0]}", f"{title}, largest mean at a time, {series}",
                    unit, float(rows["mean"].max()), low, high, seen, keys,
                )
            )  # fmt: skip
        course = found.course(series, "sbp_rise")
        checks.append(
            Check(
                f"sbp_{series.split(',')[0]}_peak", f"Peak of the rise in pressure, {series}",
                "min", float(_MINUTES[course.argmax()]), 30.0, 40.0, "30 to 40 min",
                ("infusions741", "rivaposse2018", "yale2024"),
            )
        )  # fmt: skip
    for row in found.maxima[found.maxima["sign"] == "sbp"].to_dict("records"):
        size = _SIZES[row["series"], row["age"]]
        error = 1.96 * row["sd"] / np.sqrt(size)
        checks.append(
            Check(
                f"maximum_{row['series']}_{'65' if row['age'] == '65 or more' else '18'}",
                f"Systolic mean of maxima, {row['series']}, {row['age']} years", "mmHg",
                row["mean"], row["published"] - error, row["published"] + error,
                f"+{row['published']:g} mmHg; range: sampling error of {size} patients",
                ("doherty2020", "spravatolabel"),
            )
        )  # fmt: skip
    return checks


def _other_checks(found: Acute) -> list[Check]:
    last = found.repeats[found.repeats["session"] == 8].set_index("series")["share"]
    label = ("spravatolabel",)
    return [
        Check(
            "repeat_dissociation", "Dissociation in the eighth session, over the first",
            "dimensionless", float(last["dissociation"]), 0.0, 0.95,
            "falls after the first infusion, then stays; by how much was not read",
            ("crtce2022", "jnjmedical"),
        ),
        Check(
            "repeat_pressure", "Rise in pressure in the eighth session, over the first",
            "dimensionless", float(last["blood pressure"]), 0.95, 1.05,
            "no tolerance in two cohorts", ("rivaposse2018", "infusions741"),
        ),
        Check(
            "naltrexone", "Largest change of dissociation by naltrexone", "share of the largest",
            found.naltrexone, 0.0, 0.001, "unchanged", ("williams2018",),
        ),
        Check(
            "above_spray", "Patients with a systolic rise of 40 mmHg or more in four weeks, spray",
            "share", found.above["spray"], 0.0590, 0.1181, "29 of 346", label,
        ),
        Check(
            "above_placebo", "The same under placebo", "share", found.above["placebo"],
            0.0, 0.0250, "1 of 222", label,
        ),
    ]  # fmt: skip


def acute_charts(found: Acute) -> tuple[Chart, ...]:
    """Return courses, means at a time, means of maxima and repeats.

    Parameters
    ----------
    found : Acute
        Under the hypothesis that is drawn.
    """
    import pandas as pd

    shown = found.courses[found.courses["output"].isin(["dissociation", "sedation"])]
    top = shown.groupby(["series", "output"])["mean"].transform("max")
    shapes = pd.DataFrame(
        {"panel": shown["output"], "series": shown["series"], "x": shown["minutes"],
         "y": shown["mean"] / top}
    )  # fmt: skip
    sbp = found.pressure[found.pressure["sign"] == "sbp"]
    lines = pd.DataFrame(
        {
            "series": sbp["series"],
            "x": sbp["minutes"],
            "y": sbp["mean"],
            "low": sbp["mean"] - 1.96 * sbp["standard_error"],
            "high": sbp["mean"] + 1.96 * sbp["standard_error"],
        }
    )
    seen = pd.DataFrame(
        {"series": "published: infusions", "x": [30.0, 35.0, 40.0], "y": _published_means()}
    )
    rows = found.maxima
    maxima = pd.DataFrame(
        {
            "panel": rows["sign"].map({"sbp": "systolic", "dbp": "diastolic"}),
            "label": rows["series"] + ", " + rows["age"] + " years", "group": "predicted",
            "value": rows["mean"], "low": rows["mean"] - 1.96 * rows["standard_error"],
            "high": rows["mean"] + 1.96 * rows["standard_error"], "published": rows["published"],
        }
    ).assign(published_low=np.nan, published_high=np.nan)  # fmt: skip
    repeats = found.repeats.rename(columns={"session": "x", "share": "y"})
    return (
        Chart(
            "courses", "Dissociation and sedation after one session", "lines",
            shapes.reset_index(drop=True), "time after the start (min)", "share of its peak",
            note="Shape only: no mean score of CADSS by time was found in any source.",
        ),
        Chart(
            "pressure", "Systolic pressure: mean at a time", "lines",
            pd.concat([lines, seen], ignore_index=True), "time after the start (min)",
            "change (mmHg)",
            note="Intervals are those of the mean. Published: the largest mean of three cohorts.",
        ),
        Chart(
            "maxima", "Mean of each patient's largest reading", "intervals",
            maxima, "change (mmHg)", "",
            note="Four readings in two hours. Under placebo it is noise alone. Systolic values and "
            "the diastolic ones of 18 to 64 years were fitted.",
        ),
        Chart(
            "repeats", "Twice a week for four weeks, beside the first session", "lines",
            repeats[["series", "x", "y"]], "session (number)", "share of the first session",
            note="How fast dissociation fades is assumed.",
        ),
    )  # fmt: skip


def _published_means() -> list[float]:
    from ketasim.evidence import load

    rows = load("safety_timecourse")
    rows = rows[(rows["measure"] == "SBP change") & (rows["route"] == "IV")].set_index("source")
    value = rows["value"].astype(float)
    names = ("Riva-Posse 2018", "741-infusion", "Yale 2024")
    return [float(value[value.index.str.startswith(name)].iloc[0]) for name in names]

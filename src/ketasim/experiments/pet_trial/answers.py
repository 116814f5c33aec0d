"""What the study says, question by question; every number is computed."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from ketasim.experiments.pet_trial.findings import interval
from ketasim.experiments.pet_trial.needed import (
    POWER,
    best_by,
    correlation_needed,
    effect_on_days,
    group_needed,
    hippocampus_sd,
    paired_needed,
    region_times,
)
from ketasim.experiments.pet_trial.published import ALPHA, DAYS_H, KETAMINE, REGION_NAMES, SALINE
from ketasim.experiments.pet_trial.scanning import NULL, PUBLISHED_TRUE
from ketasim.experiments.pet_trial.significance import share_of
from ketasim.experiments.study import Answer
from ketasim.instruments.pet.scans import REGIONS

if TYPE_CHECKING:
    from collections.abc import Callable

    from ketasim.experiments.pet_trial.findings import Findings
    from ketasim.experiments.pet_trial.significance import Share

__all__ = ["answers", "count", "signed"]

_TRIAL = ("tiger2020",)


def answers(found: Findings) -> tuple[Answer, ...]:
    """Return the answers of the study.

    Parameters
    ----------
    found : Findings
        The tests on all replicates.

    Returns
    -------
    tuple of Answer
        In the order in which they are read.
    """
    return (
        *_rise(found),
        *_p_value(found),
        *_implied(found),
        *_placebo(found),
        *_improvement(found),
        *_symptoms(found),
        *_many_regions(found),
        *_regression(found),
        *_patients(found),
        *_where_and_when(found),
        _choice(found),
    )


def signed(value: float, digits: int = 2) -> str:
    """Return a number with its sign, a true minus included."""
    return f"{value:+.{digits}g}".replace("-", "−")


def count(number: float) -> str:
    """Return a number of patients, rounded as far as it can be known."""
    if not math.isfinite(number):
        return "no number of"
    if number > 1e6:
        return "more than a million"
    # Two digits: the effect that it rests on is not known to more.
    return f"{math.ceil(number)}" if number < 100 else f"{float(f'{number:.2g}'):,.0f}"


def _where(world: str) -> str:
    return f"Where {world} is true: " if world == PUBLISHED_TRUE else f"Where {world}: "


def _percent(share: float) -> str:
    return f"{100 * share:g}"


def _by_level(found: Findings, share: Callable[[int], Share]) -> str:
    """Return a share at every variability of the hippocampus that is swept."""
    return "; ".join(
        f"{share(place).text()} at {_percent(level)} %" for place, level in enumerate(found.levels)
    )


def _tails(
    found: Findings, question: str, opening: str, share: Callable[[str, int], Share]
) -> list[Answer]:
    """Answer a question about the hippocampus in every world, at every variability."""
    worlds = {NULL: "", PUBLISHED_TRUE: "", **{name: name for name in found.names}}
    last = len(found.levels) - 1
    made = []
    for name, hypothesis in worlds.items():
        here = share(name, last)
        subject = "" if hypothesis else _where(name)
        words = _by_level(found, lambda level, name=name: share(name, level))  # type: ignore[misc]
        start = f"{subject}{opening if subject else ''}"
        low, high = here.interval
        made.append(
            Answer(question, f"{start}{words}.", hypothesis, here.value, low, high, "share", _TRIAL)
        )
    return made


def _rise(found: Findings) -> list[Answer]:
    said = found.published
    question = (
        f"How probable was a mean rise of {said.change:.1f} % or more in the hippocampus, by its "
        "test-retest variability?"
    )
    made = _tails(found, question, "", found.at_least)
    words = []
    for name in found.names:
        middle, low, high = interval(found.hip[name].change[:, found.usual])
        true = 100 * effect_on_days(found.worlds[found.names.index(name)]).relative
        words.append((name, true, middle, low, high))
    ask = "What change of the hippocampus does each hypothesis predict for this trial?"
    predicted = [
        Answer(
            ask,
            f"The true change is {signed(true)} %; the trial would measure {signed(middle)} % (95 % of "
            f"trials {signed(low)} to {signed(high)} %) at a test-retest variability of "
            f"{_percent(found.levels[found.usual])} %.",
            name, middle, low, high, "%",
        )
        for name, true, middle, low, high in words
    ]  # fmt: skip
    return [*predicted, *made]


def _p_value(found: Findings) -> list[Answer]:
    said = found.published
    question = (
        f"How probable was a rise in the hippocampus with p of {said.change_p:g} or less, by its "
        "test-retest variability?"
    )
    return _tails(found, question, "", found.as_significant)


def _implied(found: Findings) -> list[Answer]:
    implied = found.published.implied_sd()
    sds = found.change_sd()
    listed = ", ".join(
        f"{sd:.0f} % at {_percent(level)} %" for sd, level in zip(sds, found.levels, strict=True)
    )
    nearest = found.levels[int(np.argmin(np.abs(sds - implied)))]
    text = (
        f"A mean of {found.published.change:.1f} % with p = {found.published.change_p:g} in "
        f"{KETAMINE} patients implies an SD of {implied:.0f} % between patients, if it is a paired t "
        f"test of the change. In virtual patients in whom nothing changes the SD is {listed} of "
        f"test-retest variability. The nearest of them is {_percent(nearest)} %, so the published "
        "numbers fit a noisy hippocampus, or changes that differ much between patients."
    )
    question = "What do the published mean and p value say of the scans?"
    return [Answer(question, text, value=implied, unit="%", sources=_TRIAL)]


def _placebo(found: Findings) -> list[Answer]:
    question = "How probable was no difference from saline in the hippocampus?"
    made = []
    for name in (NULL, PUBLISHED_TRUE, *found.names):
        here = found.no_difference(name, found.usual)
        hypothesis = name if name in found.names else ""
        low, high = here.interval
        subject = "" if hypothesis else _where(name)
        sweep = _by_level(found, lambda level, name=name: found.no_difference(name, level))  # type: ignore[misc]
        made.append(
            Answer(
                question, f"{subject}{sweep}.", hypothesis, here.value, low, high, "share", _TRIAL
            )
        )
    return made


def _improvement(found: Findings) -> list[Answer]:
    said = found.published
    question = (
        f"How probable was a correlation of {said.improvement:g} or below between binding in the "
        f"ventral striatum before and the fall of MADRS ({KETAMINE} patients)?"
    ).replace("-", "−")
    made = []
    for name in (NULL, *found.names):
        middle, low, high = interval(found.improvement[name])
        here = found.improvement_tail(name)
        hypothesis = name if name in found.names else ""
        subject = "" if hypothesis else _where(name)
        ratio = (
            ""
            if not hypothesis
            else (
                f" The published r is {found.likelihood_ratio(name):.2g} times as probable as where "
                "nothing is true."
            )
        )
        text = (
            f"{subject}{here.text()}; the trial would see {_rounded(middle)} (95 % of trials "
            f"{_rounded(low)} to {_rounded(high)}).{ratio}"
        ).replace("-", "−")
        made.append(Answer(question, text, hypothesis, middle, low, high, "1", _TRIAL))
    return made


def _symptoms(found: Findings) -> list[Answer]:
    said = found.published
    middle, low, high = interval(found.symptoms)
    here = share_of(found.symptoms <= said.symptoms)
    question = (
        f"How probable was a correlation of {said.symptoms:g} or below between binding in the "
        f"ventral striatum and symptoms before ({KETAMINE + SALINE} patients)?"
    ).replace("-", "−")
    text = (
        f"{here.text()}, under every hypothesis alike: none of them ties severity to binding. The "
        f"trial would see {_rounded(middle)} (95 % of trials {_rounded(low)} to {_rounded(high)})."
    ).replace("-", "−")
    return [Answer(question, text, "", middle, low, high, "1", _TRIAL)]


def _many_regions(found: Findings) -> list[Answer]:
    some = share_of(np.asarray((found.region_p < ALPHA).any(axis=1)))
    moved = share_of(np.asarray((found.shifted_p < ALPHA).any(axis=1)))
    best = np.nanargmin(found.region_p, axis=1)
    rows = np.arange(len(best))
    size = np.abs(found.region_change[rows, best])
    small = share_of(found.region_p.min(axis=1) <= found.published.change_p)
    middle, low, high = interval(size)
    regions = len(REGIONS)
    question = (
        f"How often does one of {regions} regions reach p below {ALPHA:g} if nothing is true?"
    )
    bounds = some.interval
    text = (
        f"In {some.text()} of trials. The region with the smallest p then shows a change of "
        f"{middle:.1f} % (95 % of trials {low:.1f} to {high:.1f} %), and its p is "
        f"{found.published.change_p:g} or less in {small.text()}. Were the second scan shifted as the "
        f"second of two scans of one day is (thalamus −12.8 %, caudate −8.9 %, striatum −5.0 %), it "
        f"would be {moved.text()}: a change within one arm cannot be told from such a shift."
    )
    sources = ("tjerkaski2020", "nord2014")
    return [Answer(question, text, "", some.value, *bounds, "share", sources)]


def _regression(found: Findings) -> list[Answer]:
    bias = np.nanmean(found.hip[NULL].change, axis=0)
    error = np.nanstd(found.hip[NULL].change, axis=0) / math.sqrt(len(found.scanned))
    listed = ", ".join(
        f"{signed(mean)} % (± {wrong:.1g}) at {_percent(level)} %"
        for mean, wrong, level in zip(bias, error, found.levels, strict=True)
    )
    text = (
        "Patients were not chosen by their binding, so no mean change comes from regression to the "
        "mean. A mean of changes in per cent of a noisy first scan still lies above zero where nothing "
        f"is true: {listed} of test-retest variability."
    )
    slope = _given_symptoms(found)
    said = found.published
    linked = (
        (
            f"Who is rated more ill before falls further by itself. Had the correlation with symptoms been "
            f"{said.symptoms:g} by chance, that with improvement would be {_rounded(slope[0])} "
            f"(± {slope[1]:.1g}) where nothing is true; {said.improvement:g} was published."
        )
        .replace(" -", " −")
        .replace("+-", "−")
    )
    question = "Is it regression to the mean?"
    return [
        Answer(question, text, "", float(bias[-1]), unit="%"),
        Answer(question, linked, "", slope[0], unit="1", sources=_TRIAL),
    ]


def _rounded(r: float) -> str:
    return f"{round(r, 2) + 0.0:.2f}"


def _given_symptoms(found: Findings) -> tuple[float, float]:
    """Return r with improvement expected at the published r with symptoms, and its standard error."""
    x, y = np.arctanh(found.symptoms), np.arctanh(found.improvement[NULL])
    known = np.isfinite(x) & np.isfinite(y)
    x, y = x[known], y[known]
    slope, level = np.polyfit(x, y, 1)
    at = math.atanh(found.published.symptoms)
    rest = float(np.std(y - slope * x - level, ddof=2))
    reach = (at - float(x.mean())) ** 2 / float(((x - x.mean()) ** 2).sum())
    value = math.tanh(slope * at + level)
    return value, (1 - value**2) * rest * math.sqrt(1 / len(x) + reach)


def _patients(found: Findings) -> list[Answer]:
    question = f"How many patients would have been needed for {100 * POWER:.0f} % power?"
    made = []
    for world in found.worlds:
        effect = effect_on_days(world)
        ends = [hippocampus_sd(level) for level in (found.levels[0], found.levels[-1])]
        paired = [count(paired_needed(effect, sd)) for sd in ends]
        group = [count(group_needed(effect, sd)) for sd in ends]
        r = float(np.nanmean(found.improvement[world.name]))
        text = (
            f"{paired[0]} to {paired[1]} on ketamine for a change within the arm, {group[0]} to "
            f"{group[1]} in two arms for a difference from saline (test-retest "
            f"{_percent(found.levels[0])} to {_percent(found.levels[-1])} %), and "
            f"{count(correlation_needed(r))} for the correlation with improvement."
        )
        value = paired_needed(effect, hippocampus_sd(found.levels[found.usual]))
        made.append(Answer(question, text, world.name, value, unit="patients"))
    return made


def _where_and_when(found: Findings) -> list[Answer]:
    question = "Which region and which time of the second scan would show most?"
    made = []
    for world in found.worlds:
        table = region_times(world)
        inside, anywhen = best_by(table, within=True), best_by(table, within=False)
        hip = table[(table["region"] == "HIP") & table["time_h"].isin(DAYS_H)]
        text = (
            f"Between 24 and 72 h the {REGION_NAMES[inside['region']]} at {inside['time_h']:.0f} h "
            f"({signed(inside['change_percent'])} %, {count(inside['patients'])} patients for 80 % "
            f"power; the hippocampus at its best needs {count(float(hip['patients'].min()))}). At any "
            f"time the {REGION_NAMES[anywhen['region']]} at {anywhen['time_h']:.0f} h "
            f"({signed(anywhen['change_percent'])} %, {count(anywhen['patients'])}). How much of the "
            "receptor's rise a region has is assumed."
        )
        made.append(Answer(question, text, world.name, float(inside["patients"]), unit="patients"))
    return made


def _choice(found: Findings) -> Answer:
    """Say whether the trial could choose between the hypotheses."""
    question = "Could this trial choose between the hypotheses?"
    effects = {world.name: effect_on_days(world) for world in found.worlds}
    most = max(effects, key=lambda name: effects[name].mean)
    least = min(effects, key=lambda name: effects[name].mean)
    gap = 100 * (effects[most].relative - effects[least].relative)
    correlations = {name: float(np.nanmedian(found.improvement[name])) for name in found.names}
    spread = max(correlations.values()) - min(correlations.values())
    sd = float(np.nanstd(found.improvement[found.names[0]]))
    able = gap > found.change_sd()[0] / math.sqrt(KETAMINE) or spread > sd
    text = (
        f"{'Perhaps' if able else 'No'}. They differ by at most {gap:.2g} percentage points in the "
        f"true change of the hippocampus and by {spread:.2g} in the correlation with improvement, "
        f"where chance alone moves that of {KETAMINE} patients by {sd:.2g} (SD)."
    )
    return Answer(question, text, "", gap, unit="percentage points")

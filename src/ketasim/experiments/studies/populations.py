"""Who benefits: unipolar or bipolar, resistant or not, by 5-HT1B, CYP2B6, age and sex."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ketasim.experiments.design import Claim
from ketasim.experiments.populations_groups import (
    COVARIATES,
    REFERENCE_BASELINE,
    SIZES,
    TIMES_H,
    simulate_groups,
)
from ketasim.experiments.study import Answer, Chart, Study, StudyParts, StudyVerdict

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd
    from numpy.typing import NDArray

    from ketasim.experiments.populations_groups import Covariate, Effects
    from ketasim.experiments.study import Request
    from ketasim.experiments.verdict import Outcome

__all__ = ["STUDY", "Judged", "bipolar_rows", "judge", "published_sex"]

_CLAIM = Claim(
    text="Ketamine works in treatment-resistant depression, unipolar and bipolar, and patients with "
    "less 5-HT1B in the ventral striatum gain more.",
    article="Works in both diagnoses; improvement goes inversely with 5-HT1B at baseline.",
    against="No mood data of bipolar patients are shipped; the trials by sex cannot tell a "
    "difference from none; of age, resistance and genotype no effect on mood was read.",
    sources=("tiger2020", "zarate2012"),
)
_Z = 1.959963984540054
_PEOPLE_IN_TIGER = 20
_WARNINGS = (
    "Bipolar depression: no bipolar mood data are shipped, so the predictions cannot be tested.",
    "The effects of CYP2B6 and sex on clearance are disputed, off elsewhere and on here.",
    "Low 5-HT1B is one SD below the typical; that SD is a setting of simulated scans (assumed).",
    f"The correlation of Tiger 2020 is compared with trials of {_PEOPLE_IN_TIGER} patients; the "
    "number behind it is not confirmed.",
)


@dataclass(frozen=True)
class Judged:
    """What the evidence says of one covariate under a hypothesis.

    Parameters
    ----------
    covariate : str
        Its name.
    outcome : str
        One of the four verdicts.
    why : str
        The reason, computed.
    predicted, published : tuple of float
        Value, low and high; NaN where there is none.
    unit : str
        Of both.
    source : str
        Citation key, or nothing.
    """

    covariate: str
    outcome: Outcome
    why: str
    predicted: tuple[float, float, float] = (float("nan"),) * 3
    published: tuple[float, float, float] = (float("nan"),) * 3
    unit: str = ""
    source: str = ""


def bipolar_rows() -> int:
    """Return how many published mood outcomes of bipolar patients there are."""
    from ketasim.evidence import load

    table = load("clinical_arms")
    words = table["study"].fillna("") + " " + table["arm"].fillna("")
    return int(words.str.contains("bipolar", case=False).sum())


def published_sex() -> tuple[float, float, float]:
    """Return the published difference of the drug's effect, women minus men, with its interval.

    Returns
    -------
    tuple of float
        MADRS points at day 28; the two differences against placebo are independent, and their
        errors follow from the printed intervals.
    """
    from ketasim.evidence import load

    table = load("clinical_arms")
    rows = table[(table["study"] == "TRANSFORM-1+2 pooled by sex") & (table["kind"] == "diff")]
    women, men = (rows[rows["arm"].str.endswith(f" {one}")].iloc[0] for one in ("women", "men"))
    value = float(women["value"]) - float(men["value"])
    widths = [float(one["ci_high"]) - float(one["ci_low"]) for one in (women, men)]
    half = float(np.hypot(widths[0], widths[1])) / 2.0
    return value, value - half, value + half


def judge(one: Covariate, found: Effects, seed: int) -> Judged:
    """Judged what a hypothesis says of a covariate.

    Parameters
    ----------
    one : Covariate
        Which.
    found : Effects
        Of the hypothesis.
    seed : int
        Of the trials drawn.

    Returns
    -------
    Judged
        Not testable where no effect on mood was published.
    """
    if one.name == "sex":
        return _sex_test(found)
    if one.name == "ht1b_vst_baseline":
        return _density_test(found, seed)
    if one.name == "diagnosis" and bipolar_rows():
        return Judged(
            one.name, "undecided", "published rows name bipolar patients, and no rule reads them"
        )
    return Judged(
        one.name, "not testable with these data",
        f"no effect on mood was published: {one.why}",
    )  # fmt: skip


def _sex_test(found: Effects) -> Judged:
    women, men = found.by_sex["women"], found.by_sex["men"]
    mine, seen = _interval(women - men), published_sex()
    words = (
        f"women minus men {mine[0]:+.1f} points at day 28, published {seen[0]:+.1f} "
        f"({seen[1]:.1f} to {seen[2]:.1f})"
    )
    outcome: Outcome = "undecided"
    if not seen[1] <= mine[0] <= seen[2]:
        outcome = "contradicted"
    elif not seen[1] <= 0.0 <= seen[2]:
        outcome = "supported"
    else:
        words += ", which holds no difference too"
    return Judged("sex", outcome, words, mine, seen, "MADRS points", "transformsex2022")


def _density_test(found: Effects, seed: int) -> Judged:
    from ketasim.evidence import load

    aux = load("clinical_aux")
    row = aux[aux["scale"] == "corr_VST_5HT1B_baseline_vs_symptom_reduction"].iloc[0]
    published = float(row["value"])
    mine = _correlation(found, seed)
    wide = _fisher(published)
    words = (
        f"correlation of baseline binding with improvement {mine[0]:+.2f} (trials of "
        f"{_PEOPLE_IN_TIGER}: {mine[1]:+.2f} to {mine[2]:+.2f}), published {published:+.3f}"
    )
    outcome: Outcome = "supported" if mine[1] <= published <= mine[2] else "undecided"
    if mine[0] * published <= 0:
        outcome = "contradicted"
    elif outcome == "undecided":
        words += ", of the same sign and stronger than such trials would show"
    return Judged("ht1b_vst_baseline", outcome, words, mine, (published, *wide), "r", "tiger2020")


def _fisher(r: float) -> tuple[float, float]:
    half = _Z / np.sqrt(_PEOPLE_IN_TIGER - 3)
    return float(np.tanh(np.arctanh(r) - half)), float(np.tanh(np.arctanh(r) + half))


def _correlation(found: Effects, seed: int) -> tuple[float, float, float]:
    """Return the correlation in rated patients, and the 95 % of trials of the published size."""
    from ketasim.instruments import load_context

    context = load_context()
    generator = np.random.Generator(np.random.Philox(key=seed))
    rows = generator.integers(0, found.relief.size, size=(2000, _PEOPLE_IN_TIGER))
    noise = context.change_sd() * generator.standard_normal(rows.shape)
    gain = REFERENCE_BASELINE * found.relief[rows] + noise
    density = np.log(found.density[rows])
    each = _rowwise_correlation(density, gain)
    low, high = np.quantile(each, [0.025, 0.975])
    return float(np.tanh(np.arctanh(each).mean())), float(low), float(high)


def _rowwise_correlation(x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.float64]:
    x, y = (one - one.mean(axis=1, keepdims=True) for one in (x, y))
    scale = np.sqrt(np.sum(x**2, axis=1) * np.sum(y**2, axis=1))
    return np.asarray(np.sum(x * y, axis=1) / scale)


def _interval(values: NDArray[np.float64]) -> tuple[float, float, float]:
    low, middle, high = np.quantile(values, [0.025, 0.5, 0.975])
    return float(middle), float(low), float(high)


def _conduct(request: Request) -> StudyParts:
    found = []
    for done, (name, model) in enumerate(request.models.items(), start=1):
        found.append(simulate_groups(name, model, request.size, request.seed))
        request.tell(done, len(request.models))
    tests = {
        one.hypothesis: [judge(what, one, request.seed) for what in COVARIATES] for one in found
    }
    effects, differences = _effect_table(found), _difference_table(found)
    draws, people = SIZES[request.size]
    size = (
        f"{people} people, the same at every level, and {draws} draws from the posterior; intervals "
        "are over the draws."
    )
    return StudyParts(
        answers=_answers(found, differences, tests),
        tables={
            "effects": effects, "differences": differences, "tests": _test_table(tests),
        },
        charts=_charts(effects, differences),
        verdicts={name: _verdict(each) for name, each in tests.items()},
        warnings=(*_WARNINGS, size),
        sources=(
            *_CLAIM.sources, "transformsex2022", "li2015", "rao2016", "sigtermans2009",
        ),
    )  # fmt: skip


def _effect_table(found: Sequence[Effects]) -> pd.DataFrame:
    import pandas as pd

    rows = []
    for one in found:
        for (covariate, level), points in one.points.items():
            for at, time in enumerate(TIMES_H):
                value, low, high = _interval(points[:, at])
                rows.append(
                    {
                        "hypothesis": one.hypothesis, "covariate": covariate, "level": level,
                        "time_h": time, "points": value, "low": low, "high": high,
                        "effect_size": -value / one.sd, "effect_low": -high / one.sd,
                        "effect_high": -low / one.sd,
                    }
                )  # fmt: skip
    return pd.DataFrame(rows)


def _difference_table(found: Sequence[Effects]) -> pd.DataFrame:
    import pandas as pd

    rows = []
    for one in found:
        for covariate in COVARIATES:
            reference = one.points[(covariate.name, covariate.levels[-1].name)]
            for level in covariate.levels[:-1]:
                apart = one.points[(covariate.name, level.name)] - reference
                for at, time in enumerate(TIMES_H):
                    value, low, high = _interval(apart[:, at])
                    rows.append(
                        {
                            "hypothesis": one.hypothesis, "covariate": covariate.name,
                            "level": level.name, "against": covariate.levels[-1].name,
                            "time_h": time, "points": value, "low": low, "high": high,
                            "edge": one.edges[covariate.name], "reason": _reason(covariate, one),
                        }
                    )  # fmt: skip
    return pd.DataFrame(rows)


def _reason(covariate: Covariate, found: Effects) -> str:
    if found.edges[covariate.name]:
        return f"the model's reason: {covariate.why}"
    return f"the model has no edge for this: {covariate.why}"


def _test_table(tests: dict[str, list[Judged]]) -> pd.DataFrame:
    import pandas as pd

    return pd.DataFrame(
        [
            {
                "hypothesis": name, "covariate": one.covariate, "verdict": one.outcome,
                "why": one.why, "predicted": one.predicted[0], "predicted_low": one.predicted[1],
                "predicted_high": one.predicted[2], "published": one.published[0],
                "published_low": one.published[1], "published_high": one.published[2],
                "unit": one.unit, "source": one.source,
            }
            for name, each in tests.items()
            for one in each
        ]
    )  # fmt: skip


def _verdict(tests: Sequence[Judged]) -> StudyVerdict:
    """The claim is about both diagnoses, so the test of the diagnosis decides."""
    by_name = {one.covariate: one for one in tests}
    diagnosis = by_name["diagnosis"]
    beside = "; ".join(f"{one.covariate}: {one.outcome} ({one.why})" for one in tests if one.source)
    return StudyVerdict(diagnosis.outcome, f"Diagnosis: {diagnosis.why}. Beside it, {beside}.")


def _answers(
    found: Sequence[Effects], differences: pd.DataFrame, tests: dict[str, list[Judged]]
) -> tuple[Answer, ...]:
    day = differences[differences["time_h"] == TIMES_H[0]]
    return tuple(
        _answer(found, day[(day["covariate"] == one.name) & (day["level"] == level.name)], tests)
        for one in COVARIATES
        for level in one.levels[:-1]
    )


def _answer(found: Sequence[Effects], rows: pd.DataFrame, tests: dict[str, list[Judged]]) -> Answer:
    first, row = found[0], rows.iloc[0]
    covariate, level = str(row["covariate"]), str(row["level"])
    value, low, high = (float(row[name]) for name in ("points", "low", "high"))
    mean = _interval(first.points[(covariate, level)][:, 0])
    judged = [one for each in tests.values() for one in each if one.covariate == covariate]
    outcomes = [one.outcome for one in judged]
    counted = ", ".join(f"{one} ({outcomes.count(one)})" for one in dict.fromkeys(outcomes))
    text = (
        f"At 24 h one infusion takes {-mean[0]:.1f} points ({-mean[2]:.1f} to {-mean[1]:.1f}) off in "
        f"{level} under {first.hypothesis}, effect size {-mean[0] / first.sd:.2f}; difference "
        f"against {row['against']} {value:+.2f} ({low:+.2f} to {high:+.2f}), over "
        f"{len(found)} hypotheses {rows['points'].min():+.2f} to {rows['points'].max():+.2f}; "
        f"{row['reason']}. Verdicts: {counted}. Under {first.hypothesis}: {judged[0].why}."
    )
    sources = (judged[0].source,) if judged[0].source else ()
    question = f"Effect in {level} against {row['against']}?"
    return Answer(question, text, "", value, low, high, "MADRS points", sources)


def _charts(effects: pd.DataFrame, differences: pd.DataFrame) -> tuple[Chart, ...]:
    import pandas as pd

    day = effects[effects["time_h"] == TIMES_H[0]]
    sizes = pd.DataFrame(
        {
            "label": day["level"], "group": day["hypothesis"], "value": day["effect_size"],
            "low": day["effect_low"], "high": day["effect_high"],
        }
    ).reset_index(drop=True)  # fmt: skip
    apart = differences[differences["time_h"] == TIMES_H[0]]
    labels = apart["level"] + " against " + apart["against"]
    labels = labels + np.where(apart["edge"], "", " (no edge)")
    gaps = pd.DataFrame(
        {
            "label": labels, "group": apart["hypothesis"], "value": apart["points"],
            "low": apart["low"], "high": apart["high"],
        }
    ).reset_index(drop=True)  # fmt: skip
    return (
        Chart(
            "effect_by_group", "Effect of one infusion at 24 h, by group", "intervals", sizes,
            "effect size (SD of the change)", "",
            note="The drug's own part, without expectancy. Bipolar depression and all groups without "
            "an edge are predictions that nothing here can test.",
        ),
        Chart(
            "difference_by_group", "Differences at 24 h between groups", "intervals", gaps,
            "difference (MADRS points; negative: more benefit)", "",
            note="The same people with the covariate changed; exactly 0 where the model has no edge.",
        ),
        _sex_chart(),
    )  # fmt: skip


def _sex_chart() -> Chart:
    import pandas as pd

    value, low, high = published_sex()
    frame = pd.DataFrame(
        [
            {
                "label": "women minus men",
                "group": "published",
                "value": value,
                "low": low,
                "high": high,
            }
        ]
    )
    return Chart(
        "sex_published", "Published difference by sex at day 28", "intervals", frame,
        "difference (MADRS points; negative: more benefit in women)", "",
    )  # fmt: skip


STUDY = Study(
    name="populations",
    title="Who benefits: diagnosis, resistance, 5-HT1B, CYP2B6, age and sex",
    claim=_CLAIM,
    conduct=_conduct,
)
"""The study."""

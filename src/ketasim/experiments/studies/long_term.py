"""Repeated dosing for weeks to years: relapse, and how little is known of the rest."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ketasim.experiments.design import Claim
from ketasim.experiments.long_term_charts import charts
from ketasim.experiments.long_term_courses import SIZES, follow_all, rules_of, tolerance_of
from ketasim.experiments.long_term_words import (
    ignorance_answers,
    predicted,
    published,
    relapse_answers,
    verdict_of,
)
from ketasim.experiments.study import Study, StudyParts
from ketasim.inference.longterm import withdrawal_trial

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd

    from ketasim.experiments.long_term_courses import Followed
    from ketasim.experiments.long_term_words import Numbers
    from ketasim.experiments.study import Request

__all__ = ["STUDY", "early_relapse"]

_CLAIM = Claim(
    text="The effect of one course is lost within days to weeks, later where an antidepressant is on "
    "board; what happens over months and years of dosing is not understood.",
    article="The article says that long-term use is not understood; it predicts no number.",
    against="Controlled data end at nine months for relapse and at four weeks for urinary symptoms; "
    "for dependence under repeated medical use no count was read at all.",
    sources=("short2018",),
)

_WARNINGS = (
    "No source of the evidence prints its rule of relapse; the rules are assumed: a score of at "
    "least half of the baseline for responders, a MADRS score of at least 22 for stable remitters, "
    "each at two visits in a row. The table of rules shows what others would give.",
    "Relapse of stable remitters was fitted (consolidation and the drift of patients), so its "
    "agreement with the trial is no test; relapse after one dose and after six infusions was not.",
    "What is left of expectancy after the last session is assumed to stay; nothing was read of it.",
    "A study's value counts as if nobody left it and everybody told; it says nothing of its cost.",
)


def _conduct(request: Request) -> StudyParts:
    from ketasim.inference.longterm.value import ignorance_table, value_table

    people, repeats = SIZES[request.size]
    found = follow_all(request.models, request.size, request.seed, request.tell)
    first, numbers = found[0], {one.hypothesis: predicted(one, request.seed) for one in found}
    tolerance = tolerance_of(first, repeats, request.seed)
    values = value_table(tolerance)
    known = ignorance_table(tolerance, values)
    tables = {
        "ignorance": known.reset_index(),
        "value_of_information": values,
        "relapse": _relapse_table(numbers),
        "rules_of_relapse": _rules_table(first, repeats, request.seed),
        "assumptions": _assumptions(),
    }
    size = f"{people} simulated people, {repeats} patients for each of them"
    return StudyParts(
        answers=(*ignorance_answers(known), *relapse_answers(numbers)),
        tables=tables,
        charts=charts(first, numbers, known, values),
        verdicts={name: verdict_of(mine) for name, mine in numbers.items()},
        warnings=(
            *_WARNINGS,
            early_relapse(first),
            f"{size}; curves and tolerance are those of {first.hypothesis}.",
        ),
        sources=_sources(known),
    )


def early_relapse(found: Followed) -> str:
    """Say how far the model is from the early relapses that the trial's median implies.

    Parameters
    ----------
    found : Followed
        Of one hypothesis.

    Returns
    -------
    str
        Where an interval of the median begins, about half and two standard errors are well.
    """
    trial = withdrawal_trial()
    implied = 0.5 + 1.96 * float(np.sqrt(0.25 / trial.n[1]))
    mine = float(found.times["stopped"].survival([trial.median_low_d])[0])
    return (
        f"The trial's interval of the median begins at {trial.median_low_d:.0f} d, which implies "
        f"that about {implied:.0%} had not relapsed by then; in the model {mine:.0%} had not. Of "
        "early relapse on stopping the model has too little."
    )


def _relapse_table(numbers: Mapping[str, Numbers]) -> pd.DataFrame:
    import pandas as pd

    rows = [
        {
            "hypothesis": name, "what": what.title, "unit": what.unit,
            "predicted": mine[what.name][0], "low": mine[what.name][1],
            "high": mine[what.name][2], "published": what.value,
            "published_low": what.low, "published_high": what.high,
            "inside": what.holds(mine[what.name][0]), "fitted": what.fitted,
            "source": what.source,
        }
        for name, mine in numbers.items()
        for what in published()
    ]  # fmt: skip
    return pd.DataFrame(rows)


def _rules_table(found: Followed, repeats: int, seed: int) -> pd.DataFrame:
    import pandas as pd

    return pd.DataFrame(rules_of(found, repeats, seed))


def _assumptions() -> pd.DataFrame:
    from ketasim.inference.longterm import parameter_table

    return parameter_table().reset_index()


def _sources(known: pd.DataFrame) -> tuple[str, ...]:
    keys = [one for cell in known["source"] for one in str(cell).split(";")]
    return tuple(dict.fromkeys([*_CLAIM.sources, *keys, *(one.source for one in published())]))


STUDY = Study(
    name="long_term",
    title="Weeks to years: relapse, tolerance, bladder, cognition, dependence",
    claim=_CLAIM,
    conduct=_conduct,
)
"""The study."""

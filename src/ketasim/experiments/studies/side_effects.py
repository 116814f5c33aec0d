"""Side effects after one session and four weeks: the review, and what the model predicts beside it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ketasim.experiments.design import Claim
from ketasim.experiments.side_effects_courses import acute, acute_charts, check_table
from ketasim.experiments.side_effects_events import event_charts, predict_trials
from ketasim.experiments.side_effects_review import (
    RULE,
    reporting,
    review,
    review_charts,
)
from ketasim.experiments.side_effects_words import (
    answers_of_checks,
    answers_of_events,
    answers_of_review,
    verdict_of,
)
from ketasim.experiments.study import Study, StudyParts

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

    from ketasim.experiments.side_effects_courses import Check
    from ketasim.experiments.side_effects_review import Review
    from ketasim.experiments.study import Request
    from ketasim.model import Model

__all__ = ["STUDY"]

_CLAIM = Claim(
    text="Side effects after acute dosing are more frequent after ketamine than after placebo.",
    article="Psychiatric, psychotomimetic, cardiovascular, neurological and other side effects are "
    "more frequent after ketamine than after placebo.",
    against="Psychiatric events rest on anxiety alone, which two families of trials report. Most "
    "trials list only events above 5 or 10 %, and whoever dissociates knows what was given. "
    "Controlled counts were read for nasal esketamine against placebo only.",
    sources=("short2018",),
)

_SIZES = {"quick": (150, 200), "full": (600, 1000)}
"""Patients of a cohort, and trials drawn for an interval."""

_SAFETY = ("dissociation", "sedation", "sbp_rise", "hr_rise", "nausea", "dizziness")
_PROBE_TIMES_H = tuple(np.arange(0.0, 4.01, 0.25))
_PROBE = "esketamine 84 mg nasal"

_WARNINGS = (
    "Intravenous ketamine has no controlled count of events against placebo in the evidence: KetECT "
    "compares it with electroconvulsive therapy, and its rows say which of the two is worse.",
    "Label terms are grouped and count more than single terms of publications; where a prediction "
    "fails for sedation, that is the likely reason.",
    "How steep dissociation and sedation are, and how they fade within a session and over repeats, "
    "is assumed. The height of CADSS was found in no source and is not predicted.",
    "Levels of blood pressure before dosing, times of reading and the effect of age and hypertension "
    "are assumed where no number was read.",
    "Blood pressure increased is an event by the investigator's judgement: the fixed-dose trial "
    "counted it three times as often as the label, under placebo too, and is not predicted.",
)


def _conduct(request: Request) -> StudyParts:
    from ketasim.instruments.adverse_events import session_drives

    patients, draws = _SIZES[request.size]
    models = _models(request)
    first = next(iter(models.values()))
    steps = 4 + len(models)
    told = review()
    request.tell(1, steps)
    found = acute(first, patients, request.seed)
    checks = check_table(found)
    request.tell(2, steps)
    drives = session_drives(first, patients, request.seed)
    predicted = predict_trials(drives, draws=draws, seed=request.seed)
    request.tell(3, steps)
    probes = {}
    for name, model in models.items():
        probes[name] = _probe(model)
        request.tell(4 + len(probes), steps)
    apart = {name: _distance(one, probes[next(iter(models))]) for name, one in probes.items()}
    return StudyParts(
        answers=(
            *answers_of_review(told), *answers_of_events(predicted), *answers_of_checks(checks),
        ),
        tables=_tables(told, predicted, checks, found.maxima),
        charts=(*review_charts(told), *event_charts(predicted), *acute_charts(found)),
        verdicts={name: verdict_of(told.categories, apart[name]) for name in models},
        warnings=(*_WARNINGS, _shared(apart), RULE + "."),
        sources=_sources(told),
    )  # fmt: skip


def _models(request: Request) -> dict[str, Model]:
    from ketasim.model import load_model

    return {name: request.models.get(name) or load_model(name) for name in request.hypotheses}


def _probe(model: Model) -> dict[str, np.ndarray]:
    """Return the typical patient's courses; hypotheses that share them share every prediction."""
    from ketasim.population import virtual_patients
    from ketasim.simulate import simulate

    run = simulate(
        model, _PROBE, cohort=virtual_patients(model, 1, uncertainty=False),
        times=list(_PROBE_TIMES_H), outputs=_SAFETY, progress=False,
    )  # fmt: skip
    return {name: np.asarray(run.dataset[name].values[0], dtype=np.float64) for name in _SAFETY}


def _distance(one: dict[str, np.ndarray], other: dict[str, np.ndarray]) -> float:
    """Return the largest difference of two probes, as a share of the peak."""
    return max(
        float(np.max(np.abs(one[name] - other[name])) / np.max(np.abs(other[name])))
        for name in _SAFETY
    )


def _shared(apart: dict[str, float]) -> str:
    name = max(apart, key=apart.__getitem__)
    return (
        f"Side effects do not depend on the hypothesis: numbers are those of {next(iter(apart))}; "
        f"the typical courses of the others differ by {apart[name]:.2g} of the peak at most."
    )


def _tables(
    told: Review, predicted: pd.DataFrame, checks: Sequence[Check], maxima: pd.DataFrame
) -> dict[str, pd.DataFrame]:
    import pandas as pd

    rows = [
        {
            "quantity": one.title, "model": one.value, "low": one.low, "high": one.high,
            "unit": one.unit, "inside": one.inside, "published": one.published,
            "sources": ", ".join(one.sources),
        }
        for one in checks
    ]  # fmt: skip
    tables = {
        "categories": (told.categories.reset_index(), "The five categories against placebo", RULE),
        "events": (
            told.events, "Every event against its control",
            "One source of each family of trials; not_reported names the families that do not list "
            "the event, which is not zero. nnh_text: patients treated for one more event.",
        ),
        "by_dose": (
            told.contrasts.by_dose(), "Every arm against the control of its own study",
            "Doses of one study share their control, so that their rows are not independent.",
        ),
        "reporting": (
            reporting(told), "What each family of trials lists",
            "Of all events that some family of the comparison lists. None of the rest is zero.",
        ),
        "predicted_events": (
            predicted, "Events predicted for trials that were not fitted",
            "Fitted on the pooled arms of the label (56 or 84 mg and placebo).",
        ),
        "acute": (pd.DataFrame(rows), "One session and repeats, beside what was published", ""),
        "maxima": (maxima, "Mean of each patient's largest reading, change in mmHg", ""),
    }  # fmt: skip
    for table, title, note in tables.values():
        table.attrs.update(title=title, note=note)
    return {name: table for name, (table, _, _) in tables.items()}


def _sources(told: Review) -> tuple[str, ...]:
    keys = told.contrasts.citations()["key"]
    fitted = ("spravatolabel", "sustaincourse2022", "doherty2020", "yale2024", "vankawala2021")
    return tuple(dict.fromkeys([*keys, *fitted, "olofsen2022", "simons2022pd"]))


STUDY = Study(
    name="side_effects",
    title="Side effects of acute dosing",
    claim=_CLAIM,
    conduct=_conduct,
)

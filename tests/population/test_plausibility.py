"""Rules that a patient must keep, each seen to catch the patient that breaks it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from ketasim.errors import InputError
from ketasim.model import load_model
from ketasim.population import (
    PLAUSIBLE,
    Cohort,
    Rule,
    implausible,
    keep_plausible,
    virtual_patients,
)
from ketasim.population.plausibility import (
    Adult,
    ClearanceAsReported,
    EntryMet,
    InsideBounds,
    NothingMissing,
)

COHORT = virtual_patients(load_model("article", calibrated=False), 400)
TYPICAL = 100.8  # L/h at 70 kg, S-ketamine, as in the parameter table


def changed(**values):
    table = COHORT.to_frame()
    for name, value in values.items():
        table.loc[7, name] = value
    return replace(COHORT, table=table)


@pytest.mark.parametrize(
    ("rule", "values"),
    [
        (NothingMissing(), {"weight": np.nan}),
        (InsideBounds(), {"weight": 39.0}),
        (InsideBounds(), {"opioid_tone": 0.7}),
        (Adult(), {"age": 17.9}),
        (EntryMet(15.0), {"madrs_baseline": 14.0}),
        (ClearanceAsReported(), {"f_clearance_ketamine": 21.0 / TYPICAL}),
        (ClearanceAsReported(), {"f_clearance_ketamine": 152.0 / TYPICAL}),
    ],
)
def test_a_rule_catches_who_breaks_it_and_nobody_else(rule, values):
    assert isinstance(rule, Rule)
    before = rule.run(COHORT)
    after = rule.run(changed(**values))
    assert after[7]
    assert not before[7]
    assert (np.delete(after, 7) == np.delete(before, 7)).all()
    assert not rule.run(Cohort(COHORT.table[["sex"]])).any()


def test_the_drawn_are_within_bounds_and_adult():
    broken = implausible(COHORT)
    assert list(broken.columns) == [rule.name for rule in PLAUSIBLE]
    assert not broken.drop(columns=ClearanceAsReported().name).any().any()


def test_the_implausible_are_dropped_and_counted():
    cohort = changed(age=12.0)
    few = keep_plausible(cohort, [Adult(), EntryMet(25.0)])
    below = int((COHORT.table["madrs_baseline"] < 25).sum())
    assert 7 not in few.table.index
    assert len(few) == len(cohort) - below - 1
    assert few.notes[-1] == (
        f"{below + 1} implausible patients were dropped (younger than an adult 1, below the entry "
        f"criterion {below})"
    )
    assert keep_plausible(COHORT, [Adult()]) is COHORT


def test_a_cohort_that_is_mostly_implausible_is_refused():
    with pytest.raises(
        InputError, match="most because of 'below the entry criterion'; expected at"
    ):
        keep_plausible(COHORT, [EntryMet(45.0)])

"""Randomisation: balance, the ratio, strata, and the key of the draws."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from ketasim.errors import InputError
from ketasim.trial import TrialAllocation, TrialArm, TrialDesign, TrialStratum
from ketasim.trial.allocation import allocate, stratum_of

from .conftest import two_arms

REPLICATES = np.arange(300)


def three_to_one(method: str, block: int = 0) -> TrialDesign:
    arms = (
        TrialArm("a", "ketamine 0.5 mg/kg iv", "active", 36, "active"),
        TrialArm("b", "", "saline", 12, "control"),
    )
    return two_arms(arms=arms, allocation=TrialAllocation(method, (3.0, 1.0), block))  # type: ignore[arg-type]


def test_fixed_sizes_are_exact_and_every_patient_has_the_same_chance() -> None:
    arm = allocate(three_to_one("fixed"), 1, REPLICATES)
    assert (arm == 0).sum(axis=1).tolist() == [36] * 300
    share = (arm == 0).mean(axis=0)
    # 48 shares, each binomial with n 300: 4.5 standard errors hold all of them.
    assert np.abs(share - 0.75).max() < 4.5 * np.sqrt(0.75 * 0.25 / 300)


def test_a_coin_has_the_ratio_on_the_mean_and_binomial_sizes() -> None:
    sizes = (allocate(three_to_one("simple"), 1, REPLICATES) == 0).sum(axis=1)
    assert abs(sizes.mean() - 36.0) < 4.0 * np.sqrt(48 * 0.1875 / 300)
    assert sizes.var() == pytest.approx(48 * 0.1875, rel=0.4)


def test_every_block_holds_the_ratio() -> None:
    arm = allocate(three_to_one("block", 8), 1, REPLICATES)
    assert (arm.reshape(300, 6, 8) == 0).sum(axis=2).tolist() == [[6] * 6] * 300
    assert len({tuple(row) for row in arm[:, :8]}) > 20


def test_strata_are_balanced_each_for_itself() -> None:
    design = two_arms(
        allocation=TrialAllocation("stratified", (1.0, 1.0), 4, (TrialStratum("site", levels=3),))
    )
    stratum = np.random.default_rng(1).integers(0, 3, (300, design.patients))
    arm = allocate(design, 1, REPLICATES, stratum)
    for level in range(3):
        here = stratum == level
        gap = np.abs((here & (arm == 0)).sum(axis=1) - (here & (arm == 1)).sum(axis=1))
        assert gap.max() <= 2


def test_a_replicate_is_allocated_alike_whatever_runs_beside_it() -> None:
    for method, block in (("fixed", 0), ("simple", 0), ("block", 8)):
        design = three_to_one(method, block)
        whole = allocate(design, 5, REPLICATES)
        np.testing.assert_array_equal(whole[7:9], allocate(design, 5, np.arange(7, 9)))
        assert not np.array_equal(whole, allocate(design, 6, REPLICATES))


def test_strata_combine_factors() -> None:
    import pandas as pd

    people = pd.DataFrame({"sex": ["female", "male"], "age": [30.0, 60.0]})
    person = np.array([0, 1, 0, 1])
    baseline = np.array([30.0, 30.0, 40.0, 40.0])
    strata = (TrialStratum("sex"), TrialStratum("baseline", (35.0,)))
    numbers = np.arange(4, dtype=np.uint64)
    found = stratum_of(strata, people, person, baseline, 1, numbers)
    assert found.tolist() == [0, 2, 1, 3]
    with pytest.raises(InputError, match="is not cut"):
        stratum_of((TrialStratum("age"),), people, person, baseline, 1, numbers)
    with pytest.raises(InputError, match="did you mean age"):
        stratum_of((TrialStratum("ages"),), people, person, baseline, 1, numbers)


def test_the_sequences_of_a_crossover_are_balanced() -> None:
    from ketasim.trial import load_design

    design = replace(load_design("zarate2006"))
    arm = allocate(design, 1, REPLICATES)
    assert arm.shape == (300, 18)
    assert (arm == 0).sum(axis=1).tolist() == [9] * 300

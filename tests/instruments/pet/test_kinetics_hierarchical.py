"""The pooled estimator: better where there is little signal, learnt from other people's curves."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import check_grad

from ketasim.errors import InputError
from ketasim.instruments.pet.kinetics import fit, learn_pool, srtm_curves
from ketasim.instruments.pet.kinetics.hierarchical import _minus_likelihood

if TYPE_CHECKING:
    from ketasim.instruments.pet.scans import Scan


def by_region(error: pd.Series, regions: pd.Series) -> pd.Series:
    return np.sqrt((error**2).groupby(regions).mean())


@pytest.fixture(scope="module")
def left_out(scans: list[Scan]) -> pd.DataFrame:
    """Fits of two participants at a time, with what the others' curves teach."""
    people = list(dict.fromkeys(scan.participant for scan in scans))
    parts = []
    for first in range(0, len(people), 2):
        mine = people[first : first + 2]
        pool = learn_pool([scan for scan in scans if scan.participant not in mine])
        assert not set(pool.participants) & set(mine)
        own = [scan for scan in scans if scan.participant in mine]
        parts.append(fit(own, pool=pool).to_frame())
    return pd.concat(parts, ignore_index=True)


def test_error_falls_in_hippocampus_and_brain_stem(
    scans: list[Scan], truth: pd.DataFrame, left_out: pd.DataFrame
) -> None:
    keys = ["participant", "scan", "region"]
    assert left_out[keys].to_numpy().tolist() == truth[keys].to_numpy().tolist()
    assert (left_out["status"] == "converged").all()
    plain = by_region(fit(scans).to_frame()["BPND"] - truth["BPND"], truth["region"])
    pooled = by_region(left_out["BPND"] - truth["BPND"], truth["region"])
    # Measured: 0.4 in the hippocampus and 0.5 in the brain stem.
    assert pooled["HIP"] < 0.65 * plain["HIP"]
    assert pooled["DBS"] < 0.65 * plain["DBS"]
    # Where SRTM is good already, nothing much is lost.
    assert pooled.sum() < plain.sum()
    assert (pooled < 1.5 * plain).all()


def test_its_errors_are_those_it_states(truth: pd.DataFrame, left_out: pd.DataFrame) -> None:
    low = truth["region"].isin(["HIP", "DBS"])
    inside = (left_out["BPND"] - truth["BPND"]).abs() < 1.96 * left_out["se_BPND"]
    # 40 curves at 95 %: fewer than 33 within would be a chance of one in ten thousand.
    assert inside[low].sum() >= 33


def test_curves_without_noise_keep_their_parameters(scans: list[Scan]) -> None:
    draw = np.random.default_rng(1)
    made, known = [], []
    for number, scan in enumerate(scans[:8]):
        r1, bp = draw.uniform(0.7, 1.1, 9), draw.uniform(0.4, 2.0, 9)
        known.append(bp)
        curves = srtm_curves(scan.reference, scan.frames, r1, 0.13 * r1, bp)
        made.append(replace(scan, activity=curves, participant=f"P{number // 2}"))
    found = fit(made, pool=learn_pool(made)).to_frame()
    np.testing.assert_allclose(found["BPND"], np.concatenate(known), rtol=1e-5)


def test_the_likelihood_has_the_slope_it_states(scans: list[Scan]) -> None:
    draw = np.random.default_rng(4)
    parts = []
    for _ in range(4):
        shared = [np.ones((4, 4)), np.kron(np.eye(2), np.ones((2, 2))),
                  np.kron(np.ones((2, 2)), np.eye(2)), np.eye(4)]  # fmt: skip
        noise = np.diag(draw.uniform(0.01, 0.1, 12))
        fixed = np.kron(np.tile(np.eye(2), (2, 1)), np.eye(3))
        parts.append((shared, noise, fixed, draw.normal(size=12)))

    def value(logs: np.ndarray) -> float:
        return _minus_likelihood(np.exp(logs).reshape(4, 3), parts)[0]

    def slope(logs: np.ndarray) -> np.ndarray:
        return _minus_likelihood(np.exp(logs).reshape(4, 3), parts)[1]

    for _ in range(3):
        assert check_grad(value, slope, draw.uniform(-4, 0, 12)) < 1e-5


def test_what_was_learnt_can_be_read(scans: list[Scan]) -> None:
    frame = learn_pool(scans[:8]).to_frame()
    assert list(frame["of"])[:2] == ["geometric mean, FC", "geometric mean, ACC"]
    assert (frame[["R1", "k2_prime", "BPND"]] > 0).all(axis=None)
    assert len(frame) == 9 + 4


def test_a_pool_needs_people_regions_and_its_model(scans: list[Scan]) -> None:
    with pytest.raises(InputError, match="there are curves of 2 participants to learn from"):
        learn_pool(scans[:4])
    pool = learn_pool(scans[:8])
    with pytest.raises(InputError, match="a pool was given for mrtm1"):
        fit(scans[0], "mrtm1", pool=pool)
    strange = replace(scans[0], regions=("CAU", *scans[0].regions[1:]))
    with pytest.raises(InputError, match="unknown region 'CAU'"):
        fit(strange, pool=pool)


def test_a_curve_that_cannot_be_fitted_is_left_out(scans: list[Scan]) -> None:
    activity = scans[0].activity.copy()
    activity[3] = 0.0
    spoilt = [replace(scans[0], activity=activity), *scans[1:8]]
    found = fit(spoilt, pool=learn_pool(spoilt)).to_frame()
    assert found["status"][3].startswith("not fitted: the curve is zero")
    assert np.isnan(found["BPND"][3])
    assert found["BPND"].drop(index=3).notna().all()

"""SRTM and SRTM2: kinfitr's fits, closed forms, bounds, errors, and where k2' comes from."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import numpy as np
import pytest
from scipy.optimize import curve_fit, least_squares

from ketasim.errors import InputError
from ketasim.instruments.pet.frames import AZ10419369_93MIN as FRAMES
from ketasim.instruments.pet.frames import Frames
from ketasim.instruments.pet.kinetics import Bounds, Status, fit, fit_srtm, srtm_curves
from ketasim.instruments.pet.scans import HALF_LIFE_11C_MIN

if TYPE_CHECKING:
    from collections.abc import Callable

    import pandas as pd

    from ketasim.instruments.pet.scans import Scan


def test_every_fit_is_that_of_kinfitr(scans: list[Scan], kinfitr: pd.DataFrame) -> None:
    fits = fit(scans).to_frame()
    keys = ["participant", "scan", "region"]
    assert fits[keys].to_numpy().tolist() == kinfitr[keys].to_numpy().tolist()
    assert (fits["status"] == "converged").all()
    for name in ("R1", "k2", "BPND"):
        np.testing.assert_allclose(fits[name], kinfitr[name], rtol=1e-5)


def test_the_data_set_is_fitted_in_a_second(scans: list[Scan]) -> None:
    fit(scans[:1])
    begun = time.process_time()
    fit(scans)
    assert time.process_time() - begun < 1.0


def test_bias_and_spread_are_those_of_the_notes(scans: list[Scan], truth: pd.DataFrame) -> None:
    # Mean bias and SD of the relative error in percent, kinfitr's fits of all 40 scans of the set.
    known = {"OC": (-1.7, 5.6), "ACC": (-1.4, 6.0), "FC": (-2.6, 6.3), "INS": (-2.4, 6.7),
             "VSTR": (-2.5, 7.6), "THA": (-2.5, 8.8), "AMG": (-1.7, 9.3), "HIP": (-2.8, 17.0),
             "DBS": (0.4, 20.0)}  # fmt: skip
    fits = fit(scans).to_frame()
    error = 100 * (fits["BPND"] / truth["BPND"] - 1)
    for region, own in error.groupby(fits["region"]):
        bias, spread = known[str(region)]
        # Half of the scans: four standard errors of a mean, and a half of the spread.
        assert abs(own.mean() - bias) < 4 * spread / np.sqrt(20)
        assert 0.5 * spread < own.std() < 1.6 * spread


def test_the_curve_is_the_recipe_written_out(scans: list[Scan]) -> None:
    r1, k2, bp = 0.9, 0.12, 1.4
    times = np.concatenate([[0.0], FRAMES.mid_min])
    points = np.linspace(0, times[-1], 1024)
    reference = np.interp(points, times, np.concatenate([[0.0], scans[0].reference]))
    theta = k2 / (1 + bp)
    bound = np.convolve((k2 - r1 * theta) * reference, np.exp(-theta * points))[:1024] * points[1]
    expected = np.interp(FRAMES.mid_min, points, r1 * reference + bound)
    found = srtm_curves(scans[0].reference, FRAMES, [r1], [k2], [bp])[0]
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-12)


def test_an_exponential_reference_has_a_closed_form() -> None:
    # Short frames; the rest is the rectangle rule's error, half a step of 0.044 min.
    frames = Frames.of_scheme("450x6s")
    times, rate = frames.mid_min, 0.05
    reference = times * np.exp(-rate * times)
    r1, k2, bp = 1.1, 0.15, 2.0
    theta = k2 / (1 + bp) + 0.01
    k2 = theta * (1 + bp)
    gap = theta - rate
    washed = np.exp(-rate * times) * (times / gap - 1 / gap**2) + np.exp(-theta * times) / gap**2
    expected = r1 * reference + (k2 - r1 * theta) * washed
    found = srtm_curves(reference, frames, [r1], [k2], [bp])[0]
    np.testing.assert_allclose(found[5:], expected[5:], rtol=0.01)
    assert np.abs(found / expected - 1)[-200:].max() < 2e-3


@pytest.mark.parametrize("tied", [False, True])
def test_curves_without_noise_return_their_parameters(scans: list[Scan], tied: bool) -> None:
    draw = np.random.default_rng(3)
    r1, k2, bp = draw.uniform([[0.3], [0.02], [0.02]], [[2.0], [0.6], [9.0]], (3, 300))
    curves = srtm_curves(scans[0].reference, FRAMES, r1, k2, bp)
    weights = draw.uniform(0.2, 1.0, curves.shape)
    found = fit_srtm(
        scans[0].reference, curves, FRAMES, weights, k2_prime=k2 / r1 if tied else None
    )
    assert set(found.status) == {Status.CONVERGED}
    for own, known in ((found.r1, r1), (found.k2, k2), (found.bp, bp)):
        np.testing.assert_allclose(own, known, rtol=1e-6)


@pytest.mark.parametrize("tied", [False, True])
def test_no_search_from_many_starts_finds_less_within_the_bounds(
    scans: list[Scan], tied: bool
) -> None:
    draw = np.random.default_rng(5)
    reference, count = scans[0].reference, 30
    bounds = Bounds(r1=(0.0, 1.2), k2=(0.0, 0.25), bp=(0.0, 2.0))
    true = draw.uniform([[0.5], [0.05], [0.0]], [[1.5], [0.3], [2.5]], (3, count))
    curves = srtm_curves(reference, FRAMES, *true)
    curves += draw.normal(0.0, 0.6, curves.shape)
    k2_prime = np.full(count, 0.15)
    found = fit_srtm(reference, curves, FRAMES, k2_prime=k2_prime if tied else None, bounds=bounds)
    at_bound = [one is Status.AT_BOUND for one in found.status]
    assert 5 < sum(at_bound) < count
    low, high = bounds.as_array().reshape(3, 2).T
    for place in range(0, count, 3):

        def rest(x: np.ndarray, place: int = place) -> np.ndarray:
            full = (x[0], 0.15 * x[0], x[1]) if tied else x
            return srtm_curves(reference, FRAMES, *full)[0] - curves[place]

        free = ([0, 2], (min(high[0], high[1] / 0.15), high[2])) if tied else ([0, 1, 2], high)
        starts = draw.uniform(low[free[0]], free[1], (4, len(free[0])))
        ends = [least_squares(rest, one, bounds=(low[free[0]], free[1])) for one in starts]
        least = 2 * min(end.cost for end in ends)
        own = np.sum((found.fitted[place] - curves[place]) ** 2)
        assert own <= least * (1 + 1e-9)
        assert low[0] <= found.r1[place] <= high[0]
        assert low[1] <= found.k2[place] <= high[1] * (1 + 1e-12)
        assert low[2] - 1e-9 <= found.bp[place] <= high[2] + 1e-9
    assert np.isnan(found.se[at_bound]).all()


@pytest.mark.parametrize("region", ["FC", "HIP", "VSTR"])
@pytest.mark.parametrize("tied", [False, True])
def test_standard_errors_are_those_of_scipy(scans: list[Scan], region: str, tied: bool) -> None:
    scan = scans[2]
    place = scan.regions.index(region)
    curve, weights = scan.activity[place], scan.weights[place]
    k2_prime = 0.14

    def model(_: object, *x: float) -> np.ndarray:
        full = (x[0], k2_prime * x[0], x[1]) if tied else x
        return srtm_curves(scan.reference, scan.frames, *full)[0]

    found = fit_srtm(scan.reference, curve, scan.frames, weights,
                     k2_prime=k2_prime if tied else None)  # fmt: skip
    estimates = np.array([found.r1[0], found.k2[0], found.bp[0]])
    keep = [0, 2] if tied else [0, 1, 2]
    best, covariance = curve_fit(model, scan.frames.mid_min, curve, estimates[keep] * 1.02,
                                 sigma=1 / np.sqrt(weights), xtol=1e-12, ftol=1e-12)  # fmt: skip
    np.testing.assert_allclose(best, estimates[keep], rtol=1e-4)
    np.testing.assert_allclose(found.covariance[0][np.ix_(keep, keep)], covariance, rtol=2e-3)
    if tied:
        assert found.se[0, 1] == pytest.approx(k2_prime * found.se[0, 0])


def test_curves_that_share_references_are_fitted_as_alone(scans: list[Scan]) -> None:
    references = np.stack([scans[0].reference, scans[3].reference])
    which = [1, 0, 1, 0]
    curves = np.stack([scans[3].activity[0], *scans[0].activity[:1], *scans[3].activity[1:2],
                       scans[0].activity[1]])  # fmt: skip
    together = fit_srtm(references, curves, FRAMES, which=which)
    for place, owner in enumerate(which):
        alone = fit_srtm(references[owner], curves[place], FRAMES)
        assert together.bp[place] == alone.bp[0]
        np.testing.assert_array_equal(together.fitted[place], alone.fitted[0])


@pytest.mark.parametrize("origin", [0.13, "srtm", "coupled"])
@pytest.mark.parametrize("model", ["srtm2", "mrtm2"])
def test_a_common_k2_prime_is_found(
    scan_of: Callable[..., Scan], scans: list[Scan], origin: float | str, model: str
) -> None:
    r1, bp = np.array([0.7, 0.9, 1.1]), np.array([0.4, 1.2, 2.0])
    curves = srtm_curves(scans[0].reference, FRAMES, r1, 0.13 * r1, bp)
    found = fit(scan_of(curves), model, k2_prime=origin).to_frame()
    np.testing.assert_allclose(found["k2_prime"], 0.13, rtol=1e-6)
    # MRTM2 integrates by another rule than the curves were made with.
    np.testing.assert_allclose(found["BPND"], bp, rtol=1e-6 if model == "srtm2" else 0.05)


def test_k2_prime_is_the_median_of_the_regions_that_were_asked(scans: list[Scan]) -> None:
    alone = fit(scans[:2], "mrtm1").to_frame()
    all_regions = fit(scans[:2], "srtm2").to_frame()
    for scan, own in alone.groupby("scan"):
        used = all_regions.loc[all_regions["scan"] == scan, "k2_prime"]
        np.testing.assert_allclose(used, own["k2_prime"].median(), rtol=1e-12)
    one = fit(scans[0], "mrtm2", k2_prime_regions=["VSTR"]).to_frame()
    np.testing.assert_allclose(
        one["k2_prime"], alone["k2_prime"][alone["region"] == "VSTR"].iloc[0]
    )


def test_a_true_common_k2_prime_makes_low_signal_less_variable(scans: list[Scan]) -> None:
    draw, count = np.random.default_rng(11), 150
    curve = srtm_curves(scans[0].reference, FRAMES, 0.78, 0.78 * 0.13, 0.42)[0]
    # Counts of what has not decayed, scaled to an error of BPND of about a sixth.
    decay = np.exp(np.log(2) / HALF_LIFE_11C_MIN * FRAMES.mid_min)
    sd = 0.25 * np.sqrt(curve.clip(0.1) * decay / FRAMES.duration_min)
    curves = curve + draw.normal(size=(count, len(FRAMES))) * sd
    free = fit_srtm(scans[0].reference, curves, FRAMES, 1 / sd**2)
    tied = fit_srtm(scans[0].reference, curves, FRAMES, 1 / sd**2, k2_prime=0.13)
    assert tied.bp.std() < 0.9 * free.bp.std()
    # And the errors that each states are those that it has.
    for one in (free, tied):
        assert np.median(one.se[:, 2]) == pytest.approx(one.bp.std(), rel=0.25)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"k2_prime": -0.1}, "k2' is -0.1; expected a positive number in 1/min"),
        ({"k2_prime": "mrtm"}, "unknown origin of k2' 'mrtm': did you mean mrtm1"),
        ({"k2_prime_regions": ["VSTRI"]}, "regions of k2': unknown region 'VSTRI': did you mean"),
    ],
)
def test_an_impossible_k2_prime_is_one_sentence(
    scans: list[Scan], options: dict[str, object], sentence: str
) -> None:
    with pytest.raises(InputError) as caught:
        fit(scans[0], "srtm2", **options)  # type: ignore[arg-type]
    assert sentence in str(caught.value)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"weights": -np.ones(38)}, "a weight is negative"),
        ({"weights": np.ones(7)}, "the weights have the shape"),
        ({"which": [3]}, "there are 1 references for 1 curves"),
    ],
)
def test_arrays_that_disagree_are_one_sentence(
    scans: list[Scan], options: dict[str, object], sentence: str
) -> None:
    with pytest.raises(InputError) as caught:
        fit_srtm(scans[0].reference, scans[0].activity[0], FRAMES, **options)  # type: ignore[arg-type]
    assert sentence in str(caught.value)


def test_bounds_that_are_none_are_refused() -> None:
    with pytest.raises(InputError, match="the bounds of bp are 3 to 1"):
        Bounds(bp=(3.0, 1.0))

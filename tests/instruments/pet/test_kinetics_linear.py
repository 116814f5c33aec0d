"""Models that are linear in their numbers, with a reference region and with an input."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import pytest
import statsmodels.api as sm
from scipy.optimize import curve_fit

from ketasim.errors import InputError
from ketasim.instruments.pet.frames import AZ10419369_93MIN as FRAMES
from ketasim.instruments.pet.frames import Frames
from ketasim.instruments.pet.kinetics import ArterialInput, fit
from ketasim.instruments.pet.kinetics.arterial_graphical import plasma_integrals
from ketasim.instruments.pet.kinetics.batch import Batch, cumulative

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from ketasim.instruments.pet.scans import Scan

TIMES = np.concatenate([np.arange(0, 5, 0.05), np.arange(5, 94, 1.0)])
PLASMA = ArterialInput(TIMES, 60 * TIMES * np.exp(-1.5 * TIMES) + 3 * (1 - np.exp(-TIMES))
                       * np.exp(-0.03 * TIMES))  # fmt: skip


def self_fed(
    forcing: NDArray[np.float64], feedback: float, frames: Frames = FRAMES
) -> NDArray[np.float64]:
    """Solve ``C = forcing + feedback * integral of C`` with the trapezoid rule."""
    curve, area, before, last = np.empty(len(frames)), 0.0, 0.0, 0.0
    for place, now in enumerate(frames.mid_min):
        half = (now - last) / 2
        curve[place] = (forcing[place] + feedback * (area + half * before)) / (1 - feedback * half)
        area += half * (before + curve[place])
        before, last = curve[place], now
    return curve


@pytest.fixture
def area(scans: list[Scan]) -> NDArray[np.float64]:
    return cumulative(FRAMES, scans[0].reference[None])[0]


@pytest.mark.parametrize("t_star_min", [None, 20.0])
def test_mrtm_returns_its_parameters(
    scans: list[Scan], scan_of: Callable[..., Scan], area: NDArray[np.float64],
    t_star_min: float | None,
) -> None:  # fmt: skip
    r1, k2_prime, bp = 0.85, 0.14, 1.3
    k2 = r1 * k2_prime
    curve = self_fed(k2 * area + r1 * scans[0].reference, -k2 / (1 + bp))
    for model, options in (("mrtm1", {}), ("mrtm2", {"k2_prime": k2_prime}), ("mrtm2", {})):
        found = fit(scan_of(curve), model, t_star_min=t_star_min, **options).to_frame().iloc[0]  # type: ignore[arg-type]
        known = {"R1": r1, "k2": k2, "BPND": bp, "k2_prime": k2_prime}
        for name, value in known.items():
            assert found[name] == pytest.approx(value, rel=1e-6)


@pytest.mark.parametrize("k2_prime", [0.14, math.inf])
def test_logan_with_a_reference_returns_its_parameters(
    scans: list[Scan], scan_of: Callable[..., Scan], area: NDArray[np.float64], k2_prime: float
) -> None:
    bp, intercept = 1.3, -12.0
    forcing = -(1 + bp) / intercept * (area + scans[0].reference / k2_prime)
    curve = self_fed(forcing, 1 / intercept)
    found = fit(scan_of(curve), "logan_ref", k2_prime=k2_prime).to_frame().iloc[0]
    assert found["BPND"] == pytest.approx(bp, rel=1e-6)
    assert found["intercept_min"] == pytest.approx(intercept, rel=1e-6)
    assert found["n_frames"] == 10
    assert np.isnan(found["R1"])


def test_suvr_is_the_ratio_in_the_window(scans: list[Scan], scan_of: Callable[..., Scan]) -> None:
    window = FRAMES.mid_min > 63
    curve = np.where(window, 2.2 * scans[0].reference, 7.0)
    found = fit(scan_of(curve), "suvr").to_frame().iloc[0]
    assert found["SUVR"] == pytest.approx(2.2)
    assert found["BPND"] == pytest.approx(1.2)
    assert found["n_frames"] == 5
    # Late frames alone are enough for a ratio, and for nothing else.
    late = Frames(FRAMES.start_min[window], FRAMES.duration_min[window])
    short = scan_of(curve[window], frames=late, reference=scans[0].reference[window])
    assert fit(short, "suvr").to_frame()["BPND"][0] == pytest.approx(1.2)
    for model in ("srtm", "mrtm1", "logan_ref"):
        with pytest.raises(InputError, match="the first frame starts at 63 min"):
            fit(short, model)
    with pytest.raises(InputError, match="no frame has its middle between 100 and 120 min"):
        fit(scan_of(curve), "suvr", window_min=(100.0, 120.0))


@pytest.mark.parametrize("model", ["logan", "ma1"])
def test_models_of_plasma_return_their_parameters(scan_of: Callable[..., Scan], model: str) -> None:
    volume, base, intercept = 4.0, 1.6, -9.0
    plasma = plasma_integrals(Batch.of([scan_of(np.ones(38))], [PLASMA]))[0]
    target, reference = (self_fed(-one / intercept * plasma, 1 / intercept)
                         for one in (volume, base))  # fmt: skip
    found = fit(scan_of(target, reference=reference), model, input_function=PLASMA).to_frame()
    assert found["VT"][0] == pytest.approx(volume, rel=1e-6)
    assert found["BPND"][0] == pytest.approx(volume / base - 1, rel=1e-6)


def test_the_plasma_integral_has_a_closed_form(scan_of: Callable[..., Scan]) -> None:
    times = np.linspace(0, 93, 20001)
    arterial = ArterialInput(times, 5 * np.exp(-0.1 * times))
    found = plasma_integrals(Batch.of([scan_of(np.ones(38))], [arterial]))[0]
    np.testing.assert_allclose(found, 50 * -np.expm1(-0.1 * FRAMES.mid_min), rtol=1e-6)


def test_short_frames_make_the_multilinear_model_the_continuous_one(
    scan_of: Callable[..., Scan],
) -> None:
    # Reference t exp(-bt) and a target of SRTM with the closed form of its convolution.
    frames = Frames.of_scheme("1800x3s")
    t, b, r1, bp, theta = frames.mid_min, 0.05, 1.1, 2.0, 0.06
    k2 = theta * (1 + bp)
    reference = t * np.exp(-b * t)
    gap = theta - b
    washed = np.exp(-b * t) * (t / gap - 1 / gap**2) + np.exp(-theta * t) / gap**2
    curve = r1 * reference + (k2 - r1 * theta) * washed
    found = fit(scan_of(curve, frames=frames, reference=reference), "mrtm1").to_frame().iloc[0]
    for name, value in {"R1": r1, "k2": k2, "BPND": bp}.items():
        assert found[name] == pytest.approx(value, rel=1e-4)


def test_errors_of_mrtm1_are_those_of_scipy_in_its_own_parameters(scans: list[Scan]) -> None:
    scan = scans[4]
    found = fit(scan, "mrtm1").to_frame()
    own = cumulative(FRAMES, scan.activity)
    area = cumulative(FRAMES, scan.reference[None])[0]
    for place in (0, 4):
        row = found.iloc[place]

        def model(_: object, r1: float, k2: float, bp: float, place: int = place) -> object:
            return k2 * area - k2 / (1 + bp) * own[place] + r1 * scan.reference

        names = ["R1", "k2", "BPND"]
        start = row[names].to_numpy(dtype=float)
        best, covariance = curve_fit(model, FRAMES.mid_min, scan.activity[place], start,
                                     sigma=scan.weights[place] ** -0.5)  # fmt: skip
        np.testing.assert_allclose(best, start, rtol=1e-5)
        errors = row[["se_R1", "se_k2", "se_BPND"]].to_numpy(dtype=float)
        np.testing.assert_allclose(errors, np.sqrt(np.diag(covariance)), rtol=1e-3)


def test_aic_is_that_of_statsmodels(scans: list[Scan]) -> None:
    scan = scans[1]
    design = np.stack([cumulative(FRAMES, scan.reference[None])[0],
                       cumulative(FRAMES, scan.activity)[2], scan.reference], axis=1)  # fmt: skip
    other = sm.WLS(scan.activity[2], design, weights=scan.weights[2]).fit()
    found = fit(scan, "mrtm1").to_frame().iloc[2]
    # Theirs leaves the variance out of the count, R's has it in.
    assert found["aic"] == pytest.approx(other.aic + 2)
    assert found["R1"] == pytest.approx(other.params[2])
    assert found["wrmse"] == pytest.approx(
        np.sqrt(np.average(other.resid**2, weights=scan.weights[2]))
    )


def test_a_t_star_that_leaves_nothing_is_refused(scans: list[Scan]) -> None:
    with pytest.raises(InputError, match="1 frames start at or after t\\* = 85 min"):
        fit(scans[0], "logan_ref", t_star_min=85.0)


def test_a_rising_curve_has_no_washout_and_no_number(scan_of: Callable[..., Scan]) -> None:
    found = fit(scan_of(np.exp(0.05 * FRAMES.mid_min)), "mrtm1").to_frame().iloc[0]
    assert found["status"].startswith("not fitted: the best line has a washout")
    assert np.isnan(found["BPND"])

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.integrate import solve_ivp

from ketasim.errors import InputError
from ketasim.instruments.pet import curves
from ketasim.instruments.pet.frames import AZ10419369_93MIN, Frames
from ketasim.instruments.pet.noise import frame_sd
from ketasim.instruments.pet.scans import read_tacs

DATA = Path(__file__).with_name("data")
SHORT = Frames.of_scheme("6x10s 4x1min 5x3min 5x6min")


def integrated(slopes, states, frames):
    """Frame means of the last state but one's integral, by an ODE solver of another library."""
    edges = np.append(frames.start_min, frames.end_min[-1])
    # Arrival has a corner: the solver must not step over it.
    found = solve_ivp(slopes, (0, edges[-1]), np.zeros(states), "LSODA", edges, rtol=1e-10,
                      atol=1e-10, max_step=0.05)  # fmt: skip
    return np.diff(found.y[-1]) / frames.duration_min


def at(curve, t):
    return float(np.ravel(curve.values([t]))[0])


def test_srtm_agrees_with_its_differential_equation():
    reference = curves.empirical_reference()
    r1, k2_prime, bpnd = 0.85, 0.15, 1.8
    k2a = r1 * k2_prime / (1 + bpnd)

    def slopes(t, y):
        inside = at(reference, t)
        target = r1 * inside + r1 * (k2_prime - k2a) * y[0]
        return [inside - k2a * y[0], target]

    exact = curves.srtm(reference, r1, k2_prime, bpnd, SHORT)
    assert exact == pytest.approx(integrated(slopes, 2, SHORT), rel=1e-6, abs=1e-6)


def test_two_tissues_agree_with_their_differential_equations():
    plasma = curves.plasma_input()
    k1, k2, k3, k4 = 0.1, 0.14, 0.12, 0.08

    def slopes(t, y):
        free, bound, _ = y
        change = k3 * free - k4 * bound
        return [k1 * at(plasma, t) - k2 * free - change, change, free + bound]

    exact = curves.two_tissue(plasma, k1, k2, k3, k4, SHORT)
    assert exact == pytest.approx(integrated(slopes, 3, SHORT), rel=1e-6, abs=1e-6)


def test_binding_without_delay_makes_two_tissues_the_simplified_model():
    reference = curves.tissue_reference()
    simple = curves.srtm(reference, 0.9, reference.k2, 1.3, AZ10419369_93MIN)
    gaps = []
    for k4 in (10.0, 100.0, 1000.0):
        full = curves.two_tissue(
            reference.plasma, 0.9 * reference.k1, 0.9 * reference.k2, 1.3 * k4, k4,
            AZ10419369_93MIN,
        )  # fmt: skip
        gaps.append(np.abs(full - simple).max() / simple.max())
    assert gaps[2] < 1e-4
    # Of first order in 1 / k4: ten times faster, ten times nearer.
    assert gaps[0] / gaps[1] == pytest.approx(10, rel=0.2)
    assert gaps[1] / gaps[2] == pytest.approx(10, rel=0.2)


def test_two_tissues_without_receptors_are_one():
    plasma = curves.plasma_input()
    one = curves.one_tissue(plasma, 0.1, 0.14, AZ10419369_93MIN)
    two = curves.two_tissue(plasma, 0.1, 0.14, 0.0, 0.05, AZ10419369_93MIN)
    assert two == pytest.approx(one, rel=1e-12)


def test_a_target_without_binding_is_the_reference_itself():
    reference = curves.empirical_reference()
    alike = curves.srtm(reference, 1.0, 0.14, 0.0, AZ10419369_93MIN)
    assert alike == pytest.approx(reference.frame_means(AZ10419369_93MIN), rel=1e-12)


def test_frames_of_any_cut_hold_the_same_activity():
    reference = curves.empirical_reference()
    fine, coarse = Frames.of_scheme("60x1min"), Frames.of_scheme("10x6min")
    for make in (reference.frame_means, lambda f: curves.srtm(reference, 0.9, 0.15, 1.2, f)):
        assert make(fine).reshape(10, 6).mean(axis=1) == pytest.approx(make(coarse), rel=1e-10)


@pytest.mark.parametrize("rate", ["alpha", "beta", "gamma"])
def test_rates_that_meet_do_not_break_a_convolution(rate):
    plasma, times = curves.plasma_input(), np.linspace(0, 90, 50)
    meets = getattr(plasma, rate)
    around = plasma.convolved(meets * np.array([1 - 1e-6, 1.0, 1 + 1e-6]), times)
    assert around[1] == pytest.approx((around[0] + around[2]) / 2, rel=1e-9)
    reference = replace(curves.empirical_reference(), k2=0.05)
    around = reference.convolved(0.05 * np.array([1 - 1e-4, 1.0, 1 + 1e-4]), times)
    assert around[1] == pytest.approx((around[0] + around[2]) / 2, rel=1e-6)


@pytest.mark.parametrize("scan", ["Control_2_Control", "Control_2_Placebo"])
def test_the_curves_of_others_are_met_from_their_own_parameters(scan):
    # The shipped reference parameters are those of this participant: with the true parameters of
    # its targets, curves that others made scatter about ours, and by no more than their noise.
    found = next(one for one in read_tacs(DATA / "tacs.csv") if one.scan == scan)
    truth = pd.read_csv(DATA / "truth.csv").query("scan == @scan").set_index("region")
    ours = curves.srtm(
        curves.empirical_reference(), *(truth.loc[list(found.regions), name].to_numpy()
                                        for name in ("R1", "k2_prime", "BPND")), found.frames,
    )  # fmt: skip
    rest = (found.activity - ours)[:, 9:] / frame_sd(ours, found.frames, 1.0)[:, 9:]
    scatter = rest.std(axis=1)
    assert np.all(np.abs(rest.mean(axis=1)) < 3 * scatter / np.sqrt(rest.shape[1]))
    assert np.all(scatter < 0.6)
    middle = slice(15, 33)
    gap = np.abs(found.activity[:, middle].mean(1) / ours[:, middle].mean(1) - 1)
    assert dict(zip(found.regions, gap, strict=True))["FC"] < 0.01
    assert gap.max() < 0.05


def test_a_missing_parameter_gives_a_missing_curve():
    reference = curves.empirical_reference()
    made = curves.srtm(reference, 0.9, 0.15, [1.0, np.nan], AZ10419369_93MIN)
    assert np.isfinite(made[0]).all()
    assert np.isnan(made[1]).all()


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda r: curves.srtm(r, 0.0, 0.15, 1.0, SHORT), "R1 is not positive"),
        (lambda r: curves.srtm(r, 1.0, -0.1, 1.0, SHORT), "k2' is not positive"),
        (lambda r: curves.srtm(r, 1.0, 0.1, -1.0, SHORT), "1 + BPND is not positive"),
        (lambda r: curves.two_tissue(r.plasma, 0.1, 0.1, 0.1, 0.0, SHORT), "k4 is not positive"),
        (lambda r: curves.two_tissue(r.plasma, 0.1, 0.1, -0.1, 0.1, SHORT), "k3 is negative"),
        (lambda r: replace(r.plasma, beta=0.0), "rate of a plasma input"),
        (lambda r: replace(r, k2=0.0), "rate of the reference curve"),
    ],
)
def test_rates_that_cannot_be_are_refused(call, sentence):
    with pytest.raises(InputError, match=sentence.replace("+", r"\+")):
        call(curves.empirical_reference())

"""Compartment models: closed forms, parameters back from curves, errors, delay, and the blood."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest
from scipy.integrate import solve_ivp
from scipy.optimize import curve_fit

from ketasim.errors import InputError
from ketasim.instruments.pet.frames import AZ10419369_93MIN as FRAMES
from ketasim.instruments.pet.kinetics import ArterialInput, fit, read_input
from ketasim.instruments.pet.kinetics.compartments import one_tissue_curve, two_tissue_curve

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from ketasim.instruments.pet.scans import Scan

TIMES = np.concatenate([np.arange(0, 5, 0.05), np.arange(5, 94, 1.0)])
PARENT = 60 * TIMES * np.exp(-1.5 * TIMES) + 3 * (1 - np.exp(-TIMES)) * np.exp(-0.03 * TIMES)
INPUT = ArterialInput(TIMES, PARENT, PARENT * 1.3)
MIDDLES = FRAMES.mid_min


@pytest.mark.parametrize("k2", [1e-5, 0.1, 2.0])
def test_one_tissue_has_a_closed_form_for_an_exponential(k2: float) -> None:
    dense = np.linspace(0, 93, 60001)
    rate, k1 = 0.3, 0.4
    found = one_tissue_curve(ArterialInput(dense, np.exp(-rate * dense)), MIDDLES, k1, k2)
    expected = k1 * (np.exp(-k2 * MIDDLES) - np.exp(-rate * MIDDLES)) / (rate - k2)
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_two_tissues_are_the_solution_of_their_equations() -> None:
    k1, k2, k3, k4, vb = 0.3, 0.2, 0.1, 0.04, 0.06

    def slope(t: float, y: list[float]) -> list[float]:
        plasma = np.interp(t, TIMES, PARENT)
        return [k1 * plasma - (k2 + k3) * y[0] + k4 * y[1], k3 * y[0] - k4 * y[1]]

    solved = solve_ivp(slope, (0, 93), [0, 0], t_eval=MIDDLES, rtol=1e-9, atol=1e-10, max_step=0.05)
    expected = (1 - vb) * solved.y.sum(axis=0) + vb * np.interp(MIDDLES, TIMES, 1.3 * PARENT)
    found = two_tissue_curve(INPUT, MIDDLES, k1, k2, k3, k4, vb)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


RATES = {
    "1tcm": [(0.1, 0.08), (0.5, 0.3), (0.05, 0.02)],
    "2tcm": [(0.3, 0.2, 0.1, 0.04), (0.1, 0.12, 0.03, 0.03), (0.5, 0.4, 0.15, 0.08)],
}
CURVE = {"1tcm": one_tissue_curve, "2tcm": two_tissue_curve}


@pytest.mark.parametrize("model", RATES)
@pytest.mark.parametrize("delay", [0.0, "fit"])
def test_curves_without_noise_return_their_parameters(
    scan_of: Callable[..., Scan], model: str, delay: float | str
) -> None:
    later = 0.2 if delay == "fit" else 0.0
    curves = [CURVE[model](INPUT, MIDDLES, *one, 0.05, later) for one in RATES[model]]
    reference = one_tissue_curve(INPUT, MIDDLES, 0.2, 0.15, 0.05, later)
    scan = scan_of(curves, reference=reference)
    found = fit(scan, model, input_function=INPUT, delay_min=delay).to_frame()  # type: ignore[arg-type]
    names = ["K1", "k2", "k3", "k4"][: len(RATES[model][0])]
    np.testing.assert_allclose(found[names], RATES[model], rtol=1e-6)
    np.testing.assert_allclose(found["vB"], 0.05, rtol=1e-5)
    np.testing.assert_allclose(found["delay_min"], later, atol=1e-6)
    rates = np.array(RATES[model])
    if model == "1tcm":
        volumes = rates[:, 0] / rates[:, 1]
        np.testing.assert_allclose(found["BPND"], volumes / (0.2 / 0.15) - 1, rtol=1e-6)
        np.testing.assert_allclose(found["R1"], rates[:, 0] / 0.2, rtol=1e-6)
    else:
        volumes = rates[:, 0] / rates[:, 1] * (1 + rates[:, 2] / rates[:, 3])
        np.testing.assert_allclose(found["BPND"], rates[:, 2] / rates[:, 3], rtol=1e-6)
    np.testing.assert_allclose(found["VT"], volumes, rtol=1e-6)


@pytest.mark.parametrize("model", RATES)
def test_standard_errors_are_those_of_scipy(scan_of: Callable[..., Scan], model: str) -> None:
    draw = np.random.default_rng(2)
    rates = RATES[model][0]
    clean = CURVE[model](INPUT, MIDDLES, *rates, 0.05)
    curve = clean + draw.normal(0, 0.02 * clean.max(), len(clean)) * (MIDDLES > 0.5)
    weights = draw.uniform(0.3, 1.0, len(clean))
    scan = scan_of(curve, weights, reference=one_tissue_curve(INPUT, MIDDLES, 0.2, 0.15, 0.05))
    row = fit(scan, model, input_function=INPUT).to_frame().iloc[0]
    names = [*["K1", "k2", "k3", "k4"][: len(rates)], "vB"]

    def predicted(_: object, *x: float) -> object:
        return CURVE[model](INPUT, MIDDLES, *x)

    start = row[names].to_numpy(dtype=float)
    best, covariance = curve_fit(predicted, MIDDLES, curve, start * 1.001, sigma=weights**-0.5)
    np.testing.assert_allclose(best, start, rtol=1e-3)
    errors = row[[f"se_{name}" for name in names]].to_numpy(dtype=float)
    np.testing.assert_allclose(errors, np.sqrt(np.diag(covariance)), rtol=1e-2)
    assert row["se_VT"] > 0
    assert row["se_BPND"] > 0


def test_a_fixed_share_of_blood_is_kept(scan_of: Callable[..., Scan]) -> None:
    curve = one_tissue_curve(INPUT, MIDDLES, 0.1, 0.08, 0.04)
    scan = scan_of(curve, reference=curve)
    found = fit(scan, "1tcm", input_function={("P", "S"): INPUT}, blood_fraction=0.04).to_frame()
    assert found["vB"][0] == 0.04
    assert found["K1"][0] == pytest.approx(0.1, rel=1e-6)
    assert "se_vB" not in found


def test_blood_is_read_by_scan(tmp_path: Path) -> None:
    rows = [
        ("P", scan, t, level * t) for scan, level in (("a", 1.0), ("b", 2.0)) for t in (0, 1, 2)
    ]
    table = pd.DataFrame(rows, columns=["participant", "scan", "time_min", "plasma"])
    table.to_csv(tmp_path / "blood.csv", index=False)
    found = read_input(tmp_path / "blood.csv")
    np.testing.assert_array_equal(found["P", "b"].plasma, [0, 2, 4])
    np.testing.assert_array_equal(found["P", "b"].blood, [0, 2, 4])
    assert set(read_input(table[["time_min", "plasma"]].iloc[:3])) == {("", "")}


@pytest.mark.parametrize(
    ("table", "sentence"),
    [
        ({"time_min": [0, 1]}, "the column 'plasma' is missing"),
        ({"time_min": [0, 1, 1], "plasma": [0, 1, 2]}, "the times do not rise"),
        ({"time_min": [0, 1], "plasma": [0, "x"]}, "row 3, column 'plasma': it is no number"),
        ({"time_min": [0, 1], "plasma": [0, -2]}, "plasma is zero or negative"),
    ],
)
def test_blood_that_is_none_is_one_sentence(table: dict[str, list[object]], sentence: str) -> None:
    with pytest.raises(InputError) as caught:
        read_input(pd.DataFrame(table))
    assert sentence in str(caught.value)


def test_a_model_of_plasma_asks_for_it(scans: list[Scan]) -> None:
    with pytest.raises(InputError, match="needs an arterial input, and none was given"):
        fit(scans[0], "2tcm")
    with pytest.raises(InputError, match="has no input function"):
        fit(scans[:2], "1tcm", input_function={("P", "S"): INPUT})
    with pytest.raises(InputError, match="the share of blood is 2"):
        fit(scans[0], "1tcm", input_function=INPUT, blood_fraction=2.0)

"""Nonlinear equations whose solutions are known."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import scipy.integrate
import scipy.special

if TYPE_CHECKING:
    from collections.abc import Callable

    from ketasim.engine import CompiledModel

TIGHT = {"rtol": 1e-11, "atol": 1e-14}


def test_logistic_growth(solver: Callable[[str], CompiledModel]) -> None:
    model = solver("model m; x = 0.02; r = 0.8; K = 3; x' = r*x*(1 - x/K); end")
    times = np.linspace(0.0, 20.0, 81)
    growth = np.array([0.3, 0.8, 1.9])
    found = model.solve(times, parameters={"r": growth}, **TIGHT).values[:, :, 0]
    truth = 3.0 / (1.0 + (3.0 / 0.02 - 1.0) * np.exp(-growth[:, None] * times))
    assert found == pytest.approx(truth, rel=1e-9)


def test_a_chain_of_equal_decays_is_a_gamma_density(
    solver: Callable[[str], CompiledModel],
) -> None:
    """x_n = exp(-k t) (k t)^n / n!: Bateman's equations with equal constants."""
    links = "".join(f"x{i} = 0; x{i}' = k*(x{i - 1} - x{i}); " for i in range(1, 8))
    model = solver(f"model m; k = 0.9; x0 = 1; x0' = -k*x0; {links}end")
    times = np.linspace(0.0, 15.0, 61)
    run = model.solve(times, outputs=[f"x{i}" for i in range(8)], **TIGHT)
    for n in range(8):
        truth = np.exp(-0.9 * times) * (0.9 * times) ** n / scipy.special.factorial(n)
        assert run.values[0, :, n] == pytest.approx(truth, rel=1e-9, abs=1e-12)


def test_michaelis_menten_elimination_is_lamberts_w(
    solver: Callable[[str], CompiledModel],
) -> None:
    """Schnell and Mendoza, J. Theor. Biol. 187:207, 1997, eq. 8."""
    model = solver("model m; S = 5; V = 2; K = 0.7; S' = -V*S/(K + S); end")
    times = np.linspace(0.0, 6.0, 61)
    found = model.solve(times, **TIGHT).values[0, :, 0]
    truth = 0.7 * scipy.special.lambertw(5 / 0.7 * np.exp((5 - 2 * times) / 0.7)).real
    assert found == pytest.approx(truth, rel=1e-8)


def test_explicit_time(solver: Callable[[str], CompiledModel]) -> None:
    model = solver("model m; x = 0; w = 3; x' = cos(w*time) - 0.0*x; end")
    times = np.linspace(0.0, 9.0, 91)
    found = model.solve(times, **TIGHT).values[0, :, 0]
    assert found == pytest.approx(np.sin(3 * times) / 3, abs=1e-9)


def test_a_switch_in_time_is_met_exactly(solver: Callable[[str], CompiledModel]) -> None:
    """A rate of 0 but for a pulse much shorter than the steps around it."""
    model = solver(
        "model m; x = 0; a = 70; b = 70.001; x' = piecewise(1000, time >= a && time < b, 0); end"
    )
    times = np.array([0.0, 70.0, 70.0005, 70.001, 71.0, 300.0])
    run = model.solve(times, parameters={"b": np.array([70.001, 70.002])})
    assert run.values[0, :, 0] == pytest.approx([0, 0, 0.5, 1.0, 1.0, 1.0], abs=1e-9)
    assert run.values[1, :, 0] == pytest.approx([0, 0, 0.5, 1.0, 2.0, 2.0], abs=1e-9)


def robertson(t: float, y: np.ndarray) -> list[float]:
    a, b, c = y
    return [-0.04 * a + 1e4 * b * c, 0.04 * a - 1e4 * b * c - 3e7 * b * b, 3e7 * b * b]


def test_robertsons_kinetics(solver: Callable[[str], CompiledModel]) -> None:
    """Hairer and Wanner II, eq. IV.1.4: rates nine orders of magnitude apart."""
    model = solver(
        """model m
          a = 1; b = 0; c = 0; k1 = 0.04; k2 = 3e7; k3 = 1e4
          a' = -k1*a + k3*b*c; b' = k1*a - k3*b*c - k2*b*b; c' = k2*b*b
        end"""
    )
    times = np.concatenate([[0.0], 4.0 * 10.0 ** np.arange(-1, 8)])
    oracle = scipy.integrate.solve_ivp(
        robertson, (0, times[-1]), [1, 0, 0], method="Radau", t_eval=times, rtol=1e-10, atol=1e-16
    )
    run = model.solve(times, rtol=1e-10, atol=1e-16)
    assert run.values[0] == pytest.approx(oracle.y.T, rel=1e-6, abs=1e-16)
    assert run.values[0].sum(axis=1) == pytest.approx(np.ones(len(times)), rel=1e-10)
    # The value printed by many codes for t = 40: 0.7158, 9.185e-6, 0.2842.
    assert run.values[0, 3] == pytest.approx([0.7158, 9.185e-6, 0.2842], rel=2e-4)


@pytest.mark.parametrize("rtol", [1e-3, 1e-5, 1e-7, 1e-9])
def test_the_error_follows_the_tolerance(
    rtol: float, solver: Callable[[str], CompiledModel]
) -> None:
    """The Lotka-Volterra cycle conserves u - ln u + v - ln v."""
    model = solver("model m; u = 2; v = 0.5; u' = u*(1 - v); v' = v*(u - 1); end")
    run = model.solve(np.linspace(0, 30, 301), rtol=rtol, atol=rtol * 1e-2).values[0]
    u, v = run.T
    energy = u - np.log(u) + v - np.log(v)
    assert np.abs(energy - energy[0]).max() < 20 * rtol

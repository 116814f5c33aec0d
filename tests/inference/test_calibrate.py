"""The calibration reproduces the shipped tables from the evidence alone, on a reduced budget."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ketasim.inference import Fit, calibrate, fit_targets, write_calibration
from ketasim.inference.calibrate import PRIORS
from ketasim.model import list_hypotheses, load_model
from ketasim.model.calibration import read_calibration

FAR = {
    name: prior.median * (2.0 if turn % 2 else 0.5)
    for turn, (name, prior) in enumerate(PRIORS.items())
}
"""A start away from both the priors and the shipped values, by a factor of two in turn up and down."""


@pytest.fixture(scope="module")
def fit() -> Fit:
    return calibrate("article", patients=32, max_evaluations=15, start=FAR)


def test_the_shipped_values_come_back_within_their_uncertainty(fit: Fit) -> None:
    shipped = read_calibration("article")
    spread = np.sqrt(np.diag(shipped.covariance.to_numpy()))
    for name, sd in zip(shipped.covariance.index, spread, strict=True):
        again = fit.values[fit.names.index(name)]
        assert abs(np.log(again / shipped.values[name])) < 0.35 * sd, name


def test_the_start_is_far_from_what_is_found(fit: Fit) -> None:
    # Otherwise a search that does nothing would pass the test above.
    shipped = read_calibration("article")
    spread = np.sqrt(np.diag(shipped.covariance.to_numpy()))
    steps = [
        abs(np.log(FAR[name] / shipped.values[name])) / sd
        for name, sd in zip(shipped.covariance.index, spread, strict=True)
    ]
    assert max(steps) > 2.0
    assert np.median(steps) > 0.7


def test_a_target_that_moves_takes_its_parameter_along(fit: Fit) -> None:
    targets = [
        replace(one, value=one.value + 0.2) if one.row_id == "glx-peak" else one
        for one in fit_targets()
    ]
    start = dict(zip(fit.names, fit.values.tolist(), strict=True))
    moved = calibrate("article", patients=16, max_evaluations=4, targets=targets, start=start)
    place = fit.names.index("glx_sensitivity")
    assert np.log(moved.values[place] / fit.values[place]) > 0.25


def test_the_fit_meets_its_targets(fit: Fit) -> None:
    residuals = fit.residuals()
    assert (residuals["z"].abs() < 2.5).all(), residuals[["row_id", "value", "predicted", "z"]]


def test_the_covariance_is_one(fit: Fit) -> None:
    assert (np.linalg.eigvalsh(fit.covariance) > 0).all()
    # Data can only narrow a prior.
    prior = np.array([PRIORS[name].log_sd for name in fit.names])
    assert (np.sqrt(np.diag(fit.covariance)) <= prior * 1.001).all()


def test_what_is_written_is_read_back(fit: Fit, tmp_path: Path) -> None:
    write_calibration(fit, tmp_path)
    read = read_calibration("article", tmp_path)
    np.testing.assert_allclose([read.values[name] for name in fit.names], fit.values, rtol=1e-5)
    np.testing.assert_allclose(read.covariance.to_numpy(), fit.covariance, rtol=1e-4, atol=1e-7)
    assert (tmp_path / "fits" / "article.csv").exists()


@pytest.mark.parametrize("name", list_hypotheses())
def test_every_shipped_hypothesis_has_a_calibration_of_its_own(name: str) -> None:
    model = load_model(name)
    assert model.is_calibrated
    assert set(model.calibration.values) == set(PRIORS)


def test_every_target_cites_a_source() -> None:
    assert all(target.citation for target in fit_targets())

"""The calibration reproduces the shipped tables from the evidence alone, on a reduced budget."""

from pathlib import Path

import numpy as np
import pytest

from ketasim.inference import Fit, calibrate, fit_targets, write_calibration
from ketasim.inference.calibrate import PRIORS
from ketasim.model import list_hypotheses, load_model
from ketasim.model.calibration import read_calibration


@pytest.fixture(scope="module")
def fit() -> Fit:
    return calibrate("article", patients=16, max_evaluations=6)


def test_the_shipped_values_come_back_within_their_uncertainty(fit: Fit) -> None:
    shipped = read_calibration("article")
    spread = np.sqrt(np.diag(shipped.covariance.to_numpy()))
    for name, sd in zip(shipped.covariance.index, spread, strict=True):
        again = fit.values[fit.names.index(name)]
        assert abs(np.log(again / shipped.values[name])) < sd, name


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

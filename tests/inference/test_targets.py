"""What is fitted, and that what judges never is."""

import numpy as np
import pytest

from ketasim.errors import RoleError
from ketasim.evidence import calibration_rows, load
from ketasim.inference import fit_targets
from ketasim.inference.targets import TRIAL_SPREAD


def test_the_targets_are_the_published_doses() -> None:
    found = {target.row_id: target for target in fit_targets()}
    masked = [t for t in found.values() if t.quantity == "change" and t.context == "active"]
    changes = sorted((t.value, t.time_h) for t in masked if "every" not in t.regimen)
    # Murrough -16.5, Singh -16.9, Daly -16.4, -14.3, -17.6 at 2 h and -14.8, -15.7, -16.4 at 24 h.
    assert changes == sorted(
        [(-16.5, 24.0), (-16.9, 24.0), (-16.4, 2.0), (-14.3, 2.0), (-17.6, 2.0), (-14.8, 24.0),
         (-15.7, 24.0), (-16.4, 24.0)]
    )  # fmt: skip
    # Day 8 of Daly after doses on days 1 and 4; day 15 of Singh 2016b, twice and three times a week.
    repeated = {(t.value, t.time_h): t.regimen for t in masked if "every" in t.regimen}
    assert {key: text.split(" every ")[1] for key, text in repeated.items()} == {
        (-9.8, 168.0): "72 h x 2", (-12.4, 168.0): "72 h x 2", (-15.3, 168.0): "72 h x 2",
        (-18.4, 336.0): "84 h x 4", (-17.7, 336.0): "56 h x 6",
    }  # fmt: skip
    (openly,) = [t for t in found.values() if t.context == "open_label"]
    assert (openly.value, openly.time_h) == (-18.9, 2.0)
    assert found["glx-peak"].value == pytest.approx(1.378)
    assert found["glua1-psd-male"].value == pytest.approx(2.057)


def test_the_loss_over_a_week_is_the_ratio_of_two_published_effects() -> None:
    (loss,) = [target for target in fit_targets() if target.quantity == "effect_ratio"]
    assert loss.value == pytest.approx(0.68 / 1.46)
    # Delta method on the two 95 % intervals, 0.91 to 2.01 and 0.13 to 1.23.
    relative = np.hypot(1.10 / 3.92 / 1.46, 1.10 / 3.92 / 0.68)
    assert loss.sd == pytest.approx(loss.value * relative)


def test_standard_errors_follow_from_sd_and_n() -> None:
    (murrough,) = [t for t in fit_targets() if t.value == -16.5]
    assert murrough.sd == pytest.approx(np.hypot(10.97 / np.sqrt(47), TRIAL_SPREAD))


def test_no_target_involves_what_judges() -> None:
    clinical = load("clinical_arms").set_index("row_id")
    observations = load("observations").set_index("row_id")
    for target in fit_targets():
        if target.row_id in clinical.index:
            assert clinical.loc[target.row_id, "role"] == "calibrate"
        else:
            assert observations.loc[target.row_id, "use"] == "fit"
        for word in ("naltrexone", "rapamycin", "nbqx", "pcpa"):
            assert word not in target.regimen


def test_a_judging_row_is_refused_by_the_loader() -> None:
    with pytest.raises(RoleError):
        calibration_rows("observations", ids=["jelen-glx-sign"])

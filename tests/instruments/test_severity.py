"""Relief and context stay apart, and the variance grows after treatment."""

from __future__ import annotations

import numpy as np
import pytest

from ketasim.instruments import latent_madrs, load_context

TIMES = [0.0, 2.0, 24.0, 168.0]
PATIENTS = np.arange(4000)


def scores(relief, control, **options):
    baseline = np.full(PATIENTS.size, 34.0)
    course = np.tile(np.asarray(relief, dtype=float), (PATIENTS.size, 1))
    return latent_madrs(
        course,
        baseline,
        TIMES,
        load_context(),
        control=control,
        seed=1,
        patients=PATIENTS,
        **options,
    )


def test_without_context_and_noise_only_relief_is_left():
    score = scores([0, 0.2, 0.5, 0.1], None, noise=False)
    assert score[0].tolist() == pytest.approx([34.0, 27.2, 17.0, 30.6])


@pytest.mark.parametrize("control", ["saline", "midazolam", "active"])
def test_context_is_added_and_does_not_depend_on_relief(control):
    added = [
        scores(relief, control, noise=False) - scores(relief, None, noise=False)
        for relief in ([0, 0, 0, 0], [0, 0.3, 0.6, 0.2])
    ]
    assert added[0] == pytest.approx(added[1])
    assert added[0][0] == pytest.approx(load_context().mean_change(control, TIMES))


def test_the_baseline_is_recorded_without_change_or_error():
    assert np.all(scores([0, 0.2, 0.5, 0.1], "active")[:, 0] == 34.0)


def test_the_change_at_24_h_spreads_as_published():
    # SD of the 24 h change 9.5 to 11 while entry kept the baseline SD at 4 to 7.
    change = scores([0, 0, 0, 0], "midazolam")[:, 2] - 34.0
    assert 9.0 < change.std() < 11.0

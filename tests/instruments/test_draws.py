"""The numbers are numpy's own Philox, and belong to the patient."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from ketasim.instruments.draws import key_of, normal_draws, philox_words, uniform_draws


@pytest.mark.parametrize("patient", [0, 1, 17, 2**40 + 3])
@pytest.mark.parametrize("seed", [0, 1, 2**63 + 5])
def test_the_words_are_those_of_numpys_philox(seed, patient):
    key = key_of(seed, "a purpose")
    ours = philox_words(key, np.array([patient], dtype=np.uint64), blocks=3)[0]
    # numpy raises the counter before it uses it, so its first block is our block 1.
    numpys = np.random.Philox(key=np.array(key, dtype=np.uint64), counter=[0, patient, 0, 0])
    assert np.array_equal(ours[4:], numpys.random_raw(8))


@given(st.lists(st.integers(0, 10**6), min_size=1, max_size=20), st.integers(0, 2**32))
def test_a_patient_keeps_the_numbers_whatever_the_cohort(patients, seed):
    together = normal_draws(seed, "x", patients, 3)
    alone = np.vstack([normal_draws(seed, "x", [one], 3) for one in patients])
    assert np.array_equal(together, alone)


def test_more_numbers_begin_with_the_same_ones():
    assert np.array_equal(uniform_draws(3, "x", [5], 9)[:, :4], uniform_draws(3, "x", [5], 4))


def test_purposes_and_seeds_do_not_share_numbers():
    patients = np.arange(2000)
    first = normal_draws(1, "a", patients)[:, 0]
    for other in (normal_draws(1, "b", patients), normal_draws(2, "a", patients)):
        assert abs(np.corrcoef(first, other[:, 0])[0, 1]) < 0.08


def test_the_numbers_are_standard_normal():
    draws = normal_draws(7, "normality", np.arange(20_000), 2).ravel()
    assert stats.kstest(draws, "norm").pvalue > 0.001
    assert np.all(np.isfinite(draws))

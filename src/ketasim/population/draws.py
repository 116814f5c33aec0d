"""Random numbers that belong to a patient: keyed by (seed, patient, purpose).

Two kinds. Quasi-random numbers spread the patients of a cohort evenly over all dimensions at once;
patient k is point k of a scrambled Sobol sequence, so the number of patients does not matter.
Pseudo-random numbers come from a counter-based generator (Philox), one counter a patient. Two
quasi-random sequences must not meet in one patient, however they are scrambled: the same dimension
of both would have its first bits in common. What is drawn beside the sequence is pseudo-random.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

__all__ = ["normal_draws", "quasi_uniform", "random_uniform"]

_WORD = 0xFFFFFFFFFFFFFFFF
_SOBOL_BITS = 30
_BLOCK = 32


def _purpose_word(purpose: str) -> int:
    return int.from_bytes(hashlib.blake2b(purpose.encode(), digest_size=8).digest(), "little")


def _philox(seed: int, purpose: str, patient: int) -> np.random.Philox:
    key = np.array([seed & _WORD, _purpose_word(purpose)], dtype=np.uint64)
    # The first word of the counter counts the blocks of a patient, the second is the patient.
    return np.random.Philox(key=key, counter=np.array([0, patient, 0, 0], dtype=np.uint64))


def quasi_uniform(
    seed: int, purpose: str, first: int, patients: int, dimensions: int
) -> npt.NDArray[np.float64]:
    """Return points of a scrambled Sobol sequence, one a patient.

    Parameters
    ----------
    seed : int
        With `purpose`, the key of the scrambling.
    purpose : str
        What the numbers are for; two purposes have independent scramblings.
    first : int
        Number of the first patient, which is the number of the first point.
    patients : int
        How many points.
    dimensions : int
        Numbers a patient.

    Returns
    -------
    ndarray, shape (patients, dimensions)
        In the open interval (0, 1). Row k is the same whatever `first` and `patients` are, as
        long as it is the same patient; a further dimension leaves the others as they were until
        the next multiple of 32.
    """
    from scipy.stats import qmc

    if dimensions == 0 or patients == 0:
        return np.empty((patients, dimensions))
    key = np.random.SeedSequence([seed, _purpose_word(purpose)])
    scrambler = np.random.Generator(np.random.Philox(key))
    # The scrambling of each dimension depends on how many there are; in blocks it rarely changes.
    blocks = -(-dimensions // _BLOCK)
    sequence = qmc.Sobol(blocks * _BLOCK, scramble=True, bits=_SOBOL_BITS, rng=scrambler)
    if first:
        sequence.fast_forward(first)
    # One point and then the rest: a first draw whose size is no power of two is warned of, and here
    # a cohort is any piece of the sequence.
    parts = [sequence.random(1), *([sequence.random(patients - 1)] if patients > 1 else [])]
    # Half a step up, so that 0 cannot occur and a normal quantile is finite.
    return np.concatenate(parts)[:, :dimensions] + 0.5 ** (_SOBOL_BITS + 1)


def random_uniform(
    seed: int, purpose: str, first: int, patients: int, dimensions: int
) -> npt.NDArray[np.float64]:
    """Return pseudo-random points, one a patient, where `quasi_uniform` returns even ones.

    Parameters
    ----------
    seed, purpose, first, patients, dimensions
        As for `quasi_uniform`.

    Returns
    -------
    ndarray, shape (patients, dimensions)
        In the open interval (0, 1). Row k is the same whatever `first` and `patients` are, and a
        further dimension leaves the others as they were.
    """
    parts = [np.empty((patients, 0))]
    for block in range(-(-dimensions // _BLOCK)):
        # A counter gives four words; the patients stand one behind the other in one stream.
        counter = np.array([first * (_BLOCK // 4), 0, 0, 0], dtype=np.uint64)
        key = np.array([seed & _WORD, _purpose_word(f"{purpose}, block {block}")], dtype=np.uint64)
        raw = np.random.Philox(key=key, counter=counter).random_raw(patients * _BLOCK)
        parts.append(_open_interval(raw.reshape(patients, _BLOCK)))
    return np.concatenate(parts, axis=1)[:, :dimensions]


def _open_interval(raw: npt.NDArray[np.uint64]) -> npt.NDArray[np.float64]:
    # 52 bits and half a step: neither 0 nor 1 can occur.
    return ((raw >> np.uint64(12)).astype(np.float64) + 0.5) * 2.0**-52


def normal_draws(
    seed: int, purpose: str, patients: npt.NDArray[np.int64], count: int
) -> npt.NDArray[np.float64]:
    """Return standard normal numbers, each a function of (seed, purpose, patient, place) only.

    Parameters
    ----------
    seed : int
        Seed of the cohort.
    purpose : str
        What the numbers are for; two purposes share none.
    patients : ndarray of int, shape (n_patients,)
        Numbers of the patients.
    count : int
        Numbers a patient.

    Returns
    -------
    ndarray, shape (n_patients, count)
        Mean 0, standard deviation 1.
    """
    from scipy.special import ndtri

    words = [_philox(seed, purpose, int(patient)).random_raw(count) for patient in patients]
    raw = np.array(words, dtype=np.uint64).reshape(len(patients), count)
    return np.asarray(ndtri(_open_interval(raw)), dtype=np.float64)

"""Random numbers that belong to a patient, not to a place in a loop.

Every number is a pure function of (seed, purpose, patient, position), so patient 17 is measured
with the same error whatever the size, the order or the chunking of the cohort.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = ["normal_draws", "uniform_draws"]

# Philox4x64-10 (Salmon et al. 2011), written for arrays of counters: numpy's own generator has one
# counter at a time, which would mean one Python object a patient. Tests compare the two bit by bit.
_MULTIPLIERS = (0xD2E7470EE14C6C93, 0xCA5A826395121157)
_WEYL = (0x9E3779B97F4A7C15, 0xBB67AE8584CAA73B)
_ROUNDS = 10
_LOW32 = np.uint64(0xFFFFFFFF)
_SHIFT32 = np.uint64(32)
_WORDS = 4


def uniform_draws(
    seed: int, purpose: str, patients: ArrayLike, count: int = 1
) -> NDArray[np.float64]:
    """Draw numbers between 0 and 1, keyed by (seed, purpose, patient).

    Parameters
    ----------
    seed : int
        The seed of the run; any integer of at most 64 bits.
    purpose : str
        What the numbers are for, for instance ``"madrs error"``. Two purposes never share a number.
    patients : array_like of int, shape (n_patients,)
        Patient numbers; not negative.
    count : int, optional
        How many numbers a patient gets.

    Returns
    -------
    ndarray, shape (n_patients, count)
        Uniform on the open interval (0, 1).
    """
    numbers = np.asarray(patients, dtype=np.uint64).ravel()
    blocks = -(-count // _WORDS)
    words = philox_words(key_of(seed, purpose), numbers, blocks)[:, :count]
    # 52 bits and half a step, so that neither 0 nor 1 can occur and the normal quantile is finite.
    return ((words >> np.uint64(12)).astype(np.float64) + 0.5) * 2.0**-52


def normal_draws(
    seed: int, purpose: str, patients: ArrayLike, count: int = 1
) -> NDArray[np.float64]:
    """Draw standard normal numbers, keyed by (seed, purpose, patient).

    Parameters
    ----------
    seed, purpose, patients, count
        As for `uniform_draws`.

    Returns
    -------
    ndarray, shape (n_patients, count)
        Mean 0, standard deviation 1.
    """
    from scipy.special import ndtri

    return np.asarray(ndtri(uniform_draws(seed, purpose, patients, count)), dtype=np.float64)


def key_of(seed: int, purpose: str) -> tuple[int, int]:
    """Return the two 64-bit words of the key for a seed and a purpose."""
    digest = hashlib.blake2b(purpose.encode(), digest_size=8).digest()
    return seed & 0xFFFFFFFFFFFFFFFF, int.from_bytes(digest, "little")


def philox_words(
    key: tuple[int, int], patients: NDArray[np.uint64], blocks: int
) -> NDArray[np.uint64]:
    """Run Philox4x64-10 with the counter (block, patient, 0, 0).

    Parameters
    ----------
    key : tuple of two int
        From `key_of`.
    patients : ndarray of uint64, shape (n_patients,)
        The second word of the counter.
    blocks : int
        How many blocks of four words a patient gets.

    Returns
    -------
    ndarray of uint64, shape (n_patients, 4 * blocks)
        The raw words.
    """
    shape = (patients.size, blocks)
    first = np.broadcast_to(np.arange(blocks, dtype=np.uint64), shape)
    second = np.broadcast_to(patients[:, None], shape)
    zero = np.zeros(shape, dtype=np.uint64)
    words: tuple[NDArray[np.uint64], ...] = (first, second, zero, zero)
    for round_number in range(_ROUNDS):
        words = _round(
            words, [(k + round_number * w) % 2**64 for k, w in zip(key, _WEYL, strict=True)]
        )
    return np.stack(words, axis=-1).reshape(patients.size, _WORDS * blocks)


def _round(words: tuple[NDArray[np.uint64], ...], key: list[int]) -> tuple[NDArray[np.uint64], ...]:
    high0, low0 = _multiply(words[0], _MULTIPLIERS[0])
    high1, low1 = _multiply(words[2], _MULTIPLIERS[1])
    return high1 ^ words[1] ^ np.uint64(key[0]), low1, high0 ^ words[3] ^ np.uint64(key[1]), low0


def _multiply(
    word: NDArray[np.uint64], factor: int
) -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
    """Return the high and the low 64 bits of a product of 128 bits."""
    f_low, f_high = np.uint64(factor & 0xFFFFFFFF), np.uint64(factor >> 32)
    w_low, w_high = word & _LOW32, word >> _SHIFT32
    middle = w_high * f_low + ((w_low * f_low) >> _SHIFT32)
    crossed = w_low * f_high + (middle & _LOW32)
    high = w_high * f_high + (middle >> _SHIFT32) + (crossed >> _SHIFT32)
    return high, word * np.uint64(factor)

"""When the sessions of a course begin, and how a course is read between simulated times."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ketasim.errors import InputError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ketasim.simulate import Trajectories

__all__ = ["SESSION_DRUGS", "course_of", "read_course", "session_starts"]

SESSION_DRUGS = ("ketamine", "esketamine", "arketamine", "midazolam", "saline")
"""Drugs that are given in a session under observation, controls included."""

_SAME_SESSION_H = 2.0


def session_starts(trajectories: Trajectories) -> NDArray[np.float64]:
    """Return when each session begins.

    Parameters
    ----------
    trajectories : Trajectories
        From `ketasim.simulate`.

    Returns
    -------
    ndarray, shape (n_sessions,)
        Hours, rising. Doses of `SESSION_DRUGS` within two hours of each other are one session. A
        run without any has one session, at time 0.
    """
    doses = getattr(trajectories.regimen, "doses", ())
    given = [one.starts() for one in doses if one.drug in SESSION_DRUGS]
    starts: list[float] = []
    for time in sorted(float(one) for each in given for one in each):
        if not starts or time - starts[-1] >= _SAME_SESSION_H:
            starts.append(time)
    return np.array(starts or [0.0])


def course_of(
    trajectories: Trajectories, output: str
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return simulated times and the course of an output, shape (n_patients, n_times).

    Raises
    ------
    InputError
        If the trajectories lack the output.
    """
    dataset = trajectories.dataset
    if output not in dataset:
        raise InputError(
            f"the trajectories hold no {output!r}", expected=f"{output!r} among the outputs"
        )
    course = np.asarray(dataset[output].transpose("patient", "time").values, dtype=np.float64)
    return np.asarray(dataset["time"].values, dtype=np.float64), course


def read_course(
    simulated: NDArray[np.float64], course: NDArray[np.float64], wanted: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return a course at other times, on straight lines between simulated ones.

    Parameters
    ----------
    simulated : ndarray, shape (n_times,)
        Hours.
    course : ndarray, shape (n_patients, n_times)
        Values.
    wanted : ndarray, shape (n_wanted,)
        Hours.

    Returns
    -------
    ndarray, shape (n_patients, n_wanted)
        Values.

    Raises
    ------
    InputError
        If a wanted time lies outside the simulated ones.
    """
    beyond = (wanted < simulated[0]) | (wanted > simulated[-1])
    if beyond.any():
        raise InputError(
            f"a visit at {wanted[beyond][0]:g} h lies outside the simulated time",
            expected=f"{simulated[0]:g} to {simulated[-1]:g} h",
        )
    return np.stack([np.interp(wanted, simulated, row) for row in course])

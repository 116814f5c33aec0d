"""The arms of a network of studies, as contrasts with their covariance."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ketasim.errors import InputError
from ketasim.synthesis.checks import check_counts, numbers
from ketasim.synthesis.measures import ADDED, Measure, hedges, measure_named
from ketasim.synthesis.reading import read_text_table

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import pandas as pd
    from numpy.typing import NDArray

__all__ = ["Contrasts", "read_network"]

_ARM_COUNTS, _ARM_MEANS = ("events", "n"), ("mean", "sd", "n")


@dataclass(frozen=True, eq=False)
class Contrasts:
    """Each arm of each study against the first arm of its study.

    Attributes
    ----------
    measure : Measure
        ``or``, ``rr``, ``rd``, ``md`` or ``smd``.
    studies : tuple of str
        Their names.
    study, treatment, against : tuple of str
        Of every contrast.
    estimate : array, shape (m,)
        On the analysis scale.
    covariance : array, shape (m, m)
        Block-diagonal: contrasts of one study share its first arm.
    sharing : array, shape (m, m)
        1 on the diagonal, a half between contrasts of one study: how heterogeneity is shared.
    treatments : tuple of str
        In the order of the table.
    where : str
        The file.
    """

    measure: Measure
    studies: tuple[str, ...]
    study: tuple[str, ...]
    treatment: tuple[str, ...]
    against: tuple[str, ...]
    estimate: NDArray[np.float64]
    covariance: NDArray[np.float64]
    sharing: NDArray[np.float64]
    treatments: tuple[str, ...]
    where: str

    def design(self, order: Sequence[str]) -> NDArray[np.float64]:
        """Return the design matrix.

        Parameters
        ----------
        order : sequence of str
            Treatments, the reference first; contrasts of others have zeros.

        Returns
        -------
        array, shape (m, len(order) - 1)
            1 for the treatment of a contrast, -1 for what it is compared with.
        """
        x = np.zeros((len(self.estimate), len(order)))
        for row, (one, two) in enumerate(zip(self.treatment, self.against, strict=True)):
            if one in order and two in order:
                x[row, order.index(one)], x[row, order.index(two)] = 1.0, -1.0
        return x[:, 1:]

    def designs(self) -> list[NDArray[np.int_]]:
        """Return the contrasts of each set of treatments that some study compared."""
        groups: dict[frozenset[str], list[int]] = {}
        for name in self.studies:
            rows = [row for row, one in enumerate(self.study) if one == name]
            compared = frozenset(self.treatments_of(np.array(rows)))
            groups.setdefault(compared, []).extend(rows)
        return [np.array(rows) for rows in groups.values()]

    def treatments_of(self, rows: NDArray[np.int_]) -> tuple[str, ...]:
        """Return the treatments of some contrasts, in the order of the table.

        Parameters
        ----------
        rows : array of int
            The contrasts.
        """
        found = {self.treatment[row] for row in rows} | {self.against[row] for row in rows}
        return tuple(name for name in self.treatments if name in found)


def read_network(source: Path | str | pd.DataFrame, measure: str) -> Contrasts:
    """Read the arms of a network.

    Parameters
    ----------
    source : path or DataFrame
        One row an arm: ``study``, ``treatment`` (or ``drug`` and ``dose``, which together name it), and
        ``events, n`` or ``mean, sd, n``.
    measure : str
        ``or``, ``rr``, ``rd`` of events; ``md``, ``smd`` of means.

    Returns
    -------
    Contrasts
        A half is added to all cells of a study with an empty cell. The standardised difference takes
        the pooled standard deviation of all arms of a study.

    Raises
    ------
    InputError
        In one sentence with row and column: a study with one arm, an arm that stands twice, a cell
        that cannot be used.
    """
    chosen = measure_named(measure)
    raw, where = read_text_table(source)
    columns = _ARM_COUNTS if measure in _SCORES else _ARM_MEANS
    if measure not in (*_SCORES, "md", "smd"):
        raise InputError(
            f"a network does not take the measure '{measure}'", expected="rr, or, rd, md or smd"
        )
    for name in ("study", *columns):
        if name not in raw:
            raise InputError(f"the column '{name}' is missing", where=f"{where}, row 1")
    names = _treatments(raw, where)
    data = {name: numbers(raw, name, where) for name in columns}
    if measure in _SCORES:
        check_counts(data, where)
    elif np.any(data["sd"] <= 0.0):
        row = int(np.flatnonzero(data["sd"] <= 0.0)[0])
        raise InputError(
            f"the standard deviation is {data['sd'][row]:g}",
            where=f"{where}, row {row + 2}, column 'sd'", expected="a number above 0",
        )  # fmt: skip
    studies = [str(one).strip() for one in raw["study"]]
    return _assemble(chosen, studies, names, data, where)


def _treatments(raw: pd.DataFrame, where: str) -> list[str]:
    if "treatment" in raw:
        return [str(one).strip() for one in raw["treatment"]]
    if "drug" not in raw:
        raise InputError(
            "the column 'treatment' is missing", where=f"{where}, row 1",
            expected="treatment, or drug and dose",
        )  # fmt: skip
    doses = raw["dose"] if "dose" in raw else [""] * len(raw)
    return [f"{drug} {dose}".strip() for drug, dose in zip(raw["drug"], doses, strict=True)]


def _score_or(
    x: NDArray[np.float64], n: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    return np.log(x / (n - x)), 1.0 / x + 1.0 / (n - x)


def _score_rr(
    x: NDArray[np.float64], n: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    return np.log(x / n), 1.0 / x - 1.0 / n


def _score_rd(
    x: NDArray[np.float64], n: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    return x / n, x * (n - x) / n**3


_SCORES = {"or": _score_or, "rr": _score_rr, "rd": _score_rd}
"""From events and size to the arm's own quantity and its variance: contrasts are differences."""


def _arm_scores(
    measure: str, data: dict[str, NDArray[np.float64]], rows: NDArray[np.int_]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    n = data["n"][rows]
    if measure in _SCORES:
        x = data["events"][rows]
        more = ADDED if np.any((x == 0) | (x == n)) else 0.0
        return _SCORES[measure](x + more, n + 2.0 * more)
    mean, sd = data["mean"][rows], data["sd"][rows]
    if measure == "md":
        return mean, sd**2 / n
    degrees = float(np.sum(n - 1.0))
    spread = float(np.sqrt(np.sum((n - 1.0) * sd**2) / degrees))
    return float(hedges(np.array([degrees]))[0]) * mean / spread, 1.0 / n


def _assemble(
    measure: Measure,
    studies: list[str],
    names: list[str],
    data: dict[str, NDArray[np.float64]],
    where: str,
) -> Contrasts:
    estimates, blocks, labels = [], [], []
    for study in dict.fromkeys(studies):
        rows = np.array([row for row, one in enumerate(studies) if one == study])
        _check_arms(study, rows, names, where)
        score, variance = _arm_scores(measure.name, data, rows)
        difference = score[1:] - score[0]
        block = np.full((len(rows) - 1, len(rows) - 1), variance[0]) + np.diag(variance[1:])
        if measure.name == "smd":
            # The spread is estimated once for all arms, which ties their contrasts together.
            block += np.outer(difference, difference) / (2.0 * float(np.sum(data["n"][rows])))
        estimates.append(difference)
        blocks.append(block)
        labels += [(study, names[row], names[rows[0]]) for row in rows[1:]]
    return Contrasts(
        measure, tuple(dict.fromkeys(studies)), tuple(one[0] for one in labels),
        tuple(one[1] for one in labels), tuple(one[2] for one in labels),
        np.concatenate(estimates), _diagonal(blocks),
        _diagonal([0.5 * (np.eye(len(one)) + 1.0) for one in blocks]),
        tuple(dict.fromkeys(names)), where,
    )  # fmt: skip


def _diagonal(blocks: list[NDArray[np.float64]]) -> NDArray[np.float64]:
    from scipy.linalg import block_diag

    return np.asarray(block_diag(*blocks), dtype=float)


def _check_arms(study: str, rows: NDArray[np.int_], names: list[str], where: str) -> None:
    if len(rows) < 2:
        raise InputError(
            f"the study '{study}' has one arm", where=f"{where}, row {int(rows[0]) + 2}",
            expected="at least two",
        )  # fmt: skip
    seen: dict[str, int] = {}
    for row in rows:
        if names[row] in seen:
            raise InputError(
                f"the study '{study}' has the arm '{names[row]}' in row {seen[names[row]] + 2} too",
                where=f"{where}, row {int(row) + 2}", expected="each treatment once in a study",
            )  # fmt: skip
        seen[names[row]] = int(row)

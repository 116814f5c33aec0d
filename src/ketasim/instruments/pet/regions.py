"""The numbers behind a virtual scan, region by region, each with where it comes from.

Three tables lie beside this code: ``regions.csv`` (one value a region and quantity),
``constants.csv`` (values that belong to no region) and ``test_retest.csv`` (published variability
between two scans). Real scans are preferred to simulated ones where both give a number; what no
source gives is labelled ``assumed``.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ketasim.errors import EvidenceError, InputError, unknown_name
from ketasim.instruments.pet.scans import REGIONS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    import pandas as pd
    from numpy.typing import NDArray

__all__ = [
    "HIPPOCAMPUS_LEVELS",
    "QUANTITIES",
    "SIMULATED_BETWEEN_SD",
    "STATUSES",
    "RegionValues",
    "constant",
    "constants_table",
    "load_regions",
    "published_test_retest",
    "regions_table",
    "select_regions",
]

REGIONS_FILE = Path(__file__).with_name("regions.csv")
CONSTANTS_FILE = Path(__file__).with_name("constants.csv")
TEST_RETEST_FILE = Path(__file__).with_name("test_retest.csv")

STATUSES = ("published", "derived", "calibrated", "assumed")
"""How a number came to be, as in the model's parameter tables."""

QUANTITIES = (
    "bpnd", "r1", "k2_prime", "between_sd", "absolute_variability", "signed_change",
    "depression", "age_per_decade",
)  # fmt: skip
"""What the table of regions gives for every region."""

HIPPOCAMPUS_LEVELS = (0.08, 0.10, 0.12, 0.14, 0.16, 0.18, 0.20)
"""Absolute variability of the hippocampus that is swept over: none is published."""

SIMULATED_BETWEEN_SD = 0.27
"""SD of log BPND between people with which the scans of simbaref were drawn, in every region; the
model's parameter ``ht1b_vst_baseline`` has the same."""


@dataclass(frozen=True, eq=False)
class RegionValues:
    """The values of some regions, in one order.

    Parameters
    ----------
    names : tuple of str
        Codes of the regions.
    bpnd, r1, k2_prime : ndarray, shape (n_regions,)
        Mean binding potential, relative delivery and rate of the reference region (1/min).
    between_sd : ndarray, shape (n_regions,)
        SD of log BPND between people.
    absolute_variability : ndarray, shape (n_regions,)
        Mean over people of the distance of two scans over their mean, as a share.
    signed_change : ndarray, shape (n_regions,)
        Mean change from a first scan to a second one of the same day, as a share.
    depression : ndarray, shape (n_regions,)
        BPND in depression over that in health.
    age_per_decade : ndarray, shape (n_regions,)
        Relative change of BPND a decade of age.
    """

    names: tuple[str, ...]
    bpnd: NDArray[np.float64]
    r1: NDArray[np.float64]
    k2_prime: NDArray[np.float64]
    between_sd: NDArray[np.float64]
    absolute_variability: NDArray[np.float64]
    signed_change: NDArray[np.float64]
    depression: NDArray[np.float64]
    age_per_decade: NDArray[np.float64]

    def with_values(self, quantity: str, values: Mapping[str, float] | float) -> RegionValues:
        """Return the same regions with other values of one quantity.

        Parameters
        ----------
        quantity : str
            One of `QUANTITIES`.
        values : mapping of str to float, or float
            By region, or one number for all.

        Returns
        -------
        RegionValues
            A copy.

        Raises
        ------
        UnknownNameError
            If there is no such quantity or region.
        """
        if quantity not in QUANTITIES:
            raise unknown_name("quantity of a region", quantity, QUANTITIES)
        new = np.array(getattr(self, quantity), dtype=np.float64)
        if isinstance(values, (int, float)):
            new[:] = values
        else:
            for name, value in values.items():
                if name not in self.names:
                    raise unknown_name("region", name, self.names)
                new[self.names.index(name)] = value
        changed: dict[str, Any] = {quantity: new}
        return replace(self, **changed)


def select_regions(regions: Iterable[str] | None) -> tuple[str, ...]:
    """Check the codes of regions.

    Parameters
    ----------
    regions : iterable of str, optional
        Codes; by default all.

    Returns
    -------
    tuple of str
        The codes in the order given.

    Raises
    ------
    UnknownNameError
        If there is no such region.
    InputError
        If a region is named twice, or none is.
    """
    names = REGIONS if regions is None else tuple(regions)
    for name in names:
        if name not in REGIONS:
            raise unknown_name("region", name, REGIONS)
    if not names or len(set(names)) != len(names):
        raise InputError("a region is named twice, or none is", where=f"regions {', '.join(names)}")
    return names


def load_regions(
    regions: Iterable[str] | None = None,
    *,
    spread: str = "measured",
    hippocampus_variability: float | None = None,
) -> RegionValues:
    """Load the values of regions.

    Parameters
    ----------
    regions : iterable of str, optional
        Codes; by default all eleven.
    spread : {"measured", "simulated"}, optional
        SD between people. ``measured``: from real scans of 8 healthy men where they exist, else
        from simulated ones. ``simulated``: 0.27 everywhere, as simulated scans were drawn.
    hippocampus_variability : float, optional
        Absolute variability of the hippocampus, which is not published; by default that of the
        table (assumed).

    Returns
    -------
    RegionValues
        The values.

    Raises
    ------
    InputError
        If a region or the spread is unknown, or the variability is not between 0 and 1.
    """
    names = select_regions(regions)
    table = _shipped_regions()
    columns = {
        quantity: np.array([table.loc[(name, quantity), "value"] for name in names], np.float64)
        for quantity in QUANTITIES
    }
    found = RegionValues(names, **columns)
    if spread == "simulated":
        found = found.with_values("between_sd", SIMULATED_BETWEEN_SD)
    elif spread != "measured":
        raise unknown_name("spread", spread, ("measured", "simulated"))
    if hippocampus_variability is not None and "HIP" in names:
        if not 0 < hippocampus_variability < 1:
            raise InputError(
                f"the hippocampus varies by {hippocampus_variability:g}",
                expected="a share between 0 and 1, such as 0.12",
            )
        found = found.with_values("absolute_variability", {"HIP": hippocampus_variability})
    return found


def regions_table(path: Path | str | None = None) -> pd.DataFrame:
    """Read and check a table of regions.

    Parameters
    ----------
    path : path, optional
        A CSV with ``region, quantity, value, unit, status, source, note``; by default the shipped.

    Returns
    -------
    DataFrame
        Indexed by region and quantity; every region of `REGIONS` has every one of `QUANTITIES`.

    Raises
    ------
    EvidenceError
        If a row is missing, stands twice or has no number, status or source where one is due.
    """
    file = REGIONS_FILE if path is None else Path(path)
    table = _read(file)
    _check_rows(table, file.name)
    keyed = table.set_index(["region", "quantity"])
    for name in REGIONS:
        for quantity in QUANTITIES:
            if (name, quantity) not in keyed.index:
                raise EvidenceError(f"{quantity} of {name} is missing", where=file.name)
    if keyed.index.has_duplicates:
        twice = keyed.index[keyed.index.duplicated()][0]
        raise EvidenceError(f"{twice[1]} of {twice[0]} stands twice", where=file.name)
    return keyed


def constants_table() -> pd.DataFrame:
    """Return the values that belong to no region (a copy).

    Returns
    -------
    DataFrame
        Index ``id``; ``value, unit, status, source, note``.
    """
    return _shipped_constants().copy()


def constant(name: str) -> float:
    """Return one value of the table of constants.

    Raises
    ------
    UnknownNameError
        If there is none of that name.
    """
    table = _shipped_constants()
    if name not in table.index:
        raise unknown_name("constant", name, [str(one) for one in table.index])
    return float(table["value"].to_dict()[name])


def published_test_retest() -> pd.DataFrame:
    """Return the published variability between two scans of a day, by region and model.

    Returns
    -------
    DataFrame
        ``region, model, absolute_variability`` (a share), ``n``, ``status``, ``source``, ``note``.
    """
    import pandas as pd

    return pd.read_csv(TEST_RETEST_FILE, keep_default_na=False)


@cache
def _shipped_regions() -> pd.DataFrame:
    return regions_table()


@cache
def _shipped_constants() -> pd.DataFrame:
    table = _read(CONSTANTS_FILE)
    _check_rows(table, CONSTANTS_FILE.name)
    return table.set_index("id")


def _read(file: Path) -> pd.DataFrame:
    import pandas as pd

    try:
        return pd.read_csv(file, dtype={"source": str, "note": str}, keep_default_na=False)
    except (OSError, ValueError) as error:
        raise EvidenceError("the table cannot be read", where=str(file)) from error


def _check_rows(table: pd.DataFrame, where: str) -> None:
    missing = {"value", "unit", "status", "source", "note"} - set(table.columns)
    if missing:
        raise EvidenceError(f"the column {min(missing)!r} is missing", where=where)
    for number, row in enumerate(table.to_dict("records"), start=2):
        place = f"{where}, row {number}"
        if not isinstance(row["value"], (int, float)) or not np.isfinite(row["value"]):
            raise EvidenceError(f"the value {row['value']!r} is no number", where=place)
        if row["status"] not in STATUSES:
            raise EvidenceError(
                f"unknown status {row['status']!r}", where=place, expected=", ".join(STATUSES)
            )
        if row["status"] in ("published", "derived") and not row["source"]:
            raise EvidenceError("a published or derived value has no source", where=place)

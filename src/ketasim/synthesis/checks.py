"""What a cell of a table of studies must hold, each check one small function."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np

from ketasim.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd
    from numpy.typing import NDArray

__all__ = [
    "check_counts", "check_families", "check_means", "check_names", "check_percent", "numbers",
]  # fmt: skip

_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?")
_RANGE = re.compile(r"\d[\d.]*\s*(?:-|–|to|/)\s*\d[\d.]*")
_BOUND = re.compile(r"[<>≤≥~]=?\s*\d.*")
PAIRS = (("events_treatment", "n_treatment"), ("events_control", "n_control"), ("events", "n"))


def _at(where: str, row: int, column: str) -> str:
    return f"{where}, row {row + 2}, column '{column}'"


def numbers(raw: pd.DataFrame, column: str, where: str) -> NDArray[np.float64]:
    """Return a column as numbers.

    Parameters
    ----------
    raw : DataFrame
        Text, one row a study.
    column : str
        Its name.
    where : str
        The file.

    Returns
    -------
    array of float, shape (k,)
        Finite numbers.

    Raises
    ------
    InputError
        If a cell is empty, a range, a bound, or no number.
    """
    return np.array(
        [_number(str(cell), _at(where, row, column)) for row, cell in enumerate(raw[column])]
    )


def _number(cell: str, place: str) -> float:
    text = cell.strip()
    if not text:
        raise InputError(
            "the cell is empty, and what is not reported is not zero", where=place,
            expected="a number",
        )  # fmt: skip
    if _NUMBER.fullmatch(text) and np.isfinite(float(text)):
        return float(text)
    if _RANGE.fullmatch(text):
        what = f"'{text}' is a range, which is no estimate"
    elif _BOUND.fullmatch(text):
        what = f"'{text}' is a bound, which is no estimate"
    else:
        what = f"'{text}' is no number"
    raise InputError(what, where=place, expected="a number")


def check_names(raw: pd.DataFrame, where: str) -> tuple[str, ...]:
    """Return the names of the studies.

    Parameters
    ----------
    raw : DataFrame
        Text, one row a study.
    where : str
        The file.

    Returns
    -------
    tuple of str
        Each once.

    Raises
    ------
    InputError
        If a study has no name, or two have the same.
    """
    seen: dict[str, int] = {}
    for row, cell in enumerate(raw["study"]):
        name = str(cell).strip()
        if not name:
            raise InputError("the study has no name", where=_at(where, row, "study"))
        if name in seen:
            raise InputError(
                f"the study '{name}' stands in row {seen[name] + 2} too",
                where=_at(where, row, "study"), expected="each study once",
            )  # fmt: skip
        seen[name] = row
    return tuple(seen)


def check_families(raw: pd.DataFrame, names: tuple[str, ...], where: str) -> None:
    """Refuse two rows of one family, whose patients would be counted twice.

    Parameters
    ----------
    raw : DataFrame
        Text; without a column ``family``, or where its cell is empty, a study stands for itself.
    names : tuple of str
        The studies.
    where : str
        The file.

    Raises
    ------
    InputError
        If two rows have the same family; both studies are named.
    """
    seen: dict[str, int] = {}
    for row, cell in enumerate(raw.get("family", ())):
        family = str(cell).strip()
        if family and family in seen:
            other = seen[family]
            raise InputError(
                f"'{names[other]}' (row {other + 2}) and '{names[row]}' (row {row + 2}) share"
                f" patients: both are of the family '{family}'",
                where=_at(where, row, "family"), expected="one row of a family in a pool",
            )  # fmt: skip
        seen[family] = row


def check_counts(data: Mapping[str, NDArray[np.float64]], where: str) -> None:
    """Check that sizes are whole and above zero, and events whole and not above their sizes.

    Parameters
    ----------
    data : mapping of str to array
        Columns of counts.
    where : str
        The file.

    Raises
    ------
    InputError
        At the first cell that is wrong.
    """
    for events, size in PAIRS:
        if events not in data:
            continue
        for column in (size, events):
            _check_whole(data[column], column, where)
        _check_positive(data[size], size, where)
        above = np.flatnonzero(data[events] > data[size])
        if len(above):
            row = int(above[0])
            raise InputError(
                f"{data[events][row]:g} events are more than the {data[size][row]:g} patients",
                where=_at(where, row, events), expected=f"at most '{size}'",
            )  # fmt: skip


def _check_whole(values: NDArray[np.float64], column: str, where: str) -> None:
    wrong = np.flatnonzero((values < 0.0) | (values != np.round(values)))
    if len(wrong):
        row = int(wrong[0])
        raise InputError(
            f"{values[row]:g} is no count", where=_at(where, row, column),
            expected="a whole number, not below 0",
        )  # fmt: skip


def _check_positive(values: NDArray[np.float64], column: str, where: str) -> None:
    wrong = np.flatnonzero(values < 1.0)
    if len(wrong):
        raise InputError(
            "there is no patient in the arm", where=_at(where, int(wrong[0]), column),
            expected="at least 1",
        )  # fmt: skip


def check_means(data: Mapping[str, NDArray[np.float64]], where: str) -> None:
    """Check sizes and standard deviations of arms with means.

    Parameters
    ----------
    data : mapping of str to array
        The six columns.
    where : str
        The file.

    Raises
    ------
    InputError
        At the first cell that is wrong.
    """
    for arm in ("treatment", "control"):
        size, spread = data[f"n_{arm}"], data[f"sd_{arm}"]
        _check_whole(size, f"n_{arm}", where)
        few = np.flatnonzero(size < 2.0)
        if len(few):
            raise InputError(
                f"an arm of {size[few[0]]:g} has no standard deviation",
                where=_at(where, int(few[0]), f"n_{arm}"), expected="at least 2 patients",
            )  # fmt: skip
        wrong = np.flatnonzero(spread < 0.0)
        if len(wrong):
            raise InputError(
                f"the standard deviation is {spread[wrong[0]]:g}",
                where=_at(where, int(wrong[0]), f"sd_{arm}"), expected="a number not below 0",
            )  # fmt: skip


def check_percent(raw: pd.DataFrame, data: Mapping[str, NDArray[np.float64]], where: str) -> None:
    """Check that a percentage that is given agrees with its count.

    Parameters
    ----------
    raw : DataFrame
        Text; ``percent_treatment``, ``percent_control``, and ``percent`` of the first arm or the only
        one, each optional, in per cent, with or without its sign.
    data : mapping of str to array
        The counts.
    where : str
        The file.

    Raises
    ------
    InputError
        If a cell is no number, or differs from the count by more than its last digit.
    """
    first = "events" if "events" in data else "events_treatment"
    columns = {"percent": first, "percent_treatment": "events_treatment",
               "percent_control": "events_control"}  # fmt: skip
    for column, events in columns.items():
        if column in raw and events in data:
            size = dict(PAIRS)[events]
            for row, cell in enumerate(raw[column]):
                _agree(str(cell), data[events][row], data[size][row], _at(where, row, column))


def _agree(cell: str, events: float, size: float, place: str) -> None:
    text = cell.strip().removesuffix("%").strip()
    if not text:
        return
    stated, found = _number(text, place), 100.0 * events / size
    digits = len(text.partition(".")[2])
    unit = 10.0**-digits
    # Rounded in either direction, or digits cut off.
    if not -unit / 2.0 - 1e-9 <= found - stated < unit:
        raise InputError(
            f"{text} % disagrees with {events:g} of {size:g}, which is {found:.{digits + 1}f} %",
            where=place, expected="the percentage of its count",
        )  # fmt: skip

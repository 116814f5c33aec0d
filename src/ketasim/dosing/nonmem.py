"""Doses as NONMEM data: the columns time, amt, rate, ii, addl, evid and cmt, read and written."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ketasim.dosing.dose import Dose
from ketasim.dosing.grammar import check_dose
from ketasim.dosing.regimen import Regimen
from ketasim.errors import InputError, RegimenError, unknown_name
from ketasim.model import list_drugs, load_drug
from ketasim.units import convert

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd

__all__ = ["regimen_from_nonmem", "regimen_to_nonmem"]

COLUMNS = ("id", "time", "amt", "rate", "ii", "addl", "evid", "cmt", "ss", "mdv")
WORDS = ("drug", "route", "unit", "salt")
_DOSE, _RESET_AND_DOSE, _RESET = 1, 4, 3
_MISSING = ("", ".", "nan", "none", "<na>")


@dataclass(frozen=True)
class _Row:
    """One line of the data, with the place to name in an error."""

    place: str
    cells: Mapping[str, str]

    def where(self, column: str) -> str:
        return f"{self.place}, column {column}"

    def number(self, column: str) -> float:
        text = self.cells.get(column, "")
        if text.lower() in _MISSING:
            return 0.0
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not math.isfinite(value):
            raise RegimenError(
                f"{text!r} is no number", where=self.where(column), expected="a number or '.'"
            )
        return value

    def count(self, column: str) -> int:
        value = self.number(column)
        if value != int(value):
            raise RegimenError(
                f"{value:g} is no whole number", where=self.where(column), expected="0, 1, 2 ..."
            )
        return int(value)

    def word(self, column: str, default: str | None) -> str | None:
        text = self.cells.get(column, "")
        return default if text.lower() in _MISSING else text


def regimen_from_nonmem(
    data: pd.DataFrame | Path | str,
    *,
    drug: str | None = None,
    route: str | None = None,
    unit: str = "mg",
    time_unit: str = "h",
    compartments: Mapping[int, tuple[str, str]] | None = None,
    subject: int | str | None = None,
) -> Regimen:
    """Read a regimen from data in NONMEM's columns.

    Parameters
    ----------
    data : DataFrame, path or str
        A table, or a CSV file of one. Columns, in any case of letters: ``time`` and ``amt``, and
        where needed ``rate`` (amount per `time_unit`), ``addl`` and ``ii`` (further doses and
        their interval), ``evid`` (1 a dose; 0 and 2 are passed over), ``cmt``, ``id``. Beyond
        NONMEM's own: ``drug``, ``route``, ``unit`` and ``salt``, a word in each row. ``.`` is
        a missing value.
    drug, route : str, optional
        For rows that name none.
    unit : str, optional
        Of ``amt``, for rows that name none.
    time_unit : str, optional
        Of ``time``, ``ii`` and the denominator of ``rate``.
    compartments : mapping of int to (drug, route), optional
        What a number in ``cmt`` stands for.
    subject : int or str, optional
        Whose doses to read, by ``id``; needed where the subjects' doses differ.

    Returns
    -------
    Regimen
        One dose a dosing row.

    Raises
    ------
    RegimenError
        Naming the row and the column: a missing column, a bad number, a dose event that cannot
        be given (steady state, a modelled rate, a reset), subjects that differ.
    UnknownNameError
        If a drug, a route or a salt is unknown.

    Examples
    --------
    >>> import pandas as pd
    >>> data = pd.DataFrame({"time": [0], "amt": [40], "rate": [60]})
    >>> str(regimen_from_nonmem(data, drug="ketamine", route="iv"))
    'ketamine 40 mg iv over 40 min'
    """
    rows = _rows(data)
    defaults = _Defaults(drug, route, unit, time_unit, compartments or {})
    subjects: dict[str, list[Dose]] = {}
    for row in rows:
        doses = subjects.setdefault(row.cells.get("id", ""), [])
        dose = _dose(row, defaults)
        if dose is not None:
            doses.append(dose)
    return Regimen(tuple(_chosen(subjects, subject)))


@dataclass(frozen=True)
class _Defaults:
    drug: str | None
    route: str | None
    unit: str
    time_unit: str
    compartments: Mapping[int, tuple[str, str]]


def _rows(data: pd.DataFrame | Path | str) -> list[_Row]:
    import pandas as pd

    if isinstance(data, pd.DataFrame):
        frame, name, first = data.astype(object), "table", 1
    else:
        path = Path(data)
        try:
            frame = pd.read_csv(path, dtype=str, keep_default_na=False)
        except (OSError, ValueError) as error:
            raise RegimenError("cannot be read as a CSV table", where=str(path)) from error
        # The header is line 1 of a file, so its first row of data is line 2.
        name, first = path.name, 2
    frame = frame.rename(columns={one: str(one).strip().lower() for one in frame.columns})
    for column in ("time", "amt"):
        if column not in frame.columns:
            raise RegimenError(
                f"the column '{column}' is missing", where=name, expected="columns time and amt"
            )
    return [
        _Row(f"{name}, row {first + at}", {str(key): _cell(value) for key, value in record.items()})
        for at, record in enumerate(frame.to_dict("records"))
    ]


def _cell(value: object) -> str:
    return "" if value is None else str(value).strip()


def _chosen(subjects: Mapping[str, list[Dose]], subject: int | str | None) -> list[Dose]:
    if subject is not None:
        wanted = next((one for one in subjects if _same(one, str(subject))), None)
        if wanted is None:
            raise unknown_name("subject", str(subject), subjects, where="column id")
        return subjects[wanted]
    different = {tuple(doses) for doses in subjects.values()}
    if len(different) > 1:
        raise RegimenError(
            "the subjects are given different doses",
            where="column id",
            expected=f"subject= one of {', '.join(list(subjects)[:10])}",
        )
    return next(iter(subjects.values()), [])


def _same(one: str, other: str) -> bool:
    # A subject numbered 1 may be read as "1" or "1.0".
    return one.removesuffix(".0") == other.removesuffix(".0")


def _is_dose(row: _Row) -> bool:
    evid = row.count("evid") if row.word("evid", None) is not None else None
    if evid in (_RESET, _RESET_AND_DOSE):
        raise RegimenError(
            f"evid {evid} resets the system, which a regimen cannot do",
            where=row.where("evid"),
            expected="0, 1 or 2",
        )
    if evid not in (None, 0, _DOSE, 2):
        raise RegimenError(f"unknown evid {evid}", where=row.where("evid"), expected="0, 1 or 2")
    amount = row.number("amt")
    if amount < 0:
        raise RegimenError(
            f"the dose {amount:g} is negative", where=row.where("amt"), expected="0 or more"
        )
    return evid == _DOSE if evid is not None else amount > 0


def _dose(row: _Row, defaults: _Defaults) -> Dose | None:
    if not _is_dose(row):
        return None
    if row.number("ss"):
        raise RegimenError(
            "a steady-state dose cannot be given",
            where=row.where("ss"),
            expected="addl and ii that lead up to it",
        )
    drug, route = _drug_and_route(row, defaults)
    more, interval = _repeats(row)
    amount, start, duration = row.number("amt"), row.number("time"), _duration(row)
    try:
        dose = Dose(
            drug=drug,
            amount=amount,
            unit=str(row.word("unit", defaults.unit)),
            route=route,
            start_h=convert(start, defaults.time_unit, "h"),
            duration_h=convert(duration, defaults.time_unit, "h"),
            repeats=1 + more,
            interval_h=convert(interval, defaults.time_unit, "h"),
            salt=row.word("salt", None),
        )
    except InputError as error:
        raise RegimenError(
            error.what, where=row.place, expected=error.expected, suggestions=error.suggestions
        ) from error
    known = {name: load_drug(name) for name in list_drugs() if name == drug}
    check_dose(dose, known, where=row.where("drug or route"))
    return dose


def _drug_and_route(row: _Row, defaults: _Defaults) -> tuple[str, str]:
    meant: tuple[str | None, str | None] = (defaults.drug, defaults.route)
    if row.word("cmt", None) is not None and defaults.compartments:
        number = row.count("cmt")
        if number not in defaults.compartments:
            known = ", ".join(map(str, defaults.compartments))
            raise RegimenError(
                f"it is not said what compartment {number} stands for",
                where=row.where("cmt"),
                expected=f"one of {known}",
            )
        meant = defaults.compartments[number]
    drug, route = row.word("drug", meant[0]), row.word("route", meant[1])
    for column, value in (("drug", drug), ("route", route)):
        if value is None:
            raise RegimenError(
                f"the row names no {column}",
                where=row.where(column),
                expected=f"a column '{column}', the argument {column}= or compartments=",
            )
    return str(drug).lower(), str(route).lower()


def _repeats(row: _Row) -> tuple[int, float]:
    more, interval = row.count("addl"), row.number("ii")
    if more < 0:
        raise RegimenError(f"addl {more} is negative", where=row.where("addl"), expected="0, 1 ...")
    if more and interval <= 0:
        raise RegimenError(
            f"{more} further doses need an interval",
            where=row.where("ii"),
            expected="a positive time",
        )
    return more, interval if more else 0.0


def _duration(row: _Row) -> float:
    rate = row.number("rate")
    if rate < 0:
        raise RegimenError(
            f"rate {rate:g} asks for a modelled rate or duration",
            where=row.where("rate"),
            expected="amount per time, or 0 for a bolus or the route's own input",
        )
    return row.number("amt") / rate if rate else 0.0


def regimen_to_nonmem(regimen: Regimen) -> pd.DataFrame:
    """Write a regimen in NONMEM's columns.

    Parameters
    ----------
    regimen : Regimen
        What to write.

    Returns
    -------
    DataFrame
        One row a dose, ordered by time: time (h), amt, rate (amt per h), ii (h), addl, evid, and
        the words drug, route, unit, salt.
    """
    import pandas as pd

    rows = [
        {
            "time": dose.start_h,
            "amt": dose.amount,
            "rate": dose.amount / dose.duration_h if dose.duration_h else 0.0,
            "ii": dose.interval_h,
            "addl": dose.repeats - 1,
            "evid": _DOSE,
            "drug": dose.drug,
            "route": dose.route,
            "unit": dose.unit,
            "salt": dose.salt or "",
        }
        for dose in sorted(regimen.doses, key=lambda one: one.start_h)
    ]
    names = ["time", "amt", "rate", "ii", "addl", "evid", *WORDS]
    return pd.DataFrame(rows, columns=names)

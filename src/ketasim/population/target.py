"""The baseline table of a trial that a cohort shall match."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from ketasim.errors import InputError, unknown_name

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd

__all__ = ["TargetRow", "TargetTable"]

_COLUMNS = ("covariate", "statistic", "level", "value")
_STATISTICS = {"mean": "mean", "sd": "sd", "min": "lower", "max": "upper", "share": "shares"}
_WHOLE = 1e-6


@dataclass(frozen=True)
class TargetRow:
    """What a baseline table says of one covariate.

    Parameters
    ----------
    covariate : str
        Column of the cohort.
    mean, sd : float, optional
        Of a covariate that is a number; both, or the mean alone.
    lower, upper : float, optional
        Range that every patient must be in, for instance 18 to 64 years.
    shares : mapping of str to float, optional
        Of a covariate of levels: share of the patients at a level, 0 to 1. Levels that are not
        named keep their proportions to each other.

    Raises
    ------
    InputError
        If the numbers contradict each other, or nothing is said.
    """

    covariate: str
    mean: float | None = None
    sd: float | None = None
    lower: float = -math.inf
    upper: float = math.inf
    shares: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "shares", MappingProxyType(dict(self.shares)))
        numbers = (self.mean, self.sd, self.lower, self.upper, *self.shares.values())
        if any(one is not None and math.isnan(one) for one in numbers):
            raise self._error("a value is missing", "a number in every row")
        bounded = math.isfinite(self.lower) or math.isfinite(self.upper)
        if self.shares and (self.mean is not None or self.sd is not None or bounded):
            raise self._error("it has shares and a mean, SD or range", "one kind")
        if self.shares:
            self._check_shares()
        else:
            self._check_numbers(bounded)

    def _check_shares(self) -> None:
        for level, share in self.shares.items():
            if not 0 <= share <= 1:
                raise self._error(f"the share {share:g} of '{level}' is none", "0 to 1")
        if sum(self.shares.values()) > 1 + _WHOLE:
            raise self._error(f"the shares add up to {sum(self.shares.values()):g}", "1 at most")

    def _check_numbers(self, bounded: bool) -> None:
        if self.mean is None and not bounded:
            raise self._error("nothing is said of it", "a mean, a range or shares")
        if not self.lower < self.upper:
            raise self._error(f"the range {self.lower:g} to {self.upper:g} is empty")
        if self.mean is not None and not self.lower < self.mean < self.upper:
            raise self._error(
                f"the mean {self.mean:g} lies outside the range",
                f"{self.lower:g} to {self.upper:g}",
            )
        if self.sd is None:
            return
        if self.mean is None or not 0 < self.sd < math.inf:
            raise self._error("an SD needs a mean and must be above 0")
        widest = math.sqrt((self.upper - self.mean) * (self.mean - self.lower))
        if self.sd >= widest:
            raise self._error(
                f"the SD {self.sd:g} is larger than the range allows", f"below {widest:.3g}"
            )

    def _error(self, what: str, expected: str | None = None) -> InputError:
        return InputError(what, where=f"target of '{self.covariate}'", expected=expected)


@dataclass(frozen=True)
class TargetTable:
    """The baseline table of a trial.

    Parameters
    ----------
    rows : tuple of TargetRow
        Each covariate once.
    name : str, optional
        The trial; with the cohort's seed, the key of the numbers that accept-reject draws.
    source : str, optional
        Citation key, or where the numbers come from.

    Raises
    ------
    InputError
        If there is no row, or a covariate stands twice.

    Examples
    --------
    >>> target = TargetTable((TargetRow("age", mean=46.0, sd=11.0, lower=18, upper=64),), "mine")
    >>> target.names
    ('age',)
    """

    rows: tuple[TargetRow, ...]
    name: str = "target"
    source: str = ""

    def __post_init__(self) -> None:
        if not self.rows:
            raise InputError("the target says nothing", where=self.name, expected="a row or more")
        for number, name in enumerate(self.names):
            if name in self.names[:number]:
                raise InputError(f"'{name}' stands twice", where=f"target '{self.name}'")

    @property
    def names(self) -> tuple[str, ...]:
        """The covariates, in order."""
        return tuple(row.covariate for row in self.rows)

    @classmethod
    def from_frame(cls, frame: pd.DataFrame, name: str = "target", source: str = "") -> TargetTable:
        """Read a table with one number a row.

        Parameters
        ----------
        frame : DataFrame
            Columns covariate, statistic (mean, sd, min, max or share), level (of a share), value.
        name, source : str, optional
            As for the class.

        Raises
        ------
        InputError
            Naming row and column of the first fault.
        """
        import pandas as pd

        missing = [one for one in _COLUMNS if one not in frame.columns]
        if missing:
            raise InputError(
                f"the column '{missing[0]}' is missing", where=name, expected=", ".join(_COLUMNS)
            )
        found: dict[str, dict[str, object]] = {}
        shares: dict[str, dict[str, float]] = {}
        for line, row in enumerate(frame[list(_COLUMNS)].to_dict("records"), start=2):
            covariate, statistic = str(row["covariate"]), str(row["statistic"])
            where = f"{name}, row {line}, column"
            if statistic not in _STATISTICS:
                raise unknown_name("statistic", statistic, _STATISTICS, where=f"{where} statistic")
            try:
                value = float(row["value"])
            except (TypeError, ValueError) as error:
                raise InputError(
                    f"{row['value']!r} is no number", where=f"{where} value"
                ) from error
            level = "" if pd.isna(row["level"]) else str(row["level"])
            if (statistic == "share") != bool(level):
                raise InputError(
                    "a share needs a level, and nothing else has one", where=f"{where} level"
                )
            known = shares.setdefault(covariate, {}) if level else found.setdefault(covariate, {})
            key = level or _STATISTICS[statistic]
            if key in known:
                raise InputError("the statistic stands twice", where=f"{where} statistic")
            known[key] = value
        names = dict.fromkeys(frame["covariate"].astype(str))
        rows = [
            TargetRow(one, **found.get(one, {}), shares=shares.get(one, {}))  # type: ignore[arg-type]
            for one in names
        ]
        return cls(tuple(rows), name, source)

    @classmethod
    def read(cls, path: Path | str) -> TargetTable:
        """Read a CSV file with the columns of `from_frame`; the name is that of the file.

        Raises
        ------
        InputError
            If the file cannot be read, or naming row and column of the first fault.
        """
        import pandas as pd

        file = Path(path)
        try:
            frame = pd.read_csv(file, dtype={"level": str})
        except (OSError, ValueError) as error:
            raise InputError("cannot be read as a table", where=str(path)) from error
        return cls.from_frame(frame, file.stem)

    def to_frame(self) -> pd.DataFrame:
        """Return one row a number: covariate, statistic, level, value."""
        import pandas as pd

        rows: list[tuple[str, str, str, float]] = []
        for one in self.rows:
            given = (("mean", one.mean), ("sd", one.sd), ("min", one.lower), ("max", one.upper))
            rows += [
                (one.covariate, key, "", float(value))
                for key, value in given
                if value is not None and math.isfinite(value)
            ]
            rows += [(one.covariate, "share", level, share) for level, share in one.shares.items()]
        return pd.DataFrame(rows, columns=list(_COLUMNS))

"""Fitted parameter values with their uncertainty, as the calibration script writes them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from types import MappingProxyType
from typing import TYPE_CHECKING

from ketasim.errors import ModelError
from ketasim.model.files import CALIBRATED

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import pandas as pd

INHERITED_FROM = "article"


@dataclass(frozen=True, eq=False)
class Calibration:
    """Fitted values of one hypothesis.

    Attributes
    ----------
    of : str
        The hypothesis that was fitted.
    values : mapping of str to float
        On the natural scale.
    covariance : DataFrame, shape (n, n)
        Of the logarithms of the values, at the optimum (Laplace's approximation).
    """

    of: str
    values: Mapping[str, float]
    covariance: pd.DataFrame

    @classmethod
    def none(cls) -> Calibration:
        """No fitted value at all."""
        import pandas as pd

        return cls("", MappingProxyType({}), pd.DataFrame())


def read_calibration(hypothesis: str, folder: Path = CALIBRATED) -> Calibration:
    """Read the calibration of a hypothesis, or the one that it inherits.

    A hypothesis without a file takes the values of ``article``; `Calibration.of` says so.

    Raises
    ------
    ModelError
        The file lacks a column or holds a value that is no positive number.
    """
    own = folder / f"{hypothesis}.csv"
    name = hypothesis if own.exists() else INHERITED_FROM
    path = folder / f"{name}.csv"
    return _read(path, name, path.stat().st_mtime) if path.exists() else Calibration.none()


def read_targets(calibration: str, folder: Path = CALIBRATED) -> pd.DataFrame:
    """Read how well a fit meets each of its targets.

    Parameters
    ----------
    calibration : str
        The hypothesis that was fitted (`Calibration.of`).
    folder : path, optional
        Of the calibrations.

    Returns
    -------
    DataFrame
        One row a target: row of the evidence, what was given and read, value, SD, prediction and
        ``z``, their difference in SD; empty where nothing was fitted.
    """
    import pandas as pd

    path = folder / "fits" / f"{calibration}.csv"
    return pd.read_csv(path) if path.exists() else pd.DataFrame()


@cache
def _read(path: Path, name: str, stamp: float) -> Calibration:
    import pandas as pd

    frame = pd.read_csv(path, comment="#").set_index("id")
    names = [str(identifier) for identifier in frame.index]
    columns = [f"cov_{identifier}" for identifier in names]
    missing = [column for column in ["value", *columns] if column not in frame.columns]
    if missing:
        raise ModelError(f"column '{missing[0]}' is missing", where=path.name)
    if not (frame["value"] > 0).all():
        raise ModelError("a calibrated value is not positive", where=f"{path.name}, column value")
    covariance = pd.DataFrame(frame[columns].to_numpy(float), index=names, columns=names)
    values = dict(zip(names, frame["value"].to_numpy(float).tolist(), strict=True))
    return Calibration(name, MappingProxyType(values), covariance)

"""Scoring predictions against results, beside two baselines that know no mechanism.

The continuous ranked probability score of a prediction that is given by quantiles is twice the mean
of their pinball losses over the levels (Gneiting and Raftery, *J. Am. Stat. Assoc.* 102:359, 2007),
here by the trapezoidal rule between the levels that a file holds.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ketasim.errors import EvidenceError
from ketasim.inference.predicting.baseline import USUAL_SD
from ketasim.inference.predicting.baselines import BASELINES, baseline_predictions
from ketasim.inference.predicting.predict import ALL, INTERVALS, LEVELS
from ketasim.inference.targets import POOLED_SD

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd
    from numpy.typing import NDArray

__all__ = ["LARGE_ARM", "UNITS", "Score", "crps", "score_predictions", "standard_errors"]

KEY = ("study", "arm", "scale", "timepoint_h", "kind")
UNITS: Mapping[str, str] = {
    "mean": "points", "change": "points", "diff": "points", "response": "percent",
    "remission": "percent", "effect_size": "SD",
}  # fmt: skip
"""Unit of each kind of result."""
LARGE_ARM = 20
"""Patients from which on the width of an interval is told apart from an arm's small size."""


@dataclass(frozen=True, eq=False)
class Score:
    """How predictions did.

    Parameters
    ----------
    rows : DataFrame
        Every predicted row with its result: ``source`` (a hypothesis, the average, a baseline),
        ``value``, ``error`` (predicted minus published), ``standard_error``, ``crps``, whether
        each interval holds the value, and whether signs agree.
    not_predicted : DataFrame
        Rows that nobody predicted, with the status.
    """

    rows: pd.DataFrame = field(repr=False)
    not_predicted: pd.DataFrame = field(repr=False)

    def to_frame(self) -> pd.DataFrame:
        """Return a copy of the scored rows."""
        return self.rows.copy()

    def overall(self, source: str = ALL) -> dict[str, float]:
        """Return the scores of one source that have no unit, and the width of larger arms.

        Parameters
        ----------
        source : str, optional
            A hypothesis, a baseline, or by default the average.

        Returns
        -------
        dict
            ``rows``, ``cover50`` to ``cover95``, ``median_abs_error_in_se``, ``signs`` and
            ``sign_agreement``; ``large_arms``, results in points of `LARGE_ARM` patients or more, and
            the median half-width of their 95 % interval, ``large_arm_half_width95``; the same of
            arms alone, differences left out, ``large_arm_half_width95_alone``.
        """
        import pandas as pd

        rows = self.rows[self.rows["source"] == source]
        size = pd.to_numeric(rows["n"], errors="coerce")
        large = rows[(rows["unit"] == "points") & (size >= LARGE_ARM)]
        half = (large["hi95"] - large["lo95"]) / 2.0
        signs = rows["sign_agrees"].dropna().astype(float)
        return {
            "rows": len(rows),
            **{f"cover{share}": float(rows[f"in{share}"].mean()) for share in INTERVALS},
            "median_abs_error_in_se": float(
                (rows["error"].abs() / rows["standard_error"]).median()
            ),
            "signs": len(signs),
            "sign_agreement": float(signs.mean()),
            "large_arms": len(large),
            "large_arm_half_width95": float(half.median()),
            "large_arm_half_width95_alone": float(half[large["kind"] != "diff"].median()),
        }

    def summary(self) -> pd.DataFrame:
        """Return one row for each source and unit.

        Returns
        -------
        DataFrame
            ``rows``, ``bias``, ``median_abs_error``, ``median_abs_error_in_se``, ``cover50`` to
            ``cover95`` and ``sign_agreement`` (shares), ``median_half_width95`` and ``crps``. For
            a baseline also ``crps_of_average``: the average's score on the same rows.
        """
        import pandas as pd

        scored = self.rows
        average = scored[scored["source"] == ALL].set_index("line")["crps"]
        records = []
        for (source, unit), rows in scored.groupby(["source", "unit"], sort=False):
            shared = average.reindex(rows["line"]).to_numpy(float)
            width = (rows["hi95"] - rows["lo95"]).to_numpy(float) / 2.0
            records.append(
                {
                    "source": source, "unit": unit, "rows": len(rows), "bias": rows["error"].mean(),
                    "median_abs_error": rows["error"].abs().median(),
                    "median_abs_error_in_se": (rows["error"].abs() / rows["standard_error"]).median(),
                    **{f"cover{share}": rows[f"in{share}"].mean() for share in INTERVALS},
                    "median_half_width95": float(np.median(width)),
                    "sign_agreement": rows["sign_agrees"].astype(float).mean(),
                    "crps": rows["crps"].mean(),
                    "crps_of_average": float(np.mean(shared)) if source in BASELINES else np.nan,
                }
            )  # fmt: skip
        return pd.DataFrame.from_records(records)


def score_predictions(
    predictions: Path | str | pd.DataFrame, truth: Path | str | pd.DataFrame
) -> Score:
    """Score predictions against published results.

    Parameters
    ----------
    predictions : path or DataFrame
        What `predict_trials` wrote.
    truth : path or DataFrame
        The columns that name a row (study, arm, scale, timepoint_h, kind) and ``value``; ``sd``,
        ``ci_low`` and ``ci_high`` where they are known.

    Returns
    -------
    Score

    Raises
    ------
    EvidenceError
        For a file that cannot be read, a missing column, or results of no predicted row.
    """
    foreseen, where = _read(predictions, "predictions")
    found, place = _read(truth, "results")
    _need(foreseen, (*KEY, "hypothesis", *LEVELS, "status"), where)
    _need(found, (*KEY, "value"), place)
    foreseen, found = _keyed(foreseen), _keyed(found)
    extra = [name for name in ("value", "sd", "ci_low", "ci_high") if name in found.columns]
    results = found[["key", *extra]].rename(columns={name: f"true_{name}" for name in extra})
    if results["key"].duplicated().any():
        twice = str(results["key"][results["key"].duplicated()].iloc[0])
        raise EvidenceError(f"a result stands twice: {twice}", where=place)
    joined = foreseen.merge(results, on="key", how="inner")
    joined = joined[joined["true_value"].notna()]
    if joined.empty:
        raise EvidenceError("no result belongs to a predicted row", where=place,
                            expected=f"rows with the same {', '.join(KEY)}")  # fmt: skip
    missing = joined["predicted"].isna() & (joined["hypothesis"] == ALL)
    columns = [*KEY, "status", "true_value"]
    scored = joined[joined["predicted"].notna()].rename(columns={"hypothesis": "source"})
    return Score(_scored(_with_baselines(scored)), joined.loc[missing, columns])


def _read(source: Path | str | pd.DataFrame, what: str) -> tuple[pd.DataFrame, str]:
    import pandas as pd

    if isinstance(source, pd.DataFrame):
        return source.copy(), what
    file = Path(source)
    try:
        return pd.read_csv(file), file.name
    except (OSError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise EvidenceError(f"the {what} cannot be read: {reason}", where=str(file)) from error


def _need(table: pd.DataFrame, columns: tuple[str, ...], where: str) -> None:
    missing = [name for name in columns if name not in table.columns]
    if missing:
        raise EvidenceError(f"the column {missing[0]!r} is missing", where=where,
                            expected="the columns " + ", ".join(columns))  # fmt: skip


def _keyed(table: pd.DataFrame) -> pd.DataFrame:
    """Add what a row is known by: times as numbers, so that 24 and 24.0 are one."""
    import pandas as pd

    hours = pd.to_numeric(table["timepoint_h"], errors="coerce").map("{:g}".format)
    key = hours.astype(str)
    for name in ("kind", "scale", "arm", "study"):
        key = table[name].astype(str) + " | " + key
    numbers = {
        name: pd.to_numeric(table[name], errors="coerce")
        for name in (*LEVELS, "value", "sd", "ci_low", "ci_high", "n", "control_n")
        if name in table.columns
    }
    return table.assign(key=key, **numbers)


def _with_baselines(scored: pd.DataFrame) -> pd.DataFrame:
    import pandas as pd

    average = scored[scored["source"] == ALL]
    parts = [scored]
    for name in BASELINES:
        found = baseline_predictions(name, average)
        parts.append(average.assign(source=name, **found)[found["predicted"].notna()])
    return pd.concat([part for part in parts if len(part)], ignore_index=True)


def _scored(rows: pd.DataFrame) -> pd.DataFrame:
    value = rows["true_value"].to_numpy(float)
    quantiles = rows[list(LEVELS)].to_numpy(float)
    own = rows.assign(
        value=value,
        unit=rows["kind"].map(UNITS),
        error=rows["predicted"].to_numpy(float) - value,
        standard_error=standard_errors(rows),
        crps=crps(quantiles, value),
        line=rows["key"],
        sign_agrees=_signs(rows, value),
    )
    for share in INTERVALS:
        held = (value >= rows[f"lo{share}"]) & (value <= rows[f"hi{share}"])
        own[f"in{share}"] = held
    return own.drop(columns=[name for name in own.columns if name.startswith("true_")])


def _signs(rows: pd.DataFrame, value: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return whether the sign of a comparison agrees; NaN for other rows."""
    compares = rows["kind"].isin(["diff", "effect_size"]).to_numpy()
    agree = np.sign(rows["predicted"].to_numpy(float)) == np.sign(value)
    return np.where(compares, agree.astype(float), np.nan)


def crps(quantiles: NDArray[np.float64], value: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the continuous ranked probability score of predictions given by seven quantiles.

    Parameters
    ----------
    quantiles : ndarray, shape (n, 7)
        At 2.5, 10, 25, 50, 75, 90 and 97.5 %; the predicted value stands for the median.
    value : ndarray, shape (n,)
        What was found.

    Returns
    -------
    ndarray, shape (n,)
        In the unit of the value; smaller is better.
    """
    levels = np.array(list(LEVELS.values()))
    ordered = np.sort(quantiles, axis=1)
    below = value[:, None] < ordered
    loss = (below - levels) * (ordered - value[:, None])
    inner = np.trapezoid(loss, levels, axis=1)
    # Beyond the outermost levels the loss is that of the outermost quantile, falling to 0.
    tails = 0.5 * levels[0] * (loss[:, 0] + loss[:, -1])
    return np.asarray(2.0 * (inner + tails))


def standard_errors(rows: pd.DataFrame) -> NDArray[np.float64]:
    """Return the standard error of every published value.

    Parameters
    ----------
    rows : DataFrame
        With ``kind``, ``n``, ``true_value`` and, where known, ``true_sd``, ``true_ci_low`` and
        ``true_ci_high``. What is missing is imputed: 95 % intervals are taken for normal; the SD
        of a change is 10 points, of a baseline 5.6; n is 20.

    Returns
    -------
    ndarray, shape (n_rows,)
    """
    return np.array([_standard_error(row) for row in rows.to_dict("records")])


def _standard_error(row: dict[Any, Any]) -> float:
    def number(name: str, default: float) -> float:
        value = row.get(name)
        return default if value is None or np.isnan(float(value)) else float(value)

    n, value = number("n", 20.0), float(row["true_value"])
    low, high = number("true_ci_low", np.nan), number("true_ci_high", np.nan)
    if not np.isnan(low + high):
        return (high - low) / 3.92
    if row["kind"] in ("response", "remission"):
        share = (value / 100.0 * n + 1.0) / (n + 2.0)
        return 100.0 * float(np.sqrt(share * (1.0 - share) / n))
    if row["kind"] == "effect_size":
        return float(np.sqrt(4.0 / n + value**2 / (2.0 * n)))
    sd = number("true_sd", USUAL_SD if row["kind"] == "mean" else POOLED_SD)
    return sd * float(np.sqrt(4.0 / n if row["kind"] == "diff" else 1.0 / n))

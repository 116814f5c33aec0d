"""Predicting trials: every row, by hypothesis and averaged, with intervals for the trial's own size."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ketasim.inference.predicting.arms import NotPredicted, active_arm, control_arm
from ketasim.inference.predicting.baseline import baseline_of
from ketasim.inference.predicting.draws import Sizes, learn, learn_contexts, relief_of
from ketasim.inference.predicting.outcomes import compare, publish, rate
from ketasim.instruments import load_scale
from ketasim.model import list_hypotheses, load_hypothesis
from ketasim.results import atomic_write

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    import pandas as pd
    from numpy.typing import NDArray

    from ketasim.inference.predicting.arms import Arm
    from ketasim.inference.predicting.draws import Learnt, Worlds
    from ketasim.inference.predicting.outcomes import Rated
    from ketasim.inference.predicting.rows import TrialRow

__all__ = ["ALL", "INTERVALS", "Predictions", "predict_trials"]

ALL = "all"
"""Name of the average over hypotheses."""
INTERVALS = (50, 80, 95)
LEVELS = {
    "lo95": 0.025, "lo80": 0.1, "lo50": 0.25, "predicted": 0.5, "hi50": 0.75, "hi80": 0.9,
    "hi95": 0.975,
}  # fmt: skip
"""Columns of a prediction and the quantiles that they stand for, in order."""
_COMPARISONS = ("diff", "effect_size")
FILE, DIGEST = "predictions.csv", "predictions.sha256"


@dataclass(frozen=True, eq=False)
class Predictions:
    """Predicted rows.

    Parameters
    ----------
    table : DataFrame
        The columns of the file, then ``hypothesis``, ``predicted``, ``lo50`` to ``hi95`` and
        ``status``; one row for each row of the file and each hypothesis, the average last.
    """

    table: pd.DataFrame = field(repr=False)

    def to_frame(self) -> pd.DataFrame:
        """Return a copy of the table."""
        return self.table.copy()

    def to_csv(self) -> str:
        """Return the table as text, the same on every machine that has the same numbers."""
        return str(self.table.to_csv(index=False, float_format="%.6g", lineterminator="\n"))

    @property
    def digest(self) -> str:
        """SHA-256 of `to_csv`: it fixes the predictions before anybody looks at results."""
        return hashlib.sha256(self.to_csv().encode()).hexdigest()

    def save(self, folder: Path | str) -> Path:
        """Write the predictions and their digest into a folder, each whole or not at all.

        Parameters
        ----------
        folder : path

        Returns
        -------
        Path
            Of the predictions.
        """
        out = Path(folder)
        out.mkdir(parents=True, exist_ok=True)
        file = atomic_write(out / FILE, self.to_csv())
        atomic_write(out / DIGEST, f"{self.digest}  {FILE}\n")
        return file


def predict_trials(
    rows: Sequence[TrialRow],
    *,
    hypotheses: Sequence[str] | None = None,
    leave_out: Collection[str] = (),
    sizes: Sizes | None = None,
    seed: int = 1,
    progress: Callable[[int, int], None] | None = None,
) -> Predictions:
    """Predict published results of trials.

    Parameters
    ----------
    rows : sequence of TrialRow
        From `read_trials`.
    hypotheses : sequence of str, optional
        By default all that ship.
    leave_out : collection of str, optional
        Families of the evidence that nothing may learn from.
    sizes : Sizes, optional
        How much is drawn.
    seed : int
    progress : callable, optional
        Called with (hypotheses done, hypotheses in all).

    Returns
    -------
    Predictions
        A row that the model has nothing to say about is NaN with a status that says why.

    Raises
    ------
    UnknownNameError
        For a hypothesis that does not exist.
    """
    chosen = sizes or Sizes()
    names = [load_hypothesis(name).name for name in (hypotheses or list_hypotheses())]
    plans = [_plan(row, [one for one in rows if _same_study(one, row)]) for row in rows]
    surroundings, worlds = learn_contexts(chosen, seed, leave_out)
    found: list[list[tuple[NDArray[np.float64], float] | None]] = []
    for done, name in enumerate(names):
        learnt = learn(name, surroundings, chosen, seed, leave_out)
        raters = _Raters(_reliefs(learnt, plans, chosen), worlds, chosen, seed)
        found.append([_predicted(plan, raters) for plan in plans])
        if progress is not None:
            progress(done + 1, len(names))
    return _gathered(plans, names, found)


@dataclass(frozen=True)
class _Planned:
    """A row, its arms, and its status."""

    row: TrialRow
    arms: tuple[Arm, ...]
    status: str


def _same_study(one: TrialRow, row: TrialRow) -> bool:
    return one is not row and one.text("study") == row.text("study")


def _plan(row: TrialRow, others: Sequence[TrialRow]) -> _Planned:
    try:
        if row.scale is None:
            raise NotPredicted(
                f"not_predicted: no published map leads to the scale {row.text('scale')!r}"
            )
        arms = [active_arm(row)]
        if row.text("kind") in _COMPARISONS:
            arms.append(control_arm(row, others))
    except NotPredicted as reason:
        return _Planned(row, (), str(reason))
    notes = dict.fromkeys(note for arm in arms for note in arm.notes)
    return _Planned(row, tuple(arms), "; ".join(notes) or "ok")


Reliefs = dict[tuple[tuple[str, ...], float], "NDArray[np.float64]"]


def _reliefs(learnt: Learnt, plans: Sequence[_Planned], sizes: Sizes) -> Reliefs:
    """Return the relief of every regimen at every time that is asked, each regimen solved once."""
    times: dict[tuple[str, ...], set[float]] = {}
    for plan in plans:
        for arm in plan.arms:
            times.setdefault(arm.regimens, set()).add(plan.row.number("timepoint_h"))
    found: Reliefs = {}
    for regimens, asked in times.items():
        ordered = sorted(asked)
        values = relief_of(learnt, regimens, ordered, sizes)
        for place, time in enumerate(ordered):
            found[regimens, time] = values[:, :, place]
    return found


class _Raters:
    """Rates each arm once, however many rows ask for it."""

    def __init__(self, reliefs: Reliefs, worlds: Worlds, sizes: Sizes, seed: int) -> None:
        self._reliefs, self._worlds, self._sizes = reliefs, worlds, sizes
        self.seed = seed
        self._known: dict[tuple[object, ...], Rated] = {}

    def rated(self, row: TrialRow, arm: Arm, control: bool) -> Rated:
        """Return the ratings of an arm at the row's time, on its scale."""
        assert row.scale is not None
        scale, time = load_scale(row.scale), row.number("timepoint_h")
        baseline = baseline_of(
            scale, row.number("baseline_mean"), row.number("baseline_sd"), self._worlds.usual
        )
        own = (arm.regimens, arm.context, arm.inpatient, arm.new_antidepressant)
        key = (*own, time, baseline, scale.name, control)
        if key not in self._known:
            self._known[key] = rate(
                arm, self._reliefs[arm.regimens, time], time, baseline, scale, self._worlds,
                self._sizes, seed=self.seed, control=control,
            )  # fmt: skip
        return self._known[key]


def _predicted(plan: _Planned, raters: _Raters) -> tuple[NDArray[np.float64], float] | None:
    if not plan.arms:
        return None
    row, kind = plan.row, plan.row.text("kind")
    rated = [
        raters.rated(row, arm, place == 1 or not arm.regimens)
        for place, arm in enumerate(plan.arms)
    ]
    key = raters.seed + 7919 * row.line
    if kind in _COMPARISONS:
        counts = plan.arms[0].n, plan.arms[1].n
        return compare(rated[0], rated[1], kind, _counts(row, counts), key)
    return publish(rated[0], kind, plan.arms[0].n, key)


def _counts(row: TrialRow, counts: tuple[int, int]) -> tuple[int, int]:
    """Return the sizes of two arms: where only one number is told it is that of both together."""
    told, control = row.number("n"), row.number("control_n")
    if np.isnan(control) and not np.isnan(told):
        half = max(2, round(told / 2))
        return half, half
    return counts


def _gathered(
    plans: Sequence[_Planned], names: Sequence[str],
    found: Sequence[Sequence[tuple[NDArray[np.float64], float] | None]],
) -> Predictions:  # fmt: skip
    import pandas as pd

    records = []
    for place, plan in enumerate(plans):
        own = [one[place] for one in found]
        for name, result in zip(names, own, strict=True):
            records.append({**plan.row.cells, "hypothesis": name, **_summed(result, plan.status)})
        known = [one for one in own if one is not None]
        mixed = None
        if known:
            draws = np.concatenate([one[0] for one in known])
            mixed = draws, float(np.mean([one[1] for one in known]))
        records.append({**plan.row.cells, "hypothesis": ALL, **_summed(mixed, plan.status)})
    return Predictions(pd.DataFrame.from_records(records))


def _summed(
    result: tuple[NDArray[np.float64], float] | None, status: str
) -> dict[str, float | str]:
    """Return the columns of a prediction."""
    columns: dict[str, float | str] = {"predicted": np.nan if result is None else result[1]}
    for share in INTERVALS:
        low, high = np.nan, np.nan
        if result is not None:
            low, high = np.nanquantile(result[0], [0.5 - share / 200.0, 0.5 + share / 200.0])
        columns |= {f"lo{share}": float(low), f"hi{share}": float(high)}
    return {**columns, "status": status}

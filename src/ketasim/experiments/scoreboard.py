"""The scoreboard: how well each hypothesis foresaw what it was never fitted to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    import pandas as pd

    from ketasim.experiments.result import ExperimentResult

__all__ = ["scoreboard"]

_PARTS = ("agree", "disagree", "disputed")
_SCORED = ("decides", "indirect")


def scoreboard(results: Iterable[ExperimentResult | Mapping[str, Any]]) -> pd.DataFrame:
    """Sum the predictive log likelihood of every judging observation over experiments.

    Parameters
    ----------
    results : iterable of ExperimentResult or mapping
        Results of several experiments with the same hypotheses, or their records.

    Returns
    -------
    DataFrame
        Indexed by ``hypothesis``, best first: one column an experiment, ``total``, ``people`` (rows
        from people only), ``observations``, ``agree``, ``deciding``, ``calibrated``. Never used
        for fitting. Observations of one study are not independent, so differences are upper bounds.
    """
    import pandas as pd

    columns = ("total", "people", "observations", "agree", "deciding", "calibrated")
    every = [one if not hasattr(one, "record") else one.record() for one in results]
    names = list(dict.fromkeys(name for one in every for name in one["hypotheses"]))
    rows = [_row(name, every) for name in names]
    table = pd.DataFrame(rows, columns=None if rows else ["hypothesis", *columns])
    table = table.set_index("hypothesis")
    return table.sort_values("total", ascending=False, na_position="last")


def _row(name: str, records: Sequence[Mapping[str, Any]]) -> dict[str, object]:
    inside = {one["id"]: one["hypotheses"][name] for one in records if name in one["hypotheses"]}
    scored = [
        made
        for one in inside.values()
        for made in one["comparisons"]
        if made["role"] in _SCORED and made["log_likelihood"] is not None
    ]
    decided = [one["verdict_detail"] for one in inside.values()]
    return {
        "hypothesis": name,
        **{key: _number(one["log_likelihood"]) for key, one in inside.items()},
        "total": _total(scored),
        "people": _total([made for made in scored if made["group"] == "people"]),
        "observations": len(scored),
        "agree": sum(len(one["agree"]) for one in decided),
        "deciding": sum(len(one[part]) for one in decided for part in _PARTS),
        "calibrated": all(one["calibrated"] for one in inside.values()),
    }


def _total(scored: Sequence[Mapping[str, Any]]) -> float:
    """Return the sum, or NaN where nothing was scored: that is no perfect score."""
    return sum(made["log_likelihood"] for made in scored) if scored else float("nan")


def _number(value: float | None) -> float:
    return float("nan") if value is None else value

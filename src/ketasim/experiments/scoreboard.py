"""The scoreboard: how well each hypothesis foresaw what it was never fitted to."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    import pandas as pd

    from ketasim.experiments.result import ExperimentResult

__all__ = ["scoreboard"]


def scoreboard(results: Iterable[ExperimentResult]) -> pd.DataFrame:
    """Sum the predictive log likelihood of every judging observation over experiments.

    Parameters
    ----------
    results : iterable of ExperimentResult
        Results of several experiments with the same hypotheses.

    Returns
    -------
    DataFrame
        Indexed by ``hypothesis``, best first: one column an experiment, ``total``, ``people`` (rows
        from people only), ``observations``, ``agree``, ``deciding``, ``calibrated``. Never used
        for fitting. Observations of one study are not independent, so differences are upper bounds.
    """
    import pandas as pd

    every = list(results)
    names = list(dict.fromkeys(name for one in every for name in one.hypotheses))
    table = pd.DataFrame([_row(name, every) for name in names]).set_index("hypothesis")
    return table.sort_values("total", ascending=False, na_position="last")


def _row(name: str, results: list[ExperimentResult]) -> dict[str, object]:
    inside = [one for one in results if name in one.verdicts]
    scored = [
        made
        for one in inside
        for made in one.comparisons
        if made.hypothesis == name
        and made.role in ("decides", "indirect")
        and math.isfinite(made.log_likelihood)
    ]
    people = [made.log_likelihood for made in scored if made.observation.group == "people"]
    return {
        "hypothesis": name,
        **{one.experiment.name: one.log_likelihood(name) for one in inside},
        "total": sum(made.log_likelihood for made in scored),
        "people": sum(people),
        "observations": len(scored),
        "agree": sum(len(one.verdicts[name].agree) for one in inside),
        "deciding": sum(
            len(one.verdicts[name].agree) + len(one.verdicts[name].disagree) for one in inside
        ),
        "calibrated": all(one.verdicts[name].calibrated for one in inside),
    }

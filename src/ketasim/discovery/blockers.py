"""Why a blocker lands below ketamine, asked of every hypothesis by taking the reason away.

A blocker is compared twice: as it is given, and at ketamine's exposure (route, half-life and largest
receptor occupancy of ketamine), where only the molecule differs. There it is given ketamine's trapping
alone: what that gives back of the gap is trapping's part in it, through block at rest and through
block between activations. A hypothesis can tell where the gap is not small and trapping makes at
least half of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ketasim.discovery.compound import known_compound
from ketasim.discovery.outcomes import outcomes_of
from ketasim.discovery.properties import costs

if TYPE_CHECKING:
    import numpy.typing as npt
    import pandas as pd

    from ketasim.discovery.compound import Compound
    from ketasim.discovery.scenarios import Scenarios

__all__ = ["BLOCKERS", "Reasons", "reasons"]

BLOCKERS = ("memantine", "lanicemine")
SMALL_GAP, LARGE_PART = 0.1, 0.5
"""A gap below a tenth of ketamine's benefit is small; half of it is a large part (both assumed)."""


@dataclass(frozen=True, eq=False)
class Reasons:
    """Where blockers land under each hypothesis, and why.

    Parameters
    ----------
    frame : DataFrame
        One row a compound and hypothesis: benefit at 24 h (share of severity) of ``ketamine``, of the
        compound ``as_given``, at ketamine's exposure (``matched``, with ``matched_needed`` and
        ``matched_not_needed`` by whether BDNF needs block at rest), and with ketamine's trapping
        there (``trapped``); ``gap`` and ``trapping_part`` (shares), ``below``, ``tells``, ``why``,
        and ``extrapolated``: whether the surge of the compound as given lasts longer than any measured.
    """

    frame: pd.DataFrame

    def telling(self, compound: str) -> tuple[str, ...]:
        """Return the hypotheses that can tell a compound from ketamine by its trapping."""
        return tuple(self._where(compound, tells=True))

    def silent(self, compound: str) -> tuple[str, ...]:
        """Return the hypotheses that cannot."""
        return tuple(self._where(compound, tells=False))

    def _where(self, compound: str, *, tells: bool) -> list[str]:
        chosen = self.frame[(self.frame["compound"] == compound) & (self.frame["tells"] == tells)]
        return [str(one) for one in chosen["hypothesis"]]


def reasons(scenarios: Scenarios, compounds: tuple[str, ...] = BLOCKERS) -> Reasons:
    """Ask every hypothesis why blockers land where they do.

    Parameters
    ----------
    scenarios : Scenarios
    compounds : tuple of str, optional
        Names of known compounds.

    Returns
    -------
    Reasons
    """
    import pandas as pd

    ketamine = known_compound("ketamine")
    rows = []
    for name in compounds:
        given = known_compound(name)
        matched = matched_exposure(given, ketamine)
        trapped = matched.with_values({"trapping": ketamine.trapping})
        found = outcomes_of([ketamine, given, matched, trapped], scenarios)
        benefit, excitation = found.of("benefit_24h"), found.side["excitation"][1]
        cells = scenarios.hypothesis_of_cell()
        for hypothesis in scenarios.hypotheses:
            mine = cells == hypothesis
            rows.append({
                "compound": name, "hypothesis": hypothesis,
                **_row(benefit[:, mine], _needed(scenarios)[mine]),
                "extrapolated": bool(np.median(excitation[mine]) > costs()["largest_excitation"]),
            })  # fmt: skip
    return Reasons(pd.DataFrame(rows))


def matched_exposure(compound: Compound, reference: Compound) -> Compound:
    """Return a compound given so that it occupies as many receptors as another, for as long.

    Parameters
    ----------
    compound, reference : Compound

    Returns
    -------
    Compound
        With the route, the half-life and the brain penetration of the reference, and the dose in
        proportion to the IC50.
    """
    return compound.with_values({
        "route": reference.route, "half_life": reference.half_life,
        "brain_penetration": reference.brain_penetration,
        "dose": reference.dose * compound.nmda_ic50 / reference.nmda_ic50,
    })  # fmt: skip


def _needed(scenarios: Scenarios) -> npt.NDArray[np.bool_]:
    """Say for each cell whether BDNF needs block at rest."""
    return np.asarray(scenarios.unknowns["rest_is_needed"][:: scenarios.people] > 0.5)


def _row(
    benefit: npt.NDArray[np.float64], needed: npt.NDArray[np.bool_]
) -> dict[str, float | bool | str]:
    ketamine, given, matched, trapped = (float(one) for one in benefit.mean(axis=1))
    gap = ketamine - matched
    share = gap / ketamine if ketamine > 0 else float("nan")
    part = (trapped - matched) / gap if gap > 0 else float("nan")
    tells = bool(share > SMALL_GAP and part >= LARGE_PART)
    return {
        "ketamine": ketamine, "as_given": given, "matched": matched, "trapped": trapped,
        "matched_needed": _mean(benefit[2], needed),
        "matched_not_needed": _mean(benefit[2], ~needed),
        "gap": share, "trapping_part": part, "below": bool(matched < ketamine), "tells": tells,
        "why": _why(share, part),
    }  # fmt: skip


def _mean(values: npt.NDArray[np.float64], chosen: npt.NDArray[np.bool_]) -> float:
    return float(values[chosen].mean()) if chosen.any() else float("nan")


def _why(share: float, part: float) -> str:
    """Return the reason, computed from the gap and trapping's part in it."""
    if not share > SMALL_GAP:
        return "no gap to explain at ketamine's exposure"
    if part >= LARGE_PART:
        return f"trapping: block at rest and between activations makes {part:.0%} of the gap"
    return f"not trapping, which makes {max(part, 0.0):.0%} of the gap: another edge decides"

"""From compounds to what the solver is given: every candidate shares one compiled model.

A compound takes the place of S-ketamine: its states carry it, and its properties become values of
parameters that the model has. Where the model has no edge, the formula below is a declared, assumed
transformation (``properties.csv`` says which). Symbols: K the compound's IC50, E that of racemic
ketamine, tau trapping.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import numpy.typing as npt

from ketasim.discovery.compound import columns
from ketasim.discovery.properties import ROUTES, known_table
from ketasim.engine import DoseSchedule

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ketasim.discovery.compound import Compound
    from ketasim.discovery.scenarios import Scenarios

__all__ = ["Compiled", "clearance_of", "compile_compounds"]

Columns: TypeAlias = dict[str, npt.NDArray[np.float64]]

INFUSION_H = 2 / 3
_TARGETS = {"iv": "ket_s", "im": "ket_s_muscle", "nasal": "ket_s_nasal", "oral": "ket_s_gut"}
_AGONIST = "cp94253"
"""The shipped 5-HT1B agonist, whose compartment carries the 5-HT1B action of a compound."""


@dataclass(frozen=True, eq=False)
class Compiled:
    """Input of the solver, row by row: compound by scenario.

    Parameters
    ----------
    parameters : dict of str to ndarray, shape (n_compounds * n_rows,)
    doses : DoseSchedule
    potentiation : ndarray, shape (n_compounds * n_rows,)
        AMPA potentiation of each row.
    """

    parameters: dict[str, npt.NDArray[np.float64]]
    doses: DoseSchedule
    potentiation: npt.NDArray[np.float64]


def compile_compounds(
    compounds: Sequence[Compound] | Mapping[str, npt.NDArray[np.float64]], scenarios: Scenarios,
    follows_ketamine: Sequence[bool] | None = None,
) -> Compiled:  # fmt: skip
    """Compile compounds for every scenario.

    Parameters
    ----------
    compounds : sequence of Compound, or mapping of str to ndarray, shape (n_compounds,)
        Compounds, or their properties as columns.
    scenarios : Scenarios
    follows_ketamine : sequence of bool, optional
        For columns: whether a hypothesis' claim of ketamine's own opioid action holds; by default
        for none.

    Returns
    -------
    Compiled
        Of n_compounds * n_rows rows.
    """
    if isinstance(compounds, dict):
        table: Columns = dict(compounds)
        follows = np.zeros(len(table["dose"]), bool) if follows_ketamine is None else np.array(
            follows_ketamine, bool)  # fmt: skip
    else:
        table = columns(list(compounds))  # type: ignore[arg-type]
        follows = np.array([one.follows_ketamine for one in compounds])  # type: ignore[union-attr]
    count = len(follows)
    x = {name: np.repeat(one, scenarios.rows) for name, one in table.items()}
    base = {name: np.tile(one, count) for name, one in scenarios.values.items()}
    unknown = {name: np.tile(one, count) for name, one in scenarios.unknowns.items()}
    weight = np.tile(scenarios.weight, count)
    rows = np.repeat(follows, scenarios.rows)
    made = {
        **base, **_kinetics(x, base), **_block(x, base, unknown), **_harm(x, base, unknown, rows),
        **_other_targets(x, base, rows),
    }  # fmt: skip
    doses = _doses(x, weight, base["oral_delay"])
    return Compiled(made, doses, x["ampa_potentiation"])


def _kinetics(x: Columns, base: Columns) -> Columns:
    """Return distribution and elimination: no metabolite, no first pass, ketamine's volumes."""
    one = np.ones_like(x["dose"])
    receptor_lag_h = 1.0 / (3600.0 * x["off_rate"])
    return {
        "cl_s_70": clearance_of(x["half_life"]),
        "fm_norketamine": 0.0 * one,
        "f_oral": one,
        "f_gut": one,
        "kpuu_brain": x["brain_penetration"],
        "ke0_brain": 1.0 / (1.0 / base["ke0_brain"] + receptor_lag_h),
    }


def _effective_trapping(x: Columns, unknown: Columns) -> npt.NDArray[np.float64]:
    return np.asarray(x["trapping"] ** unknown["trapping_matters"])


def _block(x: Columns, base: Columns, unknown: Columns) -> Columns:
    """Return the NMDA block by cell type, at work and at rest."""
    scale = base["ic50_nmda_racemic"]
    tau = _effective_trapping(x, unknown)
    relative = np.sqrt(x["interneuron_preference"] / _reference("interneuron_preference"))
    interneuron = base["ic50_interneuron"] / relative
    pyramidal = _two_sites(base["ic50_pyramidal"] * relative, interneuron, x["glun2b_preference"])
    # A second load on glutamate release, in ketamine equivalents: Gaddum's sum of two ligands' loads.
    at_rest = _at_rest(x["trapping"])
    beside = unknown["hnk_is_real"] * x["nmda_ic50"] / (scale * x["hnk_ec50"])
    return {
        "ic50_nmda_s": x["nmda_ic50"],
        "ic50_interneuron": 1.0 / (tau / interneuron + beside),
        "ic50_pyramidal": pyramidal / tau,
        # Translation needs block at rest; whether release counts without it is an open question.
        "eef2_gain": base["eef2_gain"] * at_rest,
        "bdnf_gain": base["bdnf_gain"] * (1.0 - unknown["rest_is_needed"] * (1.0 - at_rest)),
        "k_ampa": base["k_ampa"] / (1.0 + x["ampa_potentiation"]),
    }


def _two_sites(
    middle: npt.NDArray[np.float64], at: npt.NDArray[np.float64], ratio: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """Return the one IC50 that blocks as GluN2A and GluN2B together do where interneurons are at half.

    Half of the receptors are taken to be of either kind, so that a compound that is selective for one
    of them can block no more than half.
    """
    root = np.sqrt(ratio / _reference("glun2b_preference"))
    block = 0.5 * (at / (at + middle * root) + at / (at + middle / root))
    return np.asarray(at * (1.0 - block) / block)


def _at_rest(trapping: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return the share of block that holds at rest, with Mg in the channel.

    Ketamine blocks at rest and memantine does not (gideons2014): a line between their trapping,
    which is assumed.
    """
    none, full = _reference("trapping", "memantine"), _reference("trapping")
    return np.clip((trapping - none) / (full - none), 0.0, 1.0)


def _harm(x: Columns, base: Columns, unknown: Columns, follows: npt.NDArray[np.bool_]) -> Columns:
    """Return how strongly plasma and brain concentrations act on what can be felt and measured.

    The model's harms follow S-ketamine in plasma. How far another molecule's follow its block of NMDA
    receptors is open; for ketamine's own family they do, since R-ketamine has little or none of them.
    """
    # Block for a concentration in plasma, over that of S-ketamine.
    block = x["brain_penetration"] / base["kpuu_brain"] * base["ic50_nmda_s"] / x["nmda_ic50"]
    relative = np.sqrt(x["interneuron_preference"] / _reference("interneuron_preference"))
    felt = (
        block ** unknown["coupling_dissociation"]
        * _effective_trapping(x, unknown)
        * relative ** unknown["dissociation_interneurons"]
    )
    pressure, drowsy = (
        block ** np.where(follows, 1.0, unknown[name])
        for name in ("coupling_pressure", "coupling_sedation")
    )
    return {
        "c50_dissociation": base["c50_dissociation"] / felt,
        "c50_sedation": base["c50_sedation"] / drowsy,
        "sbp_slope": base["sbp_slope"] * pressure,
    }


def _other_targets(x: Columns, base: Columns, follows: npt.NDArray[np.bool_]) -> Columns:
    """Return opioid receptors, and 5-HT1B through the compartment of the shipped agonist."""
    claimed = np.where(follows, base["ketamine_agonism"], 0.0)
    volume = base["v_arterial_70"] + base["v_fast_70"] + base["v_slow_70"]
    free = base["fu_ketamine"] * x["brain_penetration"]
    return {
        "ki_mor_ketamine": x["mor_ki"],
        "ki_kor_ketamine": x["kor_ki"],
        "ketamine_agonism": np.maximum(x["mor_efficacy"], claimed),
        f"{_AGONIST}_k": np.log(2.0) / x["half_life"],
        f"{_AGONIST}_ed50_ht1b_agonist": x["ht1b_ec50"] * volume / free,
    }


def _doses(
    x: Columns, weight: npt.NDArray[np.float64], oral_delay: npt.NDArray[np.float64]
) -> DoseSchedule:
    amount = x["dose"] * weight
    place = x["route"].astype(int)
    legs = np.column_stack([np.where(place == k, amount, 0.0) for k in range(len(ROUTES))])
    last = np.column_stack([np.zeros_like(amount)] * len(ROUTES))
    last[:, ROUTES.index("iv")] = INFUSION_H
    last[:, ROUTES.index("oral")] = oral_delay
    return DoseSchedule(
        targets=(*(_TARGETS[route] for route in ROUTES), _AGONIST),
        start_h=np.zeros(len(ROUTES) + 1),
        duration_h=np.column_stack([last, np.zeros_like(amount)]),
        amount=np.column_stack([legs, amount]),
    )


@cache
def _reference(name: str, substance: str = "ketamine") -> float:
    known = known_table().set_index(["substance", "property"])["value"]
    return float(known[substance, name])


def clearance_of(half_life: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return the clearance (L/h, 70 kg) for which the last phase has a half-life (h).

    The three spaces keep ketamine's volumes and flows, so that no half-life is below about 1.7 h.

    Parameters
    ----------
    half_life : ndarray

    Returns
    -------
    ndarray, the same shape
    """
    clearances, half_lives = _half_lives()
    return np.asarray(np.exp(np.interp(-np.log(half_life), -half_lives, clearances)))


@cache
def _half_lives() -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Return logarithms of clearances and of the half-lives that they give."""
    from ketasim.model import load_model

    v = load_model("article", calibrated=False).values()
    central, fast, slow = (v[f"v_{name}_70"] for name in ("arterial", "fast", "slow"))
    to_fast, to_slow = v["q_fast_70"], v["q_slow_70"]
    logs = np.linspace(np.log(0.5), np.log(5000.0), 600)
    found = []
    for clearance in np.exp(logs):
        matrix = np.array([
            [-(clearance + to_fast + to_slow) / central, to_fast / fast, to_slow / slow],
            [to_fast / central, -to_fast / fast, 0.0],
            [to_slow / central, 0.0, -to_slow / slow],
        ])  # fmt: skip
        found.append(np.log(np.log(2.0) / -np.linalg.eigvals(matrix).real.max()))
    return logs, np.array(found)

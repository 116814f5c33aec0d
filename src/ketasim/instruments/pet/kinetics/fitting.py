"""One door to all models: scans in, a table of estimates out."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

import numpy as np

from ketasim.errors import InputError, unknown_name
from ketasim.instruments.pet.kinetics import arterial_graphical, compartments, multilinear
from ketasim.instruments.pet.kinetics import reference as simplified
from ketasim.instruments.pet.kinetics.batch import Batch
from ketasim.instruments.pet.kinetics.diagnostics import diagnose
from ketasim.instruments.pet.kinetics.result import Estimates, Fits
from ketasim.instruments.pet.kinetics.srtm import Bounds
from ketasim.instruments.pet.scans import Scan

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    import pandas as pd
    from numpy.typing import NDArray

    from ketasim.instruments.pet.kinetics.hierarchical import Pool
    from ketasim.instruments.pet.kinetics.input_function import ArterialInput

__all__ = ["ARTERIAL", "MODELS", "SIMPLIFIED", "T_STAR_MIN", "WINDOW_MIN", "fit"]

SIMPLIFIED = ("srtm", "srtm2", "mrtm1", "mrtm2", "logan_ref", "suvr")
"""Models that need a reference region only."""

ARTERIAL = ("1tcm", "2tcm", "logan", "ma1")
"""Models that need an arterial input."""

MODELS = (*SIMPLIFIED, *ARTERIAL)
"""Names of the models."""

T_STAR_MIN = {"mrtm1": 0.0, "mrtm2": 5.0, "logan_ref": 33.0, "logan": 33.0, "ma1": 33.0}
"""Default t* in minutes. MRTM2 and Logan's plot: the last 20 and the last 10 of 38 frames over
93 min, as [11C]AZ10419369 test-retest scans were quantified with kinfitr (Tjerkaski and others
2020). MRTM1: every frame, which one-tissue kinetics allow. Those with an input: assumed."""

WINDOW_MIN = (63.0, 93.0)
"""Default window of SUVR in minutes: the last half hour of a scan of 93 min (assumed)."""


@dataclass(frozen=True)
class _Choices:
    """What the caller chose, with the model's own defaults filled in."""

    model: str
    k2_prime: float | str
    k2_prime_regions: tuple[str, ...] | None
    t_star_min: float
    window_min: tuple[float, float]
    blood: compartments.Blood
    bounds: Bounds
    pool: Pool | None


def fit(
    scans: Scan | Iterable[Scan],
    model: str = "srtm",
    *,
    k2_prime: float | str = "mrtm1",
    k2_prime_regions: Sequence[str] | None = None,
    t_star_min: float | None = None,
    window_min: tuple[float, float] = WINDOW_MIN,
    input_function: ArterialInput | Mapping[tuple[str, str], ArterialInput] | None = None,
    blood_fraction: float | Literal["fit"] = "fit",
    delay_min: float | Literal["fit"] = 0.0,
    bounds: Bounds | None = None,
    pool: Pool | None = None,
) -> Fits:
    """Fit a kinetic model to every region of one or more scans.

    Parameters
    ----------
    scans : Scan or iterable of Scan
        What was measured.
    model : str, optional
        One of `MODELS`.
    k2_prime : float or str, optional
        For srtm2, mrtm2 and logan_ref: the washout of the reference in 1/min, or where it comes
        from: ``"mrtm1"`` or ``"srtm"``, the median over a scan's regions, or ``"coupled"``, the
        value with which SRTM2 fits all regions of the scan best. For logan_ref, ``math.inf``
        leaves its term out.
    k2_prime_regions : sequence of str, optional
        Regions whose k2' counts; all by default.
    t_star_min : float, optional
        For mrtm1, mrtm2, logan_ref, logan and ma1: frames that start earlier are not used; by
        default that of `T_STAR_MIN`.
    window_min : tuple of float, optional
        For suvr: begin and end in minutes.
    input_function : ArterialInput or mapping, optional
        For 1tcm, 2tcm, logan and ma1: one for all scans, or one for each (participant, scan).
    blood_fraction, delay_min : float or "fit", optional
        For 1tcm and 2tcm: share of blood in the tissue, and minutes by which tissue sees blood
        late.
    bounds : Bounds, optional
        For srtm and srtm2; R1 0 to 10, k2 0 to 1 per minute and BPND 0 to 15 by default.
    pool : Pool, optional
        For srtm: what was learnt from other curves; estimates are drawn towards it. See
        `ketasim.instruments.pet.kinetics.hierarchical`.

    Returns
    -------
    Fits
        One row a curve, in the order of the scans and their regions.

    Raises
    ------
    InputError
        For an unknown model, a missing input function, or an option that cannot be used.
    """
    several = (scans,) if isinstance(scans, Scan) else tuple(scans)
    if not several:
        raise InputError("there is no scan to fit")
    if model not in MODELS:
        raise unknown_name("model", model, MODELS)
    if pool is not None and model != "srtm":
        raise InputError(f"a pool was given for {model}", expected="the model srtm")
    chosen = _Choices(
        model, k2_prime, None if k2_prime_regions is None else tuple(k2_prime_regions),
        T_STAR_MIN.get(model, 0.0) if t_star_min is None else t_star_min, window_min,
        compartments.Blood(blood_fraction, delay_min), bounds or Bounds(), pool,
    )  # fmt: skip
    inputs = _inputs(several, input_function) if model in ARTERIAL else ()
    estimates: list[Estimates | None] = [None] * len(several)
    for places in _alike(several):
        batch = Batch.of([several[one] for one in places], [inputs[one] for one in places]
                         if inputs else ())  # fmt: skip
        found = _fit_batch(batch, chosen, [several[one].participant for one in places])
        for number, place in enumerate(places):
            estimates[place] = _part(found, batch.which == number)
    return _assemble(model, several, [one for one in estimates if one is not None], chosen)


def _alike(scans: Sequence[Scan]) -> list[list[int]]:
    """Group scans by their frames."""
    groups: dict[object, list[int]] = {}
    for place, scan in enumerate(scans):
        groups.setdefault(scan.frames, []).append(place)
    return list(groups.values())


def _inputs(
    scans: Sequence[Scan],
    given: ArterialInput | Mapping[tuple[str, str], ArterialInput] | None,
) -> tuple[ArterialInput, ...]:
    from ketasim.instruments.pet.kinetics.input_function import ArterialInput

    if given is None:
        raise InputError("the model needs an arterial input, and none was given",
                         expected="one, or one of the models " + ", ".join(SIMPLIFIED))  # fmt: skip
    if isinstance(given, ArterialInput):
        return (given,) * len(scans)
    found = []
    for scan in scans:
        own = given.get((scan.participant, scan.scan), given.get(("", "")))
        if own is None:
            raise InputError(f"scan {scan.scan!r} of {scan.participant!r} has no input function")
        found.append(own)
    return tuple(found)


def _fit_batch(batch: Batch, chosen: _Choices, participants: list[str]) -> Estimates:
    model = chosen.model
    if model == "srtm" and chosen.pool is not None:
        from ketasim.instruments.pet.kinetics.hierarchical import pooled

        return pooled(batch, chosen.pool, participants, chosen.bounds)
    if model == "srtm":
        return simplified.srtm(batch, chosen.bounds)
    if model == "mrtm1":
        return multilinear.mrtm1(batch, chosen.t_star_min)
    if model == "suvr":
        return multilinear.suvr(batch, chosen.window_min)
    if model in ("1tcm", "2tcm"):
        return compartments.compartments(batch, int(model[0]), chosen.blood)
    if model in ("logan", "ma1"):
        graphical = arterial_graphical.logan if model == "logan" else arterial_graphical.ma1
        return graphical(batch, chosen.t_star_min)
    return _tied(batch, chosen)


def _tied(batch: Batch, chosen: _Choices) -> Estimates:
    """Fit a model in which k2' is fixed."""
    if chosen.model == "logan_ref" and chosen.k2_prime == math.inf:
        k2_prime: NDArray[np.float64] = np.full(len(batch.activity), math.inf)
    else:
        k2_prime = simplified.fixed_k2_prime(batch, chosen.k2_prime, chosen.k2_prime_regions,
                                             chosen.bounds)  # fmt: skip
    if chosen.model == "srtm2":
        return simplified.srtm2(batch, k2_prime, chosen.bounds)
    tied = multilinear.mrtm2 if chosen.model == "mrtm2" else multilinear.logan_ref
    return tied(batch, k2_prime, chosen.t_star_min)


def _part(found: Estimates, mine: NDArray[np.bool_]) -> Estimates:
    return replace(
        found,
        values={name: one[mine] for name, one in found.values.items()},
        status=tuple(one for one, own in zip(found.status, mine, strict=True) if own),
        observed=found.observed[mine],
        fitted=found.fitted[mine],
        weights=found.weights[mine],
    )


def _assemble(
    model: str, scans: tuple[Scan, ...], estimates: list[Estimates], chosen: _Choices
) -> Fits:
    import pandas as pd

    tables = [_table(scan, one) for scan, one in zip(scans, estimates, strict=True)]
    table = pd.concat(tables, ignore_index=True)
    return Fits(model, table, scans, tuple(estimates), _notes(table, chosen))


def _table(scan: Scan, found: Estimates) -> pd.DataFrame:
    import pandas as pd

    lost = np.array([not one.fitted for one in found.status], dtype=bool)
    checks = diagnose(found.observed, found.fitted, found.weights, found.parameters)
    number = checks.pop("n_frames")
    values = found.blanked()
    first = ("R1", "k2", "BPND", "se_BPND")
    columns: dict[str, object] = {"participant": scan.participant, "scan": scan.scan,
                                  "region": list(scan.regions)}  # fmt: skip
    columns |= {name: values[name] for name in first}
    columns["status"] = [one.value for one in found.status]
    columns |= {name: one for name, one in values.items() if name not in first}
    columns |= {name: np.where(lost, np.nan, one) for name, one in checks.items()}
    columns["n_frames"] = number.astype(np.int64)
    return pd.DataFrame(columns)


def _notes(table: pd.DataFrame, chosen: _Choices) -> tuple[str, ...]:
    lost = int(table["status"].str.startswith("not fitted").sum())
    edge = int(table["status"].str.startswith("a parameter").sum())
    notes = []
    if lost:
        notes.append(f"{lost} of {len(table)} curves were not fitted; the column status says why.")
    if edge:
        notes.append(f"{edge} of {len(table)} fits ended at a bound.")
    if chosen.pool is not None:
        notes.append("Estimates are drawn towards what was learnt from many curves; the standard"
                     " errors are those of the posterior.")  # fmt: skip
    return tuple(notes)

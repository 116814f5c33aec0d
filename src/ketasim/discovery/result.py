"""The whole search: scenarios, known compounds on the map, the search, and its robust front."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ketasim.discovery.compound import compounds_at, known_compounds
from ketasim.discovery.outcomes import OUTCOMES, Outcomes, outcomes_of
from ketasim.discovery.properties import known_table, space
from ketasim.discovery.robustness import RobustObjective, hypervolume, robust, spread_out
from ketasim.discovery.scenarios import draw_scenarios
from ketasim.discovery.searching import Found, Settings, search
from ketasim.errors import unknown_name
from ketasim.provenance import Manifest, manifest_for
from ketasim.results import atomic_write, ensure_folder, html_table, text_table

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy.typing as npt
    import pandas as pd
    import xarray as xr

    from ketasim.discovery.compound import Compound
    from ketasim.simulate.progress import Advance

__all__ = ["Discovery", "discover", "map_of"]

SHOWN = 40
"""Compounds of the front that are listed; all are in ``tried.csv``."""


SCENARIO_SEED = 1
"""The scenarios are the same for every search, so that two seeds differ by the search alone."""


@dataclass(frozen=True, eq=False)
class Discovery:
    """What a search found.

    Parameters
    ----------
    objective : RobustObjective
    found : Found
        Everything that was tried.
    candidates : tuple of Compound
        Up to 40 compounds of the front, far apart from each other.
    frame : DataFrame
        The map: one row a known compound and a candidate, see `map_of`.
    course : DataFrame
        Hypervolume of the front after each tenth of the search: ``generation, hypervolume, size``.
    manifest : Manifest
    """

    objective: RobustObjective
    found: Found
    candidates: tuple[Compound, ...]
    frame: pd.DataFrame = field(repr=False)
    course: pd.DataFrame = field(repr=False)
    manifest: Manifest = field(repr=False)

    @property
    def better_in_all(self) -> pd.DataFrame:
        """The candidates that are at least as good as ketamine in every robust outcome."""
        return self.frame[(self.frame["kind"] == "candidate") & self.frame["beats_ketamine"]]

    def summary(self) -> pd.DataFrame:
        """Return the robust outcomes of known compounds and candidates, best on the whole first."""
        names = [
            "compound",
            "kind",
            *(one.name for one in OUTCOMES),
            "hypotheses_better",
            "keeps_limits",
        ]
        return self.frame.sort_values("score", ascending=False)[names].reset_index(drop=True)

    def to_frame(self) -> pd.DataFrame:
        """Return the map: every property and robust outcome of known compounds and candidates."""
        return self.frame.copy()

    def to_xarray(self) -> xr.Dataset:
        """Return the map as a dataset over ``compound``, with units in ``attrs``."""
        made = self.frame.set_index("compound").to_xarray()
        units = {one.name: one.unit for one in self.objective.space.properties}
        units |= {one.name: one.unit for one in OUTCOMES}
        for name, unit in units.items():
            made[name].attrs["units"] = unit
        return made

    def plot(self, kind: str = "map") -> Any:
        """Draw the result.

        Parameters
        ----------
        kind : {"map", "front", "course"}
            Benefit against dissociation with known compounds; all six outcomes side by side; the
            hypervolume over generations.

        Raises
        ------
        UnknownNameError
            If there is no such figure.
        """
        from ketasim.discovery.plotting import FIGURES

        if kind not in FIGURES:
            raise unknown_name("figure", kind, FIGURES)
        return FIGURES[kind](self)

    def citations(self) -> dict[str, tuple[str, ...]]:
        """Return the sources of the bounds and of the known compounds, and what rests on each."""
        used: dict[str, list[str]] = {}
        for row in known_table().to_dict("records"):
            if row["source"]:
                used.setdefault(str(row["source"]), []).append(
                    f"{row['substance']}: {row['property']}"
                )
        return {key: tuple(names) for key, names in sorted(used.items())}

    def save(self, folder: Path | str, *, figures: bool = True) -> Path:
        """Write the map, everything that was tried, the course, the figures and the manifest.

        Parameters
        ----------
        folder : path
        figures : bool, optional
            Whether ``figures.html`` is written.

        Returns
        -------
        Path
            The folder.

        Raises
        ------
        OutputError
            If it cannot be written.
        """
        target = ensure_folder(folder)
        atomic_write(target / "map.csv", self.frame.to_csv(index=False))
        atomic_write(target / "tried.csv", self._tried().to_csv(index=False))
        atomic_write(target / "course.csv", self.course.to_csv(index=False))
        atomic_write(target / "properties.csv", self.objective.space.to_frame().to_csv(index=False))
        if figures:
            from ketasim.discovery.plotting import figures_page

            atomic_write(target / "figures.html", figures_page(self))
        self.manifest.save(target)
        return target

    def _tried(self) -> pd.DataFrame:
        import pandas as pd

        front = np.zeros(len(self.found.points), dtype=bool)
        front[self.found.front()] = True
        return pd.DataFrame({
            "generation": self.found.generation,
            **self.objective.space.values(self.found.points),
            **{f"objective_{name}": self.found.judged.objectives[:, k]
               for k, name in enumerate(self.objective.names)},
            "front": front,
        })  # fmt: skip

    def record(self) -> dict[str, Any]:
        """Return the result as JSON values."""
        return {
            "settings": {
                "generations": self.found.settings.generations,
                "population": self.found.settings.population, "seed": self.found.settings.seed,
                "hypotheses": list(self.objective.scenarios.hypotheses),
                "draws": self.objective.scenarios.draws, "quantile": self.objective.quantile,
            },
            "tried": len(self.found.points),
            "front": len(self.found.front()),
            "resumed_generations": self.found.resumed,
            "hypervolume": float(self.course["hypervolume"].iloc[-1]),
            "better_in_all": [str(one) for one in self.better_in_all["compound"]],
            "compounds": self.frame.to_dict("records"),
        }  # fmt: skip

    def __repr__(self) -> str:
        return text_table({
            "tried": f"{len(self.found.points)} compounds in {self.found.settings.generations} generations",
            "front": f"{len(self.found.front())} compounds",
            "hypotheses": ", ".join(self.objective.scenarios.hypotheses),
            "better than ketamine in all six": len(self.better_in_all),
            "hypervolume": f"{self.course['hypervolume'].iloc[-1]:.3f}",
        })  # fmt: skip

    def _repr_html_(self) -> str:
        shown = self.summary().head(12)
        return html_table(shown.round(3).to_numpy().tolist(), header=list(shown.columns),
                          caption="Robust outcomes")  # fmt: skip


def map_of(
    compounds: Sequence[Compound], objective: RobustObjective, kind: str, *,
    found: Outcomes | None = None,
) -> pd.DataFrame:  # fmt: skip
    """Return compounds with their properties and robust outcomes.

    Parameters
    ----------
    compounds : sequence of Compound
    objective : RobustObjective
    kind : str
        What they are called in the column ``kind``.
    found : Outcomes, optional
        Solved before, in the order of the compounds.

    Returns
    -------
    DataFrame
        One row a compound: ``compound, kind``, properties, robust outcomes, ``excitation`` and
        ``impaired_h`` (robust), ``keeps_limits``, ``score`` (1 minus the mean objective),
        ``beats_ketamine`` (at least as good in every robust outcome), ``hypotheses_better`` (share of
        hypotheses under which its robust benefit at 24 h is above ketamine's by more than a hundredth).
    """
    import pandas as pd

    reference = outcomes_of(known_compounds()[:1], objective.scenarios)
    made = found or outcomes_of(list(compounds), objective.scenarios)
    judged, ketamine = objective.judge(made), objective.judge(reference)
    values = robust(made, objective.quantile)
    table = pd.DataFrame(
        [{"compound": one.name, "kind": kind, **one.record()} for one in compounds]
    )
    for k, one in enumerate(OUTCOMES):
        table[one.name] = values[:, k]
    for name in ("excitation", "impaired_h"):
        table[name] = np.quantile(made.side[name], 1.0 - objective.quantile, axis=1)
    table["keeps_limits"] = (judged.violations <= 0.0).all(axis=1).tolist()
    table["score"] = 1.0 - judged.objectives.mean(axis=1)
    first = ketamine.objectives[0]
    as_good = (judged.objectives <= first).all(axis=1).tolist()
    better_in_one = (judged.objectives < first).any(axis=1).tolist()
    table["beats_ketamine"] = [a and b for a, b in zip(as_good, better_in_one, strict=True)]
    cells = objective.scenarios.hypothesis_of_cell()
    better = [
        np.quantile(made.of("benefit_24h")[:, cells == name], objective.quantile, axis=1)
        > 1.01 * np.quantile(reference.of("benefit_24h")[0, cells == name], objective.quantile)
        for name in objective.scenarios.hypotheses
    ]
    table["hypotheses_better"] = np.mean(better, axis=0)
    return table


def discover(
    settings: Settings | None = None, *, hypotheses: Sequence[str] | None = None, draws: int = 8,
    quantile: float = 0.25, bounds: Mapping[str, tuple[float, float]] | None = None,
    out: Path | str | None = None, progress: Advance | bool | None = None,
) -> Discovery:  # fmt: skip
    """Search for compounds that are good under most of what may be true.

    Parameters
    ----------
    settings : Settings, optional
        Generations, population, seed.
    hypotheses : sequence of str, optional
        By default every one, with equal weights.
    draws : int, optional
        Draws of each hypothesis: calibrated parameters and open questions.
    quantile : float, optional
        Benefit is at least, and harm at most, what is reported in all but this share of hypotheses
        and draws.
    bounds : mapping of str to (float, float), optional
        Narrower bounds; equal ones fix a property.
    out : path, optional
        Folder where every generation is kept under ``search``, so that an interrupted search goes on.
    progress : callable, bool or None, optional
        As for `ketasim.simulate.simulate`.

    Returns
    -------
    Discovery

    Raises
    ------
    UnknownNameError
        If a hypothesis or a property does not exist.
    InputError
        If bounds are crossed or the folder holds another search.
    """
    began = time.perf_counter()
    chosen = settings or Settings()
    scenarios = draw_scenarios(hypotheses, draws=draws, seed=SCENARIO_SEED)
    objective = RobustObjective(space().narrowed(bounds or {}), scenarios, quantile)
    folder = None if out is None else Path(out) / "search"
    found = search(objective, chosen, out=folder, progress=progress)
    return _told(objective, found, time.perf_counter() - began)


def _told(objective: RobustObjective, found: Found, seconds: float) -> Discovery:
    import pandas as pd

    front = found.front()
    places = front[_shown(found.judged.objectives[front], objective)] if len(front) else front
    candidates = compounds_at(found.points[places], objective.space)
    parts = [map_of(known_compounds(), objective, "known")]
    if candidates:
        parts.append(map_of(candidates, objective, "candidate"))
    scenarios = objective.scenarios
    manifest = manifest_for(
        hypothesis="+".join(scenarios.hypotheses), seed=found.settings.seed, seconds=seconds,
        parameter_hash=objective.fingerprint,
        options={
            "kind": "discovery", "generations": found.settings.generations,
            "population": found.settings.population, "draws": scenarios.draws,
            "quantile": objective.quantile,
            "bounds": {one.name: [one.lower, one.upper] for one in objective.space.properties},
        },
    )  # fmt: skip
    return Discovery(
        objective, found, candidates, pd.concat(parts, ignore_index=True), _course(found), manifest
    )


def _shown(front: npt.NDArray[np.float64], objective: RobustObjective) -> npt.NDArray[np.int64]:
    """Choose what is listed: first of what beats ketamine in everything, then of the whole front."""
    ketamine = objective.judge(outcomes_of(known_compounds()[:1], objective.scenarios)).objectives[
        0
    ]
    better = np.flatnonzero((front <= ketamine).all(axis=1))
    first = better[spread_out(front[better], SHOWN // 2)] if len(better) else better
    others = np.setdiff1d(np.arange(len(front)), better)
    rest = others[spread_out(front[others], SHOWN - len(first))] if len(others) else others
    return np.concatenate([first, rest])


def _course(found: Found) -> pd.DataFrame:
    """Return the hypervolume after each tenth of the search."""
    import pandas as pd

    last = found.settings.generations - 1
    rows = []
    for generation in sorted({round(last * tenth / 10) for tenth in range(1, 11)} | {0}):
        front = found.front(generation)
        rows.append({
            "generation": generation + 1,
            "hypervolume": hypervolume(found.judged.objectives[front]), "size": len(front),
        })  # fmt: skip
    return pd.DataFrame(rows)

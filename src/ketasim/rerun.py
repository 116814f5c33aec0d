"""A result made again from its manifest, whatever room it came from."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ketasim.errors import InputError
from ketasim.provenance import Manifest, compare, hash_mapping, hash_text, manifest_for

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd

    from ketasim.simulate import Rerun

__all__ = ["rerun"]


def rerun(manifest: Path | str, *, check_only: bool = False) -> Rerun:
    """Make a simulation, an experiment or a study again and compare number by number.

    Parameters
    ----------
    manifest : path
        A manifest, or the results bundle it lies in.
    check_only : bool, optional
        Compare versions and inputs, and run nothing.

    Returns
    -------
    Rerun
        What differs, in sentences, and the largest difference between the numbers.

    Raises
    ------
    InputError
        If there is no manifest, or it is that of none of them.
    """
    stored = Manifest.load(manifest)
    path = Path(manifest)
    folder = path if path.is_dir() else path.parent
    if "experiment" in stored.options:
        return _experiment(stored, folder, check_only)
    if "study" in stored.options:
        return _study(stored, folder, check_only)
    from ketasim.simulate import rerun as rerun_simulation

    return rerun_simulation(manifest, check_only=check_only)


def _experiment(stored: Manifest, folder: Path, check_only: bool) -> Rerun:
    from ketasim.experiments import Experiment, experiment
    from ketasim.experiments.result import ARMS_FILE
    from ketasim.simulate import Rerun

    if check_only:
        return Rerun(None, tuple(compare(stored, _inputs_today(stored))), None)
    options = stored.options
    claim = experiment(options["experiment"])
    if not isinstance(claim, Experiment):
        raise InputError(f"{claim.name!r} has become a study", where=str(folder))
    made = claim.run(
        options["size"],
        stored.hypothesis.split(", "),
        stored.seed,
        patients=int(options["patients"]),
        overrides=options["overrides"],
    )
    differences = tuple(compare(stored, made.manifest))
    return Rerun(None, differences, *_largest_difference(folder, {ARMS_FILE: made.predictions}))


def _study(stored: Manifest, folder: Path, check_only: bool) -> Rerun:
    from ketasim.experiments import Study, experiment
    from ketasim.experiments.study_result import ANSWERS
    from ketasim.simulate import Rerun

    if check_only:
        return Rerun(None, tuple(compare(stored, _inputs_today(stored))), None)
    study = experiment(stored.options["study"])
    if not isinstance(study, Study):
        raise InputError(f"{study.name!r} is no study any more", where=str(folder))
    made = study.run(stored.options["size"], stored.hypothesis.split(", "), stored.seed)
    tables = {f"{name}.parquet": made.to_frame(name) for name in (ANSWERS, *made.tables)}
    differences = tuple(compare(stored, made.manifest))
    return Rerun(None, differences, *_largest_difference(folder, tables))


def _inputs_today(stored: Manifest) -> Manifest:
    from ketasim.evidence import evidence_hash
    from ketasim.model import load_model

    models = {name: load_model(name) for name in stored.hypothesis.split(", ")}
    return manifest_for(
        hypothesis=stored.hypothesis,
        seed=stored.seed,
        options=stored.options,
        parameter_hash=hash_mapping({name: model.values() for name, model in models.items()}),
        evidence_hash=evidence_hash(),
        model_hash=hash_text(next(iter(models.values())).sbml),
    )


def _largest_difference(folder: Path, made: Mapping[str, pd.DataFrame]) -> tuple[float | None, str]:
    """Compare stored tables with new ones, relative to each column's size."""
    import pandas as pd

    worst: float | None = None
    where = ""
    for name, table in made.items():
        if not (folder / name).is_file():
            continue
        apart, column = _difference(pd.read_parquet(folder / name), table)
        if worst is None or not apart <= worst:
            worst, where = apart, column
    return worst, where


def _difference(before: pd.DataFrame, made: pd.DataFrame) -> tuple[float, str]:
    import numpy as np

    if before.shape != made.shape:
        return float("inf"), "the number of predictions"
    worst, where = 0.0, ""
    for name in before.select_dtypes("number").columns:
        old, new = before[name].to_numpy(float), made[name].to_numpy(float)
        same = (old == new) | (np.isnan(old) & np.isnan(new))
        if same.all():
            continue
        apart = np.abs(new - old)[~same].max() / np.nanmax(np.abs(old))
        if not apart <= worst:
            worst, where = float(np.nan_to_num(apart, nan=np.inf)), str(name)
    return worst, where

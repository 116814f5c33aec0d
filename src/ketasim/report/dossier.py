"""Writing the dossier: run what is missing, gather, draw the page from what was gathered."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from ketasim.report.bundle import read_bundle
from ketasim.report.gathering import write_index
from ketasim.report.page import render
from ketasim.report.running import run_missing
from ketasim.results import atomic_write, ensure_folder

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from ketasim.experiments.design import Size
    from ketasim.model import Hypothesis

__all__ = ["PAGE_FILE", "write_dossier"]

PAGE_FILE = "dossier.html"
"""The name of the page inside the bundle."""


def write_dossier(
    out: Path | str = "out/dossier",
    *,
    size: Size = "quick",
    experiments: Sequence[str] | None = None,
    hypotheses: Sequence[str | Path | Hypothesis] | None = None,
    seed: int = 1,
    patients: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Path:
    """Answer every claim in one self-contained HTML file.

    Each experiment is stored as soon as it is done. A run that was interrupted, or that is asked
    for again, goes on with what is missing: an experiment counts as done only if nothing that
    could change its numbers has changed.

    Parameters
    ----------
    out : path, optional
        Folder for the page and the results bundle it is made from.
    size : {"quick", "full"}, optional
        The usual cohort, or a large one.
    experiments : sequence of str, optional
        Names; by default all.
    hypotheses : sequence of str, path or Hypothesis, optional
        By default all, the user's own included.
    seed : int, optional
        Seed of cohort, context and rating error.
    patients : int, optional
        Another size of the cohort.
    progress : callable, optional
        Told how many steps are done, and of how many.

    Returns
    -------
    Path
        The page.

    Raises
    ------
    UnknownNameError
        If an experiment or a hypothesis does not exist.
    OutputError
        If the folder cannot be written.
    """
    from ketasim.experiments import experiment, list_experiments
    from ketasim.model import list_hypotheses, load_model

    began = time.perf_counter()
    chosen = [experiment(name) for name in (experiments or list_experiments())]
    models = [load_model(one) for one in (hypotheses or list_hypotheses())]
    folder = ensure_folder(out)
    tell = progress or (lambda done, total: None)
    records = run_missing(folder, chosen, models, size, seed, patients, tell)
    write_index(folder, records, models, seed=seed, seconds=time.perf_counter() - began)
    page = atomic_write(folder / PAGE_FILE, render(read_bundle(folder)))
    tell(len(chosen) + 1, len(chosen) + 1)
    return page

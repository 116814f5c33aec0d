"""The search: AGE-MOEA-II of pymoo over compounds, one generation a cohort, every generation kept.

It estimates the shape of the front as it goes. On these six objectives four seeds of it lay closer
together than of NSGA-II, NSGA-III and U-NSGA-III at the same budget, on a higher mean.

An interrupted search goes on by replay: the algorithm is started again with its seed and is told the
generations that were kept instead of solving them, so that it stands where it stopped, to the last
bit. A generation that it does not ask for again belongs to another search and is refused.
"""

from __future__ import annotations

import json
import warnings
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import numpy as np

from ketasim.discovery.robustness import Judged, nondominated
from ketasim.errors import InputError, require_extra
from ketasim.results import atomic_write, ensure_folder, write_table
from ketasim.simulate.progress import Advance, shown

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy.typing as npt

__all__ = ["Found", "Objective", "Settings", "search"]

EXTRA = "discover"
SETTINGS = "search.json"
_GENERATION = "generations/generation-{:05d}.parquet"


@runtime_checkable
class Objective(Protocol):
    """What a search minimises: any function of points of the unit cube."""

    @property
    def dimensions(self) -> int:
        """Number of coordinates of a point."""
        ...

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the objectives."""
        ...

    @property
    def limits(self) -> int:
        """Number of limits."""
        ...

    @property
    def fingerprint(self) -> str:
        """Hash of everything the objectives depend on."""
        ...

    @property
    def starts(self) -> npt.NDArray[np.float64]:
        """Points that are tried first, shape (n, dimensions); may be empty."""
        ...

    def __call__(self, points: npt.NDArray[np.float64]) -> Judged:
        """Judge points, shape (n, dimensions)."""
        ...


@dataclass(frozen=True)
class Settings:
    """How long and how wide a search is.

    Parameters
    ----------
    generations : int
    population : int
        Candidates in a generation.
    seed : int

    Raises
    ------
    InputError
        If a number is too small.
    """

    generations: int = 100
    population: int = 300
    seed: int = 1

    def __post_init__(self) -> None:
        for name, least in (("generations", 1), ("population", 8), ("seed", 0)):
            if getattr(self, name) < least:
                raise InputError(
                    f"{name} is {getattr(self, name)}", where="search", expected=f"{least} or more"
                )


@dataclass(frozen=True, eq=False)
class Found:
    """Everything a search has tried, and its front.

    Parameters
    ----------
    points : ndarray, shape (n, dimensions)
        In the order they were tried.
    judged : Judged
    generation : ndarray of int, shape (n,)
    settings : Settings
    resumed : int
        Generations that were taken from the folder.
    """

    points: npt.NDArray[np.float64]
    judged: Judged
    generation: npt.NDArray[np.int64]
    settings: Settings
    resumed: int = 0

    def front(self, until: int | None = None) -> npt.NDArray[np.int64]:
        """Return the places of the points that keep the limits and that no other point beats.

        Parameters
        ----------
        until : int, optional
            The last generation that counts; by default all do.
        """
        fine = (self.judged.violations <= 0.0).all(axis=1)
        if until is not None:
            fine &= self.generation <= until
        places = np.flatnonzero(fine)
        return places[nondominated(self.judged.objectives[places])]


def search(
    objective: Objective, settings: Settings, *, out: Path | str | None = None,
    progress: Advance | bool | None = None,
) -> Found:  # fmt: skip
    """Search for the points that no other point beats.

    Parameters
    ----------
    objective : Objective
    settings : Settings
    out : path, optional
        Folder where every generation is kept; a search that was interrupted goes on from there and
        gives the same numbers.
    progress : callable, bool or None, optional
        As for `ketasim.simulate.simulate`; generations are counted.

    Returns
    -------
    Found

    Raises
    ------
    InputError
        If the folder holds another search.
    MissingExtraError
        If pymoo is not installed.
    """
    kept = _Kept(None if out is None else _opened(Path(out), objective, settings))
    parts: list[tuple[npt.NDArray[np.float64], Judged]] = []
    resumed = 0
    with shown(progress, settings.generations, "generations") as advance, _quiet():
        algorithm = _Algorithm(objective, settings)
        for number in range(settings.generations):
            points = algorithm.ask()
            judged = kept.read(number, points)
            resumed += judged is not None
            if judged is None:
                judged = objective(points)
                kept.write(number, points, judged)
            algorithm.tell(judged)
            parts.append((points, judged))
            advance(number + 1, settings.generations)
    return Found(
        np.concatenate([points for points, _ in parts]),
        Judged(
            np.concatenate([one.objectives for _, one in parts]),
            np.concatenate([one.violations for _, one in parts]),
        ),
        np.repeat(np.arange(len(parts)), [len(points) for points, _ in parts]),
        settings, resumed,
    )  # fmt: skip


@contextmanager
def _quiet() -> Iterator[None]:
    # pymoo writes row_stack, an old name of numpy's for vstack; the numbers are the same.
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "`row_stack` alias", DeprecationWarning)
        yield


class _Algorithm:
    """pymoo's algorithm, with a stream of random numbers of its own.

    pymoo draws from numpy's global stream. It is set aside around every call, so that what else
    draws in between changes nothing and is not changed.
    """

    def __init__(self, objective: Objective, settings: Settings) -> None:
        require_extra("pymoo", EXTRA)
        from pymoo.algorithms.moo.age2 import AGEMOEA2
        from pymoo.core.problem import Problem
        from pymoo.operators.crossover.sbx import SBX
        from pymoo.operators.mutation.pm import PM

        self._problem = Problem(
            n_var=objective.dimensions, n_obj=len(objective.names),
            n_ieq_constr=objective.limits, xl=0.0, xu=1.0,
        )  # fmt: skip
        first = _first(objective, settings)
        self._algorithm = AGEMOEA2(
            pop_size=settings.population, sampling=first, crossover=SBX(prob=1.0, eta=15),
            mutation=PM(eta=15),
        )  # fmt: skip
        self._state: Any = np.random.get_state()
        self._asked: Any = None
        with self._own_stream():
            self._algorithm.setup(
                self._problem, termination=("n_gen", settings.generations + 1), seed=settings.seed
            )

    @contextmanager
    def _own_stream(self) -> Iterator[None]:
        outside = np.random.get_state()
        np.random.set_state(self._state)
        try:
            yield
        finally:
            self._state = np.random.get_state()
            np.random.set_state(outside)

    def ask(self) -> npt.NDArray[np.float64]:
        """Return the next generation, shape (n, dimensions)."""
        with self._own_stream():
            self._asked = self._algorithm.ask()
        return np.array(self._asked.get("X"), dtype=np.float64)

    def tell(self, judged: Judged) -> None:
        """Take the judgement of the generation that was asked last."""
        from pymoo.core.evaluator import Evaluator
        from pymoo.problems.static import StaticProblem

        static = StaticProblem(self._problem, F=judged.objectives, G=judged.violations)
        with self._own_stream():
            Evaluator().eval(static, self._asked)
            self._algorithm.tell(infills=self._asked)


def _first(objective: Objective, settings: Settings) -> npt.NDArray[np.float64]:
    """Return the first generation: what is known to be worth a look, and a Latin hypercube."""
    from scipy.stats import qmc

    starts = objective.starts[: settings.population // 2]
    rest = settings.population - len(starts)
    cube = qmc.LatinHypercube(objective.dimensions, rng=np.random.default_rng(settings.seed))
    return np.concatenate([starts.reshape(len(starts), objective.dimensions), cube.random(rest)])


@dataclass(frozen=True)
class _Kept:
    """The generations in a folder; without one nothing is kept."""

    folder: Path | None

    def read(self, number: int, points: npt.NDArray[np.float64]) -> Judged | None:
        if self.folder is None or not (file := self.folder / _GENERATION.format(number)).exists():
            return None
        import pandas as pd

        try:
            table = pd.read_parquet(file)
        except Exception as error:
            raise InputError("the file is no generation of a search", where=str(file),
                             expected="the folder of an interrupted search") from error  # fmt: skip
        told = {kind: table[[one for one in table if str(one).startswith(kind)]].to_numpy(np.float64)
                for kind in ("x", "f", "g")}  # fmt: skip
        if not np.array_equal(told["x"], points):
            raise InputError(
                "its candidates are not those of this search", where=str(file),
                expected="the same versions, or a new folder",
            )  # fmt: skip
        return Judged(told["f"], told["g"])

    def write(self, number: int, points: npt.NDArray[np.float64], judged: Judged) -> None:
        if self.folder is None:
            return
        import pandas as pd

        columns = {
            f"{kind}{k}": one[:, k]
            for kind, one in (
                ("x", points), ("f", judged.objectives), ("g", judged.violations)
            )
            for k in range(one.shape[1])
        }  # fmt: skip
        write_table(self.folder / _GENERATION.format(number), pd.DataFrame(columns))


def _opened(folder: Path, objective: Objective, settings: Settings) -> Path:
    """Make the folder this search's, or refuse it."""
    # More generations are the same search, gone on with.
    mine = {**asdict(settings), "objective": objective.fingerprint}
    file = folder / SETTINGS
    if file.exists():
        try:
            told = json.loads(file.read_text(encoding="utf-8"))
        except ValueError as error:
            raise InputError("this is no record of a search", where=str(file)) from error
        names = [one for one in mine if one != "generations" and told.get(one) != mine[one]]
        if names:
            raise InputError(
                f"the folder holds another search ({', '.join(names)} differ)", where=str(folder),
                expected="the same settings and model, or a new folder",
            )  # fmt: skip
    elif folder.exists() and any(folder.iterdir()):
        raise InputError("the folder holds something else", where=str(folder),
                         expected="a new or empty folder, or that of a search")  # fmt: skip
    ensure_folder(folder)
    atomic_write(file, json.dumps(mine, indent=2, sort_keys=True) + "\n")
    return folder

"""What a cohort is asked: everything but the patients' numbers that its results depend on."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

from ...errors import InputError, unknown_name
from .storage import PATIENTS, STATISTICS, TRAJECTORIES
from .tables import times_in_group

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ..compiled import Backend

#: What stays on disk of every patient: the trajectories, or how the patient fared.
Keep = Literal["trajectories", "statistics"]
#: Of the folder; a folder of another format is refused.
FORMAT = 1
#: Bytes of a chunk's trajectories, about; a few times as much is in memory while it is solved.
_CHUNK_BYTES = 64 * 1024**2
#: Chunks that a cohort is cut into at least, unless they would hold fewer patients than this.
_FEWEST_CHUNKS, _FEWEST_PATIENTS = 16, 256


@dataclass(frozen=True)
class Question:
    """What a cohort is asked, and how it is cut.

    Attributes
    ----------
    sbml, solver : str
        The model, and the backend of `ketasim.engine.compile_model`.
    times : tuple of float
        Output times, in the model's unit of time.
    outputs, states : tuple of str
        Names of the outputs asked for and of the model's states.
    start : float or None
        When the integration begins.
    rtol, atol, max_steps
        As for `ketasim.engine.CompiledModel.solve`.
    patients, chunk_size : int
        Number of patients, and of those that are solved and written together.
    keep : str
        What stays on disk of every patient.
    """

    sbml: str
    solver: Backend
    times: tuple[float, ...]
    outputs: tuple[str, ...]
    states: tuple[str, ...]
    start: float | None
    rtol: float
    atol: float
    max_steps: int
    patients: int
    chunk_size: int
    keep: Keep

    @property
    def chunks(self) -> int:
        """Number of chunks."""
        return -(-self.patients // self.chunk_size)

    @property
    def rooms(self) -> tuple[str, ...]:
        """Subfolders in which every chunk has a file."""
        kept = (TRAJECTORIES,) if self.keep == "trajectories" else ()
        return (*kept, PATIENTS, STATISTICS)

    @property
    def span(self) -> int:
        """Times in a row group of the trajectories."""
        return times_in_group(self.chunk_size, self.patients)

    def rows(self, number: int) -> tuple[int, int]:
        """Return the first patient of a chunk and the one after its last.

        Parameters
        ----------
        number : int
            The chunk.
        """
        first = number * self.chunk_size
        return first, min(first + self.chunk_size, self.patients)

    @cached_property
    def key(self) -> str:
        """A hash of the question and of the solver that answers it."""
        text = json.dumps(self._content(), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()

    def manifest(self) -> dict[str, Any]:
        """Return what the manifest says."""
        return {"key": self.key, **self._content()}

    def differences(self, manifest: Mapping[str, Any]) -> tuple[str, ...]:
        """Return the entries in which a manifest tells of another question.

        Parameters
        ----------
        manifest : mapping
            What it says.
        """
        return tuple(n for n, value in self._content().items() if manifest.get(n) != value)

    def _content(self) -> dict[str, Any]:
        from ketasim import __version__

        from ..lowering import GENERATOR_VERSION

        content = {n: list(v) if isinstance(v, tuple) else v for n, v in asdict(self).items()}
        del content["sbml"]
        model = hashlib.sha256(self.sbml.encode()).hexdigest()
        made_by = {"ketasim": __version__, "generator": GENERATOR_VERSION}
        return {"format": FORMAT, "made_by": made_by, "model": model, **content}


def default_chunk_size(patients: int, times: int, outputs: int) -> int:
    """Return how many patients a chunk holds: the same on every machine.

    Parameters
    ----------
    patients, times, outputs : int
        Numbers of patients, output times and outputs.
    """
    fitting = max(1, _CHUNK_BYTES // (8 * times * outputs))
    return min(fitting, max(_FEWEST_PATIENTS, -(-patients // _FEWEST_CHUNKS)))


def check_plan(keep: str, outputs: tuple[str, ...], chunk_size: int | None) -> None:
    """Stop on a plan that no cohort can be solved by.

    Parameters
    ----------
    keep : str
        What stays on disk.
    outputs : tuple of str
        Names of the outputs.
    chunk_size : int or None
        Patients of a chunk.

    Raises
    ------
    InputError
        For an unknown word, outputs that are missing or asked twice, or an empty chunk.
    """
    if keep not in ("trajectories", "statistics"):
        raise unknown_name("thing to keep", keep, ("trajectories", "statistics"))
    if not outputs:
        raise InputError("no outputs are asked for", expected="at least one")
    twice = [name for name in outputs if outputs.count(name) > 1]
    if twice:
        raise InputError(f"the output {twice[0]!r} is asked for twice", expected="each name once")
    if chunk_size is not None and chunk_size < 1:
        raise InputError(f"the chunk size is {chunk_size}", expected="at least 1 patient")


def check_probabilities(probabilities: tuple[float, ...]) -> None:
    """Stop on probabilities that there are no quantiles for.

    Parameters
    ----------
    probabilities : tuple of float
        Of the quantiles.

    Raises
    ------
    InputError
        For one outside 0 to 1, or given twice.
    """
    for one in probabilities:
        if not 0.0 <= one <= 1.0:
            raise InputError(f"a quantile is asked for at {one:g}", expected="a number from 0 to 1")
    if len(set(probabilities)) < len(probabilities):
        raise InputError("a quantile is asked for twice", expected="each probability once")

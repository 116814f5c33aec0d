"""What an experiment is made of: a claim, arms, readouts, sweeps. Nothing here runs anything."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from ketasim.errors import unknown_name

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    import pandas as pd

    from ketasim.experiments.arms import ArmCache
    from ketasim.experiments.result import ExperimentResult
    from ketasim.model import Hypothesis

__all__ = ["NO_DRUG", "Arm", "Claim", "Experiment", "Size", "Sweep"]

NO_DRUG = "none"
"""The name of the arm in which nothing is given."""

Size = Literal["quick", "full"]
"""``quick`` is the dossier's cohort, ``full`` a large one."""


@dataclass(frozen=True)
class Claim:
    """One claim of the article, and what stands against it.

    Parameters
    ----------
    text : str
        The claim in our own words.
    article : str
        What the article expects in this experiment.
    against : str
        What was measured and does not fit, as prominent as the claim.
    sources : tuple of str
        BibTeX keys of the claim.
    """

    text: str
    article: str
    against: str
    sources: tuple[str, ...] = ()


@dataclass(frozen=True)
class Arm:
    """One thing that is given to every patient of the cohort.

    Parameters
    ----------
    name : str
        The name in code and in the evidence, for instance ``"naltrexone+ketamine"``.
    title : str
        The name in print.
    regimen : str
        The doses as text; empty for nothing.
    overrides : mapping of str to float
        Parameters that the intervention sets, for instance an engineered Raptor.
    reference : str
        The arm whose effect counts as 1 when a share is taken.
    control : str or None
        Context that raters and patients bring to this arm (`ketasim.instruments.CONTROL_TYPES`).
    horizon_h : float
        Hours after the ketamine dose until which the arm is simulated.
    sweep : str
        Name of the sweep the arm belongs to; empty for an arm of its own.
    at : float
        Place of the arm on the sweep's axis.
    line : str
        Which line of the sweep the arm belongs to, in print.
    hidden : bool
        True for an arm that only serves as the reference of others.
    """

    name: str
    title: str
    regimen: str = ""
    overrides: Mapping[str, float] = field(default_factory=dict, hash=False)
    reference: str = "ketamine"
    control: str | None = "active"
    horizon_h: float = 336.0
    sweep: str = ""
    at: float = float("nan")
    line: str = ""
    hidden: bool = False


@dataclass(frozen=True)
class Sweep:
    """A row of arms along one axis.

    Parameters
    ----------
    name : str
        The name in code.
    title : str
        The name in print.
    axis : str
        Title of the axis, with unit.
    readouts : tuple of str
        What is read along it.
    quantity : {"share", "value"}
        A share of the reference arm's effect, or the readout itself.
    time_h : float or None
        When it is read; None for the largest departure from rest within a day.
    points : mapping of str to float
        Published observations, by id, and their place on the axis; NaN draws a line across.
    logarithmic : bool
        Whether the axis is.
    note : str
        What a reader must know, for instance how animal doses were mapped.
    """

    name: str
    title: str
    axis: str
    readouts: tuple[str, ...]
    quantity: Literal["share", "value"] = "value"
    time_h: float | None = None
    points: Mapping[str, float] = field(default_factory=dict, hash=False)
    logarithmic: bool = False
    note: str = ""


@dataclass(frozen=True)
class Experiment:
    """A virtual experiment: what is claimed, given, read out, and what was published.

    Parameters
    ----------
    name : str
        The id.
    title : str
        The name in print.
    claim : Claim
        What is claimed.
    arms : tuple of Arm
        Everything that is given, sweeps included.
    readouts : tuple of str
        What is shown, the deciding one first; names of `ketasim.experiments.list_readouts`.
    sweeps : tuple of Sweep
        Rows of arms.
    evidence : tuple of str
        Experiments of the table of observations whose rows decide here.
    shown : tuple of str
        Experiments of the table, or single rows by id, that are shown beside the figures and never
        decide.
    deciding_arms : tuple of str
        If given, only rows on these arms decide; the others are indirect.
    set_aside : mapping of str to str
        Rows that cannot decide, with the reason that is printed.
    arm_of : mapping of str to str
        Where a row's arm is not the name of an arm here: row id to arm.
    contrast_of : mapping of str to str
        The same for what a row compares with: row id to arm.
    readout_of : mapping of str to str
        Where a row's readout is not the name of a readout: row id to readout.
    scale_of : mapping of str to str
        Rating scale of a source where it is not MADRS.
    crossover : tuple of str
        Sources in which every patient had both conditions.
    study_of : mapping of str to str
        Sources that report one study: source to the source that stands for it.
    missing : str
        What is said when nothing decides.
    notes : tuple of str
        Assumptions of the set-up, printed with the result.
    """

    name: str
    title: str
    claim: Claim
    arms: tuple[Arm, ...]
    readouts: tuple[str, ...]
    sweeps: tuple[Sweep, ...] = ()
    evidence: tuple[str, ...] = ()
    shown: tuple[str, ...] = ()
    deciding_arms: tuple[str, ...] = ()
    set_aside: Mapping[str, str] = field(default_factory=dict, hash=False)
    arm_of: Mapping[str, str] = field(default_factory=dict, hash=False)
    contrast_of: Mapping[str, str] = field(default_factory=dict, hash=False)
    readout_of: Mapping[str, str] = field(default_factory=dict, hash=False)
    scale_of: Mapping[str, str] = field(default_factory=dict, hash=False)
    crossover: tuple[str, ...] = ()
    study_of: Mapping[str, str] = field(default_factory=dict, hash=False)
    missing: str = "no published observation tests this"
    notes: tuple[str, ...] = ()

    def arm(self, name: str) -> Arm:
        """Return an arm by name.

        Raises
        ------
        UnknownNameError
            If there is none of that name.
        """
        found = {arm.name: arm for arm in self.arms}
        if name not in found:
            raise unknown_name("arm", name, found, where=f"experiment {self.name!r}")
        return found[name]

    @property
    def main_arms(self) -> tuple[Arm, ...]:
        """The arms that are no part of a sweep."""
        return tuple(arm for arm in self.arms if not arm.sweep and not arm.hidden)

    def run(
        self,
        size: Size = "quick",
        hypotheses: Sequence[str | Path | Hypothesis] | None = None,
        seed: int = 1,
        *,
        patients: int | None = None,
        overrides: Mapping[str, float] | None = None,
        evidence: pd.DataFrame | None = None,
        cache: ArmCache | None = None,
    ) -> ExperimentResult:
        """Simulate every arm under every hypothesis and compute the verdicts.

        Parameters
        ----------
        size : {"quick", "full"}, optional
            64 or 1000 patients.
        hypotheses : sequence of str, path or Hypothesis, optional
            By default every hypothesis there is, the user's own files included.
        seed : int, optional
            Seed of cohort, context and rating error.
        patients : int, optional
            Another size of the cohort.
        overrides : mapping of str to float, optional
            Parameters changed in every hypothesis, to ask what if.
        evidence : DataFrame, optional
            A table of observations instead of the shipped one.
        cache : ArmCache, optional
            Solved arms shared between experiments; by default one for the whole process.

        Returns
        -------
        ExperimentResult
            Predictions with intervals, comparisons with the published values, verdicts.

        Raises
        ------
        UnknownNameError
            If a hypothesis does not exist.
        SimulationError
            If too many patients failed.
        """
        from ketasim.experiments.running import run_experiment

        return run_experiment(
            self,
            size,
            hypotheses,
            seed,
            patients=patients,
            overrides=overrides or {},
            evidence=evidence,
            cache=cache,
        )

"""Ketamine and 5-HT1B: the PET trial of Tiger 2020, replayed through a virtual scanner."""

from __future__ import annotations

import os
from dataclasses import replace
from fractions import Fraction
from typing import TYPE_CHECKING

from ketasim.experiments.design import Claim
from ketasim.experiments.study import Study, StudyParts, StudyVerdict

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ketasim.experiments.pet_trial.findings import Fact, Findings
    from ketasim.experiments.pet_trial.worlds import World
    from ketasim.experiments.study import Request
    from ketasim.experiments.verdict import Outcome

__all__ = ["PEOPLE", "REPLICATES", "STUDY", "conduct", "judged"]

REPLICATES = {"quick": 150, "full": 2000}
"""Trials that are run."""

PEOPLE = {"quick": 300, "full": 2000}
"""Patients of each hypothesis who are simulated through the mechanism and then drawn from."""

_MOST_THREADS = 8


def conduct(request: Request) -> StudyParts:
    """Run the trial many times under every hypothesis.

    Parameters
    ----------
    request : Request
        Size, hypotheses, seed.

    Returns
    -------
    StudyParts
        Answers, tables, charts, verdicts.
    """
    from ketasim.experiments.pet_trial.answers import answers
    from ketasim.experiments.pet_trial.published import pet_design
    from ketasim.experiments.pet_trial.showing import charts, tables
    from ketasim.instruments.pet.separation import tell_apart

    found = _found(request)
    first = request.models[request.hypotheses[0]]
    apart = tell_apart(first, patients=12, seed=request.seed)
    return StudyParts(
        answers=answers(found),
        tables=tables(found),
        charts=charts(found, apart),
        verdicts={
            name: judged(found.facts(name), _null(found)) for name in request.hypotheses
        },
        warnings=(*_warnings(found, request), *pet_design().assumed),
        sources=(
            *found.published.sources, "tjerkaski2020", "nord2014", "simbaref", "tiger2016",
            "matuskey2012", "yang2018",
        ),
    )  # fmt: skip


def _found(request: Request) -> Findings:
    from ketasim.experiments.pet_trial.findings import findings
    from ketasim.experiments.pet_trial.published import published_trial
    from ketasim.experiments.pet_trial.scanning import CHUNK, scan_replicates
    from ketasim.experiments.pet_trial.worlds import PublishedWorld, groups, simulate_worlds

    steps = len(request.hypotheses) + -(-REPLICATES[request.size] // CHUNK)
    told = [0]

    def tell() -> None:
        # Threads may tell at the same time; a step that is counted twice would do no harm.
        told[0] = min(told[0] + 1, steps)
        request.tell(told[0], steps)

    worlds = simulate_worlds(request.models, PEOPLE[request.size], request.seed, tell)
    said = published_trial()
    parts = [
        findings(
            said,
            scan_replicates(
                group, PublishedWorld(1 + said.change / 100), REPLICATES[request.size],
                request.seed, _levels(request.size), threads=_threads(), tell=tell,
            ),
            group,
        )
        for group in groups(worlds)
    ]  # fmt: skip
    return _joined(parts, worlds)


def _joined(parts: Sequence[Findings], worlds: tuple[World, ...]) -> Findings:
    """Put groups of hypotheses together; the world where nothing is true is that of the first."""
    first = parts[0]
    hip = {name: one for part in reversed(parts) for name, one in part.hip.items()}
    improvement = {name: r for part in reversed(parts) for name, r in part.improvement.items()}
    return replace(first, worlds=worlds, hip=hip, improvement=improvement)


def _levels(size: str) -> tuple[float, ...]:
    from ketasim.experiments.pet_trial.scanning import USUAL
    from ketasim.instruments.pet.regions import HIPPOCAMPUS_LEVELS

    every = HIPPOCAMPUS_LEVELS
    return every if size == "full" else (every[0], USUAL, every[-1])


def _threads() -> int:
    return min(_MOST_THREADS, os.cpu_count() or 1)


def _null(found: Findings) -> tuple[Fact, ...]:
    from ketasim.experiments.pet_trial.scanning import NULL

    return found.facts(NULL)


def judged(facts: Sequence[Fact], null: Sequence[Fact]) -> StudyVerdict:
    """Compute the verdict on a hypothesis.

    Parameters
    ----------
    facts : sequence of Fact
        The published results beside the hypothesis.
    null : sequence of Fact
        The same beside a world where nothing is true.

    Returns
    -------
    StudyVerdict
        Supported if every result agrees, contradicted if more than half of the votes disagree,
        undecided between the two; each study has one vote, divided among its results.
    """
    studies = [fact.study for fact in facts]
    against = [fact for fact in facts if not fact.agrees]
    votes = sum(Fraction(1, studies.count(fact.study)) for fact in against)
    outcome: Outcome = "supported" if not against else "undecided"
    if votes > Fraction(len(set(studies)), 2):
        outcome = "contradicted"
    agree = len(facts) - len(against)
    why = (
        f"{agree} of {len(facts)} published results agree; where nothing is true, "
        f"{sum(fact.agrees for fact in null)} of {len(null)} would."
    )
    listed = "; ".join(_apart(fact) for fact in against)
    return StudyVerdict(outcome, f"{why} Against it: {listed}." if against else why)


def _apart(fact: Fact) -> str:
    unit = " %" if fact.name in ("change", "overall") else ""
    shown = f"{fact.median:+.2g}{unit}, 95 % {fact.low:+.2g} to {fact.high:+.2g}"
    return f"{fact.words} (predicted {shown})".replace("-", "−")


def _warnings(found: Findings, request: Request) -> tuple[str, ...]:
    scanned = found.scanned
    lost = {world.name: int(world.pool.failed.sum()) for world in found.worlds}
    said = [
        f"{len(scanned)} trials of {scanned.before.shape[1]} patients each, drawn from "
        f"{PEOPLE[request.size]} simulated ones; {scanned.curves:,} curves fitted, {scanned.failed} of "
        "them without an estimate and left out of their tests.",
        "The test-retest variability of the hippocampus is not published: it is swept from "
        f"{100 * found.levels[0]:g} to {100 * found.levels[-1]:g} %, and how noise and change in the "
        "person divide it is assumed. It is that of healthy people; the lower binding of patients makes "
        "the hippocampus noisier still.",
        "R1 and k2' of caudate and putamen are assumed (those of the ventral striatum), and so is the "
        "region's share of the receptor's rise.",
        "Hypotheses whose binding differs by less than 0.5 % in every patient share second scans.",
        "No table of the trial could be read: only a mean change, two correlations, their p values and "
        "'no difference' are compared.",
    ]
    said += [f"{name}: {n} patients could not be solved" for name, n in lost.items() if n]
    return tuple(said)


STUDY = Study(
    name="pet_trial",
    title="5-HT1B in a PET trial: what could it show?",
    claim=Claim(
        text="Ketamine raises 5-HT1B receptors, and who has few of them in the ventral striatum has "
        "the more to gain: the one trial in people that looked found both.",
        article="Binding rises within days, and improvement correlates inversely with binding in the "
        "ventral striatum before the dose.",
        against="Ketamine did not differ from placebo overall. The rise was seen in one region of "
        "several, within the ketamine arm only, with p = 0.036 and no correction; a single fit error "
        "of the hippocampus has about the size of the whole effect. A release of serotonin lowers "
        "binding, which works against a rise.",
        sources=("wangkaplin2019", "tiger2020", "yamanaka2014"),
    ),
    conduct=conduct,
)
"""The study."""

"""What `better_drug` says: every sentence is made from the numbers it tells."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ketasim.discovery import OUTCOMES, known_compound, space
from ketasim.experiments.study import Answer, StudyVerdict

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    import pandas as pd

    from ketasim.discovery import Compound, Reasons, SobolTable, Worth
    from ketasim.discovery.properties import Property

__all__ = [
    "answer_without_assumed_actions",
    "answers_of_blockers",
    "answers_of_map",
    "answers_of_properties",
    "differences",
    "verdict_of",
]

_NOTEWORTHY = 0.1
_NOTHING = 0.01


def differences(compound: Compound, felt: Collection[str] | None = None) -> str:
    """Return in which properties a compound differs from ketamine by a tenth of the range or more.

    Parameters
    ----------
    compound : Compound
    felt : collection of str, optional
        The properties that may be told; by default all.
    """
    ketamine = known_compound("ketamine")
    told = []
    for one in space().properties:
        mine, theirs = getattr(compound, one.name), getattr(ketamine, one.name)
        if felt is not None and one.name not in felt:
            continue
        if one.name == "route":
            if mine != theirs:
                told.append(f"route {mine}")
        elif abs(_share(one, mine) - _share(one, theirs)) >= _NOTEWORTHY:
            unit = "" if one.unit == "dimensionless" else f" {one.unit}"
            told.append(f"{one.title} {mine:.3g}{unit} (ketamine {theirs:.3g})")
    return ", ".join(told)


def _share(one: Property, value: float) -> float:
    return float(one.share(np.array([value]))[0])


def answers_of_map(
    table: pd.DataFrame, candidates: Sequence[Compound], best: str, felt: Collection[str]
) -> tuple[Answer, ...]:
    """Return what the map says of a better drug.

    Parameters
    ----------
    table : DataFrame
        From `ketasim.discovery.map_of`, known compounds and candidates.
    candidates : sequence of Compound
    best : str
        The candidate with the largest score among those that beat ketamine, or of all.
    felt : collection of str
        The properties of it that any objective feels.
    """
    mine = table[table["kind"] == "candidate"]
    rows = table.set_index("compound")
    better, ketamine, chosen = mine[mine["beats_ketamine"]], rows.loc["ketamine"], rows.loc[best]
    told = ", ".join(
        f"{one.title} {chosen[one.name]:.2g} against {ketamine[one.name]:.2g}"
        + (" mmHg" if one.unit == "mmHg" else "")
        for one in OUTCOMES
    )
    compound = next(one for one in candidates if one.name == best)
    share = float(mine.loc[mine["compound"] == best, "hypotheses_better"].iloc[0])
    return (
        Answer(
            "Is there a compound as good as ketamine with less harm?",
            f"{len(better)} of {len(mine)} compounds of the front are at least as good as ketamine in"
            f" all {len(OUTCOMES)} robust outcomes. That with the largest sum, {best}: {told}.",
            value=float(len(better)), unit="compounds",
        ),
        Answer(
            "What is it?",
            f"{best} differs from ketamine in: {differences(compound, felt)}. Of its other"
            " properties no objective feels a change to ketamine's by a hundredth. It is a point in a"
            " model and no molecule: whether one has these properties together, nobody has asked.",
        ),
        Answer(
            "Does it win under one hypothesis only?",
            f"Its robust benefit at 24 h is above ketamine's under {share:.0%} of the hypotheses.",
            value=share, unit="share of hypotheses",
        ),
    )  # fmt: skip


def answer_without_assumed_actions(plain: pd.DataFrame, names: Sequence[str]) -> Answer:
    """Return what is left of the front without the actions whose costs are assumed.

    Parameters
    ----------
    plain : DataFrame
        From `ketasim.discovery.map_of`: ketamine first, then the candidates without these actions.
    names : sequence of str
        The properties that were taken away.
    """
    ketamine, mine = plain.iloc[0], plain.iloc[1:]
    better = mine[mine["beats_ketamine"]]
    count = len(better)
    told = ""
    if count:
        first = better.sort_values("score", ascending=False).iloc[0]
        told = (
            f" The best of them has a benefit at 24 h of {first['benefit_24h']:.2g} against"
            f" {ketamine['benefit_24h']:.2g} and a dissociation of {first['dissociation']:.2g} against"
            f" {ketamine['dissociation']:.2g}."
        )
    return Answer(
        "What is left without the actions whose costs are assumed?",
        f"Without {', '.join(names)}, {count} of {len(mine)} compounds of the front are at least as"
        f" good as ketamine in everything.{told} They were not searched for without these actions.",
        value=float(count), unit="compounds",
    )  # fmt: skip


def answers_of_properties(worth: Worth, indices: SobolTable) -> tuple[Answer, ...]:
    """Return what properties are worth, and which no outcome feels.

    Parameters
    ----------
    worth : Worth
    indices : SobolTable
    """
    most = worth.most()
    carried = worth.frame[(worth.frame["part"] == "molecule") & (worth.frame["edge"] == "model")]
    first = carried.iloc[0]
    second = ""
    if first["property"] != most["property"]:
        second = (
            f" Of the properties that have an edge, {first['property']} is worth most"
            f" ({first['worth']:.3f})."
        )
    table = indices.frame[indices.frame["hypothesis"] == "all"]
    largest = table.groupby("property")["st"].max()
    unfelt = ", ".join(sorted(str(one) for one in largest[largest < _NOTHING].index))
    moved = "; ".join(f"{one.title}: {indices.largest(one.name) or 'nothing'}" for one in OUTCOMES)
    return (
        Answer(
            "Which property of the molecule is worth most?",
            f"{most['property']}, from {most['start']:.3g} to {most['best']:.3g}{_unit(most)}: a gain"
            f" of {most['worth']:.3f} in the mean of six objectives of 0 to 1; it is first in"
            f" {most['first_share']:.0%} of the weighings. {_carried(str(most['edge']))}{second}",
            value=float(most["worth"]), low=float(most["low"]), high=float(most["high"]),
            unit="mean objective",
        ),
        Answer("Which property moves which outcome most?", f"By total index, {moved}."),
        Answer(
            "Which properties can nobody tell by these outcomes?",
            f"Total indices below {_NOTHING:g} everywhere: {unfelt or 'none'}.",
        ),
    )  # fmt: skip


def _unit(row: pd.Series) -> str:
    return "" if row["unit"] == "dimensionless" else f" {row['unit']}"


def _carried(edge: str) -> str:
    return {
        "model": "The model has an edge for it.",
        "assumed": "It is carried by an assumed transformation, not by an edge with evidence.",
        "none": "The model has no edge for it.",
    }[edge]


def answers_of_blockers(found: Reasons) -> tuple[Answer, ...]:
    """Return whether the blockers land below ketamine, why, and which hypotheses cannot say why.

    Parameters
    ----------
    found : Reasons
    """
    answers = []
    for name in dict.fromkeys(found.frame["compound"]):
        rows = found.frame[found.frame["compound"] == name]
        telling, silent = found.telling(str(name)), found.silent(str(name))
        told = rows[rows["tells"]]
        below = int(rows["below"].sum())
        long = ""
        if rows["extrapolated"].any():
            where = int((rows["as_given"] > rows["ketamine"]).sum())
            long = " As it is given its surge is larger or longer than any that was measured."
            if where:
                long += (
                    f" The mean over draws is then above ketamine's under {where} hypotheses, which no"
                    " data support."
                )
        if len(told):
            gap = f"{told['gap'].min():.0%} to {told['gap'].max():.0%}"
            reason = (
                f" {', '.join(telling)} can tell why: trapping, through block at rest and between"
                f" activations, makes the gap of {gap}. Where release raises BDNF without block at rest,"
                f" {1 - (told['matched_not_needed'] / told['ketamine']).mean():.0%} of the benefit is"
                " lost, and all of it where block at rest is needed"
                f" (left: {told['matched_needed'].mean():.2g})."
            )
        else:
            reason = " No hypothesis can tell why."
        answers.append(Answer(
            f"Does {name} land below ketamine, and why?",
            f"At ketamine's exposure its mean benefit at 24 h is below under {below} of {len(rows)}"
            f" hypotheses.{reason} {', '.join(silent) or 'None'} cannot tell: there another edge"
            f" decides, or there is no gap.{long}",
            value=float(rows["gap"].median()), low=float(rows["gap"].min()),
            high=float(rows["gap"].max()), unit="share of ketamine's benefit lost",
            sources=("gideons2014", "gilling2009", "emnett2013", "lanicemine"),
        ))  # fmt: skip
    return tuple(answers)


def verdict_of(found: Reasons, hypothesis: str) -> StudyVerdict:
    """Return the verdict on one hypothesis: nothing published tests a compound that is not there.

    Parameters
    ----------
    found : Reasons
    hypothesis : str
    """
    rows = found.frame[found.frame["hypothesis"] == hypothesis]
    told = [str(one) for one in rows["compound"][rows["tells"]]]
    not_told = [str(one) for one in rows["compound"][~rows["tells"]]]
    parts = []
    if told:
        parts.append(f"puts {' and '.join(told)} below ketamine by trapping")
    if not_told:
        parts.append(f"cannot tell {' or '.join(not_told)} from ketamine by trapping")
    return StudyVerdict(
        "not testable with these data",
        f"no trial of a better compound, of memantine or of lanicemine is among the evidence; it"
        f" {', and '.join(parts)}",
    )

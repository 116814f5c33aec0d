"""The hope of the article: a drug with the benefit of ketamine and without its harm."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pandas as pd

from ketasim.discovery import (
    OUTCOMES,
    RobustObjective,
    Settings,
    costs,
    discover,
    draw_scenarios,
    felt_properties,
    known_compound,
    known_compounds,
    known_table,
    map_of,
    reasons,
    sobol,
    space,
    worth_of_properties,
)
from ketasim.discovery.properties import unknowns_table
from ketasim.discovery.shipping import shipped
from ketasim.experiments.better_drug_words import (
    answer_without_assumed_actions,
    answers_of_blockers,
    answers_of_map,
    answers_of_properties,
    verdict_of,
)
from ketasim.experiments.design import Claim
from ketasim.experiments.study import Chart, Study, StudyParts

if TYPE_CHECKING:
    from ketasim.discovery import Compound, Reasons, SobolTable, Worth
    from ketasim.experiments.study import Request

__all__ = ["STUDY"]

_CLAIM = Claim(
    text="Drugs may be found that act as ketamine does on depression without its side effects.",
    article="A hope on which the article ends; it predicts no number.",
    against="No compound that is better is among the evidence. Memantine does not block at rest "
    "(Gideons 2014), yet acts on synapses as ketamine does at equal concentration (Emnett 2013).",
    sources=("gideons2014", "emnett2013"),
)
_DRAWS = {"quick": 8, "full": 16}
_PEOPLE = {"quick": 4, "full": 16}
_SAMPLES = {"quick": 64, "full": 512}
_SEARCH = Settings()
_QUANTILE = 0.25
_HELD_OUT = 1000
_SHOWN = 15
_NO_ACTION = {
    name: float(
        known_table().query("substance == 'no_action' and property == @name")["value"].iloc[0]
    )
    for name in ("ht1b_ec50", "ampa_potentiation", "hnk_ec50")
}
_STEPS = 5

_WARNINGS = (
    "A compound is a point in the model. Bounds are those of known compounds, and where none was read"
    " they are assumed; the table of properties says which.",
    "Harm without an edge in the model is not seen: bladder, liver, dependence, interactions.",
    "5-HT1B agonism, AMPA potentiation and an HNK-like action cost nothing in the shipped model. Their"
    " costs and limits here are assumed, so that what they are worth is an upper bound.",
    "GluN2B-selective compounds do nothing here, because every hypothesis but one starts from"
    " interneurons and none has an edge for GluN2B alone: that is no evidence against them.",
    "Whatever lasts longer than ketamine is extrapolated: the model was fitted to its hours only.",
)


def _conduct(request: Request) -> StudyParts:
    candidates, notes = _candidates(request)
    request.tell(1, _STEPS)
    # Other draws than the search saw, and people instead of the typical person: nothing on the map
    # is there because the draws of the search favoured it.
    held_out = draw_scenarios(
        draws=_DRAWS[request.size], people=_PEOPLE[request.size], seed=request.seed + _HELD_OUT,
        models=request.models or None, hypotheses=request.hypotheses,
    )  # fmt: skip
    judge = RobustObjective(space(), held_out, _QUANTILE)
    table = pd.concat(
        [map_of(known_compounds(), judge, "known"), map_of(candidates, judge, "candidate")],
        ignore_index=True,
    )
    best = _best(table)
    felt = felt_properties(next(one for one in candidates if one.name == best), judge)
    request.tell(2, _STEPS)
    typical = draw_scenarios(
        draws=_DRAWS[request.size], seed=request.seed + _HELD_OUT, models=request.models or None,
        hypotheses=request.hypotheses,
    )  # fmt: skip
    worth = worth_of_properties(RobustObjective(space(), typical, _QUANTILE), seed=request.seed)
    blockers = reasons(typical)
    request.tell(3, _STEPS)
    few = draw_scenarios(
        draws=2, seed=request.seed, models=request.models or None, hypotheses=request.hypotheses
    )
    indices = sobol(
        space(), few, samples=_SAMPLES[request.size], seed=request.seed,
        around=known_compound("ketamine"),
    )  # fmt: skip
    request.tell(_STEPS, _STEPS)
    return StudyParts(
        answers=(
            *answers_of_map(table, candidates, best, felt),
            answer_without_assumed_actions(_plain(candidates, judge), tuple(_NO_ACTION)),
            *answers_of_properties(worth, indices),
            *answers_of_blockers(blockers),
        ),
        tables=_tables(table, worth, indices, blockers),
        charts=_charts(table, worth, indices, blockers),
        verdicts={name: verdict_of(blockers, name) for name in request.hypotheses},
        warnings=(*_WARNINGS, *notes),
        sources=tuple(sorted({str(one) for one in known_table()["source"] if one})),
    )


def _candidates(request: Request) -> tuple[tuple[Compound, ...], tuple[str, ...]]:
    """Return compounds of a front, and how it was found: searched now, or long ago and kept."""
    if request.size == "full":
        settings = replace(_SEARCH, seed=request.seed)
        found = discover(settings, hypotheses=request.hypotheses, progress=False)
        return found.candidates, (f"{len(found.found.points)} compounds were tried in this run.",)
    kept = shipped()
    note = (
        f"The candidates are the front of a search of {kept.about['tried']} compounds (seed"
        f" {kept.about['seed']}, {kept.about['command']}) and are solved anew here."
    )
    if not kept.is_current():
        note += " The model has changed since that search, which might find others today."
    return kept.compounds, (note,)


def _plain(candidates: tuple[Compound, ...], judge: RobustObjective) -> pd.DataFrame:
    """Return ketamine and the candidates without what costs nothing in the shipped model."""
    plain = [one.with_values(_NO_ACTION) for one in candidates]
    return map_of([known_compound("ketamine"), *plain], judge, "plain")


def _best(table: pd.DataFrame) -> str:
    mine = table[table["kind"] == "candidate"]
    better = mine[mine["beats_ketamine"] & mine["keeps_limits"]]
    chosen = better if len(better) else mine
    return str(chosen.sort_values("score", ascending=False)["compound"].iloc[0])


def _tables(
    table: pd.DataFrame, worth: Worth, indices: SobolTable, blockers: Reasons
) -> dict[str, pd.DataFrame]:
    outcomes = [one.name for one in OUTCOMES]
    known, mine = (table[table["kind"] == kind] for kind in ("known", "candidate"))
    first = mine.sort_values("score", ascending=False).head(_SHOWN)
    shown = pd.concat([known, first])
    names = ["compound", "kind", *outcomes, "excitation", "impaired_h", "hypotheses_better",
             "beats_ketamine", "keeps_limits"]  # fmt: skip
    robust = indices.frame[indices.frame["hypothesis"] == "all"]
    made = {
        "map": (shown[names], "Robust outcomes: benefit at least, harm at most, in three quarters of"
                " hypotheses and draws; shares of severity, of the largest, mmHg, of receptors"),
        "compounds": (shown[["compound", *space().names]], "The compounds"),
        "worth": (worth.frame, "What improving one property of ketamine is worth"),
        "sobol": (robust[["outcome", "property", "s1", "s1_low", "s1_high", "st", "st_low",
                          "st_high", "status"]], "Sobol indices near ketamine, all hypotheses"),
        "blockers": (blockers.frame, "Benefit at 24 h of blockers at ketamine's exposure"),
        "properties": (space().to_frame(), "Properties, bounds and what carries them"),
        "open_questions": (unknowns_table(), "What no hypothesis says, and is drawn"),
        "costs": (pd.DataFrame(list(costs().items()), columns=["name", "value"]),
                  "Costs and limits, all assumed"),
    }  # fmt: skip
    tables = {}
    for name, (frame, title) in made.items():
        tables[name] = frame.reset_index(drop=True)
        tables[name].attrs["title"] = title
    return tables


def _charts(
    table: pd.DataFrame, worth: Worth, indices: SobolTable, blockers: Reasons
) -> tuple[Chart, ...]:
    points = pd.DataFrame({
        "series": table["kind"].map({"known": "known compound", "candidate": "candidate"}),
        "x": table["dissociation"], "y": table["benefit_24h"],
        "label": table["compound"].where(table["kind"] == "known", ""),
    })  # fmt: skip
    robust = indices.frame[(indices.frame["hypothesis"] == "all") & indices.frame["st"].notna()]
    names = {one.name: one.title for one in OUTCOMES}
    total = pd.DataFrame({
        "label": robust["property"], "group": robust["outcome"].map(names), "value": robust["st"],
        "low": robust["st_low"], "high": robust["st_high"],
    })  # fmt: skip
    felt = total.groupby("label")["value"].transform("max") >= 0.01
    gains = worth.frame[worth.frame["worth"] > 0.0]
    return (
        Chart("map", "Benefit against dissociation", "points", points,
              "largest dissociation (share of the largest)", "benefit at 24 h (share of severity)",
              note="Benefit at least, dissociation at most, in three quarters of hypotheses and"
              " draws that the search did not see."),
        Chart("worth", "What improving one property of ketamine is worth", "intervals",
              pd.DataFrame({"label": gains["property"], "group": gains["part"],
                            "value": gains["worth"], "low": gains["low"], "high": gains["high"]}),
              "gain in the mean objective (0 to 1)", "",
              note="The point weighs six outcomes equally, the interval over every weighing."),
        Chart("sobol", "Which property moves which outcome", "intervals", total[felt],
              "total Sobol index (share of variance)", "",
              note="Within a quarter of each range around ketamine; 95 % intervals."),
        Chart("blockers", "Blockers at ketamine's exposure", "intervals", _blocker_rows(blockers),
              "benefit at 24 h (share of severity)", "",
              note="The interval goes from where block at rest is needed for BDNF to where it is"
              " not; with ketamine's trapping the gap closes where a hypothesis can tell."),
    )  # fmt: skip


def _blocker_rows(blockers: Reasons) -> pd.DataFrame:
    rows = []
    for one in blockers.frame.to_dict("records"):
        label = f"{one['compound']}, {one['hypothesis']}"
        rows += [
            {"label": label, "group": "as it is", "value": one["matched"],
             "low": one["matched_needed"], "high": one["matched_not_needed"]},
            {"label": label, "group": "with ketamine's trapping", "value": one["trapped"],
             "low": one["trapped"], "high": one["trapped"]},
            {"label": label, "group": "ketamine", "value": one["ketamine"],
             "low": one["ketamine"], "high": one["ketamine"]},
        ]  # fmt: skip
    return pd.DataFrame(rows)


STUDY = Study(
    name="better_drug",
    title="A better drug: benefit without harm",
    claim=_CLAIM,
    conduct=_conduct,
)

"""A verdict follows from the evidence and the model: altering either alters it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from fractions import Fraction

import pandas as pd
import pytest

from ketasim.experiments import ExperimentResult, list_experiments
from ketasim.model.calibration import read_targets

Run = Callable[..., ExperimentResult]
DECIDED = ("occupancy", "naltrexone", "mtor", "ampa", "serotonin")
OPPOSITE = {
    "up": "down", "down": "up", "blocked": "kept", "kept": "up", "none": "up", "rescued": "blocked",
}  # fmt: skip
# A count or level that was published low was high, and the other way round.
OTHER_VALUE = {
    "williams-response-ketamine": 0.0,
    "williams-response-naltrexone": 12.0,
    "williams-remission-ketamine": 100.0,
    "williams-remission-naltrexone": 100.0,
    "jelen-mood-share": 3.0,
    "rapamycin-14d-response": 100.0,
    "ketamine-14d-response": 100.0,
    "rapamycin-14d-remission": 100.0,
    "ketamine-14d-remission": 100.0,
}


def answers(result: ExperimentResult, name: str = "article") -> dict[str, bool | None]:
    made = [one for one in result.comparisons if one.hypothesis == name and one.role == "decides"]
    return {one.observation.id: one.agrees for one in made}


def altered(table: pd.DataFrame, row: str, **cells: object) -> pd.DataFrame:
    assert row in set(table["id"])
    return table.assign(
        **{
            name: table[name].astype(object).mask(table["id"] == row, cell)
            for name, cell in cells.items()
        }
    )


def said(direction: str, *rows: str) -> dict[str, dict[str, object]]:
    return {row: {"direction": direction} for row in rows}


def all_opposite(table: pd.DataFrame) -> pd.DataFrame:
    turned = table.assign(
        direction=table["direction"].map(lambda word: OPPOSITE.get(word, word)),
        value=table["value"].where(~table["id"].isin(OTHER_VALUE), table["id"].map(OTHER_VALUE)),
    )
    # The three groups of Yoon all remitted; no difference is the one direction that has a rule.
    kept = turned["id"] == "yoon2025-none"
    return turned[~kept]


@pytest.mark.parametrize("name", DECIDED)
def test_evidence_that_says_the_opposite_contradicts(
    name: str, run: Run, table: pd.DataFrame
) -> None:
    before = run(name, brief=True).verdicts["article"]
    after = run(name, evidence=all_opposite(table)).verdicts["article"]
    assert before.outcome in ("supported", "undecided")
    assert after.outcome == "contradicted"
    assert set(before.agree) - {"yoon2025-none"} <= {*after.disagree, *after.disputed}


@pytest.mark.parametrize("name", list_experiments("claim"))
def test_every_shipped_verdict_is_a_count_of_votes(name: str, run: Run) -> None:
    result = run(name, ("article", "mtor_sparing"), brief=True)
    frame = result.comparison_frame()
    frame = frame[frame["role"] == "decides"]
    for hypothesis, found in result.verdicts.items():
        mine = frame[frame["hypothesis"] == hypothesis].set_index("observation")
        studies = mine.groupby("source").size()
        against = sum(Fraction(1, int(studies[mine.loc[one, "source"]])) for one in found.disagree)
        expected = "undecided" if against else "supported"
        expected = "contradicted" if against > Fraction(len(studies), 2) else expected
        assert found.outcome == (expected if len(mine) else "not testable with these data")
        assert set(mine.index) == {*found.agree, *found.disagree, *found.disputed}
        assert mine.loc[list(found.agree), "agrees"].all()
        assert not mine.loc[[*found.disagree, *found.disputed], "agrees"].any()


@pytest.mark.parametrize(
    ("name", "row", "cells"),
    [
        ("occupancy", "nmda-spect-stone", {"direction": "none"}),
        ("occupancy", "nmda-pet-pk209", {"direction": "up"}),
        ("naltrexone", "klein-agonist-alone", {"direction": "up"}),
        ("naltrexone", "williams-response-naltrexone", {"value": 12.0}),
        ("naltrexone", "jelen-mood-sign", {"direction": "up"}),
        ("mtor", "rapamycin-24h-human", {"direction": "blocked"}),
        ("mtor", "ketamine-14d-response", {"value": 100.0}),
        ("ampa", "ampa-blocks-bdnf", {"direction": "kept"}),
        ("serotonin", "gigliucci-sustained", {"direction": "kept"}),
        ("serotonin", "cp94253-sustained-dujardin", {"direction": "blocked"}),
    ],
)
def test_one_altered_row_turns_its_own_comparison_and_no_other(
    name: str, row: str, cells: dict[str, object], run: Run, table: pd.DataFrame
) -> None:
    before = answers(run(name, brief=True))
    after = answers(run(name, evidence=altered(table, row, **cells)))
    assert {one for one in before if before[one] != after[one]} == {row}


@pytest.mark.parametrize(
    ("name", "changes", "before", "after"),
    [
        # One scan more that saw nothing: 3 of 5 votes.
        ("occupancy", said("none", "nmda-spect-stone"), "undecided", "contradicted"),
        (
            "occupancy",
            {**said("up", "nmda-pet-pk209"), **said("none", "opioid-s-activation")},
            "undecided",
            "supported",
        ),
        # Without an animal that lost the effect nobody excuses the mice that kept it: 6 of 11.
        (
            "naltrexone",
            said(
                "kept", "jiang-naltrexone-blocks", "vcu-tst", "vcu-drl", "psychopharm-24h",
                "klein-necessary",
            ),
            "undecided",
            "contradicted",
        ),
        (
            "naltrexone",
            {"jelen-mood-share": {"value": 0.4}, **said("kept", "jelen-glx-sign")},
            "undecided",
            "supported",
        ),
        # Three studies wholly and three in part, 1/2 + 1/2 + 1/5: 4.2 of 6.
        (
            "mtor",
            said(
                "kept", "rapamycin-blocks-spines-li2010", "rapamycin-blocks-spines-li2011",
                "rapamycin-blocks-relief-li2010", "rapamycin-blocks-relief-li2011",
                "rapamycin-blocks-relief-2014", "growth-needs-mtor",
            ),
            "undecided",
            "contradicted",
        ),
        (
            "mtor",
            {**said("down", "rapamycin-24h-human"), **said("blocked", "rapamycin-spares-arketamine")},
            "undecided",
            "supported",
        ),
        ("ampa", said("kept", "growth-needs-ampa"), "supported", "undecided"),
        # The rats of one laboratory are excused by the mice of another at the same time.
        ("ampa", said("kept", "nbqx-blocks-relief-sustained"), "supported", "supported"),
        # Four and a half of seven votes.
        (
            "ampa",
            said(
                "kept", "nbqx-blocks-relief-acute", "nbqx-blocks-relief-sustained",
                "nbqx-blocks-relief-yin", "ampa-blocks-bdnf", "growth-needs-ampa",
                "nbqx-blocks-ht1b",
            ),
            "supported",
            "contradicted",
        ),
        ("serotonin", said("kept", "cp94253-acute-dujardin"), "undecided", "supported"),
        # A half of one study, a half of another and all of the third: 2 of 3.
        (
            "serotonin",
            said("kept", "pcpa-24h-yin", "pcpa-sustained-dujardin", "gigliucci-sustained"),
            "undecided",
            "contradicted",
        ),
    ],
)  # fmt: skip
def test_other_published_results_turn_the_verdict(
    name: str,
    changes: Mapping[str, Mapping[str, object]],
    before: str,
    after: str,
    run: Run,
    table: pd.DataFrame,
) -> None:
    assert run(name, brief=True).verdicts["article"].outcome == before
    other = table
    for row, cells in changes.items():
        other = altered(other, row, **cells)
    assert run(name, evidence=other).verdicts["article"].outcome == after


@pytest.mark.parametrize(
    ("name", "overrides", "outcome", "lost"),
    [
        # The enantiomers no longer bind, so the scans that saw occupancy disagree.
        (
            "occupancy",
            {"ic50_nmda_s": 1000.0, "ic50_nmda_r": 1000.0},
            "contradicted",
            {"nmda-spect-stone", "nmda-pet-gmom"},
        ),
        # A weak edge to PI3K instead of the one to cAMP: naltrexone takes a part of the effect, and
        # neither the mice that kept it nor those that lost it agree.
        (
            "naltrexone",
            {"sw_gi": 0.0, "sw_pi3k": 0.5},
            "contradicted",
            {"jiang-naltrexone-blocks", "vcu-drl", "psychopharm-24h", "klein-necessary"},
        ),
        # Less tone and a part of it on glutamate: about what Jelen found, and Williams, and mice.
        ("naltrexone", {"opioid_tone": 0.07, "sw_opioid_glutamate": 0.25}, "supported", set()),
        # Inhibitors too weak to inhibit.
        ("ampa", {"nbqx_ed50_ampa_block": 1e6}, "contradicted", {"ampa-blocks-bdnf"}),
        (
            "serotonin",
            {"pcpa_ed50_tph_block": 1e7},
            "contradicted",
            {"pcpa-24h-yin", "cp94253-sustained-dujardin"},
        ),
        (
            "mtor",
            {"rapamycin_ed50_mtorc1_block": 3000.0},
            "contradicted",
            {"rapamycin-blocks-relief-li2010", "growth-needs-mtor"},
        ),
    ],
)
def test_other_parameters_turn_the_verdict(
    name: str, overrides: dict[str, float], outcome: str, lost: set[str], run: Run
) -> None:
    before = run(name, brief=True).verdicts["article"]
    after = run(name, overrides=overrides).verdicts["article"]
    assert before.outcome != after.outcome == outcome
    assert lost <= set(before.agree) & set(after.disagree)


def test_without_the_opioid_edge_the_trials_disagree_and_mice_excuse_each_other(run: Run) -> None:
    after = run("naltrexone", overrides={"sw_opioid": 0.0}).verdicts["article"]
    lost = {"williams-response-naltrexone", "jelen-mood-sign"}
    assert lost <= set(run("naltrexone", brief=True).verdicts["article"].agree) & set(
        after.disagree
    )
    assert {"zhanghashimoto-csds", "zhanghashimoto-lps"} <= set(after.agree)
    assert {"klein-necessary", "psychopharm-24h"} <= set(after.disputed)


def test_naltrexone_of_the_article_is_excused_by_the_mice_that_lost_the_effect(run: Run) -> None:
    found = run("naltrexone", brief=True).verdicts["article"]
    assert set(found.disputed) == {"zhanghashimoto-csds", "zhanghashimoto-lps"}
    assert {"jelen-mood-share", "jelen-glx-sign"} <= set(found.disagree)
    # In mice nothing else disagrees, among people the trial of Jelen does.
    assert [one.outcome for one in found.by_group] == ["undecided", "supported"]


def test_depletion_kept_the_early_effect_in_one_study_and_took_it_in_another(run: Run) -> None:
    found = run("serotonin", brief=True).verdicts["article"]
    assert found.disputed == ("pcpa-acute-dujardin",)
    # What was not lost after an hour could not be rescued then.
    assert found.disagree == ("cp94253-acute-dujardin",)
    (rescue,) = [
        one for one in run("serotonin", brief=True).comparisons
        if one.observation.id == "cp94253-acute-dujardin"
    ]  # fmt: skip
    assert rescue.predicted > 0.6
    assert "nothing was lost with pcpa+ketamine" in rescue.rule


def test_a_weak_rapamycin_lets_the_trial_in_people_agree(run: Run) -> None:
    row = "rapamycin-24h-human"
    assert answers(run("mtor", brief=True))[row] is False
    assert answers(run("mtor", overrides={"rapamycin_ed50_mtorc1_block": 3000.0}))[row] is True


def test_the_hypothesis_that_spares_mtorc1_disagrees_with_animals_and_agrees_with_people(
    run: Run,
) -> None:
    people, animals = (
        run("mtor", ("article", "mtor_sparing"), brief=True).verdicts["mtor_sparing"].by_group
    )
    assert (people.group, people.outcome) == ("people", "supported")
    assert people.agree == people.deciding > 0
    assert (animals.group, animals.outcome) == ("animals and cells", "contradicted")
    assert animals.agree < animals.deciding / 2


ROLIPRAM = {
    "id": "made-up", "experiment": "camp", "contrast": "ketamine", "readout": "relief",
    "arm": "rolipram+ketamine", "kind": "sign", "time_h": 24.0, "species": "mouse", "use": "judge",
    "source": "jewell2019",
}  # fmt: skip


@pytest.mark.parametrize(
    ("direction", "article", "rival"),
    [("blocked", "supported", "contradicted"), ("kept", "contradicted", "supported")],
)
def test_one_experiment_with_rolipram_would_decide_on_camp(
    direction: str, article: str, rival: str, run: Run, table: pd.DataFrame
) -> None:
    both = ("article", "camp_promoting")
    outcomes = {one.outcome for one in run("camp", both, brief=True).verdicts.values()}
    assert outcomes == {"not testable with these data"}
    more = pd.concat([table, pd.DataFrame([{**ROLIPRAM, "direction": direction}])])
    found = run("camp", both, evidence=more).verdicts
    assert (found["article"].outcome, found["camp_promoting"].outcome) == (article, rival)
    # With a Raptor that PKA cannot touch, rolipram leaves the effect.
    blind = run("camp", evidence=more, overrides={"raptor_pka_blind": 1.0}).verdicts["article"]
    assert blind.outcome == rival


def test_what_was_fitted_or_only_shown_never_decides(run: Run, table: pd.DataFrame) -> None:
    for use in ("fit", "context"):
        result = run("ampa", evidence=table.assign(use=use))
        made = [one for one in result.comparisons if one.role != "not comparable"]
        assert made
        assert {one.role for one in made} <= {"fitted", "shown"}
        assert all(one.log_likelihood != one.log_likelihood for one in made)
        assert result.verdicts["article"].outcome == "not testable with these data"


def test_only_the_targets_of_the_calibration_are_called_fitted(run: Run) -> None:
    targets = set(read_targets("article")["row_id"])
    called = {
        name: {
            one.observation.id for one in run(name, brief=True).comparisons if one.role == "fitted"
        }
        for name in list_experiments("claim")
    }
    assert {"glx-peak", "glx-peak-time"} <= called["occupancy"]
    for name, rows in called.items():
        published = {
            one.observation.id
            for one in run(name, brief=True).comparisons
            if one.agrees is not None
        }
        assert rows == targets & published, name


def test_a_row_that_is_set_aside_says_why_and_does_not_decide(run: Run) -> None:
    made = {one.observation.id: one for one in run("naltrexone", brief=True).comparisons}
    yoon = made["yoon2025-remission-ketamine"]
    assert (yoon.role, yoon.reason) == (
        "set aside",
        "a level that the setting gave: midazolam did as well",
    )
    verdict = run("naltrexone", brief=True).verdicts["article"]
    assert yoon.observation.id not in {*verdict.agree, *verdict.disagree, *verdict.disputed}

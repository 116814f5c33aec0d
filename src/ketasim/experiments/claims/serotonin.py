"""The sustained effect depends on serotonin and 5-HT1B."""

from __future__ import annotations

from ketasim.experiments.design import Arm, Claim, Experiment

__all__ = ["EXPERIMENT"]

_KETAMINE = "ketamine 0.5 mg/kg iv over 40 min"
_PCPA = "pcpa 86 mg/kg ip at -72 h every 24 h x 3"
_AGONIST = "cp94253 1 mg/kg ip"
_ANTAGONIST = "gr127935 3 mg/kg ip"
_TEST_EARLY_H = 1.0
_TEST_LATE_H = 24.0


def _before(test_h: float) -> str:
    """Return when a drug is given that belongs 2 h before the test."""
    return f"at {test_h - 2.0:g} h"


EXPERIMENT = Experiment(
    name="serotonin",
    title="Serotonin depletion and 5-HT1B",
    claim=Claim(
        text="What ketamine starts lasts only while serotonin acts on 5-HT1B receptors: without "
        "serotonin the effect is lost, and a 5-HT1B agonist brings it back.",
        article="Depletion abolishes the effect at 24 h, so does a 5-HT1B antagonist; depletion with "
        "a 5-HT1B agonist does not.",
        against="Whether the early effect is lost too is disputed: in one rat line it was (du Jardin "
        "2018), in mice at 60 min it was not (Yin 2024). No 5-HT1B antagonist was given with "
        "ketamine in the evidence, and nothing of this was tried in people.",
        sources=("wangkaplin2019", "dujardin2018", "yin2024"),
    ),
    arms=(
        Arm("ketamine", "ketamine", _KETAMINE),
        Arm("pcpa+ketamine", "depletion, then ketamine", f"{_PCPA}; {_KETAMINE}"),
        Arm(
            "pcpa+cp94253+ketamine", "depletion, ketamine, 5-HT1B agonist 2 h before the 24 h test",
            f"{_PCPA}; {_KETAMINE}; {_AGONIST} {_before(_TEST_LATE_H)}",
        ),
        Arm(
            "pcpa+cp94253 early+ketamine",
            "depletion, ketamine, 5-HT1B agonist 2 h before the 1 h test",
            f"{_PCPA}; {_KETAMINE}; {_AGONIST} {_before(_TEST_EARLY_H)}",
        ),
        Arm(
            "gr127935+ketamine", "ketamine, 5-HT1B antagonist 2 h before the 24 h test",
            f"{_KETAMINE}; {_ANTAGONIST} {_before(_TEST_LATE_H)}",
        ),
        Arm("pcpa", "depletion alone", _PCPA),
        Arm("cp94253", "5-HT1B agonist alone", f"{_AGONIST} {_before(_TEST_LATE_H)}"),
    ),
    readouts=(
        "relief", "serotonin", "serotonin_gate", "ht1b_ventral_striatum", "ht1b_hippocampus",
        "glua1", "spines", "mtorc1", "camp", "bdnf", "glx",
    ),
    evidence=("serotonin",),
    shown=("pet_trial",),
    arm_of={"cp94253-acute-dujardin": "pcpa+cp94253 early+ketamine"},
    notes=(
        "Animal doses are given in mg/kg as published; their strength in the model is set so that "
        "depletion leaves about 6 % of serotonin and the agonist replaces it (du Jardin 2018).",
        "The early test is 1 h and the late one 24 h after the start of ketamine.",
    ),
)  # fmt: skip

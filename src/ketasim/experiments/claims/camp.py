"""Raising cAMP before ketamine should abolish its effect: a prediction that nobody has tested."""

from __future__ import annotations

from ketasim.experiments.design import Arm, Claim, Experiment

__all__ = ["EXPERIMENT"]

_KETAMINE = "ketamine 0.5 mg/kg iv over 40 min"
_ROLIPRAM = "rolipram 0.1 mg/kg ip at -30 min"
_FORSKOLIN = "forskolin 1 mg/kg ip at -30 min"
_BLIND = {"raptor_pka_blind": 1.0}

EXPERIMENT = Experiment(
    name="camp",
    title="Raising cAMP before ketamine",
    claim=Claim(
        text="If cAMP silences mTORC1, then anything that raises cAMP before ketamine, a PDE4 "
        "inhibitor or forskolin, must take its antidepressant effect away without any opioid drug.",
        article="No effect of ketamine after rolipram or forskolin; a Raptor that PKA cannot touch "
        "keeps it.",
        against="No such experiment was found. What is near it leans the other way: ketamine itself "
        "raises cAMP in glioma cells (Wray 2018), the growth of spines after ketamine needs PKA "
        "(Wu 2021), the cAMP cascade is low in depression and rises with treatment (Fujita 2017). "
        "That PKA silences mTORC1 was shown in cells that are no neurons (Jewell 2019); in fat and "
        "hippocampus cAMP activates it.",
        sources=("wangkaplin2019", "jewell2019"),
    ),
    arms=(
        Arm("ketamine", "ketamine", _KETAMINE),
        Arm("rolipram+ketamine", "rolipram, then ketamine", f"{_ROLIPRAM}; {_KETAMINE}"),
        Arm("forskolin+ketamine", "forskolin, then ketamine", f"{_FORSKOLIN}; {_KETAMINE}"),
        Arm("rolipram", "rolipram alone", _ROLIPRAM),
        Arm("forskolin", "forskolin alone", "forskolin 1 mg/kg ip"),
        Arm(
            "raptor_blind+forskolin", "Raptor blind to PKA, forskolin", "forskolin 1 mg/kg ip",
            _BLIND, reference="forskolin",
        ),
        Arm(
            "raptor_blind+rolipram+ketamine", "Raptor blind to PKA, rolipram, then ketamine",
            f"{_ROLIPRAM}; {_KETAMINE}", _BLIND,
        ),
    ),
    readouts=(
        "relief", "camp", "pka", "raptor_p", "mtorc1", "akt", "bdnf", "glx", "glua1", "spines",
    ),
    evidence=("camp",),
    deciding_arms=("rolipram+ketamine", "forskolin+ketamine"),
    missing="no published experiment gave rolipram or forskolin before ketamine",
    notes=("The strength of rolipram and forskolin in the brain is assumed.",),
)  # fmt: skip

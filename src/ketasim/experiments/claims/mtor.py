"""The sustained effect needs mTORC1."""

from __future__ import annotations

from ketasim.experiments.design import Arm, Claim, Experiment

__all__ = ["EXPERIMENT"]

_KETAMINE = "ketamine 0.5 mg/kg iv over 40 min"
_RAPAMYCIN = "rapamycin 6 mg oral at -2 h"

EXPERIMENT = Experiment(
    name="mtor",
    title="Rapamycin before ketamine",
    claim=Claim(
        text="Ketamine works by switching mTORC1 on, so that new synapses grow; without mTORC1 there "
        "is no lasting antidepressant effect.",
        article="With rapamycin neither synapses nor a lower severity at 24 h, nor later.",
        against="In people rapamycin did not block the effect at 24 h, and two weeks later more "
        "patients still responded with it than without (41 against 13 %, Abdallah 2020). "
        "R-ketamine is said not to need mTORC1, and the rise of mTORC1 was not always replicated.",
        sources=("wangkaplin2019", "li2010", "abdallah2020"),
    ),
    arms=(
        Arm("ketamine", "ketamine", _KETAMINE),
        Arm("rapamycin+ketamine", "rapamycin, then ketamine", f"{_RAPAMYCIN}; {_KETAMINE}"),
        Arm("rapamycin", "rapamycin alone", _RAPAMYCIN),
        Arm("esketamine", "esketamine", "esketamine 0.5 mg/kg iv over 40 min"),
        Arm(
            "rapamycin+esketamine", "rapamycin, then esketamine",
            f"{_RAPAMYCIN}; esketamine 0.5 mg/kg iv over 40 min", reference="esketamine",
        ),
        Arm("arketamine", "arketamine", "arketamine 0.5 mg/kg iv over 40 min"),
        Arm(
            "rapamycin+arketamine", "rapamycin, then arketamine",
            f"{_RAPAMYCIN}; arketamine 0.5 mg/kg iv over 40 min", reference="arketamine",
        ),
    ),
    readouts=(
        "relief", "mtorc1", "s6k", "akt", "synaptic_protein", "spines", "glua1", "bdnf", "camp",
        "glx", "madrs_change", "response", "remission",
    ),
    evidence=("mtor",),
    shown=("synapse",),
    crossover=("abdallah2020",),
    notes=(
        "Rodents were given an mTOR inhibitor into the brain or by injection; here all arms get the "
        "tablet of the human trial, taken to block 95 % of mTORC1 for a day (assumed).",
        "Patients carry the context of an active arm at 24 h and at two weeks.",
    ),
)  # fmt: skip

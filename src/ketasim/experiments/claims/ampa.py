"""The effect needs AMPA receptors."""

from __future__ import annotations

from ketasim.experiments.design import Arm, Claim, Experiment

__all__ = ["EXPERIMENT"]

_KETAMINE = "ketamine 0.5 mg/kg iv over 40 min"
_NBQX = "nbqx 10 mg/kg iv at -10 min"

EXPERIMENT = Experiment(
    name="ampa",
    title="An AMPA antagonist before ketamine",
    claim=Claim(
        text="The surge of glutamate works through AMPA receptors: they release BDNF, raise serotonin "
        "and bring 5-HT1B to the surface. Blocking them blocks the antidepressant effect.",
        article="With NBQX no rise of BDNF, none of 5-HT1B, no lower severity.",
        against="All of it comes from animals and cells; no AMPA antagonist was given to patients. "
        "In monkeys the change of the serotonin transporter stayed with NBQX, which no edge of the "
        "model explains.",
        sources=("wangkaplin2019", "maeng2008", "yamanaka2014"),
    ),
    arms=(
        Arm("ketamine", "ketamine", _KETAMINE),
        Arm("nbqx+ketamine", "NBQX, then ketamine", f"{_NBQX}; {_KETAMINE}"),
        Arm("nbqx", "NBQX alone", _NBQX),
    ),
    readouts=(
        "relief", "bdnf", "ht1b_ventral_striatum", "ht1b_hippocampus", "serotonin", "glutamate",
        "ampa_drive", "eef2", "mtorc1", "camp", "glx", "glua1", "spines",
    ),
    evidence=("ampa",),
    shown=("bdnf", "pet_trial"),
    notes=("NBQX is given in mg/kg as to rodents; how far that dose blocks is assumed (98 %).",),
)  # fmt: skip

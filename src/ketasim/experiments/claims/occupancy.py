"""Ketamine acts on the NMDA receptor, not on opioid receptors."""

from __future__ import annotations

from ketasim.experiments.design import Arm, Claim, Experiment, Sweep

__all__ = ["EXPERIMENT"]

BODY_SURFACE_FACTOR = 6.2
"""Rat dose in mg/kg for one human mg/kg by body surface: an assumption, not a measurement."""

READ_RAT_AT_H = 0.5
"""When the rat arms are read, h: microdialysis sums over some twenty minutes (assumed)."""

_INTRAVENOUS = "ketamine 0.5 mg/kg iv over 40 min"
_HUMAN_DOSES = (0.1, 0.25, 0.5, 1.0, 2.0, 4.0)
_RAT_DOSES = (10.0, 20.0, 30.0, 50.0, 200.0)
_NASAL = (28, 56, 84)

_ARMS = (
    Arm("ketamine", "ketamine 0.5 mg/kg iv over 40 min", _INTRAVENOUS),
    Arm(
        "esketamine", "esketamine 0.25 mg/kg iv over 40 min", "esketamine 0.25 mg/kg iv over 40 min"
    ),
    Arm(
        "esketamine 0.5 mg/kg", "esketamine 0.5 mg/kg iv over 40 min",
        "esketamine 0.5 mg/kg iv over 40 min",
    ),
    *(
        Arm(f"esketamine {dose} mg", f"esketamine {dose} mg nasal", f"esketamine {dose} mg nasal")
        for dose in _NASAL
    ),
    *(
        Arm(
            f"ketamine {dose:g} mg/kg", f"ketamine {dose:g} mg/kg over 40 min",
            f"ketamine {dose:g} mg/kg iv over 40 min",
            sweep="dose", at=dose, line="iv over 40 min", horizon_h=6.0,
        )
        for dose in _HUMAN_DOSES
    ),
    Arm(
        "ketamine anaesthesia", "ketamine 2 mg/kg over 1 min (anaesthesia)",
        "ketamine 2 mg/kg iv over 1 min",
        sweep="dose", at=2.0, line="iv over 1 min (anaesthesia)", horizon_h=6.0,
    ),
    *(
        Arm(
            f"rat {dose:g} mg/kg", f"rat {dose:g} mg/kg",
            f"ketamine {dose / BODY_SURFACE_FACTOR:.4f} mg/kg iv",
            sweep="rat", at=dose, line="rat dose / 6.2 as a bolus", horizon_h=6.0,
        )
        for dose in _RAT_DOSES
    ),
)  # fmt: skip

EXPERIMENT = Experiment(
    name="occupancy",
    title="Which receptors ketamine reaches",
    claim=Claim(
        text="At antidepressant doses ketamine occupies a sizeable share of NMDA receptors and next "
        "to no opioid receptors, so it is not an opioid.",
        article="NMDA block of some tens of percent at 0.5 mg/kg; mu, kappa and delta occupancy of "
        "a few percent at most, at any antidepressant dose and route.",
        against="One of three human PET and SPECT tracers did not see NMDA occupancy. S-ketamine "
        "activated mu and kappa receptors in rat cortex, low concentrations potentiated opioids in "
        "cells.",
        sources=("wangkaplin2019", "hirota1999"),
    ),
    arms=_ARMS,
    readouts=(
        "nmda_occupancy", "mor_occupancy_ketamine", "kor_occupancy_ketamine",
        "dor_occupancy_ketamine", "ketamine_ng_ml", "esketamine_ng_ml", "ketamine_free_brain",
        "mor_agonism_assay", "glutamate", "glx", "esketamine_cmax_ng_ml",
        "esketamine_auc24_ng_h_ml", "noresketamine_cmax_ng_ml",
    ),
    sweeps=(
        Sweep(
            "dose", "Receptor occupancy at its peak, from antidepressant dose to anaesthesia",
            "ketamine dose (mg/kg iv)",
            ("nmda_occupancy", "mor_occupancy_ketamine", "kor_occupancy_ketamine",
             "dor_occupancy_ketamine"),
            points={
                "nmda-occupancy-derived-185": 0.5, "mor-occupancy-derived": 0.5,
                "kor-occupancy-derived": 0.5, "dor-occupancy-derived": 0.5,
            },
            logarithmic=True,
            note="Published points are derived from affinities and plasma levels, not measured.",
        ),
        Sweep(
            "rat", "Glutamate against dose: the inverted U", "dose in the rat (mg/kg)",
            ("glutamate", "ketamine_free_brain"), time_h=READ_RAT_AT_H,
            points={f"glutamate-rat-{dose:g}": dose for dose in _RAT_DOSES},
            logarithmic=True,
            note="Rat doses are given to the human model as mg/kg divided by 6.2 (body surface), as a "
            "bolus, and read half an hour later; the free brain concentration at that time is drawn "
            "beside. Factor, bolus and time are assumed. At 50 mg/kg the model falls first and rises "
            "later, so that “none” holds around half an hour only.",
        ),
    ),
    evidence=("occupancy",),
    shown=("glutamate",),
    set_aside={
        "opioid-screen-none": "in vitro at 10 umol/L, twenty times the free concentration here",
    },
    arm_of={
        **{f"esketamine-nasal-{dose}-cmax": f"esketamine {dose} mg" for dose in _NASAL},
        **{f"esketamine-nasal-{dose}-auc24": f"esketamine {dose} mg" for dose in _NASAL},
        **{f"noresketamine-nasal-{dose}-cmax": f"esketamine {dose} mg" for dose in _NASAL},
        "esketamine-nasal-tmax": "esketamine 84 mg",
        "esketamine-nasal-84-cmax-japan": "esketamine 84 mg",
        "esketamine-iv-arterial-end": "not given here",
        "nmda-pet-pk209": "esketamine 0.5 mg/kg",
        **{f"glutamate-rat-{dose:g}": f"rat {dose:g} mg/kg" for dose in _RAT_DOSES},
        **{
            f"ketamine-{other}": "not given here"
            for other in (
                "oral-25-cmax", "sublingual-25-cmax", "iv-10-cmax", "nasal-10-cmax",
                "nasal-30-cmax", "nasal-50-cmax", "nasal-50-20min", "nasal-50-40min",
            )
        },
        "norketamine-oral-25-cmax": "not given here",
        "racemate-7mg-esketamine-venous": "not given here",
        "racemate-7mg-arketamine-venous": "not given here",
        "nmda-occupancy-derived-100": "not given here",
        "nmda-occupancy-derived-250": "not given here",
        **{f"noresketamine-nasal-{dose}-auc24": f"esketamine {dose} mg" for dose in _NASAL},
    },
    readout_of={
        "opioid-no-agonism": "mor_agonism_assay",
        "opioid-s-activation": "mor_agonism_assay",
    },
    notes=(
        "Assays of opioid activation are compared with what ketamine activates at the concentration "
        "of the assay, up to 2 mmol/L, and not with what a patient reaches.",
        "PET and SPECT studies of S-ketamine are compared with their own dose where it was read, else "
        "with 0.25 mg/kg, the share of the S-enantiomer in the usual racemic infusion.",
    ),
)  # fmt: skip

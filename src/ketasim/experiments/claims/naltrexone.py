"""Naltrexone abolishes the effect through cAMP, although ketamine is no opioid."""

from __future__ import annotations

from ketasim.experiments.design import Arm, Claim, Experiment, Sweep

__all__ = ["EXPERIMENT"]

_KETAMINE = "ketamine 0.5 mg/kg iv over 40 min"
_NALTREXONE = "naltrexone 50 mg oral at -45 min"
_WEEKLY = "every 168 h x 4"
_DEPOT = "naltrexone 50 mg oral at -45 min every 24 h x 28"
_BLIND = {"raptor_pka_blind": 1.0}
_TONES = (0.05, 0.10, 0.15, 0.20, 0.25, 0.30, 0.35, 0.40)
_DOSES_MG = (2, 5, 15, 50)

_ARMS = (
    Arm("ketamine", "ketamine", _KETAMINE),
    Arm("naltrexone+ketamine", "naltrexone, then ketamine", f"{_NALTREXONE}; {_KETAMINE}"),
    Arm("naltrexone", "naltrexone alone", _NALTREXONE),
    Arm("morphine", "morphine alone", "morphine 10 mg iv"),
    Arm(
        "raptor_blind+naltrexone+ketamine", "Raptor blind to PKA, naltrexone, then ketamine",
        f"{_NALTREXONE}; {_KETAMINE}", _BLIND,
    ),
    Arm("weekly ketamine", "ketamine once a week", f"{_KETAMINE} {_WEEKLY}", horizon_h=672.0),
    Arm(
        "naltrexone+weekly ketamine", "naltrexone throughout, ketamine once a week",
        f"{_DEPOT}; {_KETAMINE} {_WEEKLY}", reference="weekly ketamine", horizon_h=672.0,
    ),
    Arm(
        "weekly midazolam", "midazolam once a week",
        f"midazolam 0.045 mg/kg iv over 40 min {_WEEKLY}",
        reference="weekly ketamine", control="midazolam", horizon_h=672.0,
    ),
    *(
        Arm(
            f"tone {tone:g} ketamine", f"ketamine, opioid tone {tone:.0%}", _KETAMINE,
            {"opioid_tone": tone}, reference=f"tone {tone:g} ketamine", horizon_h=24.0,
            sweep="tone", hidden=True,
        )
        for tone in _TONES
    ),
    *(
        Arm(
            f"tone {tone:g} naltrexone+ketamine", f"naltrexone, then ketamine, tone {tone:.0%}",
            f"{_NALTREXONE}; {_KETAMINE}", {"opioid_tone": tone},
            reference=f"tone {tone:g} ketamine", horizon_h=24.0, sweep="tone", at=100.0 * tone,
            line="naltrexone 50 mg, then ketamine",
        )
        for tone in _TONES
    ),
    *(
        Arm(
            f"naltrexone {dose} mg+ketamine", f"naltrexone {dose} mg, then ketamine",
            f"naltrexone {dose} mg oral at -45 min; {_KETAMINE}", horizon_h=24.0,
            sweep=sweep, at=float(dose), line="naltrexone, then ketamine",
        )
        for sweep, doses in (("dose", _DOSES_MG),)
        for dose in doses
    ),
    *(
        Arm(
            f"naltrexone {dose} mg alone", f"naltrexone {dose} mg alone",
            f"naltrexone {dose} mg oral", horizon_h=24.0,
            sweep="occupancy", at=float(dose), line="naltrexone alone",
        )
        for dose in _DOSES_MG
    ),
)  # fmt: skip

_OCCUPANCIES = (
    "naltrexone-mor-2mg-a", "naltrexone-mor-5mg-b", "naltrexone-mor-5mg-c", "naltrexone-mor-5mg-d",
    "naltrexone-mor-15mg-e", "naltrexone-mor-50mg-f", "naltrexone-mor-50mg-g",
    "naltrexone-mor-50-weerts", "naltrexone-dor-50-weerts", "naltrexone-dor-50-trostheim",
    "naltrexone-kor-50-trostheim", "naltrexone-mor-48h", "naltrexone-mor-49h-conflict",
)  # fmt: skip
"""Measured occupancies of single doses; the first five at doses that no arm of its own gets."""

EXPERIMENT = Experiment(
    name="naltrexone",
    title="Naltrexone before ketamine",
    claim=Claim(
        text="Naltrexone takes the antidepressant effect away not because ketamine is an opioid, but "
        "because blocked mu receptors no longer hold cAMP down: PKA rises and silences mTORC1.",
        article="With naltrexone cAMP is up, mTORC1 stays off, the effect is gone by the next day, "
        "dissociation is unchanged. An opioid agonist alone is no antidepressant.",
        against="Three trials disagree: no responder of twelve kept the response (Williams 2018), "
        "the fall of scores lost about 28 % and the Glx rise was smaller (Jelen 2025), no difference "
        "at all in groups that all remitted, midazolam included (Yoon 2025). In mice naltrexone "
        "blocks in some models and not in others.",
        sources=("wangkaplin2019", "williams2018"),
    ),
    arms=_ARMS,
    readouts=(
        "relief", "camp", "pka", "raptor_p", "mtorc1", "glx", "bdnf", "glua1", "spines",
        "mor_occupancy_naltrexone", "mor_occupancy_ketamine", "dissociation", "madrs_change",
        "hamd17_change", "response", "remission",
    ),
    sweeps=(
        Sweep(
            "tone", "Effect left at 24 h against endogenous opioid tone",
            "opioid tone (% of mu receptors occupied at baseline)", ("relief", "madrs_change"),
            quantity="share", time_h=24.0,
            points={"jelen-mood-share": float("nan"), "williams-response-naltrexone": float("nan")},
            note="Tone and steepness of PKA are assumed: they place Jelen and Williams on one curve. "
            "The share of the fall of MADRS holds expectancy, which naltrexone does not block.",
        ),
        Sweep(
            "dose", "Effect left at 24 h against the dose of naltrexone", "naltrexone (mg)",
            ("relief", "madrs_change"), quantity="share", time_h=24.0,
            points={"jelen-mood-share": 50.0, "williams-response-naltrexone": 50.0},
            logarithmic=True,
        ),
        Sweep(
            "occupancy", "Mu receptor occupancy by naltrexone alone", "naltrexone (mg)",
            ("mor_occupancy_naltrexone",), time_h=4.0,
            points={
                "naltrexone-mor-2mg-a": 2.0, "naltrexone-mor-5mg-b": 5.0,
                "naltrexone-mor-5mg-c": 5.0, "naltrexone-mor-5mg-d": 5.0,
                "naltrexone-mor-15mg-e": 15.0, "naltrexone-mor-50mg-f": 50.0,
                "naltrexone-mor-50mg-g": 50.0, "naltrexone-mor-50-weerts": 50.0,
            },
            logarithmic=True,
            note="Read at 4 h, the middle of the published window of 0 to 8 h.",
        ),
    ),
    evidence=("naltrexone",),
    shown=_OCCUPANCIES,
    set_aside={
        "yoon2025-remission-naltrexone": "a level that the setting gave: midazolam did as well",
        "yoon2025-remission-ketamine": "a level that the setting gave: midazolam did as well",
        "yoon2025-remission-midazolam": "a level that the setting gave, without ketamine",
        "naltrexone-neutral": "cells without endogenous opioids, which the patients here have",
        "naltrexone-inverse": "cells without endogenous opioids, which the patients here have",
    },
    arm_of={
        "yoon2025-none": "naltrexone+weekly ketamine",
        "yoon2019-kept": "naltrexone+weekly ketamine",
        "yoon2025-remission-naltrexone": "naltrexone+weekly ketamine",
        "yoon2025-remission-ketamine": "weekly ketamine",
        "yoon2025-remission-midazolam": "weekly midazolam",
        **dict.fromkeys(_OCCUPANCIES[:5], "not given here: see the chart of doses"),
    },
    contrast_of={
        "yoon2025-none": "weekly ketamine",
        "yoon2019-kept": "weekly ketamine",
    },
    scale_of={"williams2018": "hamd17"},
    crossover=("williams2018", "jelen2025", "jelenpress2025", "yoon2019"),
    study_of={"jelenpress2025": "jelen2025"},
    notes=(
        "The depot of 380 mg in the trials with weekly ketamine is given as 50 mg a day, assumed.",
        "Context: every ketamine arm carries the context of an active arm.",
    ),
)  # fmt: skip

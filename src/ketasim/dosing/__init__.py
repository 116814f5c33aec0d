"""What is given: regimens read from text or NONMEM data, and compiled for the engine.

Examples
--------
>>> from ketasim.dosing import regimen
>>> print(regimen("naltrexone 50 mg oral at -45 min; ketamine 0.5 mg/kg iv over 40 min"))
naltrexone 50 mg oral at -45 min; ketamine 0.5 mg/kg iv over 40 min
"""

from __future__ import annotations

from ketasim.dosing.dose import Dose
from ketasim.dosing.grammar import regimen
from ketasim.dosing.nonmem import regimen_from_nonmem, regimen_to_nonmem
from ketasim.dosing.regimen import Administration, Regimen
from ketasim.dosing.schedule import base_mg, compile_regimen, leg_fraction

__all__ = [
    "Administration",
    "Dose",
    "Regimen",
    "base_mg",
    "compile_regimen",
    "leg_fraction",
    "regimen",
    "regimen_from_nonmem",
    "regimen_to_nonmem",
]

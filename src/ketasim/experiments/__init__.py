"""One module for each claim of the article: what is given, read out, published and predicted.

Examples
--------
>>> from ketasim.experiments import list_experiments
>>> list_experiments()[:2]
('occupancy', 'naltrexone')
"""

from __future__ import annotations

from ketasim.experiments.arms import ArmCache, ArmCourse
from ketasim.experiments.comparison import Comparison
from ketasim.experiments.design import Arm, Claim, Experiment, Sweep
from ketasim.experiments.discovery import experiment, list_experiments
from ketasim.experiments.expected import check_expected
from ketasim.experiments.published import Observation, observations
from ketasim.experiments.readouts import Readout, list_readouts, readout
from ketasim.experiments.result import ExperimentResult
from ketasim.experiments.scoreboard import scoreboard
from ketasim.experiments.serialise import check_record, schema
from ketasim.experiments.study import Answer, Chart, Request, Study, StudyParts, StudyVerdict
from ketasim.experiments.study_result import StudyResult
from ketasim.experiments.verdict import VERDICT_RULE, Verdict

__all__ = [
    "VERDICT_RULE",
    "Answer",
    "Arm",
    "ArmCache",
    "ArmCourse",
    "Chart",
    "Claim",
    "Comparison",
    "Experiment",
    "ExperimentResult",
    "Observation",
    "Readout",
    "Request",
    "Study",
    "StudyParts",
    "StudyResult",
    "StudyVerdict",
    "Sweep",
    "Verdict",
    "check_expected",
    "check_record",
    "experiment",
    "list_experiments",
    "list_readouts",
    "observations",
    "readout",
    "schema",
    "scoreboard",
]

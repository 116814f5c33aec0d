"""Predicting trials from what they are, before their results are looked at."""

from ketasim.inference.predicting.draws import Sizes
from ketasim.inference.predicting.predict import Predictions, predict_trials
from ketasim.inference.predicting.rows import TrialRow, read_trials
from ketasim.inference.predicting.scoring import Score, score_predictions

__all__ = [
    "Predictions",
    "Score",
    "Sizes",
    "TrialRow",
    "predict_trials",
    "read_trials",
    "score_predictions",
]

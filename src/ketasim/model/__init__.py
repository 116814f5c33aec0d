"""What we claim: mechanisms, numbers, drugs and hypotheses, joined into one SBML model."""

from ketasim.model.drug import Drug, Leg, list_drugs, load_drug
from ketasim.model.hypothesis import Hypothesis, list_hypotheses, load_hypothesis
from ketasim.model.model import Model, load_model

__all__ = [
    "Drug",
    "Hypothesis",
    "Leg",
    "Model",
    "list_drugs",
    "list_hypotheses",
    "load_drug",
    "load_hypothesis",
    "load_model",
]

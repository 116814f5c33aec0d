"""Derivatives of a model's outputs by parameters, initial values, doses and their times."""

from .result import Sensitivities

__all__ = ["Sensitivities"]

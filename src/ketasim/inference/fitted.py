"""The result of a fit: values, their uncertainty and how well each target is met."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from ketasim.inference.targets import Target

__all__ = ["Fit"]


@dataclass(frozen=True, eq=False)
class Fit:
    """What `calibrate` found for one hypothesis.

    Attributes
    ----------
    hypothesis : str
    names : tuple of str
        Fitted parameters.
    values : ndarray, shape (n,)
        On their natural scale.
    covariance : ndarray, shape (n, n)
        Of the logarithms, by Laplace's approximation at the optimum.
    targets : tuple of Target
    predicted : ndarray, shape (n_targets,)
    cost : float
        Minus the log posterior density up to a constant.
    patients : int
        Size of the cohort that was averaged.
    seed : int
    """

    hypothesis: str
    names: tuple[str, ...]
    values: NDArray[np.float64]
    covariance: NDArray[np.float64]
    targets: tuple[Target, ...]
    predicted: NDArray[np.float64]
    cost: float
    patients: int
    seed: int

    def to_frame(self) -> pd.DataFrame:
        """Return the fitted values with 95 % intervals and the covariance of their logarithms."""
        import pandas as pd

        spread = np.sqrt(np.diag(self.covariance))
        frame = pd.DataFrame(
            {
                "id": self.names,
                "value": self.values,
                "lo95": self.values * np.exp(-1.96 * spread),
                "hi95": self.values * np.exp(1.96 * spread),
                "log_sd": spread,
            }
        )
        for position, name in enumerate(self.names):
            frame[f"cov_{name}"] = self.covariance[:, position]
        return frame

    def residuals(self) -> pd.DataFrame:
        """Return every target with its prediction."""
        import pandas as pd

        frame = pd.DataFrame([vars(target) for target in self.targets])
        return frame.assign(
            predicted=self.predicted,
            z=(self.predicted - frame["value"].to_numpy(float)) / frame["sd"].to_numpy(float),
        )

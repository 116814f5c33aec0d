"""Coefficients of the Rosenbrock methods.

A step of an s-stage Rosenbrock method from (t, y) with step h solves, for i = 1..s,

    (1/(gamma h) I - J) k_i = f(t + c_i h, y + sum_j a_ij k_j) + sum_j (C_ij / h) k_j + h d_i f_t

with one factorisation for all stages (Hairer and Wanner, *Solving Ordinary Differential
Equations II*, 2nd ed., Springer 1996, section IV.7, in the transformed form of eq. 7.25). Both
methods here are stiffly accurate and L-stable: the new state is the last stage's argument plus
its k, and that last k is the error estimate. Between the ends of a step

    y(t + x h) = (1 - x) y0 + x (y1 + (1 - x) (K_1 + x (K_2 + x K_3))),  K_m = sum_j H_mj k_j.

The tests verify the order conditions of each table and the observed order of convergence.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True)
class Tableau:
    """One method.

    Attributes
    ----------
    name : str
        Name of the method.
    order : int
        Order of the solution; the embedded estimate is one order lower.
    gamma : float
        Diagonal coefficient.
    a, c_matrix : tuple of tuple of float
        Strictly lower triangles of a and C, row by row from the second stage on.
    c, d : tuple of float
        Nodes and time-derivative weights of the stages.
    dense : tuple of tuple of float
        Rows of H.
    """

    name: str
    order: int
    gamma: float
    a: tuple[tuple[float, ...], ...]
    c_matrix: tuple[tuple[float, ...], ...]
    c: tuple[float, ...]
    d: tuple[float, ...]
    dense: tuple[tuple[float, ...], ...]

    @property
    def stages(self) -> int:
        """Number of stages."""
        return len(self.c)

    def dense_rows(self) -> tuple[tuple[float, ...], ...]:
        """Return H as three rows of one weight a stage, zero where the method has none."""
        rows = [(*row, *(0.0,) * (self.stages - len(row))) for row in self.dense]
        return (*rows, *((0.0,) * self.stages,) * (3 - len(rows)))

    def arrays(self) -> tuple[NDArray[np.float64], ...]:
        """Return a (s, s), C (s, s), c (s,), d (s,) and H (3, s), zero-padded."""
        import numpy as np

        size = self.stages
        a, c_matrix = np.zeros((size, size)), np.zeros((size, size))
        for row in range(1, size):
            a[row, :row] = self.a[row - 1]
            c_matrix[row, :row] = self.c_matrix[row - 1]
        return a, c_matrix, np.array(self.c), np.array(self.d), np.array(self.dense_rows())


_RODAS5P_LAST = (-7.502846399306121, 2.561846144803919, -11.627539656261098,
                 -0.18268767659942256, 0.030198172008377946)  # fmt: skip

#: Steinebach, "Construction of Rosenbrock-Wanner method Rodas5P and numerical benchmarks within
#: the Julia Differential Equations package", BIT Numerical Mathematics 63:27 (2023).
RODAS5P = Tableau(
    name="rodas5p",
    order=5,
    gamma=0.21193756319429014,
    a=(
        (3.0,),
        (2.849394379747939, 0.45842242204463923),
        (-6.954028509809101, 2.489845061869568, -10.358996098473584),
        (2.8029986275628964, 0.5072464736228206, -0.3988312541770524, -0.04721187230404641),
        _RODAS5P_LAST,
        (*_RODAS5P_LAST, 1.0),
        (*_RODAS5P_LAST, 1.0, 1.0),
    ),
    c_matrix=(
        (-14.155112264123755,),
        (-17.97296035885952, -2.859693295451294),
        (147.12150275711716, -1.41221402718213, 71.68940251302358),
        (165.43517024871676, -0.4592823456491126, 42.90938336958603, -5.961986721573306),
        (24.854864614690072, -3.0009227002832186, 47.4931110020768, 5.5814197821558125,
         -0.6610691825249471),
        (30.91273214028599, -3.1208243349937974, 77.79954646070892, 34.28646028294783,
         -19.097331116725623, -28.087943162872662),
        (37.80277123390563, -3.2571969029072276, 112.26918849496327, 66.9347231244047,
         -40.06618937091002, -54.66780262877968, -9.48861652309627),
    ),
    c=(0.0, 0.6358126895828704, 0.4095798393397535, 0.9769306725060716, 0.4288403609558664,
       1.0, 1.0, 1.0),
    d=(0.21193756319429014, -0.42387512638858027, -0.3384627126235924, 1.8046452872882734,
       2.325825639765069, 0.0, 0.0, 0.0),
    dense=(
        (25.948786856663858, -2.5579724845846235, 10.433815404888879, -2.3679251022685204,
         0.524948541321073, 1.1241088310450404, 0.4272876194431874, -0.17202221070155493),
        (-9.91568850695171, -0.9689944594115154, 3.0438037242978453, -24.495224566215796,
         20.176138334709044, 15.98066361424651, -6.789040303419874, -6.710236069923372),
        (11.419903575922262, 2.8879645146136994, 72.92137995996029, 80.12511834622643,
         -52.072871366152654, -59.78993625266729, -0.15582684282751913, 4.883087185713722),
    ),
)  # fmt: skip

_RODAS4_LAST = (1.221224509226641, 6.019134481288629, 12.53708332932087, -0.6878860361058950)

#: RODAS of Hairer and Wanner (1996), section VI.4, as in their code ``rodas.f``, METH = 1.
RODAS4 = Tableau(
    name="rodas4",
    order=4,
    gamma=0.25,
    a=(
        (1.544,),
        (0.9466785280815826, 0.2557011698983284),
        (3.314825187068521, 2.896124015972201, 0.9986419139977817),
        _RODAS4_LAST,
        (*_RODAS4_LAST, 1.0),
    ),
    c_matrix=(
        (-5.6688,),
        (-2.430093356833875, -0.2063599157091915),
        (-0.1073529058151375, -9.594562251023355, -20.47028614809616),
        (7.496443313967647, -10.24680431464352, -33.99990352819905, 11.70890893206160),
        (8.083246795921522, -7.981132988064893, -31.52159432874371, 16.31930543123136,
         -6.058818238834054),
    ),
    c=(0.0, 0.386, 0.21, 0.63, 1.0, 1.0),
    d=(0.25, -0.1043, 0.1035, -0.0362, 0.0, 0.0),
    dense=(
        (10.12623508344586, -7.487995877610167, -34.80091861555747, -7.992771707568823,
         1.025137723295662),
        (-0.6762803392801253, 6.087714651680015, 16.43084320892478, 24.76722511418386,
         -6.594389125716872),
    ),
)  # fmt: skip

METHODS = {method.name: method for method in (RODAS5P, RODAS4)}

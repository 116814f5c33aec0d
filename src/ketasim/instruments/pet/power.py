"""What a PET trial of given size can show, from how much two scans differ by themselves.

Three designs: a change within one group (`power_test_retest`), a difference between two groups
(`power_group_difference`), a correlation with binding before treatment (`power_correlation`). Each
has a closed form. `ketasim.instruments.pet.power_design` runs the same tests on simulated scans
that were fitted.

Effects on binding are shares of it and are tested as logarithms: the SD of the log ratio of two
scans follows from the published absolute variability.
"""

from __future__ import annotations

import math

from ketasim.errors import InputError
from ketasim.instruments.pet.noise import difference_sd

__all__ = [
    "check_numbers",
    "log_fold",
    "power_correlation",
    "power_group_difference",
    "power_test_retest",
    "seen_correlation",
]


def power_test_retest(
    effect: float,
    n: int,
    absolute_variability: float,
    *,
    signed_change: float = 0.0,
    effect_sd: float = 0.0,
    alpha: float = 0.05,
) -> float:
    """Return the power to find a change between two scans of one group, by a paired t test.

    Parameters
    ----------
    effect : float
        Relative change of binding, for instance 0.167.
    n : int
        People scanned twice.
    absolute_variability : float
        Mean distance of two scans over their mean without any effect, as a share.
    signed_change : float, optional
        The shift between scans that the variability contains; it is taken out of it.
    effect_sd : float, optional
        SD between people of the true change, on the scale of the logarithm.
    alpha : float, optional
        Two-sided level.

    Returns
    -------
    float
        From the noncentral t distribution (statsmodels).

    Raises
    ------
    InputError
        If a number lies outside its range.
    """
    check_numbers(n=n, alpha=alpha, effect_sd=effect_sd)
    sd = math.hypot(difference_sd(absolute_variability, signed_change), effect_sd)
    return _paired(log_fold(effect) / sd, n, alpha)


def power_group_difference(
    effect: float,
    n: int,
    n_control: int,
    absolute_variability: float,
    *,
    signed_change: float = 0.0,
    effect_sd: float = 0.0,
    between_sd: float | None = None,
    alpha: float = 0.05,
) -> float:
    """Return the power to find a difference between two groups, by a t test of two samples.

    Parameters
    ----------
    effect : float
        Relative difference: of the change between scans, or, with `between_sd`, of binding.
    n, n_control : int
        People in the groups.
    absolute_variability, signed_change, alpha
        As for `power_test_retest`.
    effect_sd : float, optional
        SD of the true effect between people of the first group, on the scale of the logarithm.
    between_sd : float, optional
        SD of log binding between people. If given, each person is scanned once and binding itself
        is compared, as between patients and controls; else the changes of two scans are.

    Returns
    -------
    float
        From the noncentral t distribution (statsmodels).

    Raises
    ------
    InputError
        If a number lies outside its range.
    """
    check_numbers(n=n, n_control=n_control, alpha=alpha, effect_sd=effect_sd, between_sd=between_sd)
    sd = difference_sd(absolute_variability, signed_change)
    if between_sd is not None:
        sd = math.hypot(sd / math.sqrt(2), between_sd)
    # One SD for both groups, with which their difference has the error that it has.
    both = 1 / n + 1 / n_control
    pooled = math.sqrt(((sd**2 + effect_sd**2) / n + sd**2 / n_control) / both)
    return _two_samples(log_fold(effect) / pooled, n, n_control, alpha)


def power_correlation(
    correlation: float,
    n: int,
    absolute_variability: float,
    between_sd: float,
    *,
    signed_change: float = 0.0,
    reliability: float = 1.0,
    alpha: float = 0.05,
) -> float:
    """Return the power to find a correlation with binding at one scan.

    Parameters
    ----------
    correlation : float
        With true log binding, and the true value of what it is correlated with.
    n : int
        People.
    absolute_variability, signed_change, alpha
        As for `power_test_retest`.
    between_sd : float
        SD of true log binding between people.
    reliability : float, optional
        Of what binding is correlated with, 0 to 1: the share of its variance that is true.

    Returns
    -------
    float
        By Fisher's z with its small bias: error of measurement first shrinks the correlation.

    Raises
    ------
    InputError
        If a number lies outside its range.
    """
    from statsmodels.stats.power import normal_power

    check_numbers(n=n, alpha=alpha, correlation=correlation, between_sd=between_sd)
    if n < 4:
        raise InputError(f"a correlation in {n} people", expected="4 people or more")
    if not 0 < reliability <= 1:
        raise InputError(f"a reliability of {reliability:g}", expected="0 to 1")
    seen = seen_correlation(
        correlation, absolute_variability, between_sd, signed_change, reliability
    )
    middle = math.atanh(seen) + seen / (2 * (n - 1))
    return float(normal_power(middle, n - 3, alpha, alternative="two-sided", sigma=1.0))


def seen_correlation(
    correlation: float,
    absolute_variability: float,
    between_sd: float,
    signed_change: float = 0.0,
    reliability: float = 1.0,
) -> float:
    """Return what is left of a correlation when binding is measured by one scan.

    Parameters
    ----------
    correlation, absolute_variability, between_sd, signed_change, reliability
        As for `power_correlation`.

    Returns
    -------
    float
        The true correlation times the root of both reliabilities.
    """
    within = difference_sd(absolute_variability, signed_change) ** 2 / 2
    return correlation * math.sqrt(reliability * between_sd**2 / (between_sd**2 + within))


def log_fold(effect: float) -> float:
    """Return the logarithm of the fold that a relative effect is.

    Raises
    ------
    InputError
        If the effect is no share of binding that can be.
    """
    if not -1 < effect <= 20:
        raise InputError(
            f"an effect of {effect:g}", expected="a share of binding, such as 0.167 for 16.7 %"
        )
    return math.log1p(effect)


def _paired(effect: float, n: int, alpha: float) -> float:
    from statsmodels.stats.power import TTestPower

    found = float(TTestPower().power(effect, n, alpha, alternative="two-sided"))
    return found if math.isfinite(found) else _t_power(effect * math.sqrt(n), n - 1, alpha)


def _two_samples(effect: float, n: int, n_control: int, alpha: float) -> float:
    from statsmodels.stats.power import TTestIndPower

    found = float(
        TTestIndPower().power(effect, n, alpha, ratio=n_control / n, alternative="two-sided")
    )
    if math.isfinite(found):
        return found
    return _t_power(effect / math.sqrt(1 / n + 1 / n_control), n + n_control - 2, alpha)


def _t_power(noncentrality: float, freedom: int, alpha: float) -> float:
    """Return the power of a t test by integrating over the estimated SD.

    For where the library's noncentral t distribution is lost to rounding and gives no number.
    """
    from scipy import stats
    from scipy.integrate import quad

    critical = float(stats.t.isf(alpha / 2, freedom))
    estimated = stats.chi(freedom, scale=1 / math.sqrt(freedom))

    def found(sd: float) -> float:
        above = stats.norm.cdf(abs(noncentrality) - critical * sd)
        below = stats.norm.cdf(-abs(noncentrality) - critical * sd)
        return float(estimated.pdf(sd) * (above + below))

    low, high = (float(one) for one in estimated.ppf([1e-12, 1 - 1e-12]))
    return min(float(quad(found, low, high, limit=200)[0]), 1.0)


def check_numbers(**given: float | None) -> None:
    """Check numbers by their name; one that is None is not given.

    Raises
    ------
    InputError
        For the first that lies outside its range.
    """
    for name, value in given.items():
        if value is None:
            continue
        if name in ("n", "n_control"):
            if value < 2:
                raise InputError(f"{name} is {value:g}", expected="2 people or more in a group")
        elif name == "alpha":
            if not 0 < value < 1:
                raise InputError(f"a level of {value:g}", expected="between 0 and 1")
        elif name == "correlation":
            if not -1 < value < 1:
                raise InputError(f"a correlation of {value:g}", expected="between -1 and 1")
        elif not (value > 0 if name == "between_sd" else value >= 0):
            raise InputError(f"{name} is {value:g}", expected="a positive number")

"""Expectancy and care from control arms alone."""

from pathlib import Path

import numpy as np
import pytest

from ketasim.inference.contexts import fit_contexts, fit_settings, write_contexts
from ketasim.inference.targets import TRIAL_SPREAD
from ketasim.instruments.context import context_table, load_context
from ketasim.instruments.settings import SETTINGS_FILE, load_settings


def test_each_control_type_is_its_trial_at_24_h() -> None:
    table = fit_contexts()
    published = {"midazolam": -8.8, "saline": -3.8, "nasal_placebo_with_antidepressant": -5.7}
    for kind, value in published.items():
        assert table.loc[kind, "value"] == pytest.approx(value)
    assert table.loc["active", "value"] == pytest.approx(np.mean(list(published.values())))
    assert table.loc["active", "status"] == "assumed"


def test_the_course_follows_the_nasal_placebo_arm() -> None:
    # Daly 2018: -9.7 at 2 h, -5.7 at 24 h, -4.9 at day 8 (SE about 1.8).
    context = load_context(fit_contexts())
    found = context.mean_change("nasal_placebo_with_antidepressant", [2.0, 24.0, 168.0])
    np.testing.assert_allclose(found, [-9.7, -5.7, -4.9], atol=1.8)


def test_spread_and_correlation_are_as_declared() -> None:
    context = load_context(fit_contexts())
    assert 9.5 <= context.change_sd() <= 11.0
    assert context.visit_correlation() == pytest.approx(0.7)


def test_the_shipped_table_is_what_the_fit_writes(tmp_path: Path) -> None:
    path = write_contexts(fit_contexts(), tmp_path / "context.csv")
    assert path.read_text("utf-8") == context_table_text()
    assert list(context_table(path).index) == list(context_table().index)


def context_table_text() -> str:
    from ketasim.instruments.context import CONTEXT_FILE

    return CONTEXT_FILE.read_text("utf-8")


def test_a_new_antidepressant_brings_transforms_control_arms_to_their_change() -> None:
    # Women -15.8 (n 138) and men -16.0 (n 70) at day 28, SD 14.67 and 14.3.
    contexts = fit_contexts()
    context, settings = load_context(contexts), load_settings(fit_settings(contexts))
    day_28 = [672.0]
    sessions = context.mean_change("nasal_placebo_with_antidepressant", day_28)
    slow = settings.antidepressant_course(day_28)
    total = sessions + settings.antidepressant_change * slow
    assert total[0] == pytest.approx((138 * -15.8 + 70 * -16.0) / 208, abs=1e-3)
    spread = np.hypot(context.change_sd(), settings.antidepressant_sd * slow[0])
    assert spread == pytest.approx(np.sqrt((138 * 14.67**2 + 70 * 14.3**2) / 208), abs=1e-3)


@pytest.mark.parametrize("family", ["Daly 2018", "Singh 2016a", "Murrough 2013", "TRANSFORM"])
def test_a_family_left_out_leaves_no_trace(family: str) -> None:
    contexts = fit_contexts(leave_out=[family])
    settings = fit_settings(contexts, leave_out=[family])
    own = {"Daly 2018": "daly2018", "Singh 2016a": "singh2016a", "Murrough 2013": "murrough2013",
           "TRANSFORM": "transformsex2022"}[family]  # fmt: skip
    assert own not in {*contexts["source"], *settings["source"]}
    assert list(contexts.index) == list(fit_contexts().index)
    kind = {"Singh 2016a": "saline", "Murrough 2013": "midazolam"}.get(family)
    if kind is not None:  # what its own trial told is guessed from the others, less surely
        others = [v for k, v in CONTROL_24_H.items() if k != kind]
        assert contexts.loc[kind, "value"] == pytest.approx(np.mean(others))
        # Wider than any type that has a trial.
        assert contexts.loc[kind, "sd"] > TRIAL_SPREAD * 2**0.5 - 1e-9
        assert contexts.loc[kind, "status"] == "assumed"


CONTROL_24_H = {"saline": -3.8, "midazolam": -8.8, "nasal_placebo_with_antidepressant": -5.7}


def test_the_shipped_settings_are_what_the_fit_writes(tmp_path: Path) -> None:
    path = write_contexts(fit_settings(fit_contexts()), tmp_path / "settings.csv")
    assert path.read_text("utf-8") == SETTINGS_FILE.read_text("utf-8")

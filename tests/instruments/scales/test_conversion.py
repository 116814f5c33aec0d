"""The map reproduces Leucht's points and keeps percent change about equal."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ketasim.errors import EvidenceError, UnknownNameError
from ketasim.instruments.scales import convert_scale, unmapped_scales

LEUCHT = [(10, 13), (20, 26), (30, 39), (40, 52.5)]


@pytest.mark.parametrize(("hamd17", "madrs"), LEUCHT)
def test_the_published_points_are_met_both_ways(hamd17, madrs):
    assert convert_scale(hamd17, "hamd17", "madrs") == pytest.approx(madrs)
    assert convert_scale(madrs, "madrs", "hamd17") == pytest.approx(hamd17)


def test_floor_and_ceiling_map_to_floor_and_ceiling():
    assert convert_scale([0, 52], "hamd17", "madrs").tolist() == [0, 60]


@pytest.mark.parametrize(("change", "madrs_change"), [(10, 12), (20, 26), (25, 34)])
def test_changes_agree_with_the_published_changes(change, madrs_change):
    # Leucht's changes were read from change scores, not from the map; from a baseline of 25 the two
    # agree within two points.
    before, after = convert_scale([25, 25 - change], "hamd17", "madrs")
    assert before - after == pytest.approx(madrs_change, abs=2.0)


@given(st.floats(20, 40), st.floats(0.1, 0.5))
def test_percent_change_is_about_equal_between_the_scales(baseline, left):
    before, after = convert_scale([baseline, baseline * left], "hamd17", "madrs")
    assert after / before == pytest.approx(left, abs=0.01)


@given(st.lists(st.floats(-10, 80), min_size=2, max_size=20))
def test_the_map_is_monotone_and_its_own_inverse(points):
    there = convert_scale(points, "madrs", "hamd17")
    assert np.all(np.diff(there[np.argsort(points)]) >= -1e-12)
    assert convert_scale(there, "hamd17", "madrs") == pytest.approx(np.asarray(points), abs=1e-9)


def test_an_unknown_scale_is_refused():
    with pytest.raises(UnknownNameError, match="bdi"):
        convert_scale([3], "bdi", "madrs")


@pytest.mark.parametrize("scale", unmapped_scales(), ids=lambda one: one.name)
def test_a_scale_without_a_map_is_refused_both_ways(scale):
    for source, target in ((scale.name, "madrs"), ("madrs", scale.name)):
        with pytest.raises(EvidenceError, match=f"^{scale.title} cannot be predicted: "):
            convert_scale([3], source, target)

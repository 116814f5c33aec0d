"""Properties and compounds: bounds with sources, points and back, and what cannot be."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ketasim.discovery import (
    ROUTES,
    known_compound,
    known_compounds,
    known_table,
    parse,
    space,
)
from ketasim.discovery.compound import columns, compounds_at
from ketasim.discovery.properties import unknowns_table
from ketasim.errors import InputError, UnknownNameError
from ketasim.evidence import reference

NAMES = space().names


def test_every_number_has_a_status_and_what_is_not_assumed_a_source() -> None:
    table = known_table()
    assert set(table["status"]) == {"published", "derived", "assumed"}
    assert (table.loc[table["status"] != "assumed", "source"] != "").all()
    for key in set(table["source"]) - {""}:
        assert reference(key).key == key


def test_no_substance_is_given_twice() -> None:
    assert not known_table().duplicated(["substance", "property"]).any()


@pytest.mark.parametrize("name", NAMES)
def test_bounds_are_values_of_known_substances(name: str) -> None:
    one = space()[name]
    known = known_table().query("property == @name").set_index("substance")["value"]
    assert one.lower == known[one.lower_from] < known[one.upper_from] == one.upper


@pytest.mark.parametrize("name", ["ketamine", "esketamine", "arketamine", "norketamine",
                                  "hydroxynorketamine", "memantine", "lanicemine",
                                  "nitrous_oxide_like", "cp101606_like"])  # fmt: skip
def test_the_known_compounds_lie_on_the_map(name: str) -> None:
    one = known_compound(name)
    one.check_bounds()
    assert one in known_compounds()


@given(st.lists(st.floats(0.0, 1.0), min_size=len(NAMES), max_size=len(NAMES)))
def test_points_become_compounds_and_points_again(shares: list[float]) -> None:
    (made,) = compounds_at(np.array([shares]))
    made.check_bounds()
    again = space().points(columns([made]))
    (twice,) = compounds_at(again)
    assert columns([twice]).keys() == columns([made]).keys()
    for name, value in columns([made]).items():
        assert columns([twice])[name][0] == pytest.approx(value[0], rel=1e-9)


def test_every_route_has_the_same_share_of_its_range() -> None:
    found = space()["route"].at(np.linspace(0.0, 1.0, 1000))
    assert np.bincount(found.astype(int)).tolist() == [250] * len(ROUTES)


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("nmda_ic50=-1", "nmda_ic50 = -1 umol/L is not possible; expected a number above 0"),
        ("mor_ki=0", "mor_ki = 0"),
        ("trapping=1.2", "expected a share, 0 to 1"),
        ("ampa_potentiation=-0.1", "expected 0 or more"),
        ("half_life=nan", "half_life = nan"),
        ("half_life=long", "'long' is no number"),
        ("traping=0.5", "did you mean trapping?"),
        ("route=rectal", "unknown route 'rectal'"),
        ("memantin, trapping=1", "did you mean memantine?"),
        ("ketamine, trapping", "'trapping' is no property"),
    ],
)
def test_what_cannot_be_is_one_sentence(text: str, part: str) -> None:
    with pytest.raises(InputError) as caught:
        parse(text)
    assert part in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_compound_beyond_known_ones_is_told_by_whom_it_is_bounded() -> None:
    with pytest.raises(InputError, match=r"half_life = 200 h .* 2 \(nitrous.*60 \(memantine\)"):
        parse("half_life=200").check_bounds()


@pytest.mark.parametrize(
    ("bounds", "part"),
    [
        ({"half_life": (9.0, 3.0)}, "9 to 3 is no range"),
        ({"half_life": (2.0, float("nan"))}, "no range"),
        ({"dose": (0.1, 5.0)}, "goes beyond known compounds"),
        ({"half_live": (2.0, 3.0)}, "did you mean half_life?"),
    ],
)
def test_bounds_that_cannot_be(bounds: dict[str, tuple[float, float]], part: str) -> None:
    with pytest.raises(InputError) as caught:
        space().narrowed(bounds)
    assert part in str(caught.value)


def test_equal_bounds_fix_a_property() -> None:
    fixed = space().narrowed({"route": (2.0, 2.0), "dose": (1.0, 1.0)})
    made = fixed.values(np.random.default_rng(1).random((20, len(NAMES) - 2)))
    assert set(made["route"]) == {2.0}
    assert made["dose"] == pytest.approx(1.0)


def test_an_unknown_compound_names_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match="ketamine"):
        known_compound("ketamin")


def test_the_on_rate_follows_from_off_rate_and_affinity() -> None:
    # Gilling 2009: 0.15e6 /M/s from 0.22 /s and 1.5 umol/L.
    one = parse("nmda_ic50=1.5")
    assert one.on_rate == pytest.approx(0.15, rel=0.03)


def test_open_questions_are_drawn_within_their_bounds() -> None:
    table = unknowns_table()
    assert (table["lower"] < table["upper"]).all()
    assert set(table["kind"]) == {"uniform", "either"}

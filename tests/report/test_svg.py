"""Whatever is written into a drawing comes out of it as it was, and never as markup."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markupsafe import Markup

from ketasim.report.svg import element, number, path, text

if TYPE_CHECKING:
    from collections.abc import Callable

# What XML can hold: no control characters, no surrogates, no non-characters.
WRITABLE = st.text(
    st.characters(exclude_categories=("Cc", "Cs"), exclude_characters="\ufffe\uffff"), max_size=20
)


@given(WRITABLE)
def test_any_text_is_read_back_as_it_was(words: str) -> None:
    assert ElementTree.fromstring(element("text", words)).text == (words or None)


@given(WRITABLE)
def test_any_attribute_is_read_back_as_it_was(words: str) -> None:
    assert ElementTree.fromstring(element("g", aria_label=words)).get("aria-label") == words


def test_a_hypothesis_with_a_hostile_name_stays_a_name(parse: Callable[[str], Any]) -> None:
    name = '"><script>alert(1)</script><b a="'
    read = parse(element("g", element("title", name), text(0, 0, name), data_name=name))
    assert [one.tag for one in read.inside()] == ["g", "title", "text"]
    assert read.only("g")["data-name"] == name
    assert read.only("title").text == read.only("text").text == name


def test_markup_is_not_escaped_twice() -> None:
    assert element("g", element("path", d="M0 0")) == '<g><path d="M0 0"/></g>'
    assert element("p", Markup("<b>1</b>"), "<2>") == "<p><b>1</b>&lt;2&gt;</p>"


def test_names_of_attributes_are_those_of_svg() -> None:
    made = element("line", stroke_width=2, class_="grid", opacity=None)
    assert made == '<line stroke-width="2" class="grid"/>'


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0.0, "0"),
        (-0.001, "0"),
        (2.0, "2"),
        (100.0, "100"),
        (1.5, "1.5"),
        (1 / 3, "0.33"),
        (-7.126, "-7.13"),
    ],
)
def test_a_coordinate_is_as_short_as_can_be(value: float, shown: str) -> None:
    assert number(value) == shown
    assert element("path", x=value) == f'<path x="{shown}"/>'


@given(st.floats(-1e6, 1e6))
def test_a_coordinate_keeps_a_hundredth_of_a_pixel(value: float) -> None:
    assert abs(float(number(value)) - value) <= 0.005 + 1e-9


def test_a_path_goes_through_its_points() -> None:
    made = path([(0, 0), (1.5, -2), (3, 4.25)], class_="line")
    assert made == '<path d="M0 0L1.5 -2L3 4.25" class="line"/>'

"""A readout over time: every line and every published result is where its numbers say."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import pytest

from ketasim.report.chart.course import Course, Mark, course_chart
from ketasim.report.chart.frame import Frame
from ketasim.report.chart.style import styles

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import SimpleNamespace

NAN = math.nan
TIMES = [0.0, 1.0, 24.0, 336.0]


def course(look: Any, values: list[float], spread: float = 0.2) -> Course:
    low, high = [value - spread for value in values], [value + spread for value in values]
    return Course(look, TIMES[: len(values)], values, low, high)


def mark(time_h: float = 24.0, value: float = NAN, **parts: Any) -> Mark:
    rest: dict[str, Any] = {
        "low": NAN,
        "high": NAN,
        "direction": "",
        "label": "human: 1.4 fold (someone2020, kept to judge)",
        "human": True,
    }
    return Mark(time_h, value, **{**rest, **parts})


@pytest.fixture
def draw(parse: Callable[[str], Any], chart_reading: SimpleNamespace) -> Callable[..., Any]:
    looks = chart_reading.looks

    def drawn(*marks: Mark, courses: list[Course] | None = None, **options: Any) -> Any:
        default = [course(looks["article"], [1.0, 1.5, 2.0, 1.0])]
        chosen = default if courses is None else courses
        return parse(course_chart("BDNF, ketamine", "fold", chosen, list(marks), **options))

    return drawn


@pytest.mark.parametrize("value", [0.85, 1.0, 1.37, 2.2])
def test_a_published_point_lies_where_the_axes_say(
    draw: Callable[..., Any], chart_reading: SimpleNamespace, value: float
) -> None:
    drawn = draw(mark(72.0, value))
    x, y = chart_reading.centre(drawn.only("path", "point"))
    assert y == pytest.approx(chart_reading.along(drawn, "end")(value), abs=0.05)
    assert x == pytest.approx(dict(chart_reading.ticks(drawn, "middle"))["3 d"], abs=0.05)


def test_its_interval_is_drawn_from_end_to_end(
    draw: Callable[..., Any], chart_reading: SimpleNamespace
) -> None:
    drawn = draw(mark(24.0, 1.4, low=1.1, high=1.9))
    height = chart_reading.along(drawn, "end")
    [[x, low], [same, high]] = chart_reading.points(drawn.only("path", "whisker"))
    assert (low, high) == pytest.approx((height(1.1), height(1.9)), abs=0.05)
    assert x == same == chart_reading.centre(drawn.only("path", "point"))[0]
    assert not draw(mark(24.0, 1.4, low=1.1)).every("path", "whisker")


def test_the_axis_makes_room_for_what_was_published(
    draw: Callable[..., Any], chart_reading: SimpleNamespace
) -> None:
    drawn = draw(mark(24.0, 9.0, low=6.0, high=12.0))
    assert chart_reading.along(drawn, "end")(12.0) > Frame().top - 4
    shared = draw(shared=[30.0])
    assert any(label == "30" for label, _ in chart_reading.ticks(shared, "end"))


def test_a_line_goes_through_its_values_and_a_band_around_them(
    draw: Callable[..., Any], chart_reading: SimpleNamespace
) -> None:
    drawn = draw()
    height = chart_reading.along(drawn, "end")
    line = chart_reading.points(drawn.only("path", "line"))
    assert line[:, 1] == pytest.approx([height(v) for v in (1.0, 1.5, 2.0, 1.0)], abs=0.05)
    band = chart_reading.points(drawn.only("path", "band"))
    around = [1.2, 1.7, 2.2, 1.2, 0.8, 1.8, 1.3, 0.8]
    assert band[:, 1] == pytest.approx([height(v) for v in around], abs=0.05)


def test_a_missing_value_is_left_out_of_line_and_label(
    draw: Callable[..., Any], chart_reading: SimpleNamespace
) -> None:
    gap = course(chart_reading.looks["article"], [1.0, NAN, 2.0, 1.0])
    drawn = draw(courses=[gap])
    assert len(chart_reading.points(drawn.only("path", "line"))) == 3
    assert len(chart_reading.points(drawn.only("path", "band"))) == 6
    assert "nan" not in drawn.only("svg")["aria-label"]
    assert "article 2 at 1 d" in drawn.only("svg")["aria-label"]


def test_a_hypothesis_that_failed_is_said_to_have_failed(
    draw: Callable[..., Any], chart_reading: SimpleNamespace
) -> None:
    looks = chart_reading.looks
    failed = course(looks["rival"], [NAN] * 4)
    drawn = draw(courses=[course(looks["article"], [1.0, 1.5, 2.0, 1.0]), failed])
    assert "rival failed" in drawn.only("svg")["aria-label"]


@pytest.mark.parametrize(
    ("direction", "glyph"),
    [("up", "▲"), ("down", "▼"), ("none", "●"), ("blocked", "✕"), ("kept", "✓"), ("rescued", "✓")],
)
def test_a_result_without_a_number_is_a_glyph_at_its_time(
    draw: Callable[..., Any], chart_reading: SimpleNamespace, direction: str, glyph: str
) -> None:
    drawn = draw(mark(72.0, direction=direction, label="mouse: so"))
    group = drawn.only("g", "measured")
    assert group.only("text", "glyph").text == glyph
    place = dict(chart_reading.ticks(drawn, "middle"))["3 d"]
    assert float(group.only("text", "glyph")["x"]) == pytest.approx(place, abs=0.05)
    assert group.only("title").text == "mouse: so"
    assert not group.every("path", "point")


def test_a_result_that_says_nothing_drawable_is_not_drawn(draw: Callable[..., Any]) -> None:
    assert not draw(mark(24.0, direction="sideways")).every("g", "measured")


def test_a_result_without_a_time_stands_at_the_right(
    draw: Callable[..., Any], chart_reading: SimpleNamespace
) -> None:
    x, _ = chart_reading.centre(draw(mark(NAN, 1.4)).only("path", "point"))
    assert Frame().width - 30 < x < Frame().width


@pytest.mark.parametrize("human", [True, False])
def test_people_and_animals_are_told_apart(draw: Callable[..., Any], human: bool) -> None:
    group = draw(mark(24.0, 1.4, human=human)).only("g", "measured")
    assert group.classes == ["measured", "human" if human else "animal"]


def test_the_label_says_values_times_and_what_was_measured(
    draw: Callable[..., Any], chart_reading: SimpleNamespace
) -> None:
    looks = chart_reading.looks
    courses = [
        course(looks["article"], [1.0, 1.5, 2.25, 1.0]),
        course(looks["rival"], [1.0, 0.25, 1.0, 1.0]),
    ]
    said = draw(mark(24.0, 1.4), courses=courses).only("svg")["aria-label"]
    assert said.startswith("BDNF, ketamine, fold.")
    assert "article 2.25 at 1 d; rival 0.25 at 1 h" in said
    assert said.endswith("Measured: human: 1.4 fold (someone2020, kept to judge).")
    assert draw(courses=courses).only("svg")["aria-label"].endswith("No published value.")


def test_each_line_has_the_look_of_its_hypothesis(
    draw: Callable[..., Any], chart_reading: SimpleNamespace
) -> None:
    looks = chart_reading.looks
    drawn = draw(courses=[course(one, [1.0, 2.0, 3.0, 1.0]) for one in looks.values()])
    first, second = drawn.every("path", "line")
    assert (first.classes, second.classes) == (["line", "h0"], ["line", "h1"])
    assert second["stroke-dasharray"] == looks["rival"].dash


def test_hostile_names_and_results_stay_words(parse: Callable[[str], Any]) -> None:
    bad = "<script>alert(1)</script>"
    [look] = styles([bad]).values()
    drawn = parse(
        course_chart(bad, bad, [course(look, [1.0, 2.0, 1.0, 1.0])], [mark(24.0, 1.4, label=bad)])
    )
    assert not drawn.every("script")
    assert drawn.only("svg")["aria-label"].count(bad) == 4

"""Frames: schemes, middles, and what no scanner could have made."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ketasim.errors import InputError
from ketasim.instruments.pet.frames import AZ10419369_93MIN, Frames


def test_the_scheme_of_38_frames_lasts_93_minutes() -> None:
    assert len(AZ10419369_93MIN) == 38
    assert AZ10419369_93MIN.end_min[-1] == 93.0
    assert AZ10419369_93MIN.start_min[0] == 0.0
    # Middles that the data set of that scheme prints.
    printed = {0: 0.0833333, 9: 1.625, 14: 3.25, 22: 10.5, 26: 24.0, 37: 90.0}
    for place, middle in printed.items():
        assert AZ10419369_93MIN.mid_min[place] == pytest.approx(middle, rel=1e-6)


@pytest.mark.parametrize("scheme", ["2x30s 3x1min", "2x30s, 3x1min", "2 × 30 s + 3 x 60 sec"])
def test_a_scheme_is_read_however_it_is_printed(scheme: str) -> None:
    assert Frames.of_scheme(scheme).end_min.tolist() == [0.5, 1.0, 2.0, 3.0, 4.0]


@given(st.lists(st.floats(0.05, 10.0), min_size=1, max_size=25))
def test_middles_and_durations_say_the_same_as_starts(lengths: list[float]) -> None:
    ends = np.cumsum(lengths)
    frames = Frames(ends - lengths, np.array(lengths))
    again = Frames.from_mid(frames.mid_min, frames.duration_min)
    np.testing.assert_allclose(again.start_min, frames.start_min, atol=1e-12)
    np.testing.assert_allclose(again.end_min, frames.end_min, atol=1e-12)


@pytest.mark.parametrize(
    ("start", "duration", "sentence"),
    [
        ([0, 1, 2], [1, 1.5, 1], "frames 2 and 3 overlap: frame 2 ends at 2.5 min and frame 3"),
        ([0, 1, 3], [1, 1, 1], "frames 2 and 3 leave a gap"),
        ([0, 60, 5520], [60, 5460, 60], "frames end at 5580 min; did you mean seconds?"),
        ([0, 1], [1, 0], "frame 2 lasts 0 min"),
        ([-1, 0], [1, 1], "the first frame starts at -1 min"),
        ([0, np.nan], [1, 1], "the time of frame 2 is not a number"),
        ([0, 1], [1], "2 starts and 1 durations"),
        ([], [], "0 starts"),
    ],
)
def test_impossible_frames_are_one_sentence(
    start: list[float], duration: list[float], sentence: str
) -> None:
    with pytest.raises(InputError) as caught:
        Frames(np.array(start, dtype=float), np.array(duration, dtype=float))
    assert sentence in str(caught.value)


@pytest.mark.parametrize("scheme", ["", "ten frames", "9x10s 3", "9x10s 4x1hour"])
def test_a_scheme_that_is_none_is_refused(scheme: str) -> None:
    with pytest.raises(InputError, match="is no block of frames"):
        Frames.of_scheme(scheme)


def test_equal_frames_are_one_key() -> None:
    again = Frames(AZ10419369_93MIN.start_min, AZ10419369_93MIN.duration_min)
    assert {AZ10419369_93MIN: 1}[again] == 1
    assert again != Frames.of_scheme("3x1min")

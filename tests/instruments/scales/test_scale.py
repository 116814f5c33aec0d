"""Floor, ceiling, whole points, response and remission."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ketasim.errors import EvidenceError, UnknownNameError
from ketasim.evidence import load
from ketasim.instruments.scales import (
    list_scales,
    load_scale,
    remission,
    response,
    unmapped_scales,
)


@pytest.mark.parametrize(("name", "maximum"), [("madrs", 60), ("hamd17", 52), ("hamd21", 63)])
def test_scores_are_whole_points_between_floor_and_ceiling(name, maximum):
    scale = load_scale(name)
    latent = np.array([-9.0, -0.5, 0.49, 0.5, 12.5, maximum + 30.0])
    assert scale.record(latent).tolist() == [0, 0, 0, 1, 13, maximum]


@given(st.lists(st.floats(-100, 200), min_size=1, max_size=30))
def test_every_recorded_score_is_a_score_of_the_scale(latent):
    for name in list_scales():
        scores = load_scale(name).record(latent)
        assert np.all((scores >= 0) & (scores <= load_scale(name).maximum))
        assert np.array_equal(scores, np.round(scores))


def test_a_missing_score_stays_missing():
    assert np.isnan(load_scale("madrs").record([np.nan])[0])


def test_response_is_half_of_the_baseline_and_remission_a_cut_off():
    assert response([15, 16, 15], [30, 30, np.nan]).tolist()[:2] == [1, 0]
    assert np.isnan(response([15], [np.nan])[0])
    assert response([0], [0]).tolist() == [0]
    # The cut-offs that trials used for MADRS.
    assert [remission([10], cutoff)[0] for cutoff in (9, 10, 12)] == [0, 1, 1]


def test_an_unknown_scale_is_answered_with_the_nearest():
    with pytest.raises(UnknownNameError, match="did you mean hamd17"):
        load_scale("hamd")


def test_the_scales_without_a_map_are_known_and_not_listed():
    names = [scale.name for scale in unmapped_scales()]
    assert names == ["hamd6", "moaas", "qids"]
    assert not set(names) & set(list_scales())


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("hamd6", "HAM-D-6 cannot be predicted: no published map from MADRS or HAM-D-17"),
        ("qids", "QIDS cannot be predicted: no published map from MADRS or HAM-D-17"),
        ("moaas", "MOAA/S cannot be predicted: the evidence says when sedation comes and goes"),
    ],
)
def test_a_scale_without_a_map_says_why_and_what_there_is(name, words):
    with pytest.raises(EvidenceError, match=words) as caught:
        load_scale(name)
    assert str(caught.value).endswith("expected a scale of list_scales()")


def test_the_evidence_still_has_no_map_to_these_scales():
    # A row of conversion for one of them would make its refusal untrue.
    aux = load("clinical_aux")
    converted = aux.loc[aux["kind"] == "conversion", "scale"].str.upper()
    assert len(converted) == 7
    assert not converted.str.contains("HAMD6|HAM-D-6|QIDS|MOAA").any()

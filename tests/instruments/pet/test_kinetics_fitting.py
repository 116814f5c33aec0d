"""The table of fits: statuses, diagnostics, order, and what can be done with it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest
from statsmodels.sandbox.stats.runs import runstest_1samp

from ketasim.errors import InputError
from ketasim.instruments.pet.frames import AZ10419369_93MIN as FRAMES
from ketasim.instruments.pet.frames import Frames
from ketasim.instruments.pet.kinetics import MODELS, ArterialInput, Status, fit
from ketasim.instruments.pet.kinetics.diagnostics import runs_test

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from ketasim.instruments.pet.scans import Scan

FIRST = ["participant", "scan", "region", "R1", "k2", "BPND", "se_BPND", "status"]
TIMES = np.linspace(0, 93, 400)
INPUT = ArterialInput(TIMES, 40 * TIMES * np.exp(-1.2 * TIMES) + np.exp(-0.02 * TIMES))


@pytest.mark.parametrize("model", MODELS)
def test_a_curve_that_cannot_be_fitted_has_a_status_and_no_number(
    scans: list[Scan], scan_of: Callable[..., Scan], model: str
) -> None:
    good = scans[0].activity[0]
    hole = good.copy()
    hole[7] = np.nan
    weights = np.ones((5, 38))
    weights[4] = 0.0
    scan = scan_of([good, 0 * good, -good, hole, good], weights)
    found = fit(scan, model, input_function=INPUT, k2_prime=0.12).to_frame()
    expected = [Status.CONVERGED, Status.ALL_ZERO, Status.NEGATIVE, Status.NON_FINITE,
                Status.CONVERGED if model == "suvr" else Status.TOO_FEW_FRAMES]  # fmt: skip
    assert list(found["status"])[1:] == [one.value for one in expected[1:]]
    assert list(found.columns[:8]) == FIRST
    numbers = found.drop(columns=["participant", "scan", "region", "status", "n_frames"])
    assert numbers.iloc[1:4].isna().all(axis=None)
    assert np.isfinite(found["BPND"][0])


def test_a_scan_without_a_k2_prime_says_so(scan_of: Callable[..., Scan]) -> None:
    rising = np.exp(0.05 * FRAMES.mid_min)
    for model in ("srtm2", "mrtm2", "logan_ref"):
        found = fit(scan_of(rising), model).to_frame()
        assert found["status"][0] == Status.NO_K2_PRIME.value
        assert np.isnan(found["BPND"][0])


def test_scans_of_different_frames_are_fitted_in_their_order(
    scans: list[Scan], scan_of: Callable[..., Scan]
) -> None:
    short = Frames(FRAMES.start_min[:30], FRAMES.duration_min[:30])
    other = scan_of(scans[1].activity[:, :30], frames=short, reference=scans[1].reference[:30],
                    scan="short")  # fmt: skip
    together = fit([scans[0], other, scans[2]]).to_frame()
    alone = pd.concat([fit(one).to_frame() for one in (scans[0], other, scans[2])])
    pd.testing.assert_frame_equal(together, alone.reset_index(drop=True))


@pytest.mark.parametrize("seed", range(4))
def test_the_runs_test_is_that_of_statsmodels(seed: int) -> None:
    draw = np.random.default_rng(seed)
    values = np.cumsum(draw.normal(size=40)) if seed % 2 else draw.normal(size=40)
    expected = runstest_1samp(values, cutoff=0, correction=False)[1]
    assert runs_test(values) == pytest.approx(expected, rel=1e-9)


def test_residuals_of_one_sign_have_no_runs_test() -> None:
    assert np.isnan(runs_test(np.ones(5)))


def test_what_a_result_offers(scans: list[Scan], tmp_path: Path) -> None:
    found = fit(scans[:2])
    pd.testing.assert_frame_equal(pd.read_csv(found.save(tmp_path / "f.csv")), found.to_frame())
    assert found.to_xarray()["k2"].attrs["units"] == "1/min"
    summary = found.summary()
    assert summary["fitted"].tolist() == [2] * 9
    assert summary.loc["FC", "BPND_mean"] == found.table.query("region == 'FC'")["BPND"].mean()
    figure = found.plot(1)
    assert len(figure.data) == 18
    np.testing.assert_array_equal(figure.data[0].y, scans[1].activity[0])
    assert found._repr_html_().count("<tr>") == 10
    assert found.failures().empty
    assert found.notes == ()


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"model": "strm"}, "unknown model 'strm': did you mean srtm"),
        ({"scans": []}, "there is no scan to fit"),
    ],
)
def test_what_cannot_be_fitted_is_one_sentence(
    scans: list[Scan], options: dict[str, object], sentence: str
) -> None:
    with pytest.raises(InputError) as caught:
        fit(**{"scans": scans[0], **options})  # type: ignore[arg-type]
    assert sentence in str(caught.value)

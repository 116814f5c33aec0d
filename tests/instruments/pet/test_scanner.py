import time
from dataclasses import replace

import numpy as np
import pytest

from ketasim.errors import InputError
from ketasim.instruments.pet.binding import Truth, draw_truth
from ketasim.instruments.pet.calibration import quantify
from ketasim.instruments.pet.frames import AZ10419369_93MIN, Frames
from ketasim.instruments.pet.noise import frame_sd, load_noise
from ketasim.instruments.pet.regions import load_regions
from ketasim.instruments.pet.scanner import simulate_scan, simulate_scans
from ketasim.instruments.pet.scans import REGIONS, read_tacs, to_table

VALUES = load_regions()
NOISE = load_noise(VALUES)


def people(count, scans=2, values=VALUES, seed=1):
    return draw_truth(values, np.arange(count), scans, seed=seed)


def one_person(count):
    shape = (count, 1, len(VALUES.names))
    parts = (np.broadcast_to(one, shape) for one in (VALUES.bpnd, VALUES.r1, VALUES.k2_prime))
    return Truth(np.arange(count), VALUES.names, *parts)


def test_a_scan_without_noise_is_fitted_to_what_it_was_made_from():
    # The fit integrates on a grid and reads frames at their middle, the scanner does neither: what
    # is left is that difference, below 1 %.
    block = simulate_scans(people(5), seed=1)
    assert quantify(block) == pytest.approx(block.truth.bpnd, rel=0.01)


def test_tissue_with_receptors_that_let_go_slowly_is_misread_by_the_simplified_model():
    found = quantify(simulate_scans(one_person(1), seed=1, model="two_tissue"))
    bias = found[0, 0] / VALUES.bpnd - 1
    assert np.all(np.abs(bias) < 0.08)
    assert np.all(np.abs(bias) > 0.01)


def test_noise_has_the_stated_sd_and_no_bias():
    count = 3000
    clean = simulate_scans(one_person(1), seed=1)
    noisy = simulate_scans(one_person(count), seed=1, noise=NOISE)
    rest = noisy.activity[:, 0] - clean.activity[0, 0]
    sd = frame_sd(clean.activity[0, 0], AZ10419369_93MIN, NOISE.scale)
    z = rest / np.where(sd > 0, sd, 1)
    assert z.std(axis=0)[:, 1:] == pytest.approx(1, abs=0.06)
    assert np.abs(z.mean(axis=0)).max() < 4.5 / np.sqrt(count)
    reference = noisy.reference[:, 0] - clean.reference[0, 0]
    expected = frame_sd(clean.reference[0, 0], AZ10419369_93MIN, NOISE.reference_scale)
    assert reference.std(axis=0)[1:] == pytest.approx(expected[1:], rel=0.06)
    # Frames and regions are drawn apart from each other.
    flat = z[:, :, 1:].reshape(count, -1)[:, ::40]
    correlation = np.corrcoef(flat.T)[np.triu_indices(flat.shape[1], 1)]
    assert np.abs(correlation).max() < 5 / np.sqrt(count)


def test_errors_of_regions_share_what_comes_of_the_reference():
    quiet = replace(NOISE, reference_scale=0.0)
    shared, own = (
        np.corrcoef(quantify(simulate_scans(one_person(300), seed=1, noise=one))[:, 0].T)
        for one in (NOISE, quiet)
    )
    pair = REGIONS.index("INS"), REGIONS.index("THA")
    assert shared[pair] > 0.3
    assert abs(own[pair]) < 0.2


def test_four_times_the_activity_halves_the_relative_noise():
    levels = [
        simulate_scans(one_person(1000), seed=1, noise=NOISE, injected_mbq=mbq).activity[:, 0]
        for mbq in (200.0, 800.0)
    ]
    relative = [one.std(axis=0)[:, 5:] / one.mean(axis=0)[:, 5:] for one in levels]
    assert relative[0] / relative[1] == pytest.approx(2, rel=0.05)
    assert levels[1].mean() / levels[0].mean() == pytest.approx(4, rel=0.01)


def test_a_patients_scan_is_the_same_in_any_company_and_for_any_regions():
    every = simulate_scans(people(20), seed=3, noise=NOISE)
    some = load_regions(["THA", "HIP"])
    truth = draw_truth(some, [17], 2, seed=1)
    alone = simulate_scans(truth, seed=3, noise=load_noise(some))
    places = [REGIONS.index("THA"), REGIONS.index("HIP")]
    assert alone.activity[0] == pytest.approx(every.activity[17][:, places], rel=1e-12)
    assert np.array_equal(alone.reference[0], every.reference[17])
    assert not np.allclose(every.reference[17, 0], every.reference[17, 1])
    other = simulate_scans(truth, seed=4, noise=load_noise(some))
    assert not np.allclose(alone.reference, other.reference)


def test_scans_survive_the_table_that_others_read():
    block = simulate_scans(people(2), seed=1, noise=NOISE)
    scans = block.scans()
    again = read_tacs(to_table(scans))
    assert [(one.participant, one.scan) for one in again] == [
        ("1", "1_1"), ("1", "1_2"), ("2", "2_1"), ("2", "2_2"),
    ]  # fmt: skip
    assert np.array_equal(again[3].activity, block.activity[1, 1])
    assert np.array_equal(again[3].reference, block.reference[1, 1])
    assert again[0].frames.mid_min == pytest.approx(AZ10419369_93MIN.mid_min)


def test_curves_are_in_the_order_that_shaped_takes_back():
    block = simulate_scans(people(3), seed=1, noise=NOISE)
    curves, references, which = block.curves()
    assert np.array_equal(block.shaped(curves[:, 5]), block.activity[..., 5])
    own = references[which].reshape(3, 2, len(REGIONS), -1)
    assert np.array_equal(own, np.repeat(block.reference[:, :, None], len(REGIONS), axis=2))


def test_one_scan_is_that_of_the_block():
    scan = simulate_scan(seed=7, patient=0)
    block = simulate_scans(one_person(1), seed=7, noise=NOISE)
    assert np.array_equal(scan.activity, block.activity[0, 0])
    quiet = simulate_scan(0.5, regions=["HIP"], noise=False, frames=Frames.of_scheme("15x6min"))
    assert quiet.activity.shape == (1, 15)
    assert quiet.weights[0, 0] > quiet.weights[0, -1]


def test_a_trial_of_thirty_patients_is_quick():
    def run(replicate):
        truth = draw_truth(VALUES, np.arange(30), 2, seed=replicate)
        assert simulate_scans(truth, seed=replicate, noise=NOISE).activity.size == 660 * 38

    run(0)
    start = time.process_time()
    for replicate in range(10):
        run(replicate)
    # 6 ms on the machine it was written on; the rest is for slower ones and for type checks.
    assert (time.process_time() - start) / 10 < 0.06


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: simulate_scans(people(1), seed=1, model="srtn"), "did you mean srtm"),
        (
            lambda: simulate_scans(people(1), seed=1, noise=load_noise(load_regions(["HIP"]))),
            "other regions",
        ),
        (lambda: simulate_scan(injected_mbq=0.0), "injected activity is not positive"),
        (lambda: simulate_scan([1.0, 2.0]), "one value for 11 regions"),
        (lambda: simulate_scan(regions=["CER"]), "unknown region 'CER'"),
        (lambda: simulate_scan(bpnd=-1.5), "BPND is not positive"),
    ],
)
def test_a_scan_that_cannot_be_is_refused(call, sentence):
    with pytest.raises(InputError, match=sentence):
        call()

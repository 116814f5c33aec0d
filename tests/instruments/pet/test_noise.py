import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as some
from scipy import stats

from ketasim.errors import EvidenceError, InputError
from ketasim.instruments.pet import noise
from ketasim.instruments.pet.curves import empirical_reference
from ketasim.instruments.pet.frames import AZ10419369_93MIN as FRAMES
from ketasim.instruments.pet.regions import constant, load_regions


def test_the_noise_is_that_of_counted_decays():
    # Decays are counted: their number is Poisson, and correcting it for decay gives the activity.
    curve, sensitivity = empirical_reference().frame_means(FRAMES), 150.0
    left = FRAMES.duration_min * 0.5 ** (FRAMES.mid_min / 20.364)
    expected = sensitivity * curve * left
    counted = np.random.default_rng(1).poisson(expected, (20000, len(curve)))
    seen = (counted / (sensitivity * left)).std(axis=0)
    assert noise.frame_sd(curve, FRAMES, sensitivity**-0.5) == pytest.approx(seen, rel=0.03)


def test_weights_are_the_inverse_variance_of_a_flat_curve():
    weights = noise.frame_weights(FRAMES)
    variance = noise.frame_sd(np.ones(len(FRAMES)), FRAMES, 1.0) ** 2
    assert weights * variance == pytest.approx((weights * variance)[0] * np.ones(len(FRAMES)))
    assert weights.mean() == pytest.approx(1)


@given(some.floats(-0.3, 0.3), some.floats(0.005, 0.4))
def test_the_folded_mean_is_scipys(shift, sd):
    assert noise.folded_mean(shift, sd) == pytest.approx(
        stats.foldnorm.mean(abs(shift) / sd, scale=sd), rel=1e-9
    )


@given(some.floats(0.02, 0.4), some.floats(-0.95, 0.95))
def test_the_difference_has_the_variability_it_came_from(variability, part):
    shift = part * variability
    sd = noise.difference_sd(variability, shift)
    assert noise.folded_mean(shift, sd) == pytest.approx(variability, rel=1e-8)


def test_a_shift_is_the_published_difference_over_the_mean():
    ratio = np.exp(noise.log_shift(-0.128))
    assert 2 * (ratio - 1) / (ratio + 1) == pytest.approx(-0.128)


@pytest.mark.parametrize("share", [0.2, 0.5, 1.0])
def test_the_two_parts_make_the_whole(share):
    values = load_regions()
    person = noise.within_sd(values, share)
    scan = np.sqrt(share / 2) * noise.total_sd(values)
    assert 2 * (person**2 + scan**2) == pytest.approx(noise.total_sd(values) ** 2)


def test_stored_scales_are_returned_where_they_were_calibrated():
    table = noise.noise_table()
    for row in table.to_dict("records"):
        values = load_regions([row["region"]]).with_values(
            "absolute_variability", row["absolute_variability"]
        )
        levels = noise.load_noise(values)
        assert levels.scale[0] == pytest.approx(row["scale"], rel=1e-9)
        assert levels.within_sd[0] == pytest.approx(row["within_sd"], abs=1e-6)
    assert levels.reference_scale == constant("reference_scale")


def test_noise_between_two_calibrated_levels_lies_between_them():
    def scale(variability):
        return noise.load_noise(load_regions(["HIP"], hippocampus_variability=variability)).scale[0]

    assert scale(0.10) < scale(0.11) < scale(0.12)
    assert scale(0.21) > scale(0.20)


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: noise.difference_sd(12.0), "0.12 for 12 %"),
        (lambda: noise.difference_sd(0.1, -0.1), "leaves nothing"),
        (lambda: noise.within_sd(load_regions(), 0.0), "for the noise of a scan"),
        (
            lambda: noise.NoiseLevels(("HIP",), np.array([-0.1]), np.array([0.0]), 0.1),
            "negative or missing",
        ),
        (
            lambda: noise.NoiseLevels(("HIP",), np.array([0.1, 0.1]), np.array([0.0]), 0.1),
            "one level a region",
        ),
    ],
)
def test_noise_that_cannot_be_is_refused(call, sentence):
    with pytest.raises(InputError, match=sentence):
        call()


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [(",scale,", ",factor,", "the column 'scale' is missing"), ("0.053245", "-1", "row 2")],
)
def test_a_table_of_noise_with_a_fault_is_refused(tmp_path, old, new, sentence):
    text = noise.NOISE_FILE.read_text()
    assert old in text
    file = tmp_path / "noise.csv"
    file.write_text(text.replace(old, new, 1))
    with pytest.raises(EvidenceError, match=sentence):
        noise.noise_table(file)

"""`ketasim pet power` as a user calls it."""

import json
import math

import pytest

from ketasim.instruments.pet.power import power_group_difference

ASKED = ["pet", "power", "--design", "group", "--region", "HIP", "--effect", "0.167", "--n", "20",
         "--n-control", "10"]  # fmt: skip


def test_json_holds_the_power_and_what_it_rests_on(call):
    done = call(*ASKED, "--absolute-variability", "0.12", "--json")
    assert done.exit_code == 0, done.output
    found = json.loads(done.stdout)
    assert found["power"] == pytest.approx(power_group_difference(0.167, 20, 10, 0.12))
    assert found["sd_of_log_ratio"] == pytest.approx(0.12 * math.sqrt(math.pi / 2))
    assert found["n_control_needed"] == math.ceil(found["n_needed"] / 2)
    assert found["simulated_power"] is None


def test_the_hippocampus_is_shown_from_8_to_20_percent(call):
    done = call(*ASKED)
    assert done.exit_code == 0, done.output
    assert "No variability of the hippocampus is published" in done.stdout
    assert [line.split()[0] for line in done.stdout.splitlines()[-7:]] == [
        "0.08", "0.10", "0.12", "0.14", "0.16", "0.18", "0.20",
    ]  # fmt: skip


def test_trials_can_be_simulated_too(call):
    done = call(*ASKED, "--simulate", "50", "--json")
    found = json.loads(done.stdout)
    assert found["replicates"] == 50
    assert found["simulated_power"] == pytest.approx(found["power"], abs=4 * 0.5 / math.sqrt(50))


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--region", "HPI"], "unknown region 'HPI': did you mean HIP?"),
        (["--design", "grouped"], "unknown design 'grouped': did you mean group?"),
        (["--absolute-variability", "12"], "such as 0.12 for 12 %"),
        (["--n-control", "1"], "2 people or more in a group"),
        (["--power", "1.5"], "a wanted power of 1.5"),
    ],
)
def test_a_wrong_word_or_number_is_one_sentence(sentence, words, said):
    assert said in sentence(2, *ASKED, *words)

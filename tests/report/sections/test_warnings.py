"""What a reader must know first is counted, not written: what is done to the data is seen there."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from ketasim.model.files import known_limits
from ketasim.report.sections import warnings

if TYPE_CHECKING:
    from collections.abc import Callable

    from ketasim.report import Bundle
    from ketasim.report.sections.warnings import Caveat


def one(bundle: Bundle, words: str) -> Caveat | None:
    found = [caveat for caveat in warnings.content(bundle) if words in caveat.text]
    assert len(found) <= 1
    return found[0] if found else None


def said(bundle: Bundle, words: str) -> Caveat:
    found = one(bundle, words)
    assert found is not None
    return found


def promise(record: Any, **parts: Any) -> None:
    row = {
        "arm": "ketamine", "readout": "relief", "quantity": "share", "time_h": 24.0, "lower": 0.6,
        "upper": None, "predicted": 0.123, "mc_error": 0.01, "met": False,
    }  # fmt: skip
    record["hypotheses"]["article"]["expected"] = [{**row, **parts}]


def test_assumed_parameters_are_counted_in_the_table(bundle: Bundle) -> None:
    assumed = int((bundle.parameters["status"] == "assumed").sum())
    text = said(bundle, "are assumed").text
    assert text.startswith(f"{assumed} of {len(bundle.parameters)} parameters are assumed")


def test_one_more_assumption_is_one_more_in_the_sentence(doctored: Bundle) -> None:
    before = int(said(doctored, "are assumed").text.split()[0])
    table = doctored.parameters
    known = table.index[table["status"] != "assumed"][0]
    table.loc[known, "status"] = "assumed"
    assert int(said(doctored, "are assumed").text.split()[0]) == before + 1


def test_the_speculative_parameters_are_shown_with_their_values(doctored: Bundle) -> None:
    table = doctored.parameters
    table.loc[table["id"] == "opioid_tone", "value"] = 0.4321
    details = said(doctored, "are assumed").details
    assert any(line.startswith("opioid_tone = 0.4321: ") for line in details)


def test_what_the_model_falls_short_of_is_told_line_by_line(doctored: Bundle) -> None:
    assert said(doctored, "fall short of").details == known_limits()
    doctored.index["limits"] = ["It knows no rats."]
    assert said(doctored, "fall short of").details == ("It knows no rats.",)


def test_an_observation_that_no_hypothesis_meets_is_named(
    doctored: Bundle, verdicts_of: Callable[..., list[Any]]
) -> None:
    assert one(doctored, "with none of the hypotheses") is None
    for made in verdicts_of(doctored.experiments["ampa"]):
        if made["observation"] == "nbqx-blocks-ht1b":
            made["agrees"] = False
    caveat = said(doctored, "with none of the hypotheses")
    assert caveat.text == "1 published observation agrees with none of the hypotheses:"
    [line] = caveat.details
    assert "nbqx-blocks-ht1b" in line
    assert "monkey" in line


def test_one_hypothesis_that_meets_it_is_enough(
    doctored: Bundle, verdicts_of: Callable[..., list[Any]]
) -> None:
    for made in verdicts_of(doctored.experiments["ampa"]):
        made["agrees"] = made["hypothesis"] == "article"
    assert one(doctored, "with none of the hypotheses") is None
    for made in verdicts_of(doctored.experiments["ampa"]):
        made["agrees"] = False
    count = len({made["observation"] for made in verdicts_of(doctored.experiments["ampa"])})
    text = said(doctored, "with none of the hypotheses").text
    assert text.startswith(f"{count} published observations agree")


def test_observations_in_people_are_counted(
    doctored: Bundle, verdicts_of: Callable[..., list[Any]]
) -> None:
    made = verdicts_of(doctored.experiments["ampa"])
    count = len({one["observation"] for one in made})
    assert said(doctored, "were made in people").text.startswith(f"0 of the {count} observations")
    for one in made:
        if one["observation"] == "ampa-blocks-bdnf":
            one["group"], one["agrees"] = "people", False
    caveat = said(doctored, "were made in people")
    assert caveat.text.startswith(f"1 of the {count} observations")
    title = doctored.experiments["ampa"]["title"]
    assert caveat.details == (f"Against article in people, {title}: ampa-blocks-bdnf",)


def test_without_a_deciding_observation_nothing_is_said_of_people(doctored: Bundle) -> None:
    del doctored.experiments["ampa"]
    assert one(doctored, "were made in people") is None


def test_a_promise_that_is_not_kept_is_told_with_its_number(doctored: Bundle) -> None:
    assert one(doctored, "their own file") is None
    promise(doctored.experiments["camp"])
    [line] = said(doctored, "their own file").details
    assert line.startswith("article, ")
    assert "ketamine, relief at 24 h is 0.123" in line
    promise(doctored.experiments["camp"], predicted=None)
    assert said(doctored, "their own file").details[0].endswith("is unknown")
    promise(doctored.experiments["camp"], met=True)
    assert one(doctored, "their own file") is None


def test_an_experiment_that_nothing_tests_is_named(doctored: Bundle) -> None:
    record = doctored.experiments["camp"]
    assert record["title"] in said(doctored, "No published observation tests").text
    record["hypotheses"]["article"]["verdict"] = "supported"
    assert one(doctored, "No published observation tests") is None


def test_a_hypothesis_without_a_calibration_is_named(doctored: Bundle) -> None:
    assert one(doctored, "Without a calibration") is None
    doctored.index["hypotheses"][1]["calibrated"] = False
    text = said(doctored, "Without a calibration").text
    assert text.endswith(": no_opioid.")


def test_sources_are_counted_by_how_they_were_read(bundle: Bundle) -> None:
    numbers = [int(one) for one in re.findall(r"\d+", said(bundle, "were read in full").text)]
    total, *parts = numbers
    assert total == len(bundle.index["references"]) == sum(parts)


def test_what_an_experiment_says_is_passed_on(doctored: Bundle) -> None:
    doctored.experiments["ampa"]["warnings"].append("article: 1 patient could not be solved")
    details = said(doctored, "experiments themselves").details
    assert "article: 1 patient could not be solved (ampa)" in details
    doctored.experiments["camp"]["warnings"].append("article: 1 patient could not be solved")
    details = said(doctored, "experiments themselves").details
    assert "article: 1 patient could not be solved" in details


def test_experiments_that_say_nothing_are_not_quoted(doctored: Bundle) -> None:
    for record in doctored.experiments.values():
        record["warnings"] = ["mine has no calibration of its own: uncalibrated"]
    assert one(doctored, "experiments themselves") is None


def test_the_size_and_its_error_are_said(doctored: Bundle) -> None:
    errors = [
        row["mc_error"]
        for record in doctored.experiments.values()
        for found in record["hypotheses"].values()
        for row in found["shares"]
        if row["time_h"] == 24.0 and row["mc_error"] is not None
    ]
    text = said(doctored, "virtual patients").text
    assert "the same 4 virtual patients" in text
    assert f"at most {max(errors):.2f}" in text
    for record in doctored.experiments.values():
        for found in record["hypotheses"].values():
            found["shares"] = []
    assert "at most unknown" in said(doctored, "virtual patients").text


def test_the_warnings_are_sentences(bundle: Bundle) -> None:
    for caveat in warnings.content(bundle):
        assert caveat.text[-1] in ".:"
        assert bool(caveat.details) or caveat.text.endswith(".")
        assert caveat.text[0].isupper() or caveat.text[0].isdigit()

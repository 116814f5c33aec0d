from __future__ import annotations

import pickle

import pytest

from ketasim import errors
from ketasim.errors import (
    EvidenceError,
    InputError,
    KetasimError,
    MissingExtraError,
    ModelError,
    OutputError,
    RegimenError,
    RoleError,
    SimulationError,
    UnknownNameError,
    nearest_names,
    require_extra,
    unknown_name,
)

DRUGS = ["ketamine", "esketamine", "arketamine", "naltrexone", "naloxone", "morphine", "saline"]


@pytest.mark.parametrize(
    "kind",
    [UnknownNameError, ModelError, RegimenError, EvidenceError, RoleError, MissingExtraError],
)
def test_bad_input_ends_with_exit_code_2(kind: type[InputError]) -> None:
    assert issubclass(kind, InputError)
    assert kind("no").exit_code == 2


@pytest.mark.parametrize("kind", [SimulationError, OutputError, KetasimError])
def test_failed_work_ends_with_exit_code_1(kind: type[KetasimError]) -> None:
    assert not issubclass(kind, InputError)
    assert kind("no").exit_code == 1


def test_sentence_says_place_fault_expectation_and_nearest_name() -> None:
    error = InputError(
        "unknown unit 'mgkg'",
        where="doses.csv, row 3, column unit",
        expected="a unit such as 'mg/kg'",
        suggestions=("mg/kg", "ug/kg"),
    )
    assert str(error) == (
        "doses.csv, row 3, column unit: unknown unit 'mgkg'; expected a unit such as 'mg/kg'; "
        "did you mean mg/kg or ug/kg?"
    )


def test_sentence_without_extras_is_the_fault_alone() -> None:
    assert str(InputError("the dose is negative")) == "the dose is negative"


@pytest.mark.parametrize("kind", [InputError, RoleError, UnknownNameError])
def test_error_survives_the_way_to_another_process(kind: type[InputError]) -> None:
    error = kind("bad", where="here", expected="good", suggestions=("a", "b"))
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is kind
    assert str(again) == str(error)
    assert again.suggestions == ("a", "b")


def test_nearest_names_are_the_enantiomers_and_the_racemate() -> None:
    assert nearest_names("ketamin", DRUGS)[0] == "ketamine"
    assert set(nearest_names("ketamin", DRUGS)) == {"ketamine", "esketamine", "arketamine"}


def test_nearest_names_ignore_case_and_keep_to_the_count() -> None:
    assert nearest_names("KETAMINE", DRUGS, count=1) == ("ketamine",)


def test_nothing_near_gives_nothing() -> None:
    assert nearest_names("xyzzy", DRUGS) == ()


def test_unknown_name_lists_all_when_nothing_is_near() -> None:
    message = str(unknown_name("drug", "xyzzy", ["saline", "ketamine"], where="dose 2"))
    assert message == "dose 2: unknown drug 'xyzzy'; expected one of ketamine, saline"


def test_unknown_name_does_not_list_hundreds() -> None:
    names = [f"parameter_{index:03d}" for index in range(300)]
    message = str(unknown_name("parameter", "zz", names))
    assert "parameter_019 and others" in message
    assert "parameter_020" not in message


def test_missing_library_names_the_extra() -> None:
    with pytest.raises(MissingExtraError, match=r"pip install ketasim\[gpu\]"):
        require_extra("a_library_nobody_has", "gpu")


def test_present_library_is_returned() -> None:
    assert require_extra("json.decoder", "fit").__name__ == "json.decoder"


def test_every_error_is_public() -> None:
    defined = {
        name
        for name, value in vars(errors).items()
        if isinstance(value, type) and issubclass(value, Exception)
    }
    assert defined <= set(errors.__all__)

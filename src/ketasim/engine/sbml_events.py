"""The events of an SBML model, read into what the integrator goes by."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..errors import ModelError
from .network import Event

if TYPE_CHECKING:
    from .sbml_elements import Elements
    from .sbml_meaning import Meanings


def read_events(elements: Elements, meanings: Meanings) -> tuple[Event, ...]:
    """Return a model's events.

    An event without a trigger never fires, and one without assignments does nothing (SBML Level
    3 Version 2 Core, section 4.11): neither is kept.

    Parameters
    ----------
    elements : Elements
        The model.
    meanings : Meanings
        What its symbols mean.

    Raises
    ------
    ModelError
        Where an event would assign a concentration computed before the size changed.
    """
    found = []
    for index, event in enumerate(elements.model.getListOfEvents()):
        trigger = event.getTrigger()
        if trigger is None or trigger.getMath() is None:
            continue
        read = _read(elements, meanings, event, _name(event, index))
        if read.assignments:
            found.append(read)
    _refuse_stale_sizes(elements, meanings, found)
    return tuple(found)


def _name(event: Any, index: int) -> str:
    return str(event.getId() or f"event {index + 1}")


def _read(elements: Elements, meanings: Meanings, event: Any, name: str) -> Event:
    where = f"event {name}"
    trigger = event.getTrigger()
    written = elements.level >= 3  # level 2 has neither attribute: both are true there
    assignments = {
        assignment.getVariable(): meanings.number(
            assignment.getMath(), f"assignment of {assignment.getVariable()} in {where}"
        )
        for assignment in event.getListOfEventAssignments()
        if assignment.getMath() is not None
    }
    # Values that do not vary are the same at any time; their amounts go by the size at execution.
    varying = any(meanings.varies(value) for value in assignments.values())
    return Event(
        name=name,
        trigger=meanings.condition(trigger.getMath(), f"trigger of {where}"),
        initially=bool(trigger.getInitialValue()) if written else True,
        persistent=bool(trigger.getPersistent()) if written else True,
        from_trigger=bool(event.getUseValuesFromTriggerTime()) and varying,
        delay=_optional(meanings, event.getDelay(), f"delay of {where}"),
        priority=_optional(meanings, event.getPriority(), f"priority of {where}"),
        # A concentration becomes an amount by the size before the event, also where the same
        # event changes the size: all assignments of an event are made from the state before it
        # (case 01779 of the SBML test suite).
        assignments=tuple(
            (elements.place[variable], meanings.own_unit(variable, value))
            for variable, value in assignments.items()
        ),
    )


def _optional(meanings: Meanings, item: Any, where: str) -> int | None:
    if item is None or item.getMath() is None:
        return None
    return meanings.number(item.getMath(), where)


def _refuse_stale_sizes(elements: Elements, meanings: Meanings, events: list[Event]) -> None:
    """Refuse events whose concentrations would be turned into amounts by an older size.

    An event that uses values from its trigger's time fixes its amounts then, with the size of
    that time; the size at its execution is meant, and the two differ if it may change between.
    """
    for event in events:
        if not event.from_trigger:
            continue
        for place, _ in event.assignments:
            name = elements.states[place]
            if not elements.diluted(name):
                continue
            others = [other for other in events if other is not event]
            if event.delay is not None or _may_change(elements, meanings, name, others):
                compartment = elements.species[name].getCompartment()
                raise ModelError(
                    f"{name!r} is set as a concentration with the values of the trigger's time, "
                    f"and the size of {compartment!r} may change before that is done: "
                    "not supported",
                    where=f"event {event.name}",
                )


def _may_change(elements: Elements, meanings: Meanings, species: str, events: list[Event]) -> bool:
    """Tell whether other events, at the same time, may change the size a species lives in."""
    below = meanings.states_below(meanings.size(species))
    return any(
        elements.states[place] in below for event in events for place, _ in event.assignments
    )

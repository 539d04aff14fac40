"""What a person does in the app while it is recorded: the steps of a guided recording, with their times."""

from __future__ import annotations

from collections.abc import Iterator

from devices.capture.guided_script import AppControls, ScriptStep, script_for
from devices.capture.labels import LabeledAction
from tests.helpers.invented_vendors.invented_vendor import InventedVendor, Play


def steps(vendor: InventedVendor) -> Iterator[ScriptStep]:
    """Yield the steps that this app's owner is guided through, without those that are never done."""
    play = vendor.play
    controls = AppControls(
        role="pump", levels=play.levels, phases=play.phases, pauses=play.pauses, shown=tuple(play.shown)
    )
    for step in script_for(controls):
        if step.do not in play.never:
            yield step


def label_of(step: ScriptStep, at_seconds: float, play: Play) -> LabeledAction:
    """Return the label of a step. Where the app is set in mmHg, its owner labels mmHg."""
    values = dict(step.values)
    if play.mmhg is not None and "level" in values:
        values["vacuum_mmhg"] = play.mmhg[int(values.pop("level") or 1) - 1]
    return LabeledAction.model_validate({"at_seconds": round(at_seconds, 3), "do": step.do, **values})

"""Labels as a file: adding one by its time, and writing the whole, checked and in order, or not at all."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Mapping
from datetime import datetime, time, timedelta
from pathlib import Path

from pydantic import ValidationError

from devices.capture.labels import LabeledAction, Labels
from devices.driver.vocabulary import EnergyRole, Value
from devices.support.file_error import problems_of
from devices.support.yaml_file import parse_document

_HALF_DAY = timedelta(hours=12)


def action_of(at_seconds: float, do: str, values: Mapping[str, Value]) -> LabeledAction:
    """Return a label. Raise `ValueError`, which names what does not fit."""
    given = {name: value for name, value in values.items() if value is not None}
    try:
        return LabeledAction.model_validate({"at_seconds": round(at_seconds, 3), "do": do, **given})
    except ValidationError as error:
        problems = problems_of(error, LabeledAction, {})
    raise ValueError("; ".join(map(str, problems)))


def moment_near(began: datetime, at: time) -> datetime:
    """Return the moment at a time of day that is nearest to the beginning of a recording, in its zone."""
    moment = datetime.combine(began.date(), at, began.tzinfo)
    if moment - began > _HALF_DAY:
        return moment - timedelta(days=1)
    return moment + timedelta(days=1) if began - moment > _HALF_DAY else moment


def with_action(labels: Labels, moment: datetime, do: str, values: Mapping[str, Value]) -> Labels:
    """Return labels with one more. Before the first moment, the recording begins then. Raise `ValueError`."""
    if moment < labels.began:
        earlier_seconds = (labels.began - moment).total_seconds()
        moved = (action_of(each.at_seconds + earlier_seconds, each.do, each.values) for each in labels.actions)
        labels = labels.model_copy(update={"began": moment, "actions": tuple(moved)})
    action = action_of((moment - labels.began).total_seconds(), do, values)
    return labels.model_copy(update={"actions": in_order((*labels.actions, action))})


def new_labels(role: EnergyRole, began: datetime, app: str | None = None) -> Labels:
    """Return labels of a recording without any yet."""
    return Labels(role=role, began=began, actions=(), app=app)


def in_order(actions: tuple[LabeledAction, ...]) -> tuple[LabeledAction, ...]:
    """Return actions in the order of time."""
    return tuple(sorted(actions, key=lambda each: each.at_seconds))


def labels_text(labels: Labels) -> str:
    """Return labels as YAML, one action in a line. Reading it again gives the same labels."""
    lines = [f"role: {labels.role}"]
    if labels.app is not None:
        lines.append(f"app: {json.dumps(labels.app, ensure_ascii=False)}")  # a JSON string is a YAML string
    lines.append(f"began: {labels.began.isoformat()}")
    lines.append("actions:" if labels.actions else "actions: []")
    for action in in_order(labels.actions):
        values = {"at_seconds": action.at_seconds, "do": action.do, **action.values}
        lines.append(f"  - {{{', '.join(f'{name}: {_scalar(value)}' for name, value in values.items())}}}")
    return "\n".join(lines) + "\n"


def write_labels(file: Path, labels: Labels) -> None:
    """Write labels whole or not at all: what was there stays until all is on the disk. Raise `FileError`, `OSError`."""
    text = labels_text(labels)
    parse_document(text, file).validate(Labels)
    descriptor, name = tempfile.mkstemp(prefix=f".{file.name}.", dir=file.parent)
    new = Path(name)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as opened:
            opened.write(text)
            opened.flush()
            os.fsync(descriptor)
        new.replace(file)
    except OSError:
        new.unlink(missing_ok=True)
        raise


def _scalar(value: Value) -> str:
    return value if isinstance(value, str) else f"{value:.10g}"

"""Sessions as a FHIR R4 bundle of observations: milk by side, and the time to let-down.

https://hl7.org/fhir/R4/observation.html. Volumes are in mL and durations in s, in UCUM. The codes are Letdown's own: no
terminology was checked for ones that fit. There is no patient but the one that the person names.
"""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Iterable, Iterator
from datetime import datetime, tzinfo
from typing import Any

from controller.contract.session_record import Milk, SessionRecord
from controller.contract.words import Words
from controller.history.exports.counted_milk import counted_milk
from devices.roles import Side

CODES = "urn:uuid:5b0ad1b5-3fd4-4b8c-9a67-6d2f5f3c7a10"
"""The code system of Letdown's own codes: the keys of `_CODES` and `_METHODS`."""
SESSIONS = "urn:uuid:0f6f2f0e-8f5b-4d0e-a3c4-0a8b3f2f1c55"
"""The system of identifiers: the id of a session, a slash, and what was observed."""

_CODES = {"expressed-milk-volume": "fhir_milk", "time-to-let-down": "fhir_let_down"}
_METHODS = {"measured": "device-measured", "weighed": "weighed", "entered": "person-entered"}
_ABSENT = "http://terminology.hl7.org/CodeSystem/data-absent-reason"
_UNKNOWN_END = "http://hl7.org/fhir/StructureDefinition/data-absent-reason"
_REFERENCE = re.compile(r"(?:https?://\S+/)?[A-Z][A-Za-z]+/[A-Za-z0-9.-]{1,64}|urn:(?:uuid|oid):[0-9a-f.-]+")


def check_patient(reference: str) -> str:
    """Return a reference to a patient as it is. Raise `ValueError` if it is none."""
    if not _REFERENCE.fullmatch(reference):
        raise ValueError(f"a patient is named as in Patient/123 or urn:uuid:…, not {reference!r}")
    return reference


def fhir_chunks(
    records: Iterable[SessionRecord],
    words: Words,
    written_at: datetime,
    *,
    patient: str | None = None,
    notes: bool = False,
    zone: tzinfo | None = None,
) -> Iterator[str]:
    """Yield the parts of the JSON document, one observation a line. `notes`: with the person's own words."""
    bundle = {"resourceType": "Bundle", "type": "collection", "timestamp": _time(written_at, zone)}
    yield json.dumps(bundle)[:-1]
    before, after = ', "entry": [\n', ""  # an empty list is not allowed
    for record in records:
        for observation in observations(record, words, patient=patient, notes=notes, zone=zone):
            entry = {"fullUrl": f"urn:uuid:{observation['id']}", "resource": observation}
            yield before + json.dumps(entry, ensure_ascii=False)
            before, after = ",\n", "\n]"
    yield after + "}\n"


def observations(
    record: SessionRecord,
    words: Words,
    *,
    patient: str | None = None,
    notes: bool = False,
    zone: tzinfo | None = None,
) -> Iterator[dict[str, Any]]:
    """Yield the observations of a session: its milk by side, or that it is unknown, and its time to let-down."""
    common: dict[str, Any] = {"status": _status(record), "effectivePeriod": _period(record, zone)}
    if patient is not None:
        common["subject"] = {"reference": patient}
    if notes and record.note:
        common["note"] = [{"text": record.note}]
    milk = counted_milk(record)
    for each in milk:
        yield _observation(record, f"milk-{each.side.value}", words, common | _milk(each, words))
    if not milk:
        unknown = {"coding": [{"system": _ABSENT, "code": "unknown"}], "text": words.report["unknown"]}
        content = {"bodySite": {"text": _site(record.side, words)}, "dataAbsentReason": unknown}
        yield _observation(record, "milk", words, common | content)
    if record.let_down_seconds is not None:
        value = {"valueQuantity": _quantity(record.let_down_seconds, "s")}
        yield _observation(record, "let-down", words, common | value, code="time-to-let-down")


def _observation(
    record: SessionRecord, what: str, words: Words, content: dict[str, Any], code: str = "expressed-milk-volume"
) -> dict[str, Any]:
    identifier = f"{record.id}/{what}"
    return {
        "resourceType": "Observation",
        "id": str(uuid.uuid5(uuid.UUID(SESSIONS.removeprefix("urn:uuid:")), identifier)),
        "identifier": [{"system": SESSIONS, "value": identifier}],
        "code": _concept(code, words.report[_CODES[code]]),
        **content,
    }


def _milk(milk: Milk, words: Words) -> dict[str, Any]:
    return {
        "bodySite": {"text": _site(milk.side, words)},
        "method": _concept(_METHODS[milk.source], words.report[f"source_{milk.source}"]),
        "valueQuantity": _quantity(milk.ml, "mL"),
    }


def _site(side: Side, words: Words) -> str:
    return words.report[f"breast_{side.value}"]


def _concept(code: str, text: str) -> dict[str, Any]:
    return {"coding": [{"system": CODES, "code": code, "display": text}], "text": text}


def _quantity(value: float, unit: str) -> dict[str, Any]:
    return {"value": round(value, 3), "unit": unit, "system": "http://unitsofmeasure.org", "code": unit}


def _status(record: SessionRecord) -> str:
    if record.outcome is None:
        return "preliminary"
    return "amended" if record.revision else "final"


def _period(record: SessionRecord, zone: tzinfo | None) -> dict[str, Any]:
    period: dict[str, Any] = {"start": _time(record.began_at, zone)}
    if record.ended_at is not None:
        period["end"] = _time(record.ended_at, zone)
    elif record.outcome is not None:  # a missing end would mean that it goes on
        period["_end"] = {"extension": [{"url": _UNKNOWN_END, "valueCode": "unknown"}]}
    return period


def _time(moment: datetime, zone: tzinfo | None) -> str:
    return moment.astimezone(zone).isoformat(timespec="seconds")

"""The FHIR bundle is one by the published rules, and says of each figure where it comes from."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from controller.contract.session_record import Milk, SessionRecord
from controller.contract.session_state import SessionState
from controller.contract.words import load_words
from controller.history.exports.fhir_export import CODES, check_patient, fhir_chunks
from devices.roles import Side
from tests.helpers.fhir_r4 import Bundle, Observation
from tests.helpers.session_records import days_of_sessions, record

WORDS = load_words("en")
NOW = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
BERLIN = ZoneInfo("Europe/Berlin")


def bundle(*records: SessionRecord, **options: Any) -> Bundle:
    document = "".join(fhir_chunks(records, WORDS, NOW, zone=BERLIN, **options))
    return Bundle.model_validate_json(document)


def observations(*records: SessionRecord, **options: Any) -> list[Observation]:
    return [each.resource for each in bundle(*records, **options).entry or ()]


def test_no_session_is_a_bundle_without_a_list() -> None:
    assert json.loads("".join(fhir_chunks([], WORDS, NOW, zone=UTC))) == {
        "resourceType": "Bundle",
        "type": "collection",
        "timestamp": "2026-03-02T08:00:00+00:00",
    }


@pytest.mark.system
def test_a_month_of_sessions_is_valid_and_the_same_every_time() -> None:
    month = list(days_of_sessions(NOW, 30))
    assert bundle(*month) == bundle(*month)
    assert len(observations(*month)) > 2 * len(month)


def test_each_side_is_an_observation_with_its_source() -> None:
    milk = (Milk(side=Side.LEFT, source="measured", ml=40.0), Milk(side=Side.RIGHT, source="entered", ml=51.0))
    left, right = observations(record("s1", milk=milk, revision=1))
    assert (left.valueQuantity and left.valueQuantity.value, left.bodySite and left.bodySite.text) == (
        40.0,
        "left breast",
    )
    assert left.method is not None
    assert left.method.coding is not None
    assert (left.method.coding[0].system, left.method.coding[0].code) == (CODES, "device-measured")
    assert right.method is not None
    assert right.method.coding is not None
    assert right.method.coding[0].code == "person-entered"
    assert {left.status, right.status} == {"amended"}
    assert left.effectivePeriod.start == "2026-03-01T03:30:00+01:00"
    assert left.subject is None


def test_milk_that_is_unknown_is_said_to_be_unknown() -> None:
    (only,) = observations(record("s1"))
    assert only.valueQuantity is None
    assert only.dataAbsentReason is not None
    assert only.dataAbsentReason.coding is not None
    assert only.dataAbsentReason.coding[0].code == "unknown"


def test_an_end_that_is_unknown_does_not_look_like_a_session_that_goes_on() -> None:
    running = record("s1", minutes=None)
    crashed = running.model_copy(update={"outcome": SessionState.FAILED})
    (goes_on,), (cut_off,) = observations(running), observations(crashed)
    assert (goes_on.status, goes_on.effectivePeriod.end_element) == ("preliminary", None)
    assert cut_off.status == "final"
    assert cut_off.effectivePeriod.end_element is not None
    assert cut_off.effectivePeriod.end_element.extension[0].valueCode == "unknown"


def test_notes_and_a_patient_are_in_it_only_where_asked_for() -> None:
    one = record("s1", left=1.0, note="private words", let_down_seconds=75.0)
    assert "private words" not in "".join(fhir_chunks([one], WORDS, NOW))
    found = observations(one, notes=True, patient="Patient/12")
    assert [each.note and each.note[0].text for each in found] == ["private words"] * 2
    assert {each.subject and each.subject.reference for each in found} == {"Patient/12"}
    let_down = found[1]
    assert let_down.valueQuantity is not None
    assert (let_down.valueQuantity.value, let_down.valueQuantity.code) == (75.0, "s")


def test_there_is_no_code_of_a_terminology_that_was_not_checked() -> None:
    document = "".join(fhir_chunks([record(left=1.0, let_down_seconds=3.0)], WORDS, NOW))
    assert "loinc" not in document.lower()
    assert "snomed" not in document.lower()


@pytest.mark.parametrize("text", ["Patient/12", "https://example.org/fhir/Patient/a-1", "urn:uuid:0f6f2f0e-8f5b-4d0e"])
def test_a_reference_is_taken_as_it_is(text: str) -> None:
    assert check_patient(text) == text


@pytest.mark.parametrize("text", ["", "Ann", "12", "Patient/", "patient/1", "Patient/1 2"])
def test_what_is_no_reference_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="Patient/123"):
        check_patient(text)

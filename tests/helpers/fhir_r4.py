"""A strict model of the part of FHIR R4 that is exported, after hl7.org/fhir/R4: bundle.html and observation.html.

Other than in FHIR itself, what is not exported is not allowed.
"""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

_DATE_TIME = (
    r"^\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])T([01]\d|2[0-3]):[0-5]\d:([0-5]\d|60)(\.\d+)?"
    r"(Z|[+-]((0\d|1[0-3]):[0-5]\d|14:00))$"
)

DateTime = Annotated[str, StringConstraints(pattern=_DATE_TIME)]
Uri = Annotated[str, StringConstraints(pattern=r"^\S+$")]
Code = Annotated[str, StringConstraints(pattern=r"^[^\s]+(\s[^\s]+)*$")]
Text = Annotated[str, StringConstraints(min_length=1, pattern=r"\S")]
Id = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9.-]{1,64}$")]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class Coding(_Strict):
    system: Uri
    code: Code
    display: Text | None = None


class CodeableConcept(_Strict):
    coding: list[Coding] | None = Field(None, min_length=1)
    text: Text


class Extension(_Strict):
    url: Uri
    valueCode: Code  # noqa: N815 - FHIR's name


class Element(_Strict):
    extension: list[Extension] = Field(min_length=1)


class Period(_Strict):
    start: DateTime
    end: DateTime | None = None
    end_element: Element | None = Field(None, alias="_end")


class Quantity(_Strict):
    value: float = Field(ge=0)
    unit: Text
    system: Literal["http://unitsofmeasure.org"]
    code: Literal["mL", "s"]


class Identifier(_Strict):
    system: Uri
    value: Text


class Reference(_Strict):
    reference: Text


class Annotation(_Strict):
    text: Text


class Observation(_Strict):
    resourceType: Literal["Observation"]  # noqa: N815
    id: Id
    identifier: list[Identifier] = Field(min_length=1)
    status: Literal["registered", "preliminary", "final", "amended", "corrected", "cancelled", "entered-in-error"]
    code: CodeableConcept
    subject: Reference | None = None
    effectivePeriod: Period  # noqa: N815
    valueQuantity: Quantity | None = None  # noqa: N815
    dataAbsentReason: CodeableConcept | None = None  # noqa: N815
    note: list[Annotation] | None = Field(None, min_length=1)
    bodySite: CodeableConcept | None = None  # noqa: N815
    method: CodeableConcept | None = None

    @model_validator(mode="after")
    def _obs_6(self) -> Self:
        """Constraint obs-6: a reason for an absent value only where there is none."""
        assert (self.valueQuantity is None) is (self.dataAbsentReason is not None)
        return self


class Entry(_Strict):
    fullUrl: Annotated[str, StringConstraints(pattern=r"^urn:uuid:[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$")]  # noqa: N815
    resource: Observation


class Bundle(_Strict):
    resourceType: Literal["Bundle"]  # noqa: N815
    type: Literal["collection"]
    timestamp: DateTime
    entry: list[Entry] | None = Field(None, min_length=1)

    @model_validator(mode="after")
    def _bdl_7(self) -> Self:
        """Constraint bdl-7: each address once."""
        addresses = [each.fullUrl for each in self.entry or ()]
        assert len(set(addresses)) == len(addresses)
        return self

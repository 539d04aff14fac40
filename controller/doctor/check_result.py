"""The result of one check of `letdown doctor`."""

from __future__ import annotations

from typing import Literal

from controller.database.database_errors import DatabaseError
from controller.mqtt.connection import BrokerProblem
from devices.errors import DeviceError
from devices.roles import Frozen


class CheckResult(Frozen):
    """`subject`: what was checked. A `problem` needs action, as `remedy` says; a `note` is worth knowing."""

    subject: str
    state: Literal["ok", "note", "problem"]
    message: str
    remedy: str | None = None


def ok(subject: str, message: str) -> CheckResult:
    """Return the result of a check that passed."""
    return CheckResult(subject=subject, state="ok", message=message)


def note(subject: str, message: str, remedy: str | None = None) -> CheckResult:
    """Return the result of a check that found nothing wrong, or could not tell."""
    return CheckResult(subject=subject, state="note", message=message, remedy=remedy)


def problem(subject: str, message: str, remedy: str | None = None) -> CheckResult:
    """Return the result of a check that failed."""
    return CheckResult(subject=subject, state="problem", message=message, remedy=remedy)


def problem_of(subject: str, error: DeviceError | DatabaseError | BrokerProblem) -> CheckResult:
    """Return the result of a check that ended with an error."""
    return problem(subject, error.problem, error.remedy)

"""A driver for pumps that take a code, a level and the PIN that stands on their bottom, and report one byte."""

from __future__ import annotations

from collections.abc import Mapping, Set

from pydantic import Field

from devices.bluetooth.link import CharacteristicRef
from devices.bluetooth.radio import Radio
from devices.driver.base import BaseDevice, DeviceOptions
from devices.driver.device_model import DeviceModel
from devices.driver.example_check import ExampleCheck, TriedExample
from devices.driver.registry import ConfigurationError, Driver
from devices.driver.vocabulary import HexBytes, Value, full_uuid
from devices.errors import RefusedError
from devices.roles import Frozen
from devices.support.clock import Clock
from devices.support.confidential import Confidential

CONTROL = CharacteristicRef(full_uuid("ffb0"), full_uuid("ffb1"))
STATUS = CharacteristicRef(full_uuid("ffb0"), full_uuid("ffb2"))


class AcmeExample(Frozen):
    level: int
    bytes_: HexBytes = Field(alias="bytes")


class AcmeSpec(Frozen):
    start: HexBytes
    stop: HexBytes
    examples: tuple[AcmeExample, ...] = ()

    def start_with(self, level: object, pin: int) -> bytes:
        if not isinstance(level, int):
            raise RefusedError("level is missing")
        return self.start + bytes([level]) + pin.to_bytes(2, "big")


class AcmeModel(DeviceModel):
    acme: AcmeSpec

    @property
    def verbs(self) -> Set[str]:
        return {"start", "stop"}

    @property
    def reported(self) -> frozenset[str]:
        return frozenset({"run_state"})

    @property
    def regular(self) -> frozenset[str]:
        return frozenset()

    def carried_by(self, verb: str) -> frozenset[str]:
        return frozenset({"level"} if verb == "start" else ())

    def least(self, verb: str, setting: str, *, above_zero: bool) -> float | None:
        return 1 if (verb, setting) == ("start", "level") else None


class AcmeSettings(Confidential):
    pin: int = Field(ge=0, le=9999)


class AcmeDevice(BaseDevice):
    def __init__(self, radio: Radio, clock: Clock, model: AcmeModel, options: DeviceOptions, pin: int) -> None:
        super().__init__(radio, clock, model, options)
        self._spec = model.acme
        self._pin = pin

    async def _set_up(self) -> None:
        await self.link.subscribe(STATUS, self._on_status)
        await self._stopper.end_what_runs()

    def _on_status(self, data: bytes) -> None:
        self.state.update({"run_state": "running" if data[0] else "stopped"})

    async def _carry_out(self, verb: str, values: Mapping[str, Value], undone_by: str | None) -> None:
        await self.link.write(CONTROL, self._spec.start_with(values.get("level"), self._pin), response=True)

    async def write_urgently(self, verb: str) -> None:
        await self.link.write(CONTROL, self._spec.stop, response=False)

    async def send_again(self, verb: str, within_seconds: float) -> None:
        await self.link.write(CONTROL, self._spec.stop, response=True)


class AcmeDriver(Driver[AcmeModel]):
    name = "acme"
    model = AcmeModel
    settings = AcmeSettings

    def open_device(self, radio: Radio, clock: Clock, model: AcmeModel, options: DeviceOptions) -> BaseDevice:
        if not isinstance(options.own, AcmeSettings):
            raise ConfigurationError("say acme: {pin: …}; it stands on the bottom of the pump")
        return AcmeDevice(radio, clock, model, options, options.own.pin)

    def check_examples(self, model: AcmeModel) -> list[ExampleCheck]:
        tried = []
        for number, each in enumerate(model.acme.examples):
            made, path = model.acme.start_with(each.level, 0), ("acme", "examples", number)
            expected, found = each.bytes_.hex(" "), made.hex(" ")
            tried.append(TriedExample(path=path, holds=expected == found, expected=expected, found=found))
        return [ExampleCheck(what="acme.start", examples=tuple(tried)), ExampleCheck(what="acme.stop")]

"""Faults of the virtual devices of a home and of their radio, for a running service or for a station alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from bumble.device import Device

from devices.driver.vocabulary import Value
from devices.errors import ProtocolError
from devices.virtual.device_run import CommandResult
from devices.virtual.transports import Air, Central
from devices.virtual.virtual_home import DeviceKey, VirtualHome

_PUMPS: tuple[DeviceKey, ...] = ("left-pump", "right-pump")


class ListedAir(Air):
    """An air that remembers its central, and its peripherals by name, so that a test can take one away."""

    def __init__(self) -> None:
        super().__init__()
        self.central: Central
        self.peripherals: dict[str, Device] = {}

    async def add_central(self, address: str | None = None) -> Central:
        self.central = await super().add_central(address)
        return self.central

    async def add_peripheral(self, name: str, address: str | None = None) -> Device:
        device = await super().add_peripheral(name, address)
        self.peripherals[name] = device
        return device


class HomeFaults:
    """What can go wrong at the devices of a home, while things run."""

    def __init__(self, air: ListedAir, home: VirtualHome) -> None:
        self.air = air
        self.home = home

    def lose_link(self, key: DeviceKey, *, for_good: bool = False) -> None:
        """Break a device's connection; `for_good`: it cannot be found again either."""
        device = self.air.peripherals[self.home.twins[key].name]
        if for_good:
            self.air.remove(device)
        else:
            self.air.lose_link(device)

    def silence(self, key: DeviceKey, *channels: str) -> None:
        """Let a device, or some of its channels, send nothing any more. It goes on with what it does."""
        twin = self.home.twins[key]
        server = twin.server
        assert server is not None
        quiet = {twin.profile.channels[channel].characteristic for channel in channels}
        notify = server.notify

        def keep_quiet(characteristic: str, data: bytes) -> None:
            if channels and characteristic not in quiet:
                notify(characteristic, data)

        server.notify = keep_quiet  # type: ignore[method-assign]

    def break_ears(self, key: DeviceKey, *names: str) -> None:
        """Let a device take no notice of some commands, as if they never came: by default, of its stop."""
        deaf_to = set(names or ("stop", "off"))
        codec = self.home.twins[key]._codec
        decode = codec.decode_command

        def decode_command(channel: str, data: bytes) -> Any:
            message = decode(channel, data)
            if message.name in deaf_to:
                raise ProtocolError("a bit was flipped")
            return message

        codec.decode_command = decode_command  # type: ignore[method-assign]

    def before_command(self, key: DeviceKey, name: str, do: Callable[[], object]) -> None:
        """Do something when a device is about to carry out a command of this name."""
        body = self.home.twins[key].body
        command = body.command

        def carry_out(said: str, values: Mapping[str, Value]) -> CommandResult:
            if said == name:
                do()
            return command(said, values)

        body.command = carry_out  # type: ignore[method-assign]

    def change_values(self, key: DeviceKey, **values: Value) -> None:
        """Let a device report some values of ours, whatever is true."""
        body = self.home.twins[key].body
        truth = body.values
        body.values = lambda *since: truth(*since) | values  # type: ignore[method-assign]

    def give_no_milk(self) -> None:
        """Let no pump report any let-down or flow."""
        for key in _PUMPS:
            self.change_values(key, let_down=False, flow_ml_per_s=0.0)

    def press_button(self, key: DeviceKey) -> None:
        """Switch a device off at the device itself."""
        body = self.home.twins[key].body
        body.command("off" if key == "warm-pad" else "stop", {})

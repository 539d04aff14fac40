"""The declarative driver's device."""

from __future__ import annotations

from collections.abc import Mapping

from devices.bluetooth.link import Link
from devices.bluetooth.radio import Radio
from devices.driver.base import BaseDevice, DeviceOptions
from devices.driver.stopper import READ_BACK_SECONDS
from devices.driver.vocabulary import Value
from devices.profiles import connection_tasks
from devices.profiles.profile_connection import ProfileConnection
from devices.profiles.schema import Profile
from devices.support.clock import Clock


class ProfileDevice(BaseDevice):
    """One device described by a profile."""

    model: Profile
    link: Link

    def __init__(self, radio: Radio, clock: Clock, model: Profile, options: DeviceOptions) -> None:
        super().__init__(radio, clock, model, options)
        self.connection = ProfileConnection(model, self.link, clock, self.state, self._start_task)
        self._running: dict[str, tuple[str, Mapping[str, Value]]] = {}  # by stop verb: the last start, and its values

    @property
    def dropped_packets(self) -> int:
        """How many packets the profile does not describe."""
        return self.connection.dropped_packets

    async def renew(self, values: Mapping[str, Value]) -> None:
        """Renew the lease of what runs: by the device's own command, or by sending its last start once more."""
        renew = self.model.commands.get("renew")
        if renew is None or renew.repeat is None:
            await super().renew(values)
            return

        async def again() -> None:
            # Looked up when its turn comes: a stop in the meantime has taken it away.
            for start, last in list(self._running.values()):
                if start == renew.repeat:
                    await self.connection.send(start, last)

        await self.link.lane.run(again)

    async def stop(self, verb: str) -> None:
        """Stop, and renew nothing any more."""
        self._running.pop(verb, None)
        await super().stop(verb)

    async def _check(self, verb: str, values: Mapping[str, Value]) -> None:
        await connection_tasks.check_start(self.connection, verb, values)

    async def _carry_out(self, verb: str, values: Mapping[str, Value], undone_by: str | None) -> None:
        if undone_by is not None:
            start, before = self._running.get(undone_by, (verb, {}))
            self._running[undone_by] = (start, {**before, **values})  # a change counts when the start is repeated
        await self.connection.send(verb, values)

    async def write_urgently(self, verb: str) -> None:
        """Write a stop at once, part by part."""
        await self.connection.write_urgently(verb)

    async def send_again(self, verb: str, within_seconds: float) -> None:
        """Send a stop and wait for its answer."""
        await self.connection.send_stop(verb, within_seconds)

    async def read_back_stopped(self, since: int) -> None:
        """Wait until the device itself reports that it does not run.

        Only what it reports from now on counts; from a device that cannot be read, what it reported since the mark.
        """
        if self.connection.can_ask("run_state"):
            since = self.state.messages
        while True:
            await self.connection.ask("run_state")
            if self.reported_stopped(since):
                return
            await self.clock.sleep(READ_BACK_SECONDS)

    async def _ask_run_state(self) -> None:
        """Read or poll the run state."""
        await self.connection.ask("run_state")

    async def _set_up(self) -> None:
        """Check the characteristics, subscribe, shake hands, end what a lost link left on, and read everything once."""
        self.connection.find_characteristics()
        connection_tasks.check_characteristics(self.connection)
        await self.connection.subscribe()
        await connection_tasks.shake_hands(self.connection)
        await self._stopper.end_what_runs()
        await connection_tasks.check_model(self.connection)
        await self.connection.read_all()
        for task in connection_tasks.periodic(self.connection):
            self._start_task(task)

    def _on_disconnected(self) -> None:
        super()._on_disconnected()
        self._running.clear()
        self.connection.lose_link()

"""What the roles of a driver's device share: everything about the device and its last values, and no verb."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeVar

from devices.driver.base import BaseDevice
from devices.driver.device_model import DeviceModel
from devices.driver.state_cache import MEASURED, is_off
from devices.driver.vocabulary import START_VERB, RoleName, Value, puts_energy
from devices.roles import Capability, LinkState, Reading

ReadingT = TypeVar("ReadingT", bound=Reading)

_BY_COMMAND_FIELD = {
    "phase": Capability.PHASE,
    "vacuum_mmhg": Capability.VACUUM_MMHG,
    "level": Capability.LEVELS,
    "rate_cpm": Capability.RATE_CPM,
    "celsius": Capability.TARGET_CELSIUS,
    "intensity": Capability.INTENSITY,
    "side": Capability.SIDES,
    "lease_seconds": Capability.LEASE,
    "duration_seconds": Capability.OWN_TIMER,
}
_BY_REPORT = {
    "run_state": Capability.REPORTS_STATE,
    "vacuum_mmhg": Capability.REPORTS_VACUUM,
    "let_down": Capability.REPORTS_LET_DOWN,
    "flow_ml_per_s": Capability.REPORTS_FLOW,
    "volume_ml": Capability.REPORTS_VOLUME,
    "surface_celsius": Capability.REPORTS_TEMPERATURE,
    "battery_percent": Capability.REPORTS_BATTERY,
    "weight_g": Capability.REPORTS_WEIGHT,
    "last_press": Capability.REPORTS_PRESSES,
    "celsius": Capability.REPORTS_TEMPERATURE,
    "power_w": Capability.REPORTS_POWER,
}

# What comes by itself every few seconds, and has not come for so long, is not measured any more.
_SILENT_SECONDS = 10.0
_NOTHING: frozenset[str] = frozenset()

# What must stay fresh while a device runs, of what it reports regularly.
_WATCHED: dict[RoleName, frozenset[str]] = {
    "pump": frozenset({"run_state", "vacuum_mmhg"}),
    "warmer": frozenset({"run_state", "surface_celsius"}),
    "massager": frozenset({"run_state"}),
    "scale": frozenset({"weight_g"}),
    "button": frozenset(),
    "thermometer": frozenset({"celsius"}),
}


class RoleBase:
    """One role of a device. Documented in `devices.roles`."""

    role: RoleName

    def __init__(self, device: BaseDevice) -> None:
        role = self.role
        self.device = device
        # A device with several roles shows as several, each under a name of its own.
        self.name = device.name if len(device.model.roles) == 1 else f"{device.name}-{role}"
        self.device_name = device.name
        self.side = device.side
        self.model_id = device.model.id
        self.model_name = device.model.name
        self.confidence = device.model.confidence
        regular = device.model.regular
        self._watched = _WATCHED[role] & regular or regular
        self._measured = MEASURED & regular
        self._reported = device.model.reported  # once: every reading asks for it
        self.capabilities = capabilities_of(device.model, role, may_control=device.may_control)
        self._levels = device.model.levels.of(role) if device.model.levels is not None else {}

    @property
    def connected(self) -> bool:
        return self.device.link.connected

    @property
    def link_state(self) -> LinkState:
        return self.device.link.state

    @property
    def link_problem(self) -> str | None:
        return self.device.link.problem

    @property
    def address(self) -> str | None:
        advertisement = self.device.link.advertisement
        return None if advertisement is None else advertisement.address

    @property
    def rssi_dbm(self) -> int | None:
        advertisement = self.device.link.advertisement
        return advertisement.rssi_dbm if advertisement is not None and self.connected else None

    @property
    def age_seconds(self) -> float | None:
        state = self.device.state
        watched = self._watched - MEASURED if is_off(state.values) else self._watched
        return state.age_seconds(watched) if watched else 0.0  # nothing has to be reported while it does not run

    def updated_at_seconds(self, name: str) -> float | None:
        return self.device.state.updated_at_seconds(name)

    def reports_at_rest(self, name: str) -> bool:
        return self.device.state.reports_at_rest(name)

    @property
    def _outdated(self) -> frozenset[str]:
        """What it measured once more after it had stopped, and then no more, though it reports it regularly."""
        state = self.device.state
        if not self._measured or not state.off_for(_SILENT_SECONDS):
            return _NOTHING
        return state.silent_for(_SILENT_SECONDS, self._measured)

    def on_change(self, callback: Callable[[], None]) -> Callable[[], None]:
        return self.device.state.on_change(callback)

    def _read(self, model: type[ReadingT], target: str = "") -> ReadingT:
        """Return the latest values. A `target` that the device does not report is taken from its level."""
        outdated = self._outdated

        def make(values: Mapping[str, Value]) -> ReadingT:
            by_level = self._levels if target not in self._reported else {}
            fields = model.model_fields
            known = {
                name: value
                for name, value in values.items()
                if value is not None and name in fields and name not in outdated
            }
            level = values.get("level")
            if isinstance(level, int | float) and level in by_level:
                known[target] = by_level[int(level)]
            return model(**known)

        return self.device.state.view((model, outdated), make)


def capabilities_of(model: DeviceModel, role: RoleName, *, may_control: bool = True) -> frozenset[Capability]:
    """Work out from verbs and reported values what the device can do; the `capabilities` of its file add the rest."""
    found = set(model.capabilities)
    if puts_energy(role) and model.starts(role):
        found.add(Capability.START)
        carried = model.carried_by(START_VERB[role])
        found |= {_BY_COMMAND_FIELD[name] for name in carried if name in _BY_COMMAND_FIELD}
    if {"pause", "resume"} <= model.verbs:
        found.add(Capability.PAUSE)
    if Capability.LEVELS in found and model.levels is not None:
        found |= {Capability.VACUUM_MMHG} if model.levels.vacuum_mmhg else set()
        found |= {Capability.TARGET_CELSIUS} if model.levels.celsius else set()
    if "tare" in model.verbs:
        found.add(Capability.TARE)
    found.discard(Capability.LEASE)
    if "renew" in model.verbs:
        found.add(Capability.LEASE)
    if model.own_timer_seconds is not None:
        found.add(Capability.OWN_TIMER)
    found |= {capability for name, capability in _BY_REPORT.items() if name in model.reported}
    if model.regular:
        found.add(Capability.REPORTS_REGULARLY)
    if model.on_link_loss == "stops":
        found.add(Capability.STOPS_ON_LINK_LOSS)
    if not may_control:
        found -= {Capability.START, Capability.TARE}
    return frozenset(found)

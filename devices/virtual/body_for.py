"""Chooses the body of a profile's virtual device."""

from __future__ import annotations

from collections.abc import Callable

from devices.driver.vocabulary import EnergyRole
from devices.profiles.schema import Profile
from devices.roles import Side
from devices.virtual.breast import Mother
from devices.virtual.device_body import DeviceBody
from devices.virtual.lovense import LovenseBody
from devices.virtual.ooler import OolerBody
from devices.virtual.open_devices import MassagerBody, PadBody, PumpBody
from devices.virtual.satisfyer import SatisfyerBody
from devices.virtual.scale_body import ScaleBody
from devices.virtual.simple_bodies import JoinedBody, SimpleBody, SimpleMassager, SimpleWarmer
from devices.virtual.simple_pump import SimplePump
from devices.virtual.thermometer_body import ThermometerBody
from devices.virtual.we_vibe import WeVibeBody

Embody = Callable[[Profile, Side, Mother, int | str], DeviceBody | JoinedBody]

_OWN: dict[str, Callable[[Profile, Side, int | str], SimpleBody]] = {
    **dict.fromkeys(("lovense", "lovense-gen1", "lovense-gen3"), lambda profile, side, _: LovenseBody(profile, side)),
    **dict.fromkeys(("we-vibe-8bit", "we-vibe-wand"), lambda profile, side, _: WeVibeBody(profile, side)),
    "ooler": OolerBody,
    "satisfyer": lambda profile, side, _: SatisfyerBody(profile, side),
}
"""Products whose behaviour no profile can describe."""


def embody(profile: Profile, side: Side, mother: Mother, seed: int | str) -> DeviceBody | JoinedBody:
    """Return a device's body: that of the open profile, or a simple one for each of its roles."""
    if profile.id == "open-pump":
        return PumpBody(side, mother.breasts[Side.LEFT if side is Side.BOTH else side], seed)
    if profile.id == "open-warm-pad":
        return PadBody(seed, side)
    if profile.id == "open-massager":
        return MassagerBody()
    if "scale" in profile.roles:
        return ScaleBody(profile, side, mother, seed)
    if "thermometer" in profile.roles:
        return ThermometerBody(profile, side, seed)
    simple = [_simple(profile, role, side, seed) for role in profile.energy_roles]
    return simple[0] if len(simple) == 1 else JoinedBody(simple)


def parts_of(body: DeviceBody | JoinedBody) -> list[DeviceBody]:
    """Return the parts of a body, one a role."""
    return list(body.parts) if isinstance(body, JoinedBody) else [body]


def _simple(profile: Profile, role: EnergyRole, side: Side, seed: int | str) -> SimpleBody:
    if role == "pump":
        return SimplePump(profile, side, seed)
    if profile.id in _OWN:
        return _OWN[profile.id](profile, side, seed)
    return SimpleWarmer(profile, side, seed) if role == "warmer" else SimpleMassager(profile, side)

"""Which body a profile's twin gets."""

from __future__ import annotations

from collections.abc import Callable

from devices.profiles.schema import Profile
from devices.profiles.vocabulary import Role
from devices.roles import Side
from devices.virtual.bodies import PadBody, PumpBody
from devices.virtual.breast import Mother
from devices.virtual.duty import Body
from devices.virtual.joined import JoinedBody
from devices.virtual.lovense import LovenseBody
from devices.virtual.massager import MassagerBody
from devices.virtual.ooler import OolerBody
from devices.virtual.pump_ranges import PumpRanges
from devices.virtual.satisfyer import SatisfyerBody
from devices.virtual.simple import SimpleBody, SimpleMassager, SimpleWarmer
from devices.virtual.simple_pump import SimplePump
from devices.virtual.we_vibe import WeVibeBody

_OWN: dict[str, Callable[[Profile, Side, int | str], SimpleBody]] = {
    **dict.fromkeys(("lovense", "lovense-gen1", "lovense-gen3"), lambda profile, side, _: LovenseBody(profile, side)),
    **dict.fromkeys(("we-vibe-8bit", "we-vibe-wand"), lambda profile, side, _: WeVibeBody(profile, side)),
    "ooler": OolerBody,
    "satisfyer": lambda profile, side, _: SatisfyerBody(profile, side),
}
"""Products that do what no profile can say."""


def embody(profile: Profile, side: Side, mother: Mother, seed: int | str, ranges: PumpRanges | None = None) -> Body:
    """Return a body for a device: that of the open profile, or a simple one for each of its roles."""
    if profile.id == "open-pump":
        return PumpBody(side, mother.breasts[Side.LEFT if side is Side.BOTH else side], seed, ranges)
    if profile.id == "open-warm-pad":
        return PadBody(seed, side)
    if profile.id == "open-massager":
        return MassagerBody()
    simple = [_simple(profile, role, side, seed, ranges) for role in profile.roles]
    return simple[0] if len(simple) == 1 else JoinedBody(simple)


def parts_of(body: Body) -> list[Body]:
    """Return the bodies that a body is made of: more than one for a device with several roles."""
    return list(body.parts) if isinstance(body, JoinedBody) else [body]


def _simple(profile: Profile, role: Role, side: Side, seed: int | str, ranges: PumpRanges | None) -> SimpleBody:
    if role == "pump":
        return SimplePump(profile, side, seed, ranges)
    if profile.id in _OWN:
        return _OWN[profile.id](profile, side, seed)
    return SimpleWarmer(profile, side, seed) if role == "warmer" else SimpleMassager(profile, side)

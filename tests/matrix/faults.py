"""All faults there are, by what is at fault, in the order in which the table shows them."""

from __future__ import annotations

from tests.matrix.device import DEVICE
from tests.matrix.people import PEOPLE
from tests.matrix.radio import RADIO

GROUPS = {
    "Users, their phones and clocks, and who runs the controller": PEOPLE,
    "The radio": RADIO,
    "The devices": DEVICE,
}
FAULTS = tuple(fault for faults in GROUPS.values() for fault in faults)

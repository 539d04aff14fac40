"""A family of services: the same UUID but for some digits, in each of its members."""

from __future__ import annotations

import pytest

from devices.driver.vocabulary import filled, is_member
from devices.profiles.schema import Profile
from devices.profiles.unchecked_profile import member_among
from devices.support.shipped import SHIPPED
from devices.support.yaml_file import load_yaml
from tests.helpers.peer import Peer, talking

SERVICE, TX, RX = (f"????00?{last}-002?-4bd4-bbd5-a6920e4c5653" for last in (1, 2, 3))
SNIPPET = f"""
    member: 4c300001-0023-4bd4-bbd5-a6920e4c5653
    channels:
      tx: {{service: "{SERVICE}", characteristic: "{TX}", write: both}}
      rx: {{service: "{SERVICE}", characteristic: "{RX}", notify: true}}
    commands:
      run: {{payload: ["33", {{intensity: u8, full_scale: 20, range: [0.05, 1]}}]}}
      stop: {{payload: "0f"}}
"""
# As buttplug's device configuration lists them.
# fmt: off
PUBLISHED = [
    "50300001-0024", "57300001-0023", "5a300001-0024", "50300001-0023", "53300001-0023", "5a300001-0023",
    "4f300001-0023", "42300001-0023", "43300001-0023", "4c300001-0023", "4c410001-0023", "56300001-0023",
    "58300001-0023", "52300001-0023", "46300001-0023", "50300011-0023", "4a300001-0023", "45440001-0023",
    "45420001-0023", "54300001-0023", "45490001-0023", "4e300001-0023", "45410001-0023", "51300001-0023",
    "45460001-0023", "454c0001-0023", "55300001-0023", "53440001-0023", "48300001-0023", "46530001-0023",
    "42410001-0023", "43410001-0023", "4f430001-0023", "455a0001-0023", "57440001-0023", "414e0001-0023",
]
# fmt: on
NOT_OF_IT = [
    "6e400001-b5a3-f393-e0a9-e50e24dcca9e",
    "0000fff0-0000-1000-8000-00805f9b34fb",
    "50300002-0023-4bd4-bbd5-a6920e4c5653",
    "50300001-0023-4bd4-bbd5-a6920e4c5654",
    "50300001-0123-4bd4-bbd5-a6920e4c5653",
]


def gen3() -> Profile:
    return load_yaml(SHIPPED / "profiles" / "lovense-gen3.yaml", Profile)


@pytest.mark.parametrize("beginning", PUBLISHED)
def test_each_published_service_is_of_the_shipped_family_with_the_characteristics_that_belong_to_it(
    beginning: str,
) -> None:
    service = f"{beginning}-4bd4-bbd5-a6920e4c5653"
    profile = gen3()
    assert is_member(service, profile.match.services[0])
    placed = profile.with_member(service)
    assert placed.match.services == (service,)
    last = beginning[:7], beginning[8:]
    assert placed.channels["tx"].characteristic == f"{last[0]}2{last[1]}-4bd4-bbd5-a6920e4c5653"
    assert placed.channels["rx"].characteristic == f"{last[0]}3{last[1]}-4bd4-bbd5-a6920e4c5653"


def test_there_are_as_many_as_are_published() -> None:
    assert len(set(PUBLISHED)) == 36


@pytest.mark.parametrize("uuid", NOT_OF_IT)
def test_others_are_not_of_it(uuid: str) -> None:
    assert not is_member(uuid, SERVICE)


def test_open_digits_are_those_of_the_member_at_the_same_place() -> None:
    assert filled("?1?3", "a2c4") == "a1c3"


def offering(*services: str, without: str = "") -> list[tuple[str, str]]:
    ends = [last for last in "23" if last != without]
    return [(service, f"{service[:7]}{last}{service[8:]}") for service in services for last in ends]


def test_a_member_has_all_the_characteristics() -> None:
    channels = gen3().channels
    one, other = (f"{each}-4bd4-bbd5-a6920e4c5653" for each in PUBLISHED[:2])
    assert member_among(channels, offering(one)) == one
    assert member_among(channels, offering(NOT_OF_IT[0], one)) == one
    assert member_among(channels, [*offering(one, without="3"), *offering(other)]) == other
    assert member_among(channels, offering(one, without="2")) is None
    assert member_among(channels, []) is None


@pytest.mark.parametrize("beginning", PUBLISHED[:3])
async def test_a_device_is_spoken_to_on_the_member_that_it_has(beginning: str) -> None:
    service = f"{beginning}-4bd4-bbd5-a6920e4c5653"

    def prepare(peer: Peer) -> None:
        peer._profile = peer._profile.model_copy(update={"member": None})
        channels = {
            name: each.model_copy(
                update={"service": service, "characteristic": filled(TX if name == "tx" else RX, service)}
            )
            for name, each in peer._profile.channels.items()
        }
        peer._profile = peer._profile.model_copy(update={"channels": channels})

    async with talking(SNIPPET, "massager", prepare=prepare) as talk:
        await talk.device.command("run", {"intensity": 0.5}, undone_by="stop")
        assert talk.peer.received == [b"\x33\x0a"]


async def test_a_device_without_any_is_another_model() -> None:
    def prepare(peer: Peer) -> None:
        peer.missing.add("rx")

    async with talking(SNIPPET, "massager", prepare=prepare, connected=False) as talk:
        await talk.clock.sleep(0.1)
        assert talk.device.link.problem is not None
        assert "is no Made up: it has no characteristic for" in talk.device.link.problem

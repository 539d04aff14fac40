"""Whatever a scale sends: what makes no sense is dropped or unknown, and the next weight is read as before."""

from __future__ import annotations

import logging

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from devices.driver.device_roles import scales_of
from devices.driver.vocabulary import full_uuid
from devices.profiles.catalog import Catalog
from devices.profiles.schema import Profile
from tests.helpers.made_up_twins import driven_twin
from tests.helpers.sampling import sampled

# What each sends for 50 g, and its characteristic.
WEIGHTS = {
    "bookoo-mini-scale": ("ff11", "03 0b 00 0f a0 01 2b 00 13 88 2b 00 00 55 00 05 01 01 00 6d"),
    "decent-scale": ("fff4", "03 ce 01 f4 00 00 38"),
    "weight-scale-service": ("2a9d", "00 0a 00"),
}
_CHANGES = st.lists(st.tuples(st.integers(0, 19), st.integers(1, 255)), min_size=1, max_size=3)


def _garbled(good: bytes, changes: list[tuple[int, int]]) -> bytes:
    data = bytearray(good)
    for place, flipped in changes:
        data[place % len(data)] ^= flipped
    return bytes(data)


def nonsense(good: bytes) -> st.SearchStrategy[bytes]:
    """Return packets that are cut off, too long, garbled, or anything at all."""
    return st.one_of(
        st.integers(0, len(good) - 1).map(lambda count: good[:count]),
        st.binary(min_size=1, max_size=300).map(lambda more: good + more),
        _CHANGES.map(lambda changes: _garbled(good, changes)),
        st.binary(max_size=300),
    )


@pytest.mark.parametrize("id_", sampled(WEIGHTS, keep=lambda id_: id_ == "bookoo-mini-scale"))
@given(data=st.data())
@settings(
    max_examples=3,
    phases=[Phase.generate],  # each example is a whole home: too slow to look for the smallest
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
async def test_nonsense_is_no_weight_and_harms_nothing(
    caplog: pytest.LogCaptureFixture, id_: str, data: st.DataObject
) -> None:
    model = Catalog.load().get(id_)
    assert isinstance(model, Profile)
    uuid, text = WEIGHTS[id_]
    good = bytes.fromhex(text)
    packets = data.draw(st.lists(nonsense(good), min_size=1, max_size=60))
    caplog.clear()
    async with driven_twin(model) as (device, twin, clock):
        (scale,) = scales_of(device)
        await clock.sleep(2)
        server = twin.server
        assert server is not None
        twin.tick = lambda: None  # type: ignore[method-assign]  # it sends nothing else now
        for packet in packets:
            server.notify(full_uuid(uuid), packet)
            await clock.sleep(0.2)
            weight_g = scale.reading.weight_g
            assert weight_g is None or abs(weight_g) < 2**24
        server.notify(full_uuid(uuid), good)
        await clock.sleep(1)
        assert scale.reading.weight_g == 50
        assert device.link.connected
        assert not twin.body.run.on
    assert [each for each in caplog.records if each.levelno >= logging.ERROR or each.exc_info] == []

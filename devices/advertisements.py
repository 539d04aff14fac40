"""A bounded table of the latest advertisement of each device, indexed by the addresses and names somebody wants.

Anyone near can send thousands of advertisements a second from as many addresses. Each costs a few dictionary lookups
here; only those of wanted devices wake a waiter, and only a bounded number of the others is kept.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from bleak.backends.device import BLEDevice
from bleak.backends.scanner import AdvertisementData

from devices.sighting import ByAddress, ByName, Sighting

# A round of a scan on Linux is 10 s of listening and 5 s of pause. Who was not heard for longer than that is gone, or
# has another address by now.
FRESH_SECONDS = 20.0

# Phones take another address every quarter of an hour: in a house with many people, nobody could keep them all.
KEPT_SECONDS = 300.0

MOST_KEPT = 2000  # devices near, counted for each adapter that receives them; a busy house has some hundred
# Devices of one wanted name. Two are enough to see that the name is not unique, but each may be received by several
# adapters, and the latest ones count.
MOST_OF_ONE_NAME = 32

_Key = tuple[str, str]  # adapter, address
Wanted = Callable[[Sighting], bool]


@dataclass(slots=True)
class _Record:
    """The latest advertisement of one device by one adapter. A `Sighting` is made of it only when one is asked for."""

    device: BLEDevice
    data: AdvertisementData
    name: str | None
    receiver: str
    seen_at_seconds: float
    since_seconds: float

    def sighting(self) -> Sighting:
        return Sighting(
            address=self.device.address,
            name=self.name,
            services=frozenset(uuid.lower() for uuid in self.data.service_uuids),
            manufacturers=dict(self.data.manufacturer_data),
            service_data=dict(self.data.service_data),
            rssi_dbm=self.data.rssi,
            tx_power_dbm=self.data.tx_power,
            seen_at_seconds=self.seen_at_seconds,
            device=self.device,
            since_seconds=self.since_seconds,
            receiver=self.receiver,
        )


@dataclass(slots=True)
class _Index:
    """What was received from one wanted address, or from devices of one wanted name; and who waits for more."""

    records: dict[_Key, _Record] = field(default_factory=dict)
    waiting: list[asyncio.Event] = field(default_factory=list)

    def put(self, key: _Key, record: _Record) -> None:
        """Keep a record as the latest of this index, and wake who waits for it."""
        self.records.pop(key, None)
        self.records[key] = record
        _forget_old(self.records, MOST_OF_ONE_NAME, record.seen_at_seconds)
        for event in self.waiting:
            event.set()


class AdvertisementTable:
    """Takes advertisements in, and gives out what is known of wanted devices.

    What was wanted once stays indexed for as long as the table lives: as many addresses and names as the settings have.
    """

    def __init__(self) -> None:
        self._records: dict[_Key, _Record] = {}  # in the order of their latest advertisement
        self._by_address: dict[str, _Index] = {}
        self._by_name: dict[str, _Index] = {}
        self._others: list[asyncio.Event] = []  # who waits for something that no index can tell

    def receive(self, receiver: str, device: BLEDevice, data: AdvertisementData, now_seconds: float) -> None:
        """Take in one advertisement, and wake those who wait for this device."""
        address, name = device.address, data.local_name or device.name
        key = receiver, address
        of_address = self._by_address.get(address.lower()) if self._by_address else None
        of_name = self._by_name.get(name) if name is not None else None
        record = self._records.pop(key, None)
        if record is None and of_address is not None:
            record = of_address.records.get(key)  # a flood displaces it above, never here
        if record is None and of_name is not None:
            record = of_name.records.get(key)
        if record is None:
            record = _Record(device, data, name, receiver, now_seconds, now_seconds)
        else:
            if record.name != name or now_seconds - record.seen_at_seconds >= FRESH_SECONDS:
                record.since_seconds = now_seconds
            record.device, record.data, record.name, record.seen_at_seconds = device, data, name, now_seconds
        self._records[key] = record
        _forget_old(self._records, MOST_KEPT, now_seconds)
        if of_address is not None:
            of_address.put(key, record)
        if of_name is not None:
            of_name.put(key, record)
        for event in self._others:
            event.set()

    def forget(self, receiver: str) -> None:
        """Forget all that one adapter has received."""
        for records in self._all_records():
            for key in [key for key in records if key[0] == receiver]:
                del records[key]

    def all(self) -> list[Sighting]:
        """Return everything that is kept."""
        every: dict[_Key, _Record] = {}
        for records in self._all_records():
            every |= records
        return [record.sighting() for record in every.values()]

    def matching(self, wanted: Wanted) -> list[Sighting]:
        """Return the latest advertisements of the wanted devices, the latest of all last."""
        index = self._index(wanted)
        sightings = self.all() if index is None else [record.sighting() for record in index.records.values()]
        return sorted(filter(wanted, sightings), key=lambda each: each.seen_at_seconds)

    @contextlib.contextmanager
    def waiting(self, wanted: Wanted) -> Iterator[asyncio.Event]:
        """Yield an event that is set whenever a wanted device may have advertised."""
        event, index = asyncio.Event(), self._index(wanted)
        waiting = self._others if index is None else index.waiting
        waiting.append(event)
        try:
            yield event
        finally:
            waiting.remove(event)

    def _index(self, wanted: Wanted) -> _Index | None:
        """Return the index of a wanted address or name, created when first asked for; `None` for anything else."""
        match wanted:
            case ByAddress(address=address):
                indexes, wanted_key = self._by_address, address.lower()
            case ByName(name=wanted_key):
                indexes = self._by_name
            case _:
                return None
        index = indexes.get(wanted_key)
        if index is None:
            index = indexes[wanted_key] = _Index()
            for key, record in self._records.items():
                if wanted.means(record.device.address, record.name):
                    index.put(key, record)
        return index

    def _all_records(self) -> Iterator[dict[_Key, _Record]]:
        yield self._records
        for indexes in (self._by_address, self._by_name):
            for index in indexes.values():
                yield index.records


def _forget_old(records: dict[_Key, _Record], most: int, now_seconds: float) -> None:
    """Forget the records that are too many or too old. The oldest stand first."""
    while records:
        oldest = next(iter(records))
        if len(records) <= most and now_seconds - records[oldest].seen_at_seconds < KEPT_SECONDS:
            return
        del records[oldest]

"""Advertisements, how to tell whether their device is the wanted one, and a bounded table of the latest of each device.

Anyone near can send thousands of advertisements a second from as many addresses. Each costs a few dictionary lookups
in the table; only those of wanted devices wake a waiter or are passed on, and the number of others that are stored is
bounded.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from bleak.backends.device import BLEDevice
from bleak.backends.scanner import AdvertisementData

# BlueZ scans for 10 s and pauses for 5 s. A device that was not received for longer than that is gone, or has another
# address by now.
FRESH_SECONDS = 20.0

# Phones change their address every quarter of an hour: a busy building would fill any table.
EXPIRY_SECONDS = 300.0

MAX_RECORDS = 2000  # one for each device and adapter that receives it; a busy building has some hundred
# Devices of one wanted name. Two are enough to see that the name is not unique, but each may be received by several
# adapters, and the latest ones count.
MAX_OF_ONE_NAME = 32

_Key = tuple[str, str]  # adapter, address

_ADDRESS = re.compile(r"[0-9A-Fa-f]{2}(:[0-9A-Fa-f]{2}){5}|[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}")


@dataclass(frozen=True)
class Advertisement:
    """The latest advertisement of one device, received by one adapter.

    `seen_at_seconds` is the clock's time; `first_seen_at_seconds`: since when it has been received under this name
    without a long pause. `adapter`: the name of the adapter. `device`: what bleak connects to.
    """

    address: str
    name: str | None
    services: frozenset[str]
    manufacturers: dict[int, bytes]
    service_data: dict[str, bytes]
    rssi_dbm: int
    tx_power_dbm: int | None
    seen_at_seconds: float
    device: BLEDevice
    first_seen_at_seconds: float = 0.0
    adapter: str = ""


Wanted = Callable[[Advertisement], bool]  # whether an advertisement is of the wanted device


@dataclass(frozen=True)
class ByAddress:
    """Matches the device of an address, through one adapter or any. The adapter does not count in comparisons."""

    address: str
    adapter: str | None = field(default=None, compare=False)

    def __call__(self, found: Advertisement) -> bool:
        """Return whether it is this device, received by a permitted adapter."""
        return self.identifies(found.address, found.name) and self.adapter in (None, found.adapter)

    def identifies(self, address: str, _name: str | None) -> bool:
        """Return whether it is this device, whatever adapter receives it."""
        return address.lower() == self.address.lower()


@dataclass(frozen=True)
class ByName:
    """Matches a device that advertises exactly this name, through one adapter or any."""

    name: str
    adapter: str | None = field(default=None, compare=False)

    def __call__(self, found: Advertisement) -> bool:
        """Return whether it has this name, and is received by a permitted adapter."""
        return self.identifies(found.address, found.name) and self.adapter in (None, found.adapter)

    def identifies(self, _address: str, name: str | None) -> bool:
        """Return whether it has this name, whatever adapter receives it."""
        return name == self.name


@dataclass(frozen=True)
class ByNothing:
    """Matches no advertisement: the device is not reached by Bluetooth."""

    def __call__(self, _found: Advertisement) -> bool:
        """Return False."""
        return False

    def identifies(self, _address: str, _name: str | None) -> bool:
        """Return False."""
        return False


def is_address(text: str) -> bool:
    """Return whether a text is the address of a device: six octets, or on macOS a UUID that stands for one."""
    return bool(_ADDRESS.fullmatch(text))


def masked(address: str) -> str:
    """Return the first and last two digits of an address: enough to tell devices apart in a log, not to track them."""
    return f"{address[:2]}…{address[-2:]}" if len(address) > len("AA…BB") else "…"


@dataclass(slots=True)
class _Record:
    """The latest advertisement of one device by one adapter, converted to an `Advertisement` only on request."""

    device: BLEDevice
    data: AdvertisementData
    name: str | None
    adapter: str
    seen_at_seconds: float
    first_seen_at_seconds: float

    def to_advertisement(self) -> Advertisement:
        return Advertisement(
            address=self.device.address,
            name=self.name,
            services=frozenset(uuid.lower() for uuid in self.data.service_uuids),
            manufacturers=dict(self.data.manufacturer_data),
            service_data=dict(self.data.service_data),
            rssi_dbm=self.data.rssi,
            tx_power_dbm=self.data.tx_power,
            seen_at_seconds=self.seen_at_seconds,
            device=self.device,
            first_seen_at_seconds=self.first_seen_at_seconds,
            adapter=self.adapter,
        )


@dataclass(slots=True)
class _Index:
    """What was received from one wanted address, or from devices of one wanted name; and the waiters for more."""

    records: dict[_Key, _Record] = field(default_factory=dict)
    waiting: list[asyncio.Event] = field(default_factory=list)

    def put(self, key: _Key, record: _Record) -> None:
        """Store a record as the latest of this index, and wake its waiters."""
        self.records.pop(key, None)
        self.records[key] = record
        _remove_old(self.records, MAX_OF_ONE_NAME, record.seen_at_seconds)
        for event in self.waiting:
            event.set()


class AdvertisementTable:
    """Stores advertisements, and returns those of wanted devices.

    A wanted address or name stays indexed for the lifetime of the table: there are as many as the settings name.
    """

    def __init__(self) -> None:
        self._records: dict[_Key, _Record] = {}  # in the order of their latest advertisement
        self._by_address: dict[str, _Index] = {}
        self._by_name: dict[str, _Index] = {}
        self._others: list[asyncio.Event] = []  # waiters for what cannot be looked up in an index
        self._listeners: list[tuple[Wanted, Callable[[Advertisement], None]]] = []

    def receive(self, adapter: str, device: BLEDevice, data: AdvertisementData, now_seconds: float) -> None:
        """Store one advertisement, and wake the waiters for its device."""
        address, name = device.address, data.local_name or device.name
        key = adapter, address
        of_address = self._by_address.get(address.lower()) if self._by_address else None
        of_name = self._by_name.get(name) if name is not None else None
        record = self._records.pop(key, None)
        if record is None and of_address is not None:
            record = of_address.records.get(key)  # a flood can evict it above, never here
        if record is None and of_name is not None:
            record = of_name.records.get(key)
        if record is None:
            record = _Record(device, data, name, adapter, now_seconds, now_seconds)
        else:
            if record.name != name or now_seconds - record.seen_at_seconds >= FRESH_SECONDS:
                record.first_seen_at_seconds = now_seconds
            record.device, record.data, record.name, record.seen_at_seconds = device, data, name, now_seconds
        self._records[key] = record
        _remove_old(self._records, MAX_RECORDS, now_seconds)
        if of_address is not None:
            of_address.put(key, record)
        if of_name is not None:
            of_name.put(key, record)
        for event in self._others:
            event.set()
        for wanted, callback in tuple(self._listeners):
            if isinstance(wanted, ByAddress | ByName) and not wanted.identifies(address, name):
                continue
            if wanted(advertisement := record.to_advertisement()):
                callback(advertisement)

    def listen(self, wanted: Wanted, callback: Callable[[Advertisement], None]) -> Callable[[], None]:
        """Call `callback` with every advertisement of a wanted device from now on; the result unsubscribes."""
        entry = (wanted, callback)
        self._listeners.append(entry)
        return lambda: self._listeners.remove(entry)

    def remove_adapter(self, adapter: str) -> None:
        """Remove everything that one adapter has received."""
        for records in self._all_records():
            for key in [key for key in records if key[0] == adapter]:
                del records[key]

    def all(self) -> list[Advertisement]:
        """Return everything that is stored."""
        every: dict[_Key, _Record] = {}
        for records in self._all_records():
            every |= records
        return [record.to_advertisement() for record in every.values()]

    def matching(self, wanted: Wanted) -> list[Advertisement]:
        """Return the latest advertisements of the wanted devices, the latest of all last."""
        index = self._index(wanted)
        advertisements = self.all() if index is None else [each.to_advertisement() for each in index.records.values()]
        return sorted(filter(wanted, advertisements), key=lambda each: each.seen_at_seconds)

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
                if wanted.identifies(record.device.address, record.name):
                    index.put(key, record)
        return index

    def _all_records(self) -> Iterator[dict[_Key, _Record]]:
        yield self._records
        for indexes in (self._by_address, self._by_name):
            for index in indexes.values():
                yield index.records


def _remove_old(records: dict[_Key, _Record], most: int, now_seconds: float) -> None:
    """Remove the oldest records, which are first, while there are too many or they have expired."""
    while records:
        oldest = next(iter(records))
        if len(records) <= most and now_seconds - records[oldest].seen_at_seconds < EXPIRY_SECONDS:
            return
        del records[oldest]

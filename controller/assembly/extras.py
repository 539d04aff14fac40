"""What is opened or imported only where the settings ask for it: Bluetooth, virtual devices, proxies, the web page."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from importlib.util import find_spec

from controller.settings import ProxySettings, Settings
from devices.bluetooth.address_locks import AddressLocks
from devices.bluetooth.backend import OpenBackend
from devices.bluetooth.radio import Radio, platform_backend
from devices.errors import DeviceInUseError
from devices.support.clock import Clock

EXTRA = 'this needs the extra `demo`: pip install "letdown[demo]"'


class SetupError(Exception):
    """Something to fix before Letdown can run. `str()` names the remedy."""


@contextlib.asynccontextmanager
async def open_radio(
    settings: Settings, clock: Clock, *, take_over: bool = False, simulated: bool = False
) -> AsyncIterator[Radio]:
    """Open the Bluetooth that the settings name.

    `take_over`: also use devices of another controller on this machine. `simulated`: accept a virtual one only.
    """
    if settings.radio.transport is None:
        adapters = [platform_backend(each) for each in settings.radio.adapters]
        proxies = [_proxy(each) for each in settings.radio.proxies]
        async with Radio(clock, *adapters, *proxies, locks=AddressLocks(take_over=take_over)) as radio:
            yield radio
        return
    require_demo()
    from devices.virtual.virtual_radio import radio_through

    async with radio_through(clock, settings.radio.transport, simulated=simulated) as radio:
        yield radio


def check_unused(settings: Settings) -> None:
    """Raise `SetupError` where another controller on this machine uses an address that the settings name."""
    if settings.radio.transport is not None:
        return  # a controller of its own, or virtual devices
    locks = AddressLocks()
    for device in (device for station in settings.stations.values() for device in station.devices):
        if device.address is not None:
            try:
                with locks.hold(device.address):
                    pass
            except DeviceInUseError as error:
                raise SetupError(f"{device.name}: {error}") from None


def _proxy(proxy: ProxySettings) -> OpenBackend:
    """Return how to open an ESPHome proxy. Raise `SetupError`."""
    if find_spec("bleak_esphome") is None:
        raise SetupError("ESPHome proxies need an extra: pip install 'letdown[proxies]'")
    from devices.bluetooth.esphome_proxy import proxy_backend

    key = None if proxy.key is None else proxy.key.get_secret_value()
    if proxy.key_file is not None:
        try:
            key = proxy.key_file.read_text(encoding="utf-8").split("\n")[0].strip()
        except (OSError, ValueError) as error:
            raise SetupError(f"the key of the proxy {proxy.host} cannot be read: {error}") from None
    return proxy_backend(proxy.host, proxy.port, key or None)


def require_demo() -> None:
    """Raise `SetupError` where the extra for virtual devices is not installed."""
    if find_spec("bumble") is None:
        raise SetupError(EXTRA)


def require_fleet() -> None:
    """Raise `SetupError` where the extra for a fleet is not installed."""
    if find_spec("nats") is None:
        raise SetupError("a fleet needs an extra: pip install 'letdown[fleet]'")


def serves_page(settings: Settings) -> bool:
    """Return whether there is a web page. Raise `SetupError` where it is wanted and its extra is missing."""
    installed = all(find_spec(each) for each in ("fastapi", "jinja2", "uvicorn"))
    if settings.web.enabled and not installed:
        raise SetupError("the web page needs an extra: pip install 'letdown[web]'; or set web.enabled to false")
    return installed and settings.web.enabled is not False

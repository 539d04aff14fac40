"""Builds what works on the history where the settings ask for it: Baby Buddy, reminders, and pruning."""

from __future__ import annotations

import ssl
from importlib.util import find_spec
from typing import TYPE_CHECKING

from controller.assembly.extras import SetupError
from controller.contract.events import DeviceView, Event, Snapshot
from controller.contract.session_record import History
from controller.contract.stream import Stream
from controller.contract.words import load_words
from controller.history.baby_buddy.baby_buddy_settings import BabyBuddySettings
from controller.history.history_store import HistoryStore
from controller.history.pruning import HistoryPruner
from controller.history.reminders.reminder_publisher import ReminderPublisher
from controller.settings import Settings
from devices.support.clock import Clock

if TYPE_CHECKING:
    from controller.history.baby_buddy.baby_buddy_api import BabyBuddyApi
    from controller.history.baby_buddy.uploader import Uploader


def open_baby_buddy(settings: BabyBuddySettings) -> BabyBuddyApi:
    """Return the way to Baby Buddy; nothing is sent yet. Raise `SetupError`."""
    if find_spec("httpx") is None:
        raise SetupError("Baby Buddy needs an extra: pip install 'letdown[baby-buddy]'")
    from controller.history.baby_buddy.baby_buddy_api import BabyBuddyApi

    try:
        return BabyBuddyApi(settings)
    except (OSError, ssl.SSLError) as error:
        raise SetupError(f"baby_buddy.ca_file cannot be read: {error}") from None


def build_uploader(
    settings: Settings, clock: Clock, stream: Stream, store: HistoryStore | None, history: History | None
) -> Uploader | None:
    """Build what sends sessions to Baby Buddy; `None`, and nothing of it is imported, where there is none."""
    if settings.baby_buddy is None or store is None or history is None:
        return None
    api = open_baby_buddy(settings.baby_buddy)
    from controller.history.baby_buddy.uploader import Uploader

    uploader = Uploader(
        settings.baby_buddy.target,
        settings.baby_buddy.unit,
        api,
        store,
        history,
        clock=clock,
        stream=stream,
        words=load_words(settings.language),
        stations=settings.stations,
    )
    stream.subscribe(uploader.watch, Event)
    return uploader


def build_reminders(
    settings: Settings, clock: Clock, stream: Stream, store: HistoryStore | None
) -> ReminderPublisher | None:
    """Build the reminders; `None` where all are off."""
    if not settings.reminders.on:
        return None
    publisher = ReminderPublisher(
        settings.reminders,
        settings.stations,
        clock=clock,
        stream=stream,
        words=load_words(settings.language),
        store=store,
    )
    stream.subscribe(publisher.watch, Event, Snapshot, DeviceView)
    return publisher


def build_pruner(settings: Settings, store: HistoryStore | None) -> HistoryPruner | None:
    """Build what prunes the history and keeps its tables in order; `None` where nothing is to be done.

    A server may have sessions of others, who keep them as long as they want: there, only those of our stations go.
    """
    is_file = store is not None and store.dialect == "sqlite"
    if store is None or (settings.history.keep_days is None and is_file):
        return None
    return HistoryPruner(store, settings.history.keep_days, None if is_file else tuple(settings.stations))

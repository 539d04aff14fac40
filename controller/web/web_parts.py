"""What the page and the API work with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import tzinfo

from controller.contract.about import About
from controller.contract.capture_pages import CapturePages
from controller.contract.device_setup import DeviceSetup
from controller.contract.device_test_view import DeviceTester
from controller.contract.exposition import Exposition
from controller.contract.features.feature import StationFeatures
from controller.contract.fleet_control import FleetControl
from controller.contract.session_record import History
from controller.contract.stash import Stash
from controller.contract.units import Units
from controller.contract.uploads import Uploads
from controller.contract.words import Words
from controller.figures.local_days import SystemZone
from controller.web.board_streams import BoardStreams
from controller.web.event_hub import EventHub, StationView
from controller.web.problems import ProblemError
from controller.web.station_commands import StationCommands

API = "/api/v1"


@dataclass(frozen=True, kw_only=True)
class BoardParts:
    """What the page of all stations shows, and the way in for commands. `words`: in the language of the settings.

    `board`: all stations at a glance. `translations`: the texts of all languages, by code. `units`: of milk, where a
    browser has chosen none. `fleet`: the controllers, where the stations are those of a fleet.
    """

    board: BoardStreams
    commands: StationCommands
    words: Words
    translations: Mapping[str, Words] = field(default_factory=dict)
    units: Units = Units.ML
    fleet: FleetControl | None = None

    @property
    def is_fleet(self) -> bool:
        """Whether the stations are those of a fleet: then none has a page of its own here."""
        return self.fleet is not None

    def check(self, station: str) -> None:
        """Raise `ProblemError` if there is no station of that name."""
        if station not in self.board.tiles:
            raise ProblemError(404, f"there is no station of that name; there are: {', '.join(self.board.tiles)}")

    def words_in(self, language: str) -> Words:
        """Return the texts in a language; in that of the settings, where there is no such one."""
        return self.translations.get(language, self.words)

    def close(self) -> None:
        """End all event streams."""
        self.board.close()


@dataclass(frozen=True, kw_only=True)
class WebParts(BoardParts):
    """What the page and the API of a controller show.

    `history`: where sessions are kept, if they are. `zone`: in which days begin at midnight. `uploads`: what is sent to
    Baby Buddy, if something is. `stash`: the stored milk, where a history is kept. `tester` and `setup`: how to test
    devices, and to find and add new ones; `None` where that is not possible from here. `captures`: how to show a
    Bluetooth capture. `metrics`: where they are on.
    """

    hub: EventHub
    about: About
    features: Sequence[StationFeatures] = ()
    history: History | None = None
    zone: tzinfo = field(default_factory=SystemZone)
    uploads: Uploads | None = None
    stash: Stash | None = None
    tester: DeviceTester | None = None
    setup: DeviceSetup | None = None
    captures: CapturePages | None = None
    metrics: Exposition | None = None

    def view(self, station: str) -> StationView:
        """Return what is known of a station. Raise `ProblemError` if there is none of that name."""
        if station not in self.hub.views:
            raise ProblemError(404, f"there is no station of that name; there are: {', '.join(self.hub.views)}")
        return self.hub.views[station]

    def close(self) -> None:
        """End all event streams."""
        self.hub.close()
        super().close()

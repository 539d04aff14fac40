"""The commands that change the history: a correction of a session, and milk that was measured by hand."""

from __future__ import annotations

from controller.contract.commands import Command, LogVolumeArgs, Reply
from controller.contract.replies import reply
from controller.contract.session_record import EditConflictError, History, HistoryError, SessionEdit
from controller.safety.message import message
from controller.service.station import Station


async def edit_session(station: Station, history: History, command: Command, edit: SessionEdit) -> Reply:
    """Correct a session of this station."""
    try:
        record = await history.edit(edit, station.name)
    except KeyError:
        return reply(station.words, command, "refused", message("no_such_session"))
    except EditConflictError:
        return reply(station.words, command, "refused", message("edited_meanwhile"))
    except HistoryError as error:
        return _unreachable(station, command, error)
    station.reporter.publish_edit(record)
    return reply(station.words, command, "accepted")


async def log_volume(station: Station, history: History | None, command: Command, args: LogVolumeArgs) -> Reply:
    """Enter milk that was measured by hand; where no history is kept, only publish it."""
    if history is None or (args.left_ml is None and args.right_ml is None):
        station.reporter.publish_volume(args.left_ml, args.right_ml)
        return reply(station.words, command, "accepted")
    try:
        record = await history.log_milk(station.name, args.left_ml, args.right_ml, by_hand=args.by_hand)
    except HistoryError as error:
        return _unreachable(station, command, error)
    station.reporter.publish_logged(record, args.left_ml, args.right_ml)
    return reply(station.words, command, "accepted")


def _unreachable(station: Station, command: Command, error: HistoryError) -> Reply:
    return reply(station.words, command, "failed", message("history_unreachable"), detail=str(error))

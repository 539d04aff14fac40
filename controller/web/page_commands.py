"""Commands as HTML forms: every one works without script, and sends the browser back to the page it came from."""

from __future__ import annotations

import secrets
from collections import OrderedDict
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any
from urllib.parse import parse_qs, quote, urlencode

from fastapi import APIRouter, Request
from pydantic import JsonValue
from starlette.responses import Response

from controller.contract.commands import Action, Args, BadCommandError, Command, Reply, command_for
from controller.contract.commands_under_way import TooManyCommandsError
from controller.contract.replies import reply as reply_to
from controller.contract.units import Units
from controller.safety.message import message
from controller.web.comfort_raise import comfort_cap_of, is_unconfirmed, is_unconfirmed_decision
from controller.web.edit_form import edit_args
from controller.web.form_values import ml_of, number_of, time_of, yes_or_no
from controller.web.page_templates import relative_url
from controller.web.preferences import keep_preferences, preferences_of
from controller.web.problems import ProblemError
from controller.web.request_body import read_body
from controller.web.web_parts import BoardParts, WebParts

_REMEMBERED = 64
_LONGEST_ID = 128
_PAGES = ("", "settings", "history")  # where a form may be
# What is asked once more: the reason why it was not done, and the field of the form that says what it is.
_TO_CONFIRM = {"raise_unconfirmed": "comfort_vacuum_mmhg", "comfort_unconfirmed": "what"}
SESSION_PAGE = "history/session"  # of one session; its id follows


class RecentReplies:
    """The latest replies, for the page that is shown after a form: its address names one. Also forms that failed."""

    def __init__(self) -> None:
        self._replies: OrderedDict[str, tuple[Reply, Mapping[str, str] | None]] = OrderedDict()

    def keep(self, reply: Reply, typed: Mapping[str, str] | None = None) -> str:
        """Keep a reply, and what was typed. Return its name."""
        name = secrets.token_urlsafe(9)
        self._replies[name] = (reply, typed)
        while len(self._replies) > _REMEMBERED:
            self._replies.popitem(last=False)
        return name

    def get(self, name: str) -> Reply | None:
        """Return a reply, if it is still known."""
        return self._replies.get(name, (None, None))[0]

    def typed(self, name: str) -> Mapping[str, str] | None:
        """Return what was typed into a form that was refused, if it is still known."""
        return self._replies.get(name, (None, None))[1]


def add_page_commands(router: APIRouter, parts: WebParts, replies: RecentReplies, *, secure: bool = False) -> None:
    """Add the addresses that forms are sent to. Stop and Pain have addresses of their own, in the API.

    `secure`: served over https.
    """

    @router.post("/do/{station}/{action}", include_in_schema=False)
    async def carry_out(station: str, action: str, request: Request) -> Response:
        parts.view(station)
        form = await read_form(request)
        as_json = "application/json" in request.headers.get("accept", "")
        try:
            reply = await _carry_out(parts, station, action, form)
        except BadCommandError as error:
            reply = error.reply
        unconfirmed = next((field for key, field in _TO_CONFIRM.items() if key in reply.keys), None)
        if unconfirmed is not None and not as_json and not {"sure", "from"} & form.keys():
            query = urlencode({"station": station, unconfirmed.removesuffix("_vacuum_mmhg"): form[unconfirmed]})
            location = relative_url(request.url.path, "confirm") + f"?{query}"
            return Response(status_code=303, headers={"location": location})
        if as_json:
            shown = preferences_of(request, parts).translation.reply(reply)
            return Response(shown.model_dump_json(), media_type="application/json")
        typed = form if action in (Action.EDIT_SESSION, Action.STASH) and reply.outcome != "accepted" else None
        query = urlencode({"station": station, "reply": replies.keep(reply, typed)})
        page = _page_after(form, refused=typed is not None and action == Action.EDIT_SESSION)
        location = relative_url(request.url.path, page) + f"?{query}"
        return Response(status_code=303, headers={"location": location})

    add_preferences(router, parts, secure=secure)


def add_preferences(router: APIRouter, parts: BoardParts, *, secure: bool = False) -> None:
    """Add the address to which a browser sends its language, and its units of milk. `secure`: served over https."""

    @router.post("/preferences", include_in_schema=False)
    async def prefer(request: Request) -> Response:
        form = await read_form(request)
        query = urlencode({"station": form.get("station", "")})
        location = relative_url(request.url.path, "settings") + (f"?{query}" if form.get("station") else "")
        response = Response(status_code=303, headers={"location": location})
        keep_preferences(response, parts, form.get("language", ""), form.get("units", ""), secure=secure)
        return response


async def read_form(request: Request) -> dict[str, str]:
    """Return the fields of a form, the first of each name. Raise `ProblemError` where it did not come as a whole."""
    body = await read_body(request)
    if body.status != 200:  # noqa: PLR2004
        raise ProblemError(body.status, "the form did not come as a whole")
    return {name: values[0].strip() for name, values in parse_qs(body.content.decode(errors="replace")).items()}


async def _carry_out(parts: WebParts, station: str, action: str, form: Mapping[str, str]) -> Reply:
    """Carry out a form; what may raise a vacuum only once it was confirmed. Raise `BadCommandError`."""
    if action == Action.EDIT_SESSION and edit_args(form) is None:
        return Reply(action=action, outcome="accepted")  # nothing was changed
    command, args = command_of(action, form)
    if is_unconfirmed(args, form, comfort_cap_of(parts, station)):
        return reply_to(parts.words, command, "refused", message("raise_unconfirmed"))
    if is_unconfirmed_decision(args, form, parts.view(station).comfort):
        return reply_to(parts.words, command, "refused", message("comfort_unconfirmed"))
    try:
        return await parts.commands.carry_out(station, command, args)
    except TooManyCommandsError:
        raise ProblemError(429, "too many commands at once", headers={"retry-after": "1"}) from None


def _page_after(form: Mapping[str, str], *, refused: bool) -> str:
    """Return the page that a form leads to: where it was; a refused correction is shown with the session as it is."""
    page = form.get("page", "")
    if page == SESSION_PAGE or refused:
        return f"{SESSION_PAGE}/{quote(form.get('session_id', ''), safe='')}"
    return page if page in _PAGES else ""


def command_of(action: str, form: Mapping[str, str]) -> tuple[Command, Args]:
    """Return the command of a form. Empty fields count as left out. Raise `BadCommandError`."""
    args = (edit_args(form) or {}) if action == Action.EDIT_SESSION else _args(action, form)
    try:
        known = Action(action)
    except ValueError:
        raise BadCommandError(f"there is no action {action!r}"[:200]) from None
    command, checked = command_for(known, args)
    more: dict[str, Any] = {"id": form.get("id", "")[:_LONGEST_ID] or None, "session": form.get("session") or None}
    return command.model_copy(update=more), checked


def _args(action: str, form: Mapping[str, str]) -> dict[str, JsonValue]:
    args: dict[str, JsonValue] = {}
    for field, (name, read) in _READERS.get(action, {}).items():
        if form.get(field):
            if name in args:
                raise BadCommandError(f"{name} is given twice, in different units")
            args[name] = read(form[field])
    return args


# By action and field: the argument, and how its value is read.
_READERS: dict[str, dict[str, tuple[str, Callable[[str], JsonValue]]]] = {
    "start": {"routine": ("routine", str), "side": ("side", str)},
    "set_start_defaults": {
        "routine": ("routine", str),
        "side": ("side", str),
        "comfort_vacuum_mmhg": ("comfort_vacuum_mmhg", number_of),
    },
    "answer": {"question": ("question", str), "value": ("value", yes_or_no)},
    "resolve_upload": {"session_id": ("session_id", str), "how": ("how", str)},
    "comfort": {"what": ("what", str)},
    "stash": {
        **{name: (name, str) for name in ("kind", "container", "place")},
        "expressed_at": ("expressed_at", time_of),
        **{f"milk_{units.field}": ("ml", partial(ml_of, units=units)) for units in Units},
    },
    "log_volume": {
        f"{side}_{units.field}": (f"{side}_ml", partial(ml_of, units=units))
        for units in Units
        for side in ("left", "right")
    },
}

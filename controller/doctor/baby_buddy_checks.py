"""Whether Baby Buddy answers as configured, and whether sessions wait for it."""

from __future__ import annotations

from controller.assembly.extras import SetupError
from controller.assembly.history_building import open_baby_buddy
from controller.contract.words import load_words
from controller.doctor.check_result import CheckResult, note, ok, problem
from controller.history.baby_buddy.baby_buddy_settings import BabyBuddySettings
from controller.history.baby_buddy.upload_table import UploadTable
from controller.history.history_store import HistoryStore
from controller.settings import Settings

_SUBJECT = "Baby Buddy"


async def baby_buddy(settings: Settings) -> list[CheckResult]:
    """Ask Baby Buddy for its children, and look what waits. Changes nothing, here or there; nothing where it is off."""
    if settings.baby_buddy is None:
        return []
    return [await _answers(settings.baby_buddy), *await _waiting(settings)]


async def _answers(settings: BabyBuddySettings) -> CheckResult:
    try:
        api = open_baby_buddy(settings)
    except SetupError as error:
        return problem(_SUBJECT, str(error))
    from controller.history.baby_buddy.baby_buddy_api import BabyBuddyError

    words = load_words("en")  # like all results of the doctor
    try:
        async with api:
            children = await api.children()
            if settings.child in (*children, *children.values()):
                await api.near(None)  # also whether it may read entries
    except BabyBuddyError as error:
        what = f"{words.sentence(error.message)} ({error.detail})" if error.detail else words.sentence(error.message)
        return problem(_SUBJECT, what)
    if settings.child not in (*children, *children.values()):
        known = ", ".join(f"{number} or {name}" for number, name in children.items()) or "none"
        return problem(_SUBJECT, f"there is no child {settings.child}", f"set baby_buddy.child; there is {known}")
    if settings.url.startswith("http:"):
        return note(_SUBJECT, "it answers, and knows the child; over http:// others in your network can read the token")
    return ok(_SUBJECT, "it answers, and knows the child")


async def _waiting(settings: Settings) -> list[CheckResult]:
    """Return a note about sessions that were not sent."""
    assert settings.baby_buddy is not None  # noqa: S101 - see `baby_buddy`
    file, database = settings.store.history_file, settings.history.database()
    if database is None and not file.exists():
        return []
    try:
        async with HistoryStore.opened(file, database) as store:
            uploads = await UploadTable(store, settings.baby_buddy.target).uploads()
    except Exception as error:  # noqa: BLE001 - of either engine
        return [problem(_SUBJECT, f"what waits for it cannot be read: {error}")]
    rejected = sum(each.state == "rejected" for each in uploads)
    waiting = sum(each.state in ("waiting", "erasing") for each in uploads)
    found = []
    if rejected:
        remedy = "`letdown history uploads` shows why; then `letdown history uploads retry` or `skip`"
        found.append(problem(_SUBJECT, f"sessions that it did not accept: {rejected}", remedy))
    if waiting:
        found.append(note(_SUBJECT, f"sessions that wait to be sent: {waiting}"))
    return found

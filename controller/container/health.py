"""What the health check of the container runs: `python -m controller.container.health`; 0 healthy, 1 not.

It must never have a controller restarted that works, since that ends a session. So where there is no page, or nothing
listens where the page was, only a process that is stopped as a whole is unhealthy: the controller ends by itself when
its event loop hangs. It runs every 30 s, also on small machines, so it imports only what it needs.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import re
import ssl
import sys
from pathlib import Path

ADDRESS_FILE = "web-address.json"  # as in controller/web/page_address.py
_HEALTH = "/api/v1/health"
_FIRST_PROCESS = Path("/proc/1/status")
_ANSWER_SECONDS = 8.0  # below the timeout of HEALTHCHECK
_MOST_BYTES = 1000


def problem(state_folder: Path, process: Path = _FIRST_PROCESS) -> str | None:
    """Return what is wrong with the controller of this container; `None` if nothing is."""
    with contextlib.suppress(OSError):
        state = re.search(r"^State:\s*(\w)", process.read_text(encoding="utf-8"), re.MULTILINE)
        if state and state[1] in "TtZX":
            return "it is stopped"
    return _page_problem(state_folder / ADDRESS_FILE)


def _page_problem(file: Path) -> str | None:
    try:
        page = json.loads(file.read_text(encoding="utf-8"))
        address, port = str(page["address"]), int(page["port"])
    except (OSError, ValueError, TypeError, KeyError):
        return None  # there is no page
    with contextlib.closing(_connection(address, port)) as connection:
        try:
            connection.request("GET", _HEALTH, headers={"host": f"localhost:{port}"})
            answer = connection.getresponse()
            healthy = answer.status == http.HTTPStatus.OK and json.loads(answer.read(_MOST_BYTES)) == {"status": "ok"}
        except ConnectionRefusedError:
            return None  # the file is from before a crash
        except (OSError, ValueError, http.client.HTTPException) as error:
            return f"the page does not answer: {error}"
    return None if healthy else "the page answers wrongly"


def _connection(address: str, port: int) -> http.client.HTTPConnection:
    host = "::1" if address.startswith(("http://[", "https://[")) else "127.0.0.1"
    if not address.startswith("https://"):
        return http.client.HTTPConnection(host, port, timeout=_ANSWER_SECONDS)
    unchecked = ssl.create_default_context()  # its certificate is for the name that browsers use
    unchecked.check_hostname, unchecked.verify_mode = False, ssl.CERT_NONE
    return http.client.HTTPSConnection(host, port, timeout=_ANSWER_SECONDS, context=unchecked)


if __name__ == "__main__":
    found = problem(Path(os.environ.get("STATE_DIRECTORY", "")))
    sys.exit(None if found is None else f"letdown: {found}")

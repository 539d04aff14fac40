"""A companion app in forty lines: starts a session, shows what to do, and sends what you type. Needs only aiomqtt.

python docs/companion.py --broker 127.0.0.1 --port 1883 [--station home] [--routine classic] [--no-symptoms]
Type: Enter "it lets down" · p "it hurts" · x stop · s skip · - less vacuum · y or n to the question that is shown
"""

import argparse
import asyncio
import json
import sys
import uuid
from datetime import UTC, datetime, timedelta

import aiomqtt

KEYS = {"": "let_down", "p": "pain", "x": "stop", "s": "skip", "-": "vacuum_down", "y": "answer", "n": "answer"}


async def send(client: aiomqtt.Client, station: str, action: str, **args: object) -> None:
    """Send a command that expires after ten seconds."""
    now = datetime.now(UTC)
    times = {"sent": now.isoformat(), "expires": (now + timedelta(seconds=10)).isoformat()}
    command = {"id": uuid.uuid4().hex, "action": action, "args": args, **times}
    await client.publish(f"letdown/{station}/command", json.dumps(command), qos=1)


async def main(options: argparse.Namespace) -> str | None:
    """Follow one session to its end. Return why it did not start."""
    async with aiomqtt.Client(options.broker, options.port, timeout=5) as client, asyncio.timeout(5) as answer_in_time:
        question, words, sending = "", "", []

        def on_key() -> None:
            key = sys.stdin.readline().strip()
            action = KEYS.get(key, "stop")  # when in doubt
            args = {"question": question, "value": key == "y"} if action == "answer" else {}
            sending.append(loop.create_task(send(client, options.station, action, **args)))

        loop = asyncio.get_running_loop()
        if sys.stdin.isatty():
            loop.add_reader(sys.stdin, on_key)
        await client.subscribe([(f"letdown/{options.station}/{topic}", 1) for topic in ("guide", "event", "reply")])
        await send(client, options.station, "start", routine=options.routine, no_symptoms=options.no_symptoms)
        async for message in client.messages:
            if not (what := json.loads(message.payload)) or message.retain:
                continue  # from before this session
            answer_in_time.reschedule(None)  # Letdown is there
            if "words" in what and what["words"] != words:
                question, words = what["question"] or "", what["words"]
                print(f"\n{what['title']}: {words}")
            elif what.get("action") == "start" and what["outcome"] != "accepted":
                return f"start {what['outcome']}: {'; '.join(what['reasons'])}"
            elif "outcome" in what and what["reasons"]:
                print(f"  {what['action']} {what['outcome']}: {'; '.join(what['reasons'])}")
            elif "type" in what:
                print(f"  {what['type'].replace('_', ' ')}")
            if what.get("type") == "session_finished":
                return None
    return "the broker has closed the connection"


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--broker", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=1883)
    parser.add_argument("--station", default="home")
    parser.add_argument("--routine", default="classic")
    parser.add_argument("--no-symptoms", action="store_true")
    options = parser.parse_args()
    try:
        sys.exit(asyncio.run(main(options)))
    except TimeoutError:
        sys.exit(f"No Letdown answers for the station {options.station}: start `letdown run`, or name it by --station.")
    except (aiomqtt.MqttError, OSError) as error:
        sys.exit(f"The broker at {options.broker}:{options.port} cannot be used ({error}): start it, or name another.")
    except KeyboardInterrupt:
        sys.exit("You have left, and the session goes on: stop it by a command, or at the device.")

"""A companion app in forty lines: starts a session, shows what to do, and hears what you type. Needs only aiomqtt.

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
    """Ask for something; after ten seconds it is too late for it."""
    now = datetime.now(UTC)
    times = {"sent": now.isoformat(), "expires": (now + timedelta(seconds=10)).isoformat()}
    command = {"id": uuid.uuid4().hex, "action": action, "args": args, **times}
    await client.publish(f"letdown/{station}/command", json.dumps(command), qos=1)


async def main(options: argparse.Namespace) -> None:
    """Follow one session to its end."""
    async with aiomqtt.Client(options.broker, options.port) as client:
        question, words, sending = "", "", []

        def typed() -> None:
            key = sys.stdin.readline().strip()
            action = KEYS.get(key, "stop")  # when in doubt
            args = {"question": question, "value": key == "y"} if action == "answer" else {}
            sending.append(loop.create_task(send(client, options.station, action, **args)))

        loop = asyncio.get_running_loop()
        if sys.stdin.isatty():
            loop.add_reader(sys.stdin, typed)
        await client.subscribe([(f"letdown/{options.station}/{topic}", 1) for topic in ("guide", "event", "reply")])
        await send(client, options.station, "start", routine=options.routine, no_symptoms=options.no_symptoms)
        async for message in client.messages:
            if not (what := json.loads(message.payload)) or message.retain:
                continue  # what was said before we came
            if "words" in what and what["words"] != words:
                question, words = what["question"] or "", what["words"]
                print(f"\n{what['title']}: {words}")
            elif "outcome" in what and what["reasons"]:
                print(f"  {what['action']} {what['outcome']}: {'; '.join(what['reasons'])}")
            elif "type" in what:
                print(f"  {what['type'].replace('_', ' ')}")
            over = what.get("type") == "session_finished"
            if over or (what.get("action"), what.get("outcome")) == ("start", "refused"):
                return


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--broker", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=1883)
    parser.add_argument("--station", default="home")
    parser.add_argument("--routine", default="classic")
    parser.add_argument("--no-symptoms", action="store_true")
    asyncio.run(main(parser.parse_args()))

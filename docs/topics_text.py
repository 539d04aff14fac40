"""What docs/mqtt.md says beside the tables that are generated from the models. Numbers come from the code."""

from __future__ import annotations

from controller.contract.commands import CLOCK_TOLERANCE_SECONDS, LONGEST_EXPIRY_SECONDS
from controller.contract.events import ANSWER_SECONDS
from controller.contract.words import Words
from controller.safety.limits import RAISE_EVERY_SECONDS, RAISE_STEP_MMHG, SYMPTOM_VACUUM_MMHG
from controller.session.step_context import PAUSE_SECONDS

# The commands that make types of the document; the tests run them.
PYTHON_TYPES = """letdown schema asyncapi > letdown.json
datamodel-codegen --input letdown.json --input-file-type asyncapi --output letdown_types.py \\
  --output-model-type pydantic_v2.BaseModel --target-python-version 3.11 --use-annotated \\
  --enum-field-as-literal all --use-type-alias --extra-fields ignore --formatters builtin"""
TYPESCRIPT_TYPES = """letdown schema messages > letdown.json
npx json-schema-to-typescript letdown.json letdown.d.ts"""

TOP = """# Letdown on MQTT

Generated from the models by `make docs`; do not edit. For programs: `letdown schema asyncapi` prints an AsyncAPI 3
document, `letdown schema messages` a JSON schema of all messages.

[Quick start](#quick-start) · [Rules](#rules) · [The questions](#the-questions) · [A session](#a-session) ·
[Connections](#connections) · [Topics](#topics) · [Events](#events) · [Commands](#commands) ·
[Features that can be set](#features-that-can-be-set) · [Values](#values) ·
[Types for your app](#types-for-your-app)

## Quick start

You need nothing but a shell: these are virtual devices, at twice real time.

1. Start the service. Without `--broker` it brings a broker of its own, on this machine, port 1883. `--ask`: you answer.

   ```sh
   letdown run --virtual --ask --speed 2
   ```

2. In a second terminal, watch what the person should do, what happens, and the replies.

   ```sh
   mosquitto_sub -v -t letdown/home/guide -t letdown/home/event -t letdown/home/reply
   ```

3. In a third one, start a session. The reply has the `id` of the command, and the `session_id`.

   ```sh
   mosquitto_pub -q 1 -t letdown/home/command -m '{"id": "1", "action": "start", "args": {"routine": "soften-for-latch"}}'
   ```

4. Answer the questions. `guide` shows one after the other: its text in `words`, its id in `question`. This answers the
   one that is shown with no; send it once for each, with an `id` of its own.

   ```sh
   mosquitto_pub -q 1 -t letdown/home/command -m '{"id": "2", "action": "answer", "args": {"question": "asked", "value": false}}'
   ```

   Or all that are left at once:

   ```sh
   mosquitto_pub -q 1 -t letdown/home/command -m '{"id": "3", "action": "answer", "args": {"question": "all", "value": false}}'
   ```

5. Follow `guide`: massage, then the flange (the action `skip` goes on to the next technique). While `waits_for` is
   `flange`, this starts the pumps; else they start when the countdown is over.

   ```sh
   mosquitto_pub -q 1 -t letdown/home/command -m '{"id": "4", "action": "start_suction"}'
   ```

6. Stop, whenever you want. It always works, also as a plain word.

   ```sh
   mosquitto_pub -q 1 -t letdown/home/command -m stop
   ```

[companion.py](companion.py) does all of that in Python.
"""


def rules() -> str:
    """Return the rules for all messages."""
    return f"""## Rules

- Topics begin with `letdown` unless the settings say otherwise. `home` is a station; `letdown/controller/…` belongs to the
  program. [`about`](#letdowncontrollernodeabout) lists stations, devices, routines, questions and languages: subscribe to
  `letdown/controller/+/about` to find them all.
- Messages are JSON, a few plain text. A published message always has **every** field of its table. A value that is not
  known is `null` or `unknown`; nothing is made up.
- Units are in the names: `_mmhg` (below ambient pressure), `_seconds`, `_celsius`, `_cpm` (cycles a minute), `_ml`,
  `_percent`. Times are in UTC.
- Later versions may add topics, fields, types of events and actions: ignore what you do not know. `contract_version` in
  `about` tells: its first number changes when something is removed or renamed.
- Retained topics are complete: who subscribes has the current state at once. Events, replies and telemetry are not
  retained.

### Commands

Publish to `…/command` with QoS 1, without the retain flag, and read the result on `…/reply`.

- `id` (at most 128 characters) is yours; the reply has it. A second command with the same `id` is refused, so you may
  send it again if you do not know whether it arrived.
- `sent` is the time at the sender, with its zone, such as `2026-01-01T12:00:00Z`. If it differs by more than
  {CLOCK_TOLERANCE_SECONDS:.0f} s from the controller's clock, the command is refused. Send it, so that no old command is
  ever carried out.
- `expires` is a time with its zone; after it the command is refused, and also if it lies more than
  {LONGEST_EXPIRY_SECONDS / 60:.0f} min ahead.
- `session` is the id of the session that it is for; if another one runs, or none, it is refused.
- Send without the retain flag: a retained command is refused.
- Without `sent` and `expires` a command is carried out whenever it arrives.
- `vacuum_down` works late, retained, and for any session. `stop` and `pain` always work, whatever else is in the
  payload: also as a plain word, in capitals, and in JSON that is cut off or too long.
- At most 32 commands are carried out at once, besides `stop` and `pain`.

### Replies

| outcome | meaning |
|---|---|
| `accepted` | done, or under way |
| `limited` | done, but less than requested; `reasons` says what limits it |
| `refused` | not done; `reasons` says why |
| `failed` | tried, and not confirmed: after `stop`, `pain` and `acknowledge`, look at the devices |

- `session_id` is that of the session that was running when the command came, or that a `start` has started; `null` where
  there was none.
- `reasons` are sentences for the person, in the language of the settings; `keys` are the same for programs.
- `devices`, after `stop` and `pain`, has for each device of the person: `stopped` (it confirmed that), `unconfirmed` (sent;
  it cannot confirm), `uncertain` (it did not confirm, though it can), `unreachable` (not connected), `uncontrolled` (it
  cannot be stopped from here).
- A reply comes within a few tenths of a second; after `stop` and `pain` when the devices have confirmed, at most 3 s.
- Everyone who is subscribed gets every reply of the station: look for your `id`. With MQTT 5, the reply is also sent to
  the response topic of the command, with its correlation data, if that topic is below `…/reply/`.
"""


def session(words: Words) -> str:
    """Return what happens in a session, with its questions."""
    rows = "\n".join(f"| `{id_}` | {question.ask} |" for id_, question in words.questions.items())
    return f"""## The questions

Every routine begins with questions about symptoms, in the state `checking`, once a day. After any yes, the whole day is
gentler: no heat, no vibration, no massage, and at most {SYMPTOM_VACUUM_MMHG:.0f} mmHg.

| id | question |
|---|---|
{rows}

- `guide.question` is the id of the one that is shown; `answer` with that id, or with `asked`, answers it. `all` answers all
  that are open. What was answered today is not asked again.
- They wait for {ANSWER_SECONDS / 60:.0f} minutes altogether (`answer_by`); then the session ends as `stopped`.
- `start` with `no_symptoms: true` answers all with no, for apps that ask them in their own words. Ask every time.
- A yes counts for the whole day: it cannot be taken back. On the next day its question must be answered by itself:
  neither `all` nor `no_symptoms` answers it. A yes during a session ends the session.
- `about` has them in all languages.

## A session

`state` goes from `checking` through `running` (and `paused`) to `stopping` and one of four ends:

| state | what it means | what to do |
|---|---|---|
| `completed` | the routine is done | – |
| `stopped` | by `stop` or `pain`, at a device, by a yes to a question, or because there was no answer | `reason_words` says why |
| `tripped` | a hard stop for safety; nothing starts until `acknowledge` | show `trip`, and let the person look |
| `failed` | something did not work, or the program ended meanwhile | `reason_words` says what |

- While `problem` is true, nothing starts: look at `trip`, `uncertain` and `problems`.
- The flange: before suction `guide.waits_for` is `flange`. The pumps start by themselves after the countdown
  (`suction_starts_in_seconds`), or only on `start_suction` (`waits_for_flange`).
- `pause` releases the vacuum; after {PAUSE_SECONDS / 60:.0f} minutes the session ends.
- `vacuum_up` and `vacuum_down` change the vacuum by {RAISE_STEP_MMHG:.0f} mmHg, or by one level where a pump has only levels.
  Lowering works at once. Raising goes by at most one step in {RAISE_EVERY_SECONDS:.0f} s, and never above the limits of the
  person, the step and the device: the reply is then `limited`, and `limits` in `state` says what holds, and why.
- No command can raise a limit; the hard ones are in [safety.md](safety.md). With `limits.remote_raise: refuse` in the settings, none raises a vacuum either.
- Offer *Stop* and *It hurts* always, on every screen, without a question "are you sure?".

## Connections

**When your app (re)connects:** subscribe, and take what is retained as the current state: `status`, `state`, `guide` and the
devices. Do not wait for events that you may have missed. Nothing retained starts anything.

**Twice the same event:** QoS 1 may deliver twice, and after a loss of the connection Letdown sends again what the broker
has not acknowledged. Keep the last hundred ids, and ignore what you know. Order is kept within a topic, not between topics.

**Late events:** events wait while the broker is unreachable, also through a restart. Look at `time` before you ring a
bell. Each is on the disk of the controller before it is published, so a crash takes back nothing that you have heard.

**`offline`:** `letdown/controller/<node>/status` turns `offline` when the program ends, and some 25 s after its connection
is lost. Then everything else is old: show that, offer no start, and ask the person to stop at the device. A session goes
on without the broker; its `state` comes when it is back. A command that is sent meanwhile is lost, and never carried out
later.

**No reply:** if nothing came after 5 s, the command did not arrive. Send `stop` and `pain` again every second until
the reply is there; with everything else, tell the person.

**A device's `availability`:** `offline` means not connected, or no fresh values. A session that needs it trips or stops by
itself. A controller that ends says `offline` for each of its devices; one that crashes cannot, so look at `status`, too.
"""


def values(words: Words) -> str:
    """Return what the values of states are called."""
    rows = [
        f"| {group.replace('_', ' ')} | {'; '.join(f'`{value}`: {label}' for value, label in labels.items())} |"
        for group, labels in words.labels.model_dump(mode="json").items()
    ]
    return "\n".join(
        [
            "## Values\n",
            "What a person calls them, from the language files (`labels` in `config/guides`).\n",
            "| of | value: words |",
            "|---|---|",
            *rows,
            "",
        ]
    )


MINIMAL = """## Without health data

Everybody who may read the broker can read what is published. With `mqtt.publish: minimal` in the settings, what belongs to
a health record is not published at all: not the milk, not the let-down, not what was answered to the questions, no pain, no
notes, and nothing of the history; no steps, no phase and no rate either, since expressing begins with the let-down. It is
then on the page alone. Fields are `null` or empty instead, so all programs can still read the messages; limits and replies
do not name a symptom. Home Assistant gets no entities for what is left out, nor buttons for the answers, since the question
is not shown.

What the devices do is still published, so that somebody who looks on sees what is on: that a session runs and when it ends
at the latest, how strong each pump sucks, how warm a compress is. A client that follows the vacuum and the end from second to
second can guess from them when a step ended. What others publish, such as a command with milk in it, Letdown cannot hide.
"""


def generating() -> str:
    """Return how to make types for an app."""
    return f"""## Types for your app

For Python, with the package `datamodel-code-generator`:

```sh
{PYTHON_TYPES}
```

`EventPayload` is the union of all events by `type`, `StatePayload`, `GuidePayload` and so on are the other messages:
`TypeAdapter(EventPayload).validate_json(payload)`.

For TypeScript, with the npm package `json-schema-to-typescript`:

```sh
{TYPESCRIPT_TYPES}
```

`Event` is a union by `type`: a `switch` over it knows the `data` of each. `Command` is one by `action`.

The tests generate both, type-check them, and read a whole session with them.
"""

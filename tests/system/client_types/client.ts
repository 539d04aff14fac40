// A client of the generated types. Only checked by the compiler, with --strict; the tests change it to see that it errs.
import type { Command, DeviceView, Event, Guide, Reply, Snapshot, Telemetry } from "./letdown";

function never(value: never): never {
  throw new Error(`unheard of: ${JSON.stringify(value)}`);
}

export function sentence(event: Event): string {
  switch (event.type) {
    case "session_started":
      return `${event.data.routine} for ${event.data.side}`;
    case "step_started":
      return `${event.data.step} (${event.data.index + 1})`;
    case "step_finished":
      return `${event.data.step} ${event.data.outcome} after ${event.data.seconds.toFixed(0)} s`;
    case "let_down":
      return event.data.seconds === null ? event.data.by : `${event.data.by} after ${event.data.seconds.toFixed(0)} s`;
    case "limited":
      return event.data.reasons.map((reason) => reason.words).join(", ");
    case "paused":
    case "resumed":
    case "pain":
      return event.type;
    case "trip":
      return `${event.data.kind}: ${event.data.words}`;
    case "uncertain":
    case "stop_confirmed":
      return event.data.device;
    case "runs_outside":
      return `${event.data.device} ${event.data.on ? "on" : "off"}`;
    case "enforced":
      return `${event.data.device}: ${event.data.action}`;
    case "button_pressed":
      return `${event.data.device}: ${event.data.did ?? "?"} (${event.data.trust})`;
    case "vacuum_set":
      return `${event.data.phase}: ${event.data.mmhg} mmHg`;
    case "volume_logged":
      return `${event.data.left_ml ?? 0} and ${event.data.right_ml ?? 0} mL`;
    case "session_edited":
      return `edited ${event.data.revision} times`;
    case "reminder":
      return `${event.data.kind}: ${event.data.words}`;
    case "session_finished":
      return `${event.data.outcome}, ${event.data.volume_ml.left ?? "?"} mL`;
    default:
      return never(event);
  }
}

export const start: Command = { id: "1", action: "start", args: { routine: "classic", side: "both" } };
export const answer: Command = { id: "2", action: "answer", args: { question: "asked", value: false } };
export const stop: Command = { action: "stop" };

export function shown(state: Snapshot, guide: Guide, reply: Reply, device: DeviceView, telemetry: Telemetry): string[] {
  const id: string | null = reply.id;
  const vacuum: number | null | undefined = telemetry.values.vacuum_mmhg;
  return [state.station, guide.words, id ?? "", device.link, String(vacuum ?? "unknown")];
}

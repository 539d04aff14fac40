// The live layer of the session screen. Without it, every form works as it is; with it, the page follows the events,
// shows when the contact is lost, and sends Stop again until a reply came. No dependencies, no build step.

const body = document.body;
const data = body.dataset;
const version = document.querySelector('meta[name="letdown-version"]')?.content;
const SILENT_MS = 3500; // a heartbeat comes every 2 s
const POLL_MS = 2300;
const RESEND_MS = 4000;
const RENDER_MS = 500; // between two renderings by the server
const SPREAD_MS = 200;
const WRITTEN = "input:not([type=radio], [type=hidden]), textarea"; // what a person writes, or ticks
const byId = (id) => document.getElementById(id);
const SESSION = ["guide", "progress", "controls", "curve", "readings", "reminders", "after", "start"];
// The session screen, or what other screens mark with the kind of event that changes it.
const REGIONS = ["warnings", ...(byId("guide") ? SESSION : [...document.querySelectorAll("[data-fresh]")].map((each) => each.id))];

let snapshot = null;
let contactMs = performance.now(); // when something was last received from the controller
let contact = true;

// ---- Stop and Pain: one id, sent again until a reply came ----

const stopStatus = byId("stop-status");
let latestStop = 0;

async function sendAtOnce(form) {
  const turn = ++latestStop;
  const id = newId();
  const url = new URL(form.action);
  url.searchParams.set("id", id);
  const sending = `${form.querySelector("button").firstChild.textContent}: ${data.sending}`;
  tellStop(sending, turn);
  const began = performance.now();
  let found;
  const answered = new Promise((resolve) => { found = resolve; });
  // The earlier attempts go on: where the way there and back takes long, the first answer counts.
  for (let reply = null; ;) {
    const attempt = attemptStop(url).then(found, () => null);
    reply = await Promise.race([answered, attempt, pause(RESEND_MS)]) ?? await Promise.race([answered, pause(400)]);
    if (reply) {
      const late = performance.now() - began > 2000;
      const time = new Date().toLocaleTimeString(document.documentElement.lang, { timeStyle: "short" });
      tellStop(`${stopWords(reply)}${late ? ` ${data.arrived.replace("{time}", time)}` : ""}`, turn);
      setTimeout(() => tellStop("", turn), 15000);
      refresh();
      return;
    }
    tellStop(`${sending} ${byId("contact").textContent.trim()}`, turn);
  }
}

async function attemptStop(url) {
  const response = await fetch(url, {
    method: "POST", headers: { accept: "application/json" }, keepalive: true, signal: timeLimit(3 * RESEND_MS),
  });
  if (!response.ok && response.status !== 502) throw new Error(response.statusText);
  return await response.json();
}

const pause = (ms) => new Promise((resolve) => setTimeout(() => resolve(null), ms));

function tellStop(words, turn) {
  if (turn === latestStop) stopStatus.textContent = words;
}

function stopWords(reply) {
  const byState = new Map();
  for (const [name, state] of Object.entries(reply.devices ?? {})) byState.set(state, [...(byState.get(state) ?? []), name]);
  const states = [...byState].map(([state, names]) => sentence(`${stateWord(state)}: ${names.join(", ")}`));
  if (reply.outcome !== "accepted") states.unshift(data.notConfirmed);
  return states.join(" ") || data.confirmed;
}

const stateWord = (state) => body.getAttribute(`data-stop-${state}`) ?? state;

// crypto.randomUUID needs https; this works everywhere.
const newId = () => `page-${Array.from(crypto.getRandomValues(new Uint8Array(9)), (each) => each.toString(16)).join("")}`;

// Browsers before 2022 have none; there a request ends when the network does.
function timeLimit(ms) {
  return AbortSignal.timeout?.(ms);
}

// ---- All other forms ----

async function sendForm(form, submitter) {
  const button = submitter ?? form.querySelector("button");
  button?.setAttribute("aria-busy", "true");
  const fields = new URLSearchParams(new FormData(form));
  fields.set("id", newId());
  try {
    const response = await fetch(form.action, {
      method: "POST", headers: { accept: "application/json" }, body: fields, signal: timeLimit(10000),
    });
    const reply = await response.json();
    tell(reply.outcome === "accepted" ? "" : (reply.reasons ?? []).map(sentence).join(" ") || reply.detail || "");
    if (form.dataset.send === "log_volume") document.activeElement?.blur();
    if (reply.outcome === "accepted") for (const each of form.querySelectorAll(WRITTEN)) each.defaultValue = each.value;
  } catch {
    tell(data.noAnswer);
  }
  await render(); // until then a second tap, such as on Skip, would mean what is no longer there
  button?.removeAttribute("aria-busy");
}

const sentence = (text) => `${text.charAt(0).toUpperCase()}${text.slice(1)}${/[.!?]$/.test(text) ? "" : "."}`;

let noticeTimer = 0;
function tell(words) {
  const notice = byId("notice");
  notice.replaceChildren();
  if (words) {
    const line = document.createElement("p");
    line.className = "notice";
    line.textContent = words;
    notice.append(line);
  }
  clearTimeout(noticeTimer);
  if (words) noticeTimer = setTimeout(() => notice.replaceChildren(), 12000);
}

document.addEventListener("submit", (event) => {
  const form = event.target;
  if (form.dataset.atOnce) {
    event.preventDefault();
    sendAtOnce(form).catch(() => form.submit()); // whatever fails here, the form itself works
  } else if (form.dataset.send && byId("guide")) {
    event.preventDefault();
    if (event.submitter?.getAttribute("aria-busy") !== "true") sendForm(form, event.submitter);
  }
});

// ---- What the server renders: fetched again when more than numbers changed ----

let rendering = false;
let renderAgain = false;
let lastRendered = 0;
let timer = 0;

function refresh() {
  if (rendering) {
    renderAgain = true;
    return;
  }
  clearTimeout(timer);
  // Not all tabs of a home at the same moment.
  timer = setTimeout(render, Math.max(Math.random() * SPREAD_MS, lastRendered + RENDER_MS - performance.now()));
}

async function render() {
  if (rendering) {
    renderAgain = true;
    return;
  }
  rendering = true;
  renderAgain = false;
  lastRendered = performance.now();
  try {
    const here = new URL(location.href);
    here.search = withoutReply();
    const response = await fetch(here, { signal: timeLimit(2500), cache: "no-store" });
    if (response.redirected) location.reload(); // no longer signed in
    if (response.ok) {
      const fresh = new DOMParser().parseFromString(await response.text(), "text/html");
      note();
      put(fresh);
    }
  } catch { /* the next event or poll tries again */ }
  rendering = false;
  if (renderAgain) refresh();
}

function put(fresh) {
  const running = fresh.body.dataset.running === "yes";
  if (fresh.querySelector('meta[name="letdown-version"]')?.content !== version && !running) {
    if (!hasWritten(body)) location.reload();
    return;
  }
  for (const id of REGIONS) swap(byId(id), fresh.getElementById(id));
  swap(byId("state"), fresh.getElementById("state"));
  document.title = fresh.title;
  data.running = fresh.body.dataset.running;
  say(byId("guide")?.dataset.say);
  drawCurves();
}

const hasWritten = (part) => [...part.querySelectorAll(WRITTEN)].some(
  (each) => each.value !== each.defaultValue || each.checked !== each.defaultChecked,
);

const served = new Map(); // as the server sent it, before numbers and inputs changed

function swap(old, fresh) {
  if (!old || !fresh) return;
  if ((served.get(old.id) ?? old.outerHTML) === fresh.outerHTML) return;
  const active = document.activeElement;
  const inside = old.contains(active);
  if (inside && active.matches(WRITTEN)) return; // somebody writes there
  if (hasWritten(old)) return;
  const chosen = [...old.querySelectorAll("input[type=radio]:checked")].map((each) => each.id);
  const opened = [...old.querySelectorAll("details")].map((each) => each.open);
  const html = fresh.outerHTML;
  fresh.querySelectorAll("details").forEach((each, at) => { each.open = opened[at] ?? false; });
  old.replaceWith(document.adoptNode(fresh));
  served.set(fresh.id, html);
  for (const id of chosen) if (byId(id) && !byId(id).disabled) byId(id).checked = true;
  if (inside) (byId(active.id) ?? byId("now")).focus({ preventScroll: true });
}

let said = byId("guide")?.dataset.say;
function say(words) {
  if (words !== said) byId("say").textContent = words;
  said = words;
}

// ---- Numbers, straight from the events ----

const milkDigits = Number(data.milkDigits);
const milk = (ml) => number(ml == null ? null : ml / Number(data.mlEach), milkDigits);
const number = (value, digits = 0) => value == null ? "–" : value.toFixed(digits).replace(".", data.decimal);
// All milk that is known: the sum of what is shown of each side, as the server adds it up.
function totalMilk(volume) {
  const shown = Object.values(volume).filter((ml) => ml != null).map((ml) => Number((ml / Number(data.mlEach)).toFixed(milkDigits)));
  return number(shown.length ? shown.reduce((sum, each) => sum + each, 0) : null, milkDigits);
}
const clock = (seconds) => {
  const whole = Math.max(0, Math.round(seconds));
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`;
};
function set(name, text, device) {
  const at = document.querySelector(`[data-live="${name}"]${device ? `[data-device="${CSS.escape(device)}"]` : ""}`);
  if (at && at.textContent !== text) at.textContent = text;
}

let shape = "";
let guideShape = "";

function onSnapshot(item) {
  snapshot = item;
  set("milk", totalMilk(item.volume_ml));
  set("milk-left", milk(item.volume_ml.left));
  set("milk-right", milk(item.volume_ml.right));
  set("weighed", milk(item.weighed_total_ml));
  const step = document.querySelector('[data-live="step"]');
  if (step && item.step_index != null) step.value = item.steps[item.step_index].seconds;
  // All but the numbers above: whatever else changes is rendered by the server.
  const { volume_ml, volume_total_ml, weighed_ml, weighed_total_ml, peak_vacuum_mmhg, warmest_celsius, progress, ends_at, steps, step_seconds_left,
    suction_starts_in_seconds, ...rest } = item;
  const now = JSON.stringify([rest, weighed_total_ml == null, steps.map((each) => each.outcome)]);
  if (shape && now !== shape) refresh();
  shape = now;
}

function onGuide(item) {
  if (item.seconds_left != null) set("countdown", clock(item.seconds_left));
  const { seconds_left, ...rest } = item;
  const now = JSON.stringify([rest, seconds_left == null]);
  if (guideShape && now !== guideShape) refresh();
  guideShape = now;
}

const devices = new Map();
function onDevice(item) {
  const shown = isFresh("device") ? [item.rssi_dbm, item.reported_at, item.reading.run_state, item.reading.battery_percent] : [];
  const now = JSON.stringify([item.link, item.available, item.cautions, ...shown]);
  if (devices.has(item.device) && devices.get(item.device) !== now) refresh();
  devices.set(item.device, now);
}

function onTelemetry(item) {
  const { vacuum_mmhg, peak_vacuum_mmhg, surface_celsius } = item.values;
  if (surface_celsius != null) set("celsius", number(surface_celsius, 1), item.device);
  const vacuum = peak_vacuum_mmhg ?? vacuum_mmhg;
  if (vacuum == null) return;
  const points = curves.get(item.device) ?? [];
  points.push([performance.now(), vacuum]);
  while (points.length > 240) points.shift();
  curves.set(item.device, points);
  set("vacuum", number(highest(points, points.length - 1)), item.device);
  drawCurves();
}

// ---- The curve: the vacuum of the last 40 s; at most four points a second come ----

const curves = new Map();
const CURVE_MS = 40000;

// The highest of the last two seconds: the ups and downs of each cycle would make curve and figure restless.
const highest = (points, at) => Math.max(...points.slice(Math.max(0, at - 7), at + 1).map(([, value]) => value));

function drawCurves() {
  const drawing = document.querySelector("#curve svg");
  if (!drawing) return;
  const target = Number(drawing.dataset.target);
  const cap = Number(drawing.dataset.cap);
  const now = performance.now();
  const shown = [...drawing.querySelectorAll("polyline")].map((polyline) => {
    const points = (curves.get(polyline.dataset.curve) ?? []).filter(([time]) => now - time < CURVE_MS);
    return [polyline, points.map(([time], at) => [time, highest(points, at)])];
  });
  const top = Math.max(60, target, cap, ...shown.flatMap(([, points]) => points.map(([, value]) => value))) * 1.15;
  const y = (value) => (152 - 144 * value / top).toFixed(1);
  for (const [name, value] of [["aim", target], ["cap", cap]]) {
    const line = drawing.querySelector(`.${name}`);
    if (!value) continue;
    line.setAttribute("y1", y(value));
    line.setAttribute("y2", y(value));
    const label = drawing.parentElement.querySelector(`[data-at="${name}"]`);
    const height = drawing.getBoundingClientRect().height / 160;
    // The cap's label stays where both would lie over each other: the target is also named above.
    label.hidden = name === "aim" && cap > 0 && Math.abs(y(cap) - y(target)) * height < 16;
    label.textContent = `${number(value)}\u00a0mmHg`;
    label.style.insetBlockStart = `${y(value) * height}px`;
  }
  for (const [polyline, points] of shown) {
    polyline.setAttribute(
      "points", points.map(([time, value]) => `${(600 - 600 * (now - time) / CURVE_MS).toFixed(1)},${y(value)}`).join(" "));
  }
}

setInterval(() => {
  const ago = document.querySelector('[data-live="ago"]');
  if (!ago) return;
  ago.dataset.seconds = String(Number(ago.dataset.seconds) + 1);
  ago.textContent = clock(Number(ago.dataset.seconds));
}, 1000);

// ---- The history: how long ago the last session was ----

const loaded = Date.now();
setInterval(() => {
  for (const each of document.querySelectorAll("[data-seconds-ago]")) {
    const minutes = Math.floor((Number(each.dataset.secondsAgo) + (Date.now() - loaded) / 1000) / 60);
    const hours = Math.floor(minutes / 60);
    each.textContent = [hours && `${hours}\u00a0h`, (minutes % 60 || !hours) && `${minutes % 60}\u00a0min`].filter(Boolean).join("\u00a0");
  }
}, 20000);

// ---- Contact ----

function note() {
  contactMs = performance.now();
  showContact(true);
}

function showContact(there) {
  if (there === contact) return;
  contact = there;
  const line = byId("contact").firstElementChild;
  line.hidden = there;
  if (!there) return;
  reopenMs = REOPEN_MS;
  refresh();
}

// ---- The event stream. Where it does not get through, as with some proxies, the page polls ----

const REOPEN_MS = 2000;
let source = null;
let streamMs = 0; // when the stream was opened, or its last heartbeat came in time
let reopenMs = REOPEN_MS; // longer after each attempt that failed
let reopenAtMs = 0;

function follow() {
  source?.close();
  const opened = performance.now();
  const stream = source = new EventSource(data.events);
  streamMs = opened;
  reopenAtMs = opened + Math.max(reopenMs, SILENT_MS);
  reopenMs = Math.min(2 * reopenMs, 30000);
  let ahead = null; // our clock, ahead of the controller's: at most, as the first heartbeat was sent after the opening
  const on = (name, handle) => stream.addEventListener(name, (event) => {
    // What was held back is older than what the page has meanwhile polled.
    if (name === "heartbeat" || performance.now() - streamMs < SILENT_MS) handle(JSON.parse(event.data));
  });
  on("snapshot", onSnapshot);
  on("guide", onGuide);
  on("device", onDevice);
  on("telemetry", onTelemetry);
  on("start_defaults", refresh);
  on("reminders", refresh);
  on("uploads", refresh);
  on("comfort", () => isFresh("learned") && refresh());
  on("device_test", () => isFresh("device_test") && refresh());
  on("limits", () => (isFresh("limits") || isFresh("device")) && refresh());
  on("heartbeat", ({ seconds }) => {
    const now = performance.now();
    ahead ??= opened - 1000 * seconds;
    if (now - ahead - 1000 * seconds > SILENT_MS) return; // it was held back: what the page shows is old
    streamMs = now;
    reopenMs = REOPEN_MS;
    note();
  });
  stream.onerror = () => { // no reconnecting by itself: the clocks are compared anew
    stream.close();
    if (stream !== source) return;
    streamMs = -SILENT_MS;
    reopenAtMs = Math.max(performance.now() + 1000, opened + reopenMs / 2);
  };
}

// A browser opens six connections to one address. Of all its tabs, the three that were used last have a stream: one more
// for each would leave none for Stop.
const tab = newId();
const tabs = globalThis.BroadcastChannel ? new BroadcastChannel("letdown-streams") : null;
const usedLater = new Set();
const hasStream = () => usedLater.size < 3;

function use() {
  const had = hasStream() && source;
  usedLater.clear();
  tabs?.postMessage(tab);
  if (!had) follow();
}

tabs?.addEventListener("message", ({ data: other }) => {
  usedLater.add(other);
  if (!hasStream()) source?.close();
});

let polledMs = 0;
setInterval(() => {
  const now = performance.now();
  if (now - contactMs > SILENT_MS) showContact(false);
  if (now - streamMs > SILENT_MS && now > reopenAtMs && hasStream()) follow();
  if (now - contactMs > POLL_MS && now - polledMs > POLL_MS && !document.hidden) {
    polledMs = now;
    render();
  }
}, 250);

addEventListener("focus", use);
addEventListener("pagehide", () => source?.close());
document.addEventListener("visibilitychange", () => {
  if (document.hidden) return;
  use();
  refresh();
});

// The address of a reply is shown once: a reload must not show it again.
function withoutReply() {
  const query = new URLSearchParams(location.search);
  for (const name of ["reply", "action", "outcome"]) query.delete(name);
  query.set("station", data.station);
  return `?${query}`;
}
if (/[?&](reply|outcome)=/.test(location.search)) history.replaceState(null, "", withoutReply());

// ---- Devices and settings: what an event of this kind changes, and what is asked for again while it goes on ----

function isFresh(kind) {
  return document.querySelector(`[data-fresh="${kind}"]`) !== null;
}

setInterval(() => {
  if (!document.hidden && document.querySelector("[data-poll]")) refresh();
}, 1000);

use();

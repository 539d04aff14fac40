// The live layer of the page of all stations: what changes, filters at once, and problems first. Without it, the page is
// loaded again every ten seconds. No dependencies, no build step.

const data = document.body.dataset;
const texts = JSON.parse(data.texts);
const list = document.getElementById("tiles");
const say = document.getElementById("say");
const GROUPS = ["problem", "running", "idle"];
const SILENT_MS = 5000; // a heartbeat comes every 2 s
const POLL_MS = 3000;
const REOPEN_MS = 2000;
const QUIET_MS = 2500; // nothing moves under a finger: stations are put in order when nothing was touched for so long

const shown = new Map([...list.children].map((each) => [each.dataset.station, each]));
const tiles = new Map();
let aheadMs = 0; // the controller's wall clock, ahead of ours

// ---- One station ----

function put(tile) {
  const item = shown.get(tile.station);
  if (!item) return;
  tiles.set(tile.station, tile);
  const running = ["checking", "running", "paused", "stopping"].includes(tile.state);
  const troubles = tile.troubles.map((each) => texts.trouble[each] ?? each).join(" · ");
  if (troubles && troubles !== part(item, "troubles").textContent) news.push(`${tile.station}: ${troubles}`);
  item.dataset.group = tile.troubles.length ? "problem" : running ? "running" : "idle";
  item.dataset.running = running ? "yes" : "no";
  set(item, "troubles", troubles);
  set(item, "state", tile.troubles.includes("tripped") ? "" : texts.state[tile.state] ?? tile.state); // it says so already
  set(item, "step", texts.step[tile.step] ?? "");
  putTime(item, tile);
}

function putTime(item, tile) {
  const ms = tile.ends_at ? Date.parse(tile.ends_at) - Date.now() - aheadMs : null;
  set(item, "left", ms === null ? "" : data.left.replace("{minutes}", Math.max(0, Math.ceil(ms / 60000))).replaceAll(" min", "\u00a0min"));
}

const part = (item, name) => item.querySelector(`[data-part="${name}"]`);

function set(item, name, text) {
  const at = part(item, name);
  if (at.textContent !== text) at.textContent = text;
}

setInterval(() => {
  for (const [name, tile] of tiles) if (tile.ends_at) putTime(shown.get(name), tile);
}, 5000);

// ---- All of them ----

let news = [];
let isKnown = false; // what is there when the page opens is no news

function putAll(found) {
  if (found.some((each) => !shown.has(each.station))) location.reload();
  news = [];
  for (const each of found) put(each);
  if (isKnown && news.length) say.textContent = news.slice(0, 5).join(". ");
  isKnown = true;
  filter();
  order();
}

const groupRank = (item) => GROUPS.indexOf(item.dataset.group);
const byPlace = (one, other) => groupRank(one) - groupRank(other) ||
  one.dataset.station.localeCompare(other.dataset.station, "en", { numeric: true });

let touchedMs = -QUIET_MS;
let orderTimer = 0;
for (const kind of ["pointerdown", "pointermove", "touchmove", "keydown", "wheel", "scroll"]) {
  addEventListener(kind, () => { touchedMs = performance.now(); }, { passive: true });
}

function order() {
  clearTimeout(orderTimer);
  const wait = touchedMs + QUIET_MS - performance.now();
  if (wait > 0) {
    orderTimer = setTimeout(order, wait);
    return;
  }
  const wanted = [...list.children].sort(byPlace);
  if (wanted.every((each, at) => list.children[at] === each)) return;
  const active = document.activeElement;
  list.append(...wanted);
  if (list.contains(active)) active.focus({ preventScroll: true });
}

// ---- Filters ----

const filters = document.getElementById("filters");

function filter() {
  const group = filters.elements.show.value;
  const name = filters.elements.name.value.trim().toLowerCase();
  const counts = { all: 0, problem: 0, running: 0, idle: 0 };
  let found = 0;
  for (const [station, item] of shown) {
    const groups = ["all", item.dataset.group];
    if (item.dataset.running === "yes" && item.dataset.group !== "running") groups.push("running");
    for (const each of groups) counts[each] += 1;
    const fits = groups.includes(group) && station.toLowerCase().includes(name);
    if (item.hidden === fits) item.hidden = !fits;
    found += fits;
  }
  for (const [each, count] of Object.entries(counts)) {
    const at = filters.querySelector(`[data-count="${each}"]`);
    if (at.textContent !== String(count)) at.textContent = count;
  }
  document.getElementById("none").hidden = found > 0;
}

function remember() {
  filter();
  const query = new URLSearchParams();
  if (filters.elements.show.value !== "all") query.set("show", filters.elements.show.value);
  if (filters.elements.name.value.trim()) query.set("name", filters.elements.name.value.trim());
  history.replaceState(null, "", query.size ? `?${query}` : location.pathname);
}

filters.addEventListener("input", remember);
filters.addEventListener("submit", (event) => event.preventDefault());
if (/[?&]outcome=/.test(location.search)) remember(); // a reload must not show it again

// ---- Contact: the stream; where it does not get through, the page asks ----

let source = null;
let streamMs = -SILENT_MS;
let contactMs = performance.now();
let openedMs = 0;

function note() {
  contactMs = performance.now();
  document.querySelector("#contact p").hidden = true;
}

function follow() {
  source?.close();
  openedMs = performance.now();
  const stream = source = new EventSource(data.events);
  stream.addEventListener("stations", (event) => { note(); putAll(JSON.parse(event.data)); });
  stream.addEventListener("heartbeat", (event) => {
    aheadMs = Date.parse(JSON.parse(event.data).now) - Date.now();
    streamMs = performance.now();
    note();
  });
  stream.onerror = () => stream.close();
}

async function poll() {
  try {
    const response = await fetch(data.board, { cache: "no-store", signal: AbortSignal.timeout?.(2500) });
    if (response.status === 401) location.reload(); // no longer signed in
    if (!response.ok) return;
    putAll(await response.json());
    note();
  } catch { /* it is tried again */ }
}

let polledMs = 0;
setInterval(() => {
  const now = performance.now();
  if (now - contactMs > SILENT_MS) document.querySelector("#contact p").hidden = false;
  if (document.hidden || now - streamMs < SILENT_MS) return;
  if (now - openedMs > SILENT_MS + REOPEN_MS) follow();
  if (now - polledMs > POLL_MS && now - contactMs > POLL_MS) {
    polledMs = now;
    poll();
  }
}, 500);

addEventListener("pagehide", () => source?.close());
addEventListener("pageshow", (event) => event.persisted && follow());
document.addEventListener("visibilitychange", () => {
  if (document.hidden) {
    source?.close();
    return;
  }
  contactMs = performance.now(); // it was not asked for meanwhile
  follow();
});

follow();

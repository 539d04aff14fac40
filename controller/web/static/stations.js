// The live layer of the page of all stations: what changes, filters at once, problems first, and Stop in place. Without
// it, the page is loaded again every ten seconds. No dependencies, no build step.

const data = document.body.dataset;
const texts = JSON.parse(data.texts);
const list = document.getElementById("tiles");
const say = document.getElementById("say");
const GROUPS = ["problem", "running", "idle", "away"];
const TROUBLES = Object.keys(texts.trouble); // the worst first
const isFleet = document.body.classList.contains("fleet");
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
  item.dataset.group = tile.troubles.length ? "problem" : tile.state === null ? "away" : running ? "running" : "idle";
  item.dataset.worst = tile.troubles.length ? TROUBLES.indexOf(tile.troubles[0]) : 0;
  item.dataset.running = running ? "yes" : "no";
  set(item, "troubles", troubles);
  set(item, "state", tile.troubles.includes("tripped") ? "" : stateWord(tile)); // it says so already
  set(item, "step", texts.step[tile.step] ?? "");
  if (isFleet) {
    item.dataset.controller = tile.controller ?? "";
    set(item, "controller", tile.controller ?? "");
  }
  putTime(item, tile);
}

function stateWord(tile) {
  if (tile.state === null) return tile.troubles.length ? texts.page.unknown : texts.page.away;
  return texts.state[tile.state] ?? tile.state;
}

function putTime(item, tile) {
  const minutesTo = (time) => (Date.parse(time) - Date.now() - aheadMs) / 60000;
  const words = tile.silent_since ? minutes(texts.page.ago, Math.floor(-minutesTo(tile.silent_since)))
    : tile.ends_at ? minutes(texts.page.left, Math.ceil(minutesTo(tile.ends_at))) : "";
  set(item, "left", words);
}

const minutes = (words, count) => words.replace("{minutes}", Math.max(0, count)).replaceAll(" min", "\u00a0min");

const part = (item, name) => item.querySelector(`[data-part="${name}"]`);

function set(item, name, text) {
  const at = part(item, name);
  if (at.textContent !== text) at.textContent = text;
}

setInterval(() => {
  for (const [name, tile] of tiles) if (tile.ends_at || tile.silent_since) putTime(shown.get(name), tile);
}, 5000);

// ---- All of them ----

let news = [];
let isKnown = false; // what is there when the page opens is no news

function putAll(found) {
  if (found.some((each) => !shown.has(each.station))) reloadSoon();
  news = [];
  for (const each of found) put(each);
  if (isKnown && news.length) say.textContent = news.slice(0, 5).join(". ");
  isKnown = true;
  putControllers();
  filter();
  order();
}

const groupRank = (item) => GROUPS.indexOf(item.dataset.group);
const byPlace = (one, other) => groupRank(one) - groupRank(other) || one.dataset.worst - other.dataset.worst ||
  one.dataset.station.localeCompare(other.dataset.station, "en", { numeric: true });

let touchedMs = -QUIET_MS;
let orderTimer = 0;
for (const kind of ["pointerdown", "pointermove", "touchmove", "keydown", "wheel", "scroll"]) {
  addEventListener(kind, () => { touchedMs = performance.now(); }, { passive: true });
}

// Other stations than before: the server renders them. Not under a finger, and not before an answer was read.
let reloadTimer = 0;
function reloadSoon() {
  clearTimeout(reloadTimer);
  const isQuiet = performance.now() > touchedMs + QUIET_MS && ![...list.querySelectorAll("[data-part=answer]")].some((each) => each.textContent);
  if (isQuiet) location.reload();
  else reloadTimer = setTimeout(reloadSoon, QUIET_MS);
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
  const controller = filters.elements.controller?.value ?? "";
  const counts = { all: 0, problem: 0, running: 0, idle: 0, away: 0 };
  let found = 0;
  for (const [station, item] of shown) {
    const groups = ["all", item.dataset.group];
    if (item.dataset.running === "yes" && item.dataset.group !== "running") groups.push("running");
    for (const each of groups) counts[each] += 1;
    const here = !controller || item.dataset.controller === controller;
    const fits = groups.includes(group) && here && station.toLowerCase().includes(name);
    if (item.hidden === fits) item.hidden = !fits;
    found += fits;
  }
  for (const [each, count] of Object.entries(counts)) {
    const at = filters.querySelector(`[data-count="${each}"]`);
    if (at && at.textContent !== String(count)) at.textContent = count;
  }
  document.getElementById("none").hidden = found > 0;
}

// The controllers that there are to choose from; one that is chosen stays, also while it serves nothing.
function putControllers() {
  const select = filters.elements.controller;
  if (!select) return;
  const found = new Set([...shown.values()].map((each) => each.dataset.controller).filter(Boolean));
  if (select.value) found.add(select.value);
  const wanted = [...found].sort((one, other) => one.localeCompare(other, "en", { numeric: true }));
  const there = [...select.options].slice(1).map((each) => each.value);
  if (wanted.join("\n") === there.join("\n")) return;
  const chosen = select.value;
  select.length = 1;
  for (const each of wanted) select.add(new Option(each, each, false, each === chosen));
}

function remember() {
  filter();
  const query = new URLSearchParams();
  if (filters.elements.controller?.value) query.set("controller", filters.elements.controller.value);
  if (filters.elements.show.value !== "all") query.set("show", filters.elements.show.value);
  if (filters.elements.name.value.trim()) query.set("name", filters.elements.name.value.trim());
  history.replaceState(null, "", query.size ? `?${query}` : location.pathname);
}

filters.addEventListener("input", remember);
filters.addEventListener("submit", (event) => event.preventDefault());
if (/[?&]outcome=/.test(location.search)) remember(); // a reload must not show it again

// ---- Stop and Pain: one id, sent again until an answer came ----

const RESEND_MS = 4000;

list.addEventListener("submit", (event) => {
  event.preventDefault();
  sendAtOnce(event.target);
});

async function sendAtOnce(form) {
  const item = form.closest(".tile");
  const url = new URL(form.action);
  url.searchParams.delete("back");
  url.searchParams.set("id", `page-${Array.from(crypto.getRandomValues(new Uint8Array(9)), (each) => each.toString(16)).join("")}`);
  const sending = `${form.querySelector("button").firstChild.textContent}: ${texts.page.sending}`;
  const turn = item.dataset.turn = String(Number(item.dataset.turn ?? 0) + 1);
  const tell = (words) => { if (item.dataset.turn === turn) set(item, "answer", words); };
  tell(sending);
  let found;
  const answered = new Promise((resolve) => { found = resolve; });
  for (;;) { // the earlier attempts go on: the first answer counts
    attempt(url).then(found, () => null);
    const answer = await Promise.race([answered, pause(RESEND_MS)]);
    if (answer) {
      tell(answer);
      setTimeout(() => tell(""), 20000);
      return;
    }
    tell(`${sending} ${texts.page.no_contact}`);
  }
}

async function attempt(url) {
  const response = await fetch(url, {
    method: "POST", headers: { accept: "application/json" }, keepalive: true, signal: AbortSignal.timeout?.(3 * RESEND_MS),
  });
  if (response.status === 403) return texts.page.may_not;
  if (!response.ok && response.status !== 502) throw new Error(response.statusText);
  return answerWords(await response.json());
}

function answerWords(reply) {
  const undelivered = texts.page[(reply.keys ?? []).find((each) => each === "not_sent" || each === "unanswered")];
  if (undelivered) return undelivered;
  const byState = new Map();
  for (const [name, state] of Object.entries(reply.devices ?? {})) byState.set(state, [...(byState.get(state) ?? []), name]);
  const states = [...byState].map(([state, names]) => `${texts.stop[state] ?? state}: ${names.join(", ")}.`);
  if (reply.outcome !== "accepted") states.unshift(texts.page.not_confirmed);
  return states.join(" ") || texts.page.confirmed;
}

const pause = (ms) => new Promise((resolve) => setTimeout(() => resolve(null), ms));

// ---- Contact: the stream; where it does not get through, the page asks ----

let source = null;
let streamMs = -SILENT_MS;
let contactMs = performance.now();
let openedMs = 0;

let hasBroker = true; // the page of a fleet may have none

function note() {
  contactMs = performance.now();
  showContact(true);
}

function showContact(isThere) {
  const at = document.querySelector("#contact p");
  const words = isThere ? texts.page.no_broker : texts.page.no_contact;
  if (at.textContent !== words) at.textContent = words;
  at.hidden = isThere && hasBroker;
}

function follow() {
  source?.close();
  openedMs = performance.now();
  const stream = source = new EventSource(data.events);
  stream.addEventListener("stations", (event) => { note(); putAll(JSON.parse(event.data)); });
  stream.addEventListener("heartbeat", (event) => {
    const beat = JSON.parse(event.data);
    aheadMs = Date.parse(beat.now) - Date.now();
    hasBroker = beat.in_contact;
    if (beat.stations !== shown.size) reloadSoon();
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
  if (now - contactMs > SILENT_MS) showContact(false);
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

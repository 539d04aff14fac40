// What the page asks of the device that shows it: to keep the screen on during a session, and the files of the page, so
// that it can be put on the home screen. Both need https, except on the computer that runs Letdown.

const data = document.body.dataset;
const isRunning = () => data.running === "yes";

// ---- The screen stays on during a session ----

let lock = null;
let isAsking = false;
async function keepAwake() {
  const hint = document.getElementById("screen-hint");
  if (hint) hint.hidden = Boolean(navigator.wakeLock) || !isRunning();
  if (!isRunning()) {
    lock?.release();
    lock = null;
  } else if (navigator.wakeLock && !document.hidden && !isAsking && (!lock || lock.released)) {
    isAsking = true;
    try {
      lock = await navigator.wakeLock.request("screen");
    } catch { /* the battery is low, or it is not allowed here */ }
    isAsking = false;
    if (!isRunning()) keepAwake();
  }
}

new MutationObserver(keepAwake).observe(document.body, { attributeFilter: ["data-running"] });
document.addEventListener("visibilitychange", keepAwake);
keepAwake();

// ---- The service worker: files of the page, and nothing else ----

if (data.worker) navigator.serviceWorker?.register(data.worker).catch(() => { /* the page works without it */ });

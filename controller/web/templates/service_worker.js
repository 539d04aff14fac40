// Keeps the files of the page, whose addresses change with their content, and the page that says that there is no
// contact. Nothing else: pages, events and commands always go to the controller, and no answer to them is ever kept.

const SCOPE = self.registration.scope;
const FILES = new Set({{ files | tojson }}.map((path) => new URL(path, SCOPE).href));
const NO_CONTACT = new URL("no-contact", SCOPE).href;
const OURS = `letdown ${new URL(SCOPE).pathname} `;
const CACHE = `${OURS}{{ build }}`;

async function keep() {
  const cache = await caches.open(CACHE);
  await cache.addAll([...FILES, NO_CONTACT].map((address) => new Request(address, { cache: "no-cache" })));
}

async function forgetOthers() {
  const old = (await caches.keys()).filter((name) => name.startsWith(OURS) && name !== CACHE);
  await Promise.all(old.map((name) => caches.delete(name)));
}

async function kept(address) {
  return await (await caches.open(CACHE)).match(address);
}

async function file(request) {
  return await kept(request.url) ?? await fetch(request);
}

async function page(request) {
  try {
    return await fetch(request);
  } catch (error) {
    const words = await kept(NO_CONTACT);
    if (!words) throw error;
    return request.url === NO_CONTACT ? words : Response.redirect(NO_CONTACT, 302);
  }
}

self.addEventListener("install", (event) => {
  self.skipWaiting();
  event.waitUntil(keep());
});
self.addEventListener("activate", (event) => event.waitUntil(forgetOthers()));
self.addEventListener("fetch", (event) => {
  const request = event.request;
  if (request.method !== "GET") return; // a stop, or another command
  if (FILES.has(request.url)) event.respondWith(file(request));
  else if (request.mode === "navigate") event.respondWith(page(request));
});

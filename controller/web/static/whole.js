// Loads a page again that did not come as a whole: half a page has no Stop. A browser never finishes loading such a page,
// and runs no other script of it.

const LONGEST_MS = 6000;

const timer = setInterval(() => {
  if (document.querySelector(".bar .stop")) clearInterval(timer);
  else if (document.readyState !== "loading" || performance.now() > LONGEST_MS) location.reload();
}, 500);

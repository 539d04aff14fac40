// Tables that are wider than the screen scroll inside a frame of the theme: let the keyboard reach it, too.
window.addEventListener("load", () => {
  for (const frame of document.querySelectorAll(".md-typeset__scrollwrap")) frame.tabIndex = 0
})

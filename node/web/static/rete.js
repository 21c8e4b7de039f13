// What htmx leaves open: where the reader stands after results were exchanged, and what happens when the exchange fails.
// Pages are whole without this file.
document.addEventListener("htmx:beforeRequest", (event) => event.detail.target.setAttribute("aria-busy", "true"));

document.addEventListener("htmx:afterSettle", (event) => {
  const place = event.detail.target;
  place.removeAttribute("aria-busy");
  // The link that was followed may be gone: go on from the new part instead of from the top of the page.
  if (document.activeElement === document.body) {
    place.setAttribute("tabindex", "-1");
    place.focus({ preventScroll: true });
  }
});

// Of a preview of what is being written only a note says that it did not come: what was typed stays.
const stale = (place, is) => {
  const note = document.getElementById(place.dataset.stale);
  if (note) note.hidden = !is;
};
document.addEventListener("htmx:afterSwap", (event) => stale(event.detail.target, false));

// The node's own page of the failure says more than silence; but what somebody is typing is not left behind for it.
for (const failed of ["htmx:responseError", "htmx:sendError", "htmx:timeout"]) {
  document.addEventListener(failed, (event) => {
    const place = event.detail.target;
    if (event.detail.requestConfig.verb === "get") window.location.assign(event.detail.pathInfo.finalRequestPath);
    else {
      place.removeAttribute("aria-busy");
      stale(place, true);
    }
  });
}

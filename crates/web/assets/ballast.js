// What htmx leaves open. Pages work without this, and without htmx.
"use strict";
// A person asked: whoever answers on the way writes a page, not a document for programs.
document.addEventListener("htmx:configRequest", (event) => {
  event.detail.headers.Accept = "text/html";
});
// What cannot be fetched is left to the browser, which says why and can try again.
document.addEventListener("htmx:sendError", (event) => {
  location.assign(event.detail.pathInfo.finalRequestPath);
});

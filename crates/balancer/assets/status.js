// Keeps the map fresh: fetches it once a second, changes only what differs, and says how old the
// picture is when there is no contact. The page is whole without this script.
"use strict";
(() => {
  const EVERY_MS = 1000, GIVE_UP_MS = 3000, SILENCE_MS = 2500;
  const map = document.getElementById("map");
  const contact = document.getElementById("contact");
  const news = document.getElementById("news");
  let last = Date.now();

  const clock = () => map.querySelector("[data-at]").dataset.at.slice(11, 19);
  const headline = () => map.querySelector(".headline div").innerText.trim();

  // Brings one node to the form of another and keeps what is the same, so that a selection, the
  // focus and a screen reader's place survive.
  function morph(from, to) {
    if (from.nodeName !== to.nodeName) { from.replaceWith(to.cloneNode(true)); return; }
    if (from.nodeType !== Node.ELEMENT_NODE) {
      if (from.nodeValue !== to.nodeValue) from.nodeValue = to.nodeValue;
      return;
    }
    for (const { name } of [...from.attributes]) if (!to.hasAttribute(name)) from.removeAttribute(name);
    for (const { name, value } of to.attributes) if (from.getAttribute(name) !== value) from.setAttribute(name, value);
    children(from, to);
  }
  function children(from, to) {
    const before = [...from.childNodes], after = [...to.childNodes];
    after.forEach((node, at) => before[at] ? morph(before[at], node) : from.append(node.cloneNode(true)));
    before.slice(after.length).forEach((node) => node.remove());
  }

  function tell() {
    const silent = Date.now() - last;
    const lost = silent > SILENCE_MS;
    const words = lost
      ? `No contact for ${Math.floor(silent / 1000)} s. This is the picture of ${clock()} UTC`
      : `As of ${clock()} UTC`;
    if (contact.textContent !== words) contact.textContent = words;
    document.body.classList.toggle("lost", lost);
  }

  async function look() {
    try {
      const answer = await fetch("/status/map", { cache: "no-store", signal: AbortSignal.timeout(GIVE_UP_MS) });
      if (!answer.ok) throw new Error(answer.status);
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      if (!page.querySelector("[data-at]")) throw new Error("not the map");
      const before = headline();
      children(map, page.body);
      last = Date.now();
      if (headline() !== before) news.textContent = headline();
    } catch { /* `tell` says it */ }
    tell();
    setTimeout(look, EVERY_MS);
  }

  // The time is no message: a reader must not hear it every second. Losing contact is told as news.
  contact.removeAttribute("role");
  new MutationObserver(() => {
    news.textContent = document.body.classList.contains("lost") ? "No contact" : "In contact again";
  }).observe(document.body, { attributeFilter: ["class"] });
  setInterval(tell, EVERY_MS);
  setTimeout(look, EVERY_MS);
})();

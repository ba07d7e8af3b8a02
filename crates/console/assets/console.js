// What every page of the console does in the browser, beside htmx: small things that a server cannot do.
"use strict";

const NOTICE_MS = 6000;

document.addEventListener("click", (event) => {
  const toggle = event.target.closest("[data-toggle]");
  if (toggle) {
    const open = document.getElementById(toggle.dataset.toggle).classList.toggle("open");
    toggle.setAttribute("aria-expanded", String(open));
  }
  const dismiss = event.target.closest("[data-dismiss]");
  if (dismiss) dismiss.parentElement.remove();
  const opens = event.target.closest("[data-dialog]");
  if (opens) document.getElementById(opens.dataset.dialog).showModal();
  const closes = event.target.closest("[data-close]");
  if (closes) closes.closest("dialog").close();
  const copies = event.target.closest("[data-copy]");
  if (copies) navigator.clipboard.writeText(document.getElementById(copies.dataset.copy).textContent.trim());
});

// A choice that leads somewhere.
document.addEventListener("change", (event) => {
  const go = event.target.closest("select[data-go]");
  if (go && go.value) window.location.assign(go.value);
  // One box for all of a list.
  const all = event.target.closest("[data-all]");
  if (all) for (const box of document.querySelectorAll(`input[name="${all.dataset.all}"]`)) box.checked = all.checked;
});

// Keys: `/` to search, `g` and a letter for a part of the console, and whatever an element asks for by `data-key`.
let leading = "";
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.matches("input, textarea, select, [contenteditable]")) return;
  if (event.key === "/") {
    const search = document.querySelector("[data-search]");
    if (search) {
      event.preventDefault();
      search.focus();
    }
    return;
  }
  const wanted = leading + event.key;
  leading = event.key === "g" ? "g" : "";
  const target = document.querySelector(`[data-key="${CSS.escape(wanted)}"]`);
  if (target) {
    event.preventDefault();
    target.click();
  }
});

// Notices go by themselves; what went wrong stays until it is read.
new MutationObserver((changes) => {
  for (const change of changes) {
    for (const notice of change.addedNodes) {
      if (notice.nodeType === 1 && !notice.classList.contains("error")) setTimeout(() => notice.remove(), NOTICE_MS);
    }
  }
}).observe(document.getElementById("notices") ?? document.createElement("div"), { childList: true });

// The server could not be reached at all: it has no words for that itself.
document.addEventListener("htmx:sendError", () => {
  const notice = document.createElement("div");
  notice.className = "notice error";
  notice.textContent = document.documentElement.lang === "en" ? "The server cannot be reached" : "无法连接服务器";
  document.getElementById("notices")?.append(notice);
});

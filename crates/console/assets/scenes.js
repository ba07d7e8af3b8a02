// The editor of scenes: line numbers, places of problems, and drafts that outlive a closed page or an ended session.
"use strict";

const DRAFT = "hutong-scene-draft:";
const area = document.getElementById("document");
const gutter = document.querySelector(".gutter");

function numberLines() {
  const lines = area.value.split("\n").length;
  while (gutter.childElementCount > lines) gutter.lastElementChild.remove();
  while (gutter.childElementCount < lines) {
    const number = document.createElement("span");
    number.textContent = String(gutter.childElementCount + 1);
    gutter.append(number);
  }
  gutter.scrollTop = area.scrollTop;
}

function markLines() {
  for (const marked of gutter.querySelectorAll(".bad, .warn")) marked.className = "";
  for (const place of document.querySelectorAll("#check [data-line]")) {
    const line = gutter.children[place.dataset.line - 1];
    if (line && line.className !== "bad") line.className = place.dataset.severity;
  }
}

function goTo(line, column) {
  const lines = area.value.split("\n");
  const from = lines.slice(0, line - 1).reduce((sum, text) => sum + text.length + 1, 0);
  // Columns are counted in characters, places in the text in UTF-16.
  const before = [...(lines[line - 1] ?? "")].slice(0, column - 1).join("").length;
  area.focus();
  area.setSelectionRange(from + before, from + (lines[line - 1] ?? "").length);
  area.scrollTop = Math.max(0, (line - 1) * 20 - area.clientHeight / 3);
}

function keepDraft() {
  const key = DRAFT + area.dataset.draft;
  try {
    if (area.value === area.defaultValue) localStorage.removeItem(key);
    else localStorage.setItem(key, JSON.stringify({ text: area.value, at: Date.now() }));
  } catch {
    // No room, or forbidden: the text is still on the page.
  }
}

function readDraft() {
  try {
    return JSON.parse(localStorage.getItem(DRAFT + area.dataset.draft));
  } catch {
    return null;
  }
}

function restoreDraft() {
  const draft = readDraft();
  if (!draft || typeof draft.text !== "string" || draft.text === area.defaultValue) return;
  area.value = draft.text;
  const note = document.getElementById("restored");
  note.querySelector("time").textContent = new Date(draft.at).toLocaleString();
  note.hidden = false;
  // htmx listens once the page is ready; it asked to be told of that before we did.
  document.addEventListener("DOMContentLoaded", () => area.dispatchEvent(new Event("restored")));
}

if (area) {
  restoreDraft();
  numberLines();
  markLines();
  area.addEventListener("input", () => {
    numberLines();
    keepDraft();
  });
  area.addEventListener("scroll", () => {
    gutter.scrollTop = area.scrollTop;
  });
  let leaves = false;
  area.addEventListener("keydown", (event) => {
    if (event.key === "Tab" && !leaves && !event.shiftKey && !event.ctrlKey && !event.altKey) {
      event.preventDefault();
      area.setRangeText("  ", area.selectionStart, area.selectionEnd, "end");
      area.dispatchEvent(new Event("input", { bubbles: true }));
    }
    leaves = event.key === "Escape";
  });
  document.addEventListener("click", (event) => {
    const place = event.target.closest("[data-line]");
    if (place) goTo(Number(place.dataset.line), Number(place.dataset.column));
    if (event.target.closest("[data-discard]")) {
      area.value = area.defaultValue;
      keepDraft();
      document.getElementById("restored").hidden = true;
      numberLines();
      area.dispatchEvent(new Event("restored"));
    }
  });
  const line = /^#L(\d+)$/.exec(window.location.hash);
  if (line) goTo(Number(line[1]), 1);
}

document.addEventListener("htmx:afterSettle", (event) => {
  if (area) {
    markLines();
    // What is published is no draft any more.
    if (document.querySelector("[data-published]")) {
      area.defaultValue = area.value;
      keepDraft();
    }
    const shown = event.detail.requestConfig?.elt?.dataset?.shows;
    if (shown) document.getElementById(shown)?.scrollIntoView({ block: "start", behavior: "smooth" });
  }
  document.querySelector("[data-says]")?.focus({ preventScroll: !area ? false : event.detail.target?.id !== "trial" });
});

// The pages of tasks: what is chosen stays chosen when rows come anew; rows of a form are added and removed.
"use strict";

const chosen = new Set();

document.addEventListener("change", (event) => {
  for (const box of document.querySelectorAll('input[name="task"]')) {
    if (box.checked) chosen.add(box.value);
    else chosen.delete(box.value);
  }
});

document.addEventListener("htmx:sseMessage", () => {
  for (const box of document.querySelectorAll('input[name="task"]')) box.checked = chosen.has(box.value);
});

document.addEventListener("click", (event) => {
  const adds = event.target.closest("[data-add]");
  if (adds) {
    const list = document.getElementById(adds.dataset.into);
    list.append(document.getElementById(adds.dataset.add).content.cloneNode(true));
    list.lastElementChild.querySelector("select, input")?.focus();
    list.dispatchEvent(new Event("input", { bubbles: true }));
  }
  const removes = event.target.closest("[data-remove]");
  if (removes) {
    const row = removes.closest(removes.dataset.remove);
    const list = row.parentElement;
    row.remove();
    list.dispatchEvent(new Event("input", { bubbles: true }));
  }
});

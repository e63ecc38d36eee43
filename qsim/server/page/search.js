// The search box: a list that opens while one types, for the mouse and for the keyboard.

import { ask } from "./api.js";
import { $, fill, h } from "./dom.js";

/** Makes the box find products; `choose` is told the number of the one taken. */
export function search(choose) {
  const input = $("search");
  const list = $("found");
  let rows = [];
  let at = -1;
  let timer = 0;
  let control = null;
  const close = () => { list.hidden = true; input.setAttribute("aria-expanded", "false"); input.removeAttribute("aria-activedescendant"); at = -1; };
  const mark = (to) => {
    at = rows.length ? (to + rows.length) % rows.length : -1;
    [...list.children].forEach((item, n) => item.setAttribute("aria-selected", String(n === at)));
    if (at >= 0) { input.setAttribute("aria-activedescendant", `found-${at}`); list.children[at].scrollIntoView({ block: "nearest" }); }
  };
  const take = (row) => { input.value = ""; close(); choose(row.product_id); };
  const look = async () => {
    control?.abort();
    const text = input.value.trim();
    if (!text) { close(); return; }
    control = new AbortController();
    try {
      const told = await ask("api/boards/search", { q: text }, control.signal);
      rows = told.products;
      fill(list, rows.length
        ? rows.map((row, n) => h("li", { id: `found-${n}`, role: "option", "aria-selected": "false", onmousedown: (event) => { event.preventDefault(); take(row); } }, h("span", {}, row.product), h("span", { class: "muted" }, row.pack)))
        : h("li", { role: "option", "aria-disabled": "true", "aria-selected": "false" }, `No product on sale has the words “${text}”.`));
    } catch (fault) {
      if (fault.name === "AbortError") return;
      rows = [];
      fill(list, h("li", { role: "option", "aria-disabled": "true", "aria-selected": "false" }, fault.message));
    }
    list.hidden = false;
    input.setAttribute("aria-expanded", "true");
    if (rows.length) mark(0);
  };
  input.addEventListener("input", () => { clearTimeout(timer); timer = setTimeout(look, 120); });
  input.addEventListener("blur", close);
  input.addEventListener("keydown", (event) => {
    if (event.key === "ArrowDown" || event.key === "ArrowUp") { event.preventDefault(); mark(at + (event.key === "ArrowDown" ? 1 : -1)); } else if (event.key === "Escape") { input.value = ""; close(); }
  });
  $("search-form").addEventListener("submit", async (event) => {
    event.preventDefault();
    clearTimeout(timer);
    const chosen = list.hidden ? -1 : at;
    if (chosen < 0) await look();
    const row = rows[Math.max(0, chosen)];
    if (row) take(row);
  });
}

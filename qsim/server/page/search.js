// The search box: a list that opens while one types, for the mouse and for the keyboard.

import { ask } from "./api.js";
import { $, fill, h } from "./dom.js";
import * as f from "./format.js";

const MOST = 12; // products that are listed

/** Makes the box find products; `choose` is told the number of the one taken. */
export function search(choose) {
  const input = $("search");
  const list = $("found");
  // Of a list without anything to choose a screen reader says nothing by itself.
  const tell = (text) => { $("found-told").textContent = text; };
  const line = (text) => h("li", { role: "option", "aria-disabled": "true", "aria-selected": "false" }, text);
  let rows = [];
  let of = ""; // the text that the rows are of
  let at = -1;
  let timer = 0;
  let control = null;
  const close = () => { clearTimeout(timer); control?.abort(); list.hidden = true; tell(""); input.setAttribute("aria-expanded", "false"); input.removeAttribute("aria-activedescendant"); at = -1; };
  const mark = (to) => {
    at = rows.length ? (to + rows.length) % rows.length : -1;
    [...list.children].forEach((item, n) => item.setAttribute("aria-selected", String(n === at)));
    if (at >= 0) { input.setAttribute("aria-activedescendant", `found-${at}`); list.children[at].scrollIntoView({ block: "nearest" }); } else input.removeAttribute("aria-activedescendant");
  };
  const take = (row) => { input.value = ""; close(); choose(row.product_id); };
  /** Lists what is found; true once it is listed, unless something else was asked for meanwhile. */
  const look = async () => {
    control?.abort();
    const text = input.value.trim();
    if (!text) { close(); return false; }
    const mine = (control = new AbortController());
    try {
      const told = await ask("api/boards/search", { q: text, limit: MOST + 1 }, mine.signal);
      if (mine.signal.aborted) return false;
      rows = told.products.slice(0, MOST);
      const more = told.products.length > MOST ? `More than ${MOST} match: type on for fewer.` : "";
      const none = `No product on sale has the words “${text}”.`;
      of = text;
      fill(list, rows.length
        ? rows.map((row, n) => h("li", { id: `found-${n}`, role: "option", "aria-selected": "false", onmousedown: (event) => { event.preventDefault(); take(row); } }, h("span", { dir: "auto" }, row.product), h("span", { class: "muted", dir: "auto" }, row.pack))).concat(more ? line(more) : [])
        : line(none));
      tell(rows.length ? more || f.plural(rows.length, "product") : none);
    } catch (fault) {
      if (fault.name === "AbortError") return false;
      rows = [];
      of = "";
      fill(list, line(fault.message));
      tell(fault.message);
    }
    list.hidden = false;
    input.setAttribute("aria-expanded", "true");
    mark(0);
    return true;
  };
  input.addEventListener("input", () => { clearTimeout(timer); timer = setTimeout(look, 120); });
  input.addEventListener("blur", close);
  input.addEventListener("keydown", (event) => {
    if (event.key === "ArrowDown" || event.key === "ArrowUp") { event.preventDefault(); if (list.hidden) look(); else mark(at + (event.key === "ArrowDown" ? 1 : -1)); } else if (event.key === "Escape") { input.value = ""; close(); }
  });
  $("search-form").addEventListener("submit", async (event) => {
    event.preventDefault();
    clearTimeout(timer);
    const text = input.value.trim();
    const isListed = (!list.hidden && of === text) || (await look());
    // Who types on meanwhile has not chosen.
    if (isListed && input.value.trim() === text && rows.length) take(rows[at]);
  });
}

// The page: what is shown (product, window, tick), when it is asked for, and what the controls do.

import { ask } from "./api.js";
import * as boards from "./boards.js";
import { $, fill, h } from "./dom.js";
import * as facts from "./facts.js";
import * as f from "./format.js";
import { search } from "./search.js";
import { share } from "./shared.js";
import { themeSwitch } from "./switch.js";

const REST = 800; // between two rounds of questions while the market runs
const DEBOUNCE = 180;
const ROWS = 30; // changes that are listed
const HEALTH = 10_000;
const AGAIN = 4000; // until a panel is asked for again that a busy server did not give

/** Reads a number out of the address, such as 53 of #tick=300&product=53; null for none. */
function numberIn(name) {
  const text = new URLSearchParams(location.hash.slice(1)).get(name) ?? "";
  return /^\d{1,9}$/.test(text) ? Number(text) : null;
}
const state = { head: null, asOf: numberIn("tick"), product: numberIn("product"), market: null, hours: null, area: 0, moverHours: 1, epochs: [], paused: false };

const PANELS = {
  overview: { path: () => "api/boards/overview", panel: "figures", draw: showOverview },
  prices: { path: () => (state.product === null ? null : `api/boards/prices/${state.product}`), values: () => ({ hours: state.hours, area: state.area }), panel: "prices", draw: boards.prices, without: boards.noPrices },
  ticker: { path: () => "api/boards/ticker", panel: "ticker", draw: showTicker },
  movers: { path: () => "api/boards/movers", values: () => ({ hours: state.moverHours }), panel: "movers", draw: (told) => boards.movers(told, state.moverHours, choose) },
  depths: { path: () => "api/boards/depths", panel: "depths", draw: boards.depths },
  stock: { path: () => "api/boards/stockouts", panel: "stock", draw: (told) => boards.stockouts(told, choose) },
  activity: { path: () => "api/boards/activity", panel: "activity", draw: boards.activity },
  // The one that takes longest: the server makes them in the order asked.
  heat: { path: () => "api/boards/cheapest", panel: "heat", draw: boards.heat },
};
const shown = {}; // the last answer of each panel, drawn again when the theme changes
const asking = {};

async function load(name) {
  const { path, values = () => ({}), panel, draw, without } = PANELS[name];
  asking[name]?.abort();
  if (path() === null) return;
  const control = (asking[name] = new AbortController());
  const element = $(panel);
  element.setAttribute("aria-busy", "true");
  try {
    const told = await ask(path(), { ...values(), as_of: state.asOf }, control.signal);
    if (control.signal.aborted) return;
    element.querySelector(":scope > .fault")?.remove();
    shown[name] = told;
    keepingFocus(element, () => draw(told));
  } catch (fault) {
    if (fault.name === "AbortError") return;
    if (fault.status === 404 || fault.status === 422) without?.();
    const line = element.querySelector(":scope > .fault") ?? h("p", { class: "fault", role: "status" });
    fill(line, fault.message);
    element.append(line);
    // Of a server that is away, the connection tells when it is back.
    const anew = () => {
      if (asking[name] !== control || connection === "away" || document.hidden) return;
      if (name === "overview") refresh(); // which tells what the others are to be asked for
      else load(name);
    };
    if (!(fault.status < 500)) setTimeout(anew, AGAIN);
  }
  element.removeAttribute("aria-busy");
}

/** Draws a panel anew; who stands in it with the keyboard stands at the same place afterwards. */
function keepingFocus(element, draw) {
  const places = () => [...element.querySelectorAll("button, select, [tabindex='0']")];
  const at = element.contains(document.activeElement) ? places().indexOf(document.activeElement) : -1;
  draw();
  if (at < 0 || element.contains(document.activeElement)) return;
  const now = places();
  now[Math.min(at, now.length - 1)]?.focus({ preventScroll: true });
}

let round = null;
let again = false;
/** Asks for every board; one round at a time, and one more where something changed meanwhile. */
function refresh(wait = 0) {
  if (round) { again = true; return; }
  round = (async () => {
    await new Promise((resolve) => setTimeout(resolve, wait));
    again = false;
    await load("overview");
    // While changes are heard, the list of them follows by itself.
    const heardOf = state.asOf === null && ((ticking && connection === "live") || (state.paused && listed === null));
    await Promise.all(Object.keys(PANELS).filter((name) => name !== "overview" && !(name === "ticker" && heardOf)).map(load));
    document.documentElement.dataset.tick = shown.overview?.tick ?? "";
    round = null;
    if (again) refresh(REST);
  })();
}

function showOverview(told) {
  f.setPlatforms(told.platforms);
  state.epochs = told.epochs;
  const other = settle(told);
  if (state.product === null) fill($("offers"), h("p", { class: "empty" }, "This market has no product on sale."));
  showAreas(told.areas);
  boards.figures(told);
  // An answer that took its time may be of a commit before the newest one heard of.
  headAt(other ? told.head : Math.max(told.head, state.head ?? 0));
  showTime();
  showFacts();
}

/** Chooses what was not chosen yet, and chooses anew where another market has come in the place of the one before; true where one has. */
function settle(told) {
  const market = JSON.stringify([told.preset, told.seed, told.of_products, told.epochs[0][1], told.platforms.map((row) => row.platform)]);
  const other = state.market !== null && state.market !== market;
  if (other) Object.assign(state, { product: null, area: 0, hours: null });
  state.market = market;
  state.product ??= told.product;
  if (other) { fill($("area")); remember(); }
  // Of short ticks a day is a thicket; of long ones it is a line or two.
  state.hours ??= told.interval < 60 ? 1 : [24, 168, 744].find((hours) => hours * 3600 >= 24 * told.interval) ?? 744;
  $("hours").value = state.hours;
  return other;
}

function showAreas(areas) {
  if (state.area >= areas.length) state.area = 0;
  $("area-label").hidden = areas.length < 2;
  if (areas.length > 1 && $("area").options.length !== areas.length) {
    fill($("area"), areas.map(({ area, city, locality }) => h("option", { value: area, selected: area === state.area }, `${city}, ${locality}`)));
  }
}

/** Tells when a tick falls, as the epochs have it. */
function timeOf(tick) {
  const epoch = state.epochs.findLast((one) => one[0] < tick) ?? state.epochs[0];
  return epoch ? epoch[1] + (tick - epoch[0]) * epoch[2] : null;
}

function headAt(tick) {
  if (tick === state.head) return;
  facts.stands(tick, tick < (state.head ?? 0));
  state.head = tick;
  if (state.asOf !== null && state.asOf > tick) { state.asOf = null; remember(); }
  const slider = $("slider");
  slider.max = tick;
  if (state.asOf === null) slider.value = tick;
  showTime();
}

function showTime() {
  if (state.head === null) return;
  const tick = state.asOf ?? state.head;
  const time = timeOf(tick);
  const text = `Tick ${f.count(tick)}${state.asOf === null ? "" : ` of ${f.count(state.head)}`}${time === null ? "" : `, ${f.when(time)} IST`}`;
  $("shown").textContent = text;
  $("slider").value = tick;
  $("slider").setAttribute("aria-valuetext", text);
  $("slider").disabled = state.head === 0;
  $("back").disabled = tick === 0;
  $("forth").disabled = state.asOf === null;
  // A button that can go no further hands the keyboard on.
  if (document.activeElement?.matches("#back[disabled], #forth[disabled]")) $("slider").focus();
  $("live").setAttribute("aria-pressed", String(state.asOf === null));
  $("live").className = state.asOf === null ? "" : "quiet";
  $("live").textContent = state.asOf === null ? "Live" : "Back to live";
  $("time").toggleAttribute("data-past", state.asOf !== null);
  const notice = $("notice");
  notice.hidden = state.head !== 0;
  if (state.head === 0) notice.textContent = "This market stands at tick 0: it is made, and no tick has run. Start it with qsim run; this page follows by itself.";
}

let waiting = 0;
function goTo(tick, wait = DEBOUNCE) {
  state.asOf = tick === null || tick >= state.head ? null : Math.max(0, tick);
  remember();
  showTime();
  clearTimeout(waiting);
  waiting = setTimeout(() => refresh(), wait);
}

/** Writes into the address what is shown; `step` where the way back is to lead to what was shown before. */
function remember(step = false) {
  const parts = new URLSearchParams();
  if (state.asOf !== null) parts.set("tick", state.asOf);
  if (state.product !== null) parts.set("product", state.product);
  history[step ? "pushState" : "replaceState"](null, "", `#${parts}`);
}

/** Goes where the address says: another link, or the way back. */
function recall() {
  const before = state.asOf;
  const tick = numberIn("tick");
  state.asOf = state.head !== null && tick >= state.head ? null : tick;
  state.product = numberIn("product") ?? shown.overview?.product ?? null;
  // A tick that has not come is none to keep in the address: it would be shown once it has.
  if (state.asOf !== tick) remember();
  showTime();
  if (state.asOf === before) load("prices");
  else refresh();
}

function choose(product) {
  const other = product !== state.product;
  state.product = product;
  remember(other);
  load("prices");
  const { top, bottom } = $("prices").getBoundingClientRect();
  const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
  if (top < $("time").getBoundingClientRect().bottom || bottom > innerHeight) $("prices").scrollIntoView({ block: "start", behavior: still ? "auto" : "smooth" });
}

let listed = null; // the tick that the list of changes is as of; null for the newest
let ticking = false; // whether the rows shown are those of the newest ticks, so that what is heard goes on top
function showTicker(told) {
  boards.ticker(told, choose);
  listed = state.asOf;
  ticking = listed === null;
}

/** Puts changes that were heard on top, the newest first; of many at one tick, some from all over the shelves. */
function addChanges(rows) {
  if (!ticking || state.paused || state.asOf !== null || !rows.length) return;
  const newest = rows.filter((row) => row.tick === rows.at(-1).tick);
  const some = newest.length > ROWS
    ? Array.from({ length: ROWS }, (_, at) => newest[Math.floor((at * newest.length) / ROWS)])
    : rows.slice(-ROWS).reverse();
  keepingFocus($("ticker"), () => boards.freshEvents(some.map((row) => ({
    ...row,
    time: Date.parse(`${row.ts.replace(" ", "T")}Z`) / 1000,
    price_before_paise: Math.round(100 * row.price_before),
    price_after_paise: Math.round(100 * row.price_after),
  })), newest.length, choose, ROWS));
}

let place = null; // the newest status
const showFacts = () => facts.facts(shown.overview ?? null, state.head, place);
const health = () => facts.health().then(showFacts);

let connection = null;
function connected(now) {
  if (connection === now) return;
  const back = connection === "away" || connection === "locked";
  connection = now;
  facts.connection(now);
  if (back) { ticking = false; refresh(); }
  health();
}

/** Takes over where the market stands; `told` is whether the changes up to there were heard. */
function moved(status, told = false) {
  place = status;
  if (!told && status.tick !== state.head) ticking = false;
  const news = status.tick !== state.head;
  headAt(status.tick);
  showFacts();
  if (news && !document.hidden && (state.asOf === null || shown.overview === undefined)) refresh();
}

function heard(told) {
  if (!told) return;
  const { event, data } = told;
  let news;
  try { news = JSON.parse(data); } catch { return; }
  if (event === "changes") addChanges(news.rows);
  else if (event === "gap" || event === "reset" || event === "lagged") { ticking = false; refresh(); }
  else if (Number.isInteger(news.tick)) moved(news, event === "commit");
}

function controls() {
  $("slider").addEventListener("input", () => goTo(Number($("slider").value)));
  $("back").addEventListener("click", () => goTo((state.asOf ?? state.head) - 1));
  $("forth").addEventListener("click", () => goTo(state.asOf + 1));
  $("live").addEventListener("click", () => goTo(null, 0));
  $("hours").addEventListener("change", (event) => { state.hours = Number(event.target.value); load("prices"); });
  $("area").addEventListener("change", (event) => { state.area = Number(event.target.value); load("prices"); });
  $("mover-hours").addEventListener("change", (event) => { state.moverHours = Number(event.target.value); load("movers"); });
  $("pause").addEventListener("click", () => {
    state.paused = !state.paused;
    $("pause").textContent = state.paused ? "Go on" : "Pause";
    ticking = false;
    if (!state.paused) load("ticker");
  });
  $("price-chart").addEventListener("keydown", (event) => {
    const by = { ArrowLeft: -1, ArrowRight: 1, PageUp: -10, PageDown: 10, Home: -Infinity, End: Infinity }[event.key];
    if (by) { event.preventDefault(); boards.movePriceCursor(by); } else if (event.key === "Escape") boards.movePriceCursor(null);
  });
  $("price-chart").addEventListener("blur", () => boards.movePriceCursor(null));
  document.addEventListener("visibilitychange", () => { if (!document.hidden) refresh(); });
  addEventListener("hashchange", recall);
  let sized = 0;
  addEventListener("resize", () => { clearTimeout(sized); sized = setTimeout(boards.resize, 100); });
}

themeSwitch(() => {
  for (const name of ["prices", "activity"]) if (shown[name]) PANELS[name].draw(shown[name]);
});
controls();
search(choose);
refresh();
setInterval(() => (document.hidden ? null : health()), HEALTH);
share({ heard, moved, told: connected });

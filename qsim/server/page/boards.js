// What each board's answer looks like. Every function fills its part of the page from one answer.

import { $, empty, fill, h, styled } from "./dom.js";
import * as f from "./format.js";
import { activityChart, depthBars, isCrowded, lineMark, named, priceChart, tallEnough } from "./charts.js";

const sampled = (told) => (told.sample ? ` Counted on ${f.count(told.sample)} of ${f.count(told.of_products)} products.` : "");
// At tick 0: of a market that stands there, or of one that is looked back on.
const unmoved = (more = "") => empty($("time").hasAttribute("data-past") ? "Tick 0 is the market as it was made; nothing had changed yet." : `No tick has run yet.${more}`);
const sum = (rows, name) => rows.reduce((total, row) => total + row[name], 0);

/** Says which order fees are charged: of the platforms, each by its dearest dark store. */
function orderFees(rows) {
  const fees = rows.map((row) => row.order_fee_paise).filter((fee) => fee > 0);
  return fees.length ? `; orders up to ${f.rupees(Math.max(...fees))} dearer on ${fees.length} of ${rows.length} apps` : "";
}

export function figures(told) {
  const rows = told.platforms;
  const listings = sum(rows, "listings");
  const discounted = sum(rows, "discounted");
  const depth = discounted ? rows.reduce((total, row) => total + row.mean_discount_bps * row.discounted, 0) / discounted : 0;
  const figure = (label, value, also) => h("div", { class: "figure" }, h("p", { class: "label" }, label), h("p", { class: "value" }, value), h("p", { class: "also" }, also));
  fill($("figures"),
    figure("On sale", f.count(listings), `listings of ${f.plural(rows.length, "platform")}`),
    figure("Discounted", f.count(discounted), `${f.share(discounted, listings)}, ${f.percent(depth)} off on average`),
    figure("30 % off and more", f.count(sum(rows, "deep")), `${f.share(sum(rows, "deep"), discounted)} of the discounts`),
    figure("Surging", f.count(sum(rows, "surging")), `${f.share(sum(rows, "surging"), listings)} of listings${orderFees(rows)}`),
    figure("Out of stock", f.count(sum(rows, "out")), `${f.share(sum(rows, "out"), listings)} of listings`),
    figure("Changed at this tick", f.count(sum(rows, "changed")), told.tick ? `in ${f.span(told.interval)} of market time` : told.head ? "as it was made" : "no tick has run yet"));
  const preset = told.scenario ? `${told.preset}, ${told.scenario}` : told.preset;
  $("market-name").textContent = `${preset} market, seed ${told.seed}${told.sample ? `; figures of ${f.count(told.sample)} of ${f.count(told.of_products)} products` : ""}`;
}

// So many figures that they need two lines, or smaller ones.
const isDear = (paise) => paise >= 10_000_000;
const there = (offer) => offer.stock !== 0 && !offer.closed;
const best = (offers) => (offers.some(there) ? Math.min(...offers.filter(there).map((offer) => offer.price_paise)) : null);

function offerCard(id, offer, lowest) {
  const { name } = f.platform(id);
  const label = h("p", { class: "named", title: name }, lineMark(id), h("span", { dir: "auto" }, name));
  if (!offer) return h("div", { class: "offer none" }, label, h("p", { class: "value" }, "–"), h("p", { class: "also" }, "not sold here"));
  const also = [];
  const isBest = offer.price_paise === lowest && there(offer);
  if (offer.closed) also.push("closed, takes no orders");
  // Of a moment of the chart it is not known what was in stock.
  if (isBest) also.push(offer.stock === null ? "lowest price" : "cheapest");
  if (offer.discount_bps) also.push(offer.surge_fee_paise ? `deal of ${f.percent(offer.discount_bps)} suspended` : `${f.percent(offer.discount_bps)} off`);
  if (offer.surge_bps) also.push(`surge +${f.percent(offer.surge_bps)}`);
  if (offer.surge_fee_paise) also.push(`surge fee ${f.rupees(offer.surge_fee_paise)}`);
  if (offer.order_fee_paise) also.push(`order fee ${f.rupees(offer.order_fee_paise)}`);
  if (offer.stock === 0) also.push("out of stock");
  else if (offer.stock !== null && offer.stock !== undefined) also.push(`${f.count(offer.stock)} left`);
  return h("div", { class: `offer${isBest ? " best" : ""}` },
    label,
    h("p", { class: isDear(offer.price_paise) ? "value long" : "value" }, f.rupees(offer.price_paise)),
    h("p", { class: "also" }, also.join(", ") || "regular price"));
}

const cards = (offers) => {
  const lowest = best(offers);
  fill($("offers"), f.platforms().map(({ id }) => offerCard(id, offers.find((offer) => offer.platform === id), lowest)));
};

const priced = (offers) => offers.map((offer) => `${f.platform(offer.platform).name} ${f.rupees(offer.price_paise)}`).join(", ");

/** The offers as they were at a moment of the chart. */
function offersAt(told, time) {
  return Object.entries(told.lines).map(([id, points]) => {
    const point = points.findLast((one) => one[1] <= time) ?? points[0];
    return { platform: id, price_paise: point[2], discount_bps: point[3], surge_bps: point[4], surge_fee_paise: point[5], stock: null };
  });
}

let chart = null;
export function prices(told) {
  const pointer = chart?.cursor.left;
  chart?.destroy();
  chart = null;
  $("prices-body").hidden = false;
  fill($("prices-title"), h("bdi", {}, told.product), told.pack ? [", ", h("bdi", {}, told.pack)] : null);
  document.title = `${told.product}${told.pack ? `, ${told.pack}` : ""} – qsim market`;
  const offers = told.offers.map((offer) => ({ ...offer, closed: told.closed.includes(offer.platform) }));
  const element = styled($("price-chart"), { "min-height": `${tallEnough(Object.keys(told.lines).length)}px` });
  fill(element);
  cards(offers);
  const note = (text) => { $("prices-note").textContent = text; };
  const mrp = told.mrp_paise ? `, MRP ${f.rupees(told.mrp_paise)}` : "";
  const resting = `${f.apart(told.category)}${mrp}`;
  note(resting);
  const thinned = told.every > 1 ? h("span", {}, `One point for every ${f.count(told.every)} ticks.`) : null;
  fill($("price-key"), h("span", { class: "named" }, h("span", { class: "swatch" }), "deal"), h("span", { class: "named" }, h("span", { class: "swatch surge" }), "surge"), thinned);
  const names = Object.keys(told.lines);
  const telling = (parts) => { for (const [name, value] of Object.entries(parts)) value === null ? element.removeAttribute(name) : element.setAttribute(name, value); };
  telling({ role: "img", "aria-valuemin": null, "aria-valuemax": null, "aria-valuenow": null, "aria-valuetext": null, "aria-label": `Price of ${told.product}${told.pack ? ` ${told.pack}` : ""}${names.length ? ` from ${f.when(told.from_time)} to ${f.when(told.time)}` : ""}` });
  if (!names.length) { fill(element, empty("No platform sells this product in this area.")); return; }
  chart = priceChart(element, told, {
    hovered: (time) => {
      const then = time === null ? offers : offersAt(told, time);
      cards(then);
      note(time === null ? resting : `at ${f.when(time)} IST`);
      // To a screen reader the chart is a slider through time, which tells the prices where it stands.
      telling({ "aria-valuenow": time ?? told.time, "aria-valuetext": `${f.when(time ?? told.time)} IST: ${priced(then)}` });
    },
  });
  telling({ role: "slider", "aria-valuemin": told.from_time, "aria-valuemax": told.time, "aria-valuenow": told.time, "aria-valuetext": `${f.when(told.time)} IST: ${priced(offers)}` });
  $("offers").classList.toggle("crowded", isCrowded(told));
  if (pointer >= 0) chart.setCursor({ left: pointer, top: 10 });
}

/** Shows nothing of a product where there is none to show: what is said in its place stands alone. */
export function noPrices() {
  chart?.destroy();
  chart = null;
  $("prices-body").hidden = true;
  $("prices-title").textContent = "Prices";
  $("prices-note").textContent = "";
}

/** Moves the chart's cursor by so many points; null takes it away. */
export function movePriceCursor(by) {
  if (!chart) return;
  const last = chart.data[0].length - 1;
  const at = by === null ? null : Math.max(0, Math.min(last, (chart.cursor.idx ?? last) + by));
  chart.setCursor(at === null ? { left: -10, top: -10 } : { left: chart.valToPos(chart.data[0][at], "x"), top: 10 });
}

export function heat(told) {
  const body = $("heat-body");
  const left = body.scrollLeft;
  const latest = !body.firstChild || left + body.clientWidth >= body.scrollWidth - 4;
  const cells = told.columns.flatMap((column) => column.cells);
  $("heat-note").textContent = `by category, ${told.columns.length > 1 ? "hour by hour" : "now"}`;
  if (!cells.length) {
    fill(body, empty("No product is in stock on two platforms or more, so there is nothing to compare."));
    fill($("heat-key"));
    return;
  }
  const heads = told.columns.map((column, at) => {
    const newDay = at === 0 || f.date(column.time) !== f.date(told.columns[at - 1].time);
    return h("th", { scope: "col" }, newDay ? h("span", {}, f.date(column.time), h("br")) : null, column.time % 3600 ? "now" : f.hour(column.time).slice(0, 2));
  });
  const rows = told.categories.map((category) => h("tr", {}, h("th", { scope: "row" }, category), told.columns.map((column) => {
    const mine = column.cells.filter((cell) => cell.category === category);
    if (!mine.length) return h("td", { class: "none" }, "–");
    const { id, place, code, name } = f.platform(mine[0].platform);
    const title = mine.map((cell) => `${f.platform(cell.platform).name} ${Math.round(100 * cell.share)} %`).join(", ");
    return h("td", { class: `c${place}`, title: `${category}, ${f.when(column.time)}: ${title}, of ${mine[0].products} products` },
      h("b", {}, h("abbr", { title: name }, code)), mine[0].share >= 0.995 ? "all" : `${Math.round(100 * mine[0].share)} %`);
  })));
  fill(body, styled(h("table", { class: "heatmap" }, h("caption", { class: "unseen" }, "The platform that is cheapest on the largest share of products"), h("thead", {}, h("tr", {}, h("th", {}, h("span", { class: "unseen" }, "Category")), heads)), h("tbody", {}, rows)), { "max-width": `${122 + 84 * heads.length}px`, "min-width": `${122 + 31 * heads.length}px` }));
  body.scrollLeft = latest ? body.scrollWidth : left;
  fill($("heat-key"), f.platforms().map(({ id, code }) => h("span", { class: "named" }, h("span", { class: `mark c${f.platform(id).place}` }), `${code} ${f.platform(id).name}`)),
    h("span", {}, `Share of products in stock on which it is cheapest.${sampled(told)}${told.left_out ? ` ${f.plural(told.left_out, "smaller category", "smaller categories")} not shown.` : ""}`));
}

/** What made at least half of a move: a deal that came or went, or surge; else the regular price or the newest cause, and what else holds. */
function why(row) {
  const moved = Math.log(row.after_paise / row.before_paise);
  const kept = (bps) => Math.max(1, 10_000 - bps);
  const isMost = (ratio) => Math.log(ratio) / moved >= 0.5;
  const off = row.discount_bps ? `${f.percent(row.discount_bps)} off` : "";
  const surge = row.surge_bps ? `surge +${f.percent(row.surge_bps)}` : "";
  const suspended = row.surge_fee_paise > 0;
  if (isMost(kept(suspended ? 0 : row.discount_bps) / kept(row.discount_before_bps))) {
    if (suspended) return "surge fee set, deal suspended";
    if (row.discount_bps > row.discount_before_bps) return `deal, ${off}`;
    return off ? `deal down to ${f.percent(row.discount_bps)}` : "deal ended";
  }
  if (surge && isMost(1 + row.surge_bps / 10_000)) return surge;
  return [row.repriced ? "repriced" : f.cause(row.cause), suspended ? "surge fee set" : off, surge].filter(Boolean).join(", ");
}

const product = (row, choose) => h("button", { type: "button", class: "link", onclick: () => choose(row.product_id) }, h("bdi", {}, row.product), row.pack ? ` ${row.pack.replaceAll(" ", "\u00a0")}` : "");

export function movers(told, hours, choose) {
  const seconds = told.time - told.since_time;
  // Of ticks that are longer than what is asked for, the newest one is told.
  const longer = told.tick - told.since === 1 && seconds > hours * 3600 ? ` in ${f.span(seconds)}` : "";
  $("movers-note").textContent = told.tick ? `${f.count(told.risen)} up, ${f.count(told.fallen)} down${longer}${sampled(told) ? ";" : ""}${sampled(told)}` : "";
  if (!told.tick) { fill($("movers-body"), unmoved(" Prices move from tick 1 on: qsim run starts them.")); return; }
  if (!told.rises.length && !told.falls.length) { fill($("movers-body"), empty(`No price changed in the last ${f.span(seconds).replace(/^1 /, "")} of market time.`)); return; }
  const table = (title, rows, kind) => [h("h3", {}, title), rows.length ? h("table", { class: "rows moves" }, h("thead", { class: "unseen" }, h("tr", {}, h("th", {}, "Product"), h("th", {}, "Price"))), h("tbody", {}, rows.slice(0, 6).map((row) => h("tr", {},
    h("td", {}, product(row, choose), h("span", { class: "muted small why" }, named(row.platform), why(row), row.stores > 1 ? `, at ${row.stores} dark stores` : "")),
    h("td", { class: "n" }, h("span", { class: kind }, f.change(row.after_paise / row.before_paise - 1)), h("span", { class: isDear(row.after_paise) ? "muted was long" : "muted was" }, `${f.rupees(row.before_paise)} → ${f.rupees(row.after_paise)}`)))))) : h("p", { class: "muted small" }, "none")];
  fill($("movers-body"), table("Up", told.rises, "up"), table("Down", told.falls, "down"));
}

export function depths(told) {
  const all = sum(told.bins, "listings");
  if (!all) { $("depths-note").textContent = ""; fill($("depths-body"), empty("No discount runs at this tick.")); return; }
  const deep = sum(told.bins.filter((bin) => bin.from_bps >= 3000), "listings");
  $("depths-note").textContent = `${f.plural(all, "discount")}, ${f.share(deep, all)} at 30 % and more.${sampled(told)}`;
  fill($("depths-body"), depthBars(told.bins, f.platforms(), told.bin_bps, Math.min(1000, Math.max(260, $("depths-body").clientWidth))), h("p", { class: "key muted" }, f.platforms().map(({ id }) => {
    const mine = sum(told.bins.filter((bin) => bin.platform === id), "listings");
    return h("span", {}, named(id), ` ${f.count(mine)}`);
  })));
}

export function stockouts(told, choose) {
  const listings = sum(told.cells, "listings");
  const out = sum(told.cells, "out");
  const still = told.stock_moves ? "" : " Stock does not move in this market.";
  const every = [...new Set(told.cells.map((cell) => cell.category))];
  const categories = every.slice(0, 12);
  const less = out && every.length > 12 ? ` ${f.plural(every.length - 12, "smaller category", "smaller categories")} not shown.` : "";
  $("stock-note").textContent = `${f.count(out)} of ${f.count(listings)} listings.${still}${sampled(told)}${less}`;
  if (!listings) { fill($("stock-body"), empty("Nothing is on sale in this market.")); return; }
  if (!out) { fill($("stock-body"), empty("Every listing is in stock.")); return; }
  const most = Math.max(...told.cells.map((cell) => cell.out / cell.listings));
  const table = h("table", { class: "rows" }, h("thead", {}, h("tr", {}, h("th", { scope: "col" }, "Category"), f.platforms().map(({ id }) => h("th", { class: "n", scope: "col" }, h("span", { class: "roomy" }, f.platform(id).name), h("abbr", { class: "tight", title: f.platform(id).name }, f.platform(id).code))))),
    h("tbody", {}, categories.map((category) => h("tr", {}, h("th", { scope: "row" }, category), f.platforms().map(({ id }) => {
      const cell = told.cells.find((one) => one.category === category && one.platform === id);
      if (!cell) return h("td", { class: "n muted" }, "–");
      return h("td", { class: "n", title: `${cell.out} of ${cell.listings}` }, f.share(cell.out, cell.listings), h("span", { class: "meter" }, styled(h("i"), { width: `${(100 * cell.out) / cell.listings / (most || 1)}%` })));
    })))));
  const list = h("div", {}, h("h3", {}, "Out at most places"), h("table", { class: "rows" }, h("thead", { class: "unseen" }, h("tr", {}, h("th", {}, "Product"), h("th", {}, "Platforms"))), h("tbody", {}, told.products.slice(0, 7).map((row) => h("tr", {}, h("td", {}, product(row, choose)),
    h("td", { class: "n small muted" }, row.platforms.flatMap((id, at) => [at ? " " : null, h("abbr", { title: f.platform(id).name }, f.platform(id).code)]), row.listings > row.platforms.length ? `, ${f.plural(row.listings, "store")}` : ""))))));
  fill($("stock-body"), h("div", { class: "split" }, h("div", { class: "across", role: "region", tabindex: "0", "aria-label": "Share of listings without stock" }, table), list));
}

function eventRow(row, choose, fresh = false) {
  const moved = row.price_after_paise - row.price_before_paise;
  return h("li", { class: fresh ? "fresh" : null },
    h("span", { class: "when" }, h("span", { class: "at" }, f.time(row.time)), h("span", { class: "small" }, f.date(row.time))),
    h("span", { class: "what" }, product(row, choose), h("span", { class: "why" }, named(row.platform), f.cause(row.cause))),
    h("span", { class: "price" }, f.rupees(row.price_after_paise), h("br"), moved ? h("span", { class: `small ${moved > 0 ? "up" : "down"}` }, f.change(moved / row.price_before_paise)) : h("span", { class: "muted" }, "same price")));
}

/** Puts the newest changes on top of those listed, of which `most` stay; `all` is how many the tick had. */
export function freshEvents(rows, all, choose, most) {
  $("ticker-note").textContent = all > rows.length ? `${f.count(rows.length)} of ${f.count(all)} at tick ${f.count(rows[0].tick)}` : "newest first";
  let list = $("ticker-body").querySelector("ul");
  if (!list) { list = h("ul", { class: "events" }); fill($("ticker-body"), list); }
  list.prepend(...rows.map((row) => eventRow(row, choose, true)));
  while (list.children.length > most) list.lastElementChild.remove();
}

export function ticker(told, choose) {
  $("ticker-note").textContent = told.events.length ? "newest first" : "";
  fill($("ticker-body"), told.events.length ? h("ul", { class: "events" }, told.events.map((row) => eventRow(row, choose))) : !told.tick ? unmoved(" Changes appear here as they happen.") : empty("No price or stock has changed up to this tick."));
}

let activityPlot = null;
export function activity(told) {
  activityPlot?.destroy();
  activityPlot = null;
  const element = $("activity-chart");
  const total = sum(told.causes, "events");
  if (told.bars.length) {
    fill(element);
    activityPlot = activityChart(element, told);
    const changed = told.bars.map((bar) => bar.changed / bar.ticks);
    element.setAttribute("aria-label", `Changes a tick over the last day: ${f.number(Math.min(...changed))} to ${f.number(Math.max(...changed))}`);
  } else fill(element, unmoved());
  $("causes-title").textContent = told.tick - told.hour_since > 1 ? "Causes, last hour" : "Causes, this tick";
  const taken = sum(told.bars, "attempted");
  $("activity-note").textContent = taken ? `${f.count(taken)} listings taken up in the last day, ${f.count(sum(told.bars, "changed"))} changed` : "";
  const most = Math.max(...told.causes.map((row) => row.events), 1);
  const [listed, others] = told.causes.length > 8 ? [told.causes.slice(0, 7), told.causes.slice(7)] : [told.causes, []];
  fill($("causes"), told.causes.length ? h("table", { class: "rows causes" }, h("thead", { class: "unseen" }, h("tr", {}, h("th", {}, "Cause"), h("th", {}, "Share"), h("th", {}, "Changes"))), h("tbody", {}, [...listed, ...(others.length ? [{ cause: `${others.length} others`, events: sum(others, "events") }] : [])].map((row) => h("tr", {},
    h("td", {}, f.cause(row.cause)),
    h("td", { class: "bar" }, h("span", { class: "meter" }, styled(h("i"), { width: `${(100 * row.events) / most}%` })), h("span", { class: "unseen" }, f.share(row.events, total))),
    h("td", { class: "n" }, f.count(row.events)))))) : told.tick ? empty("Nothing changed in the last hour of market time.") : unmoved());
}

export const resize = () => {
  for (const [plot, id] of [[chart, "price-chart"], [activityPlot, "activity-chart"]]) plot?.setSize({ width: $(id).clientWidth, height: $(id).clientHeight });
};

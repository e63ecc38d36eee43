// How the server and the writer are: what the page says of the connection, of the server's health and of the market's pace.

import { ask } from "./api.js";
import { $, fill, h } from "./dom.js";
import * as f from "./format.js";

const MINUTE = 60_000;
const WORDS = { live: "Live", polling: "Live, by asking", away: "Server away, trying again", locked: "Server wants a token: load the page anew" };
let seen = []; // [when, tick]: where the market stood in the last minute, and the last time before
let condition = null;

/** Takes down that the market stands at a tick; `anew` where it is another market. */
export function stands(tick, anew = false) {
  seen = anew ? [] : pastMinute(seen, performance.now());
  seen.push([performance.now(), tick]);
}

/** Leaves of what was seen the last minute, and what stood as it began. */
function pastMinute(marks, now) {
  const inside = marks.filter(([at]) => now - at < MINUTE);
  return [...marks.slice(0, marks.length - inside.length).slice(-1), ...inside];
}

/** Tells how fast a market went, of [when, tick] at most a minute ago and one from before. */
export function pace(marks, now) {
  const kept = pastMinute(marks, now);
  const [first, last] = [kept[0], kept.at(-1)];
  // Who has not looked for a minute yet cannot tell.
  if (!last || (last[1] <= first[1] && now - first[0] < MINUTE)) return "–";
  if (last[1] <= first[1]) return "standing still";
  return `${f.number(((last[1] - first[1]) * MINUTE) / Math.max(1000, Math.min(MINUTE, now - first[0])))} ticks a minute`;
}

export function connection(now) {
  $("connection").dataset.state = now;
  $("connection-text").textContent = WORDS[now];
}

/** Asks how the server is. */
export async function health() {
  // Of a market that fails, it tells so under 503.
  const told = await ask("health").catch((fault) => (fault.told?.reasons ? fault.told : { status: fault.message }));
  const worst = told.reasons?.find((reason) => reason.level === told.status);
  condition = worst ? `${told.status}: ${worst.found}` : told.status;
}

/** Lists them; `told` is the overview, `place` the newest status, either null before it is there. */
export function facts(told, head, place) {
  const rows = [
    ["Connection", $("connection-text").textContent],
    ["Server", condition ?? "–"],
    ["Writer, last minute", pace(seen, performance.now())],
    ["Newest tick", head === null ? "–" : f.count(head)],
    ["Tick length", told ? f.span(told.interval) : "–"],
    ["Commit", place ? f.count(place.commit) : "–"],
    ["Products", told ? f.count(told.of_products) : "–"],
  ];
  fill($("facts"), rows.flatMap(([name, value]) => [h("dt", {}, name), h("dd", {}, value)]));
}

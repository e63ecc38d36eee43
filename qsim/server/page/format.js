// Figures and times as India writes them, and how the platforms look: colour, dash and two letters.

const whole = new Intl.NumberFormat("en-IN");
const money = new Intl.NumberFormat("en-IN", { style: "currency", currency: "INR" });
// Times are seconds of 1970 as a clock in India shows them: formatted as if in UTC, they stay what they are.
const clock = new Intl.DateTimeFormat("en-IN", { day: "numeric", month: "short", year: "numeric", hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23", timeZone: "UTC" });
const short = new Intl.DateTimeFormat("en-IN", { hour: "2-digit", minute: "2-digit", hourCycle: "h23", timeZone: "UTC" });
const shortSeconds = new Intl.DateTimeFormat("en-IN", { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23", timeZone: "UTC" });
const day = new Intl.DateTimeFormat("en-IN", { day: "numeric", month: "short", timeZone: "UTC" });
const fine = new Intl.NumberFormat("en-IN", { maximumSignificantDigits: 1 });
const decimal = new Intl.NumberFormat("en-IN", { maximumFractionDigits: 1 });
const quarters = new Intl.NumberFormat("en-IN", { maximumFractionDigits: 3 });
const brief = new Intl.NumberFormat("en", { notation: "compact", maximumSignificantDigits: 3 });
const wholeMoney = new Intl.NumberFormat("en-IN", { style: "currency", currency: "INR", maximumFractionDigits: 0 });

export const count = (n) => whole.format(n);
export const rupees = (paise) => money.format(paise / 100);
/** A price on an axis whose marks lie `step` rupees apart: with paise where these tell marks apart. */
export const mark = (rupee, step) => (step % 1 ? money : wholeMoney).format(rupee);
/** A count where there is room for four letters: 13,965 is 14K. */
export const briefly = (n) => brief.format(n);
export const percent = (bps) => `${decimal.format(bps / 100)} %`;
export const share = (part, all) => (all ? `${decimal.format((100 * part) / all)} %` : "0 %");
export const change = (part) => `${part > 0 ? "▲" : "▼"} ${(Math.abs(part) < 0.001 ? fine : decimal).format(100 * Math.abs(part))} %`;
export const when = (seconds) => clock.format(seconds * 1000);
export const hour = (seconds) => short.format(seconds * 1000);
export const time = (seconds) => shortSeconds.format(seconds * 1000);
export const date = (seconds) => day.format(seconds * 1000);
export const number = (value) => decimal.format(value);
/** A mark of an axis of counts, which may lie a quarter from the next. */
export const fraction = (value) => quarters.format(value);
/** A length of time in the largest unit that it is whole in. */
export function span(seconds) {
  const unit = [[86_400, "day"], [3600, "hour"], [60, "minute"]].find(([size]) => seconds >= size && seconds % size === 0);
  return unit ? plural(seconds / unit[0], unit[1]) : `${count(seconds)} s`;
}
/** A name inside other words: letters that run from right to left turn round none of these. */
export const apart = (name) => `\u2068${name}\u2069`;
export const plural = (n, one, many = `${one}s`) => `${count(n)} ${n === 1 ? one : many}`;

export const CAUSES = {
  surge_start: "surge begins", surge_end: "surge ends", discount_start: "deal begins", discount_end: "deal ends",
  update: "update", campaign_start: "campaign begins", campaign_end: "campaign ends", time_of_day: "time of day",
  reprice: "repriced", clearance: "deal ends, repriced", rival_match: "meets a rival", rival_release: "leaves a rival",
  stock_out: "out of stock", restock: "restocked",
};
export const cause = (name) => CAUSES[name] ?? name;

// Lines differ by dash as well, so that they are told apart without colour.
const DASHES = [[], [9, 4], [2, 3], [10, 3, 2, 3], [5, 3]];
// Their place in the palette of app.css; any other platform takes the next that none of these has.
const PLACES = { blinkit: 1, zepto: 2, instamart: 3, bigbasket: 4, dunzo: 5 };
const CODES = { blinkit: "Bl", zepto: "Ze", instamart: "In", bigbasket: "Bb", dunzo: "Du" };
const known = new Map();

export function setPlatforms(rows) {
  known.clear();
  const ids = rows.map((row) => row.platform);
  const taken = new Set(ids.flatMap((id) => CODES[id] ?? []));
  const places = [1, 2, 3, 4, 5, 6, 7, 8].filter((place) => !ids.some((id) => PLACES[id] === place));
  let next = 0;
  for (const { platform, name } of rows) {
    const place = PLACES[platform] ?? places[next++ % places.length];
    known.set(platform, { id: platform, name, place, dash: DASHES[known.size % DASHES.length], code: CODES[platform] ?? codeOf(name, taken) });
  }
}

/** Two letters, or a letter and a number, that stand for no other platform. */
function codeOf(name, taken) {
  const words = name.match(/[\p{L}\p{N}]+/gu) ?? [name];
  const [first, ...others] = words.join("");
  const second = [...others.slice(0, 1), ...words.slice(1).map((word) => [...word][0]), ...others];
  const numbers = Array.from({ length: taken.size + 1 }, (_, at) => at + 2);
  const code = [...(others.length ? second : [""]), ...numbers].map((more) => `${first}${more}`).find((one) => !taken.has(one));
  taken.add(code);
  return code;
}
export const platforms = () => [...known.values()];
export const platform = (id) => known.get(id) ?? { id, name: id, place: 6, dash: [], code: id.slice(0, 2) };
export const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

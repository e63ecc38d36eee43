// Lines by uPlot, bars as SVG: both take their colours from the style sheet, so that they follow the theme.

import uPlot from "./uplot/uPlot.esm.js";
import { h, svg } from "./dom.js";
import * as f from "./format.js";

const FONT = '12px system-ui, -apple-system, "Segoe UI", Roboto, sans-serif';
const LANE = 11;
const SHORTEST = 600; // seconds that the axis of times shows at least
const CROWDED = 120; // changes of a line from which on dashes are noise
// Rupees between two marks of an axis: 1, 2 and 5 paise, and these times ten.
const STEPS = Array.from({ length: 33 }, (_, at) => [1, 2, 5][at % 3] * 10 ** Math.floor(at / 3) / 100);

const axis = (more) => ({ stroke: f.colour("--muted"), grid: { stroke: f.colour("--grid"), width: 1 }, ticks: { show: false }, font: FONT, ...more });

// An axis is as wide as its longest label, and no narrower than `least`.
const measure = document.createElement("canvas").getContext("2d");
export const fitting = (least) => (u, labels) => {
  measure.font = FONT;
  return Math.max(least, ...(labels ?? []).map((label) => measure.measureText(label).width + 14));
};

// uPlot reads times as UTC here, since they are what a clock in India shows.
const tzDate = (seconds) => uPlot.tzDate(new Date(seconds * 1000), "UTC");

function times(u, splits) {
  let before = null;
  return splits.map((at) => {
    const date = f.date(at);
    const text = date === before ? f.hour(at) : `${f.hour(at)}\n${date}`;
    before = date;
    return text;
  });
}

const fromTo = (from, to) => () => [from, Math.max(to, from + SHORTEST)];

/** Tells how tall the chart of so many platforms has to be, in pixels: their lanes leave room for the lines. */
export const tallEnough = (platforms) => 170 + 16 * platforms;

/** Tells whether lines have so many changes that they are drawn thin and without dashes. */
export const isCrowded = (told) => Object.values(told.lines).some((points) => points.length > CROWDED);

/** A price of each platform as steps, and below them a lane each: solid where a deal runs, hatched where a surge does. */
export function priceChart(element, told, { hovered }) {
  const names = Object.keys(told.lines);
  const end = told.time;
  const tables = names.map((name) => {
    const points = told.lines[name];
    const x = points.map((point) => point[1]);
    const y = points.map((point) => point[2] / 100);
    if (x.at(-1) < end) { x.push(end); y.push(y.at(-1)); }
    return [x, y];
  });
  const data = uPlot.join(tables);
  // What holds at a moment is the last change before it.
  for (const column of data.slice(1)) for (let at = 1; at < column.length; at++) column[at] ??= column[at - 1];
  const crowded = isCrowded(told);
  const prices = tables.flatMap((table) => table[1]);
  const low = Math.min(...prices);
  const high = Math.max(...prices);
  const options = {
    width: element.clientWidth,
    height: element.clientHeight,
    tzDate,
    legend: { show: false },
    cursor: { y: false, drag: { x: false, y: false }, points: { size: 7 } },
    padding: [8, 24, 0, 0],
    scales: {
      x: { time: true, range: fromTo(told.from_time, end) },
      y: { range: (u) => { // room for the lanes below the lines
        const room = (high - low || Math.max(0.02, high * 0.05)) * 1.15;
        const lanes = (names.length * LANE + 10) / Math.max(60, u.height - 40);
        return [low - (room * lanes) / (1 - lanes) - room * 0.06, high + room * 0.06];
      } },
    },
    axes: [
      axis({ values: times, space: 70, size: 38 }),
      axis({ size: fitting(62), incrs: STEPS, values: (u, splits, at, space, step) => splits.map((value) => (value < low - (high - low) * 0.02 - 0.001 ? "" : f.mark(value, step))) }),
    ],
    series: [{}, ...names.map((name) => ({
      label: name,
      stroke: f.colour(`--p${f.platform(name).place}`),
      width: crowded ? 1.25 : 2,
      dash: crowded ? [] : f.platform(name).dash,
      points: { show: data[0].length < 2, size: 7, fill: f.colour(`--p${f.platform(name).place}`) },
      paths: uPlot.paths.stepped({ align: 1 }),
    }))],
    hooks: {
      draw: [(u) => lanes(u, told, names, end)],
      setCursor: [(u) => hovered(u.cursor.idx === null || u.cursor.idx === undefined ? null : u.data[0][u.cursor.idx])],
    },
  };
  return new uPlot(options, data, element);
}

/** Gives stretches [from, to, value] of a platform's points in which `value` of a point is not 0. */
function stretches(points, end, value) {
  const found = [];
  for (let at = 0; at < points.length; at++) {
    const size = value(points[at]);
    const to = points[at + 1]?.[1] ?? end;
    const before = found.at(-1);
    if (!size) continue;
    if (before && before[1] === points[at][1] && before[2] === size) before[1] = to;
    else found.push([points[at][1], to, size]);
  }
  return found;
}

function lanes(u, told, names, end) {
  const { ctx } = u;
  const scale = devicePixelRatio;
  const { left, top, width, height } = u.bbox;
  ctx.save();
  ctx.font = `${9.5 * scale}px system-ui, sans-serif`;
  ctx.textBaseline = "middle";
  names.forEach((name, at) => {
    const y = top + height - (names.length - at) * LANE * scale - 2 * scale;
    const tall = (LANE - 3) * scale;
    const paint = f.colour(`--p${f.platform(name).place}`);
    ctx.fillStyle = f.colour("--faint");
    ctx.fillRect(left, y, width, tall);
    const span = ([from, to]) => {
      const x = Math.max(left, u.valToPos(from, "x", true));
      return [x, Math.max(1.5 * scale, Math.min(left + width, u.valToPos(to, "x", true)) - x)];
    };
    ctx.fillStyle = paint;
    for (const stretch of stretches(told.lines[name], end, (point) => point[3])) {
      const [x, wide] = span(stretch);
      ctx.fillRect(x, y, wide, tall);
    }
    for (const stretch of stretches(told.lines[name], end, (point) => point[4] || point[5])) {
      const [x, wide] = span(stretch);
      hatch(ctx, x, y, wide, tall, paint, scale);
    }
    ctx.fillStyle = f.colour("--muted");
    ctx.textAlign = "right";
    ctx.fillText(f.platform(name).code, left - 5 * scale, y + tall / 2);
  });
  ctx.restore();
}

function hatch(ctx, x, y, wide, tall, paint, scale) {
  ctx.save();
  ctx.beginPath();
  ctx.rect(x, y, wide, tall);
  ctx.clip();
  ctx.fillStyle = f.colour("--panel");
  ctx.fillRect(x, y, wide, tall);
  ctx.strokeStyle = paint;
  ctx.lineWidth = 1.6 * scale;
  ctx.beginPath();
  for (let at = x - tall; at < x + wide; at += 4 * scale) { ctx.moveTo(at, y + tall); ctx.lineTo(at + tall, y); }
  ctx.stroke();
  ctx.strokeRect(x, y, wide, tall);
  ctx.restore();
}

/** Changes a tick over the last day. */
export function activityChart(element, told) {
  const x = [told.since_time, ...told.bars.map((bar) => bar.time)];
  const changed = told.bars.map((bar) => bar.changed / bar.ticks);
  const paint = f.colour("--accent");
  return new uPlot({
    width: element.clientWidth,
    height: element.clientHeight,
    tzDate,
    legend: { show: false },
    cursor: { show: false },
    padding: [8, 24, 0, 0],
    scales: { x: { time: true, range: fromTo(told.since_time, x.at(-1)) }, y: { range: (u, low, high) => [0, Math.max(1, high) * 1.08] } },
    axes: [axis({ values: times, space: 70, size: 38 }), axis({ size: fitting(52), space: 28, values: (u, splits) => splits.map((value) => f.fraction(value)) })],
    series: [
      {},
      { stroke: paint, width: 1.5, fill: `${paint}26`, points: { show: false }, paths: uPlot.paths.stepped({ align: -1 }) },
    ],
  }, [x, [changed[0], ...changed]], element);
}

/** Counts by depth, the platforms stacked, with a line at 30 %; `wide` is how many pixels there are. */
export function depthBars(bins, platforms, size, wide) {
  const [tall, foot, headroom] = [230, 22, 18];
  const last = Math.max(10, ...bins.map((bin) => bin.from_bps / size + 1));
  const totals = Array.from({ length: last }, (_, at) => bins.filter((bin) => bin.from_bps === at * size));
  const sums = totals.map((parts) => parts.reduce((sum, part) => sum + part.listings, 0));
  const most = Math.max(...sums, 1);
  const step = (wide - 10) / last;
  const y = (n) => (tall - foot - headroom) * (n / most);
  const picture = svg("svg", { class: "bars", viewBox: `0 0 ${wide} ${tall}`, role: "img", "aria-label": `Discounts by depth: ${sums.map((n, at) => `${(at * size) / 100} to ${((at + 1) * size) / 100} percent: ${n}`).join(", ")}` });
  totals.forEach((parts, at) => {
    let floor = tall - foot;
    for (const { id, place } of platforms) {
      const n = parts.find((part) => part.platform === id)?.listings ?? 0;
      if (!n) continue;
      floor -= y(n);
      picture.append(svg("rect", { class: `part c${place}`, x: 5 + at * step + 2, y: floor, width: step - 4, height: Math.max(0.5, y(n) - 1) }, svg("title", {}, `${f.platform(id).name}: ${n}`)));
    }
    if (sums[at]) picture.append(svg("text", { class: "total", x: 5 + (at + 0.5) * step, y: floor - 4, "text-anchor": "middle" }, step < 40 && sums[at] > 999 ? f.briefly(sums[at]) : f.count(sums[at])));
  });
  picture.append(svg("line", { class: "axis", x1: 5, x2: wide - 5, y1: tall - foot, y2: tall - foot }));
  for (let at = 0; at <= last; at += 2 * Math.ceil(20 / step)) picture.append(svg("text", { x: 5 + at * step, y: tall - 6, "text-anchor": at === 0 ? "start" : at === last ? "end" : "middle" }, `${(at * size) / 100} %`));
  const bound = 5 + (3000 / size) * step;
  picture.append(svg("line", { class: "bound", x1: bound, x2: bound, y1: 4, y2: tall - foot }), svg("text", { class: "bound-text", x: bound + 5, y: 13 }, "30 % and more"));
  return picture;
}

export const lineMark = (id) => {
  const { place, dash } = f.platform(id);
  return svg("svg", { class: `line c${place}`, viewBox: "0 0 26 8", "aria-hidden": "true" }, svg("line", { x1: 0, x2: 26, y1: 4, y2: 4, "stroke-dasharray": dash.join(" ") || null }));
};
export const named = (id) => h("span", { class: "named" }, h("span", { class: `mark c${f.platform(id).place}`, "aria-hidden": "true" }), f.platform(id).name);

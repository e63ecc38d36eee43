// The market as it moves: server-sent events, resumed by the number of the last one seen; where there are none, the status is asked.

import { address, ask, headers } from "./api.js";

const POLL = 2000;
const FIRST_WAIT = 500;
const LONGEST_WAIT = 8000;
export const SILENCE = 45_000;

export const pause = (ms, signal) => new Promise((resolve) => {
  const done = () => { clearTimeout(timer); signal.removeEventListener("abort", done); resolve(); };
  const timer = setTimeout(done, ms);
  signal.addEventListener("abort", done);
});

/** Splits a stream of server-sent events into {id, event, data}; comments, which keep a connection awake, give null. */
function parser(take) {
  let rest = "";
  return (text) => {
    rest += text;
    const blocks = rest.split(/\r?\n\r?\n/);
    rest = blocks.pop();
    for (const block of blocks) {
      const found = { id: null, event: "message", data: [] };
      for (const line of block.split(/\r?\n/)) {
        const [, name, value] = /^([^:]*):? ?(.*)$/.exec(line);
        if (name === "data") found.data.push(value);
        else if (name === "event" || name === "id") found[name] = value;
      }
      take(found.data.length || found.id ? { ...found, data: found.data.join("\n") } : null);
    }
  };
}

/** Tells what a question that failed says of the connection. */
export const stateOf = (fault) => (fault.status === 401 ? "locked" : "away");

/** Follows the market from `place.last`, which moves along, until the signal: `heard(event)` for each event, null for a sign of life,
 * `moved(status)` where only the status is asked, `told(state)`. */
export async function follow({ heard, moved, told }, place, signal) {
  let wait = FIRST_WAIT;
  while (!signal.aborted) {
    const outcome = await stream((event) => {
      wait = FIRST_WAIT;
      if (event?.id) place.last = event.id;
      heard(event);
    }, () => told("live"), place.last, signal);
    if (signal.aborted) return;
    // Whatever ended the stream, the status tells whether the server is there and what was missed.
    try {
      moved(await ask("api/status", {}, signal));
      told(outcome === "ended" ? "live" : "polling");
      await pause(outcome === "ended" ? FIRST_WAIT : POLL, signal);
    } catch (fault) {
      if (signal.aborted) return;
      told(stateOf(fault));
      await pause(wait, signal);
      wait = Math.min(LONGEST_WAIT, wait * 2);
    }
  }
}

/** Reads one connection to its end: "ended" where it had begun, "refused" where it had not. */
async function stream(take, begun, last, signal) {
  const control = new AbortController();
  const stop = () => control.abort();
  signal.addEventListener("abort", stop, { once: true });
  let silence;
  const awake = () => { clearTimeout(silence); silence = setTimeout(stop, SILENCE); };
  let open = false;
  try {
    awake();
    const more = last === null ? {} : { "Last-Event-ID": last };
    const answer = await fetch(address("api/events"), { headers: headers({ Accept: "text/event-stream", ...more }), signal: control.signal, cache: "no-store" });
    if (!answer.ok || !(answer.headers.get("content-type") ?? "").startsWith("text/event-stream")) {
      await answer.body?.cancel();
      return "refused";
    }
    open = true;
    begun();
    const read = parser(take);
    const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return "ended";
      awake();
      read(value);
    }
  } catch {
    return open ? "ended" : "refused";
  } finally {
    clearTimeout(silence);
    signal.removeEventListener("abort", stop);
  }
}

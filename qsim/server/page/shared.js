// One stream for all tabs of a browser: it keeps six connections to a server at most, whatever tabs they are of. Of the tabs that are
// looked at one holds the lock and the stream, and lets the others hear it; when it goes, the next in the queue goes on from what it heard.

import { ask, base, secret } from "./api.js";
import { follow, pause, SILENCE, stateOf } from "./live.js";

const JOINING = 300; // until one that has not got the lock takes it that another tab has it
// Tabs that show another token, or another server behind the same proxy, are others.
const NAME = `qsim ${base.pathname} ${secret ?? ""}`;

/** Waits until the tab is looked at: one that nobody looks at holds no connection and takes no turn. */
const looked = () => new Promise((resolve) => {
  const see = () => {
    if (document.hidden) return;
    document.removeEventListener("visibilitychange", see);
    resolve();
  };
  document.addEventListener("visibilitychange", see);
  see();
});

/** Gives a control that is aborted once nobody looks at the tab any more. */
function untilHidden() {
  const control = new AbortController();
  document.addEventListener("visibilitychange", () => control.abort(), { once: true, signal: control.signal });
  return control;
}

/** Lets a tab hear what another one says, until the signal; `silent` is called where nothing is said for too long. */
async function hear(channel, own, place, signal, silent) {
  let silence;
  const awake = () => { clearTimeout(silence); silence = setTimeout(silent, SILENCE); };
  channel.onmessage = ({ data: [kind, value] }) => {
    awake();
    if (kind !== "heard") { own[kind](value); return; }
    own.told("live");
    if (value?.id) place.last = value.id;
    own.heard(value);
  };
  signal.addEventListener("abort", () => { clearTimeout(silence); channel.onmessage = null; }, { once: true });
  awake();
  await pause(JOINING, signal);
  if (signal.aborted) return;
  place.last = null;
  try {
    const status = await ask("api/status", {}, signal);
    place.last ??= `${status.tick + 1}:0`;
    own.moved(status);
    own.told("live");
  } catch (fault) {
    if (!signal.aborted) own.told(stateOf(fault));
  }
}

/** Follows the market for as long as the page is there; `own` is what `follow` tells. */
export async function share(own) {
  const place = { last: null };
  // A browser has locks only where the address is https or this machine's; elsewhere each tab has a stream of its own.
  const channel = navigator.locks && window.BroadcastChannel ? new BroadcastChannel(NAME) : null;
  const loud = Object.fromEntries(["heard", "moved", "told"].map((kind) => [kind, (value) => { channel?.postMessage([kind, value]); own[kind](value); }]));
  for (;;) {
    await looked();
    const seen = untilHidden();
    if (!channel) { await follow(own, place, seen.signal); continue; }
    const waiting = new AbortController();
    seen.signal.addEventListener("abort", () => waiting.abort(), { once: true });
    hear(channel, own, place, waiting.signal, () => waiting.abort());
    await navigator.locks.request(NAME, { signal: waiting.signal }, () => {
      waiting.abort();
      return follow(loud, place, seen.signal);
    }).catch(() => follow(own, place, seen.signal)); // where locks are denied, or who has it says nothing
  }
}

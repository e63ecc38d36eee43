// Questions to the server that gave the page; errors come as one line of words.

export const base = new URL(".", document.baseURI);

// A server off loopback asks for a token; it comes once, in the fragment, which no server sees, and is kept for the tab.
function token() {
  const given = new URLSearchParams(location.hash.slice(1)).get("token")?.replace(/[^!-~]/g, "?");
  try {
    if (given) sessionStorage.setItem("qsim-token", given);
    return given ?? sessionStorage.getItem("qsim-token");
  } catch { return given; }
}
export const secret = token();
export const headers = (more = {}) => (secret ? { ...more, Authorization: `Bearer ${secret}` } : more);
export const address = (path, values = {}) => {
  const url = new URL(path, base);
  for (const [name, value] of Object.entries(values)) if (value !== null && value !== undefined) url.searchParams.set(name, value);
  return url;
};

export async function ask(path, values, signal) {
  let answer;
  try {
    answer = await fetch(address(path, values), { headers: headers({ Accept: "application/json" }), signal });
  } catch (fault) {
    if (fault.name === "AbortError") throw fault;
    throw new Error("The server does not answer. This page tries again by itself.");
  }
  if (answer.ok) return answer.json();
  const told = await answer.json().catch(() => ({}));
  throw Object.assign(new Error(told.error ?? `The server answered ${answer.status}.`), { status: answer.status, told });
}

// The button for the light and the dark theme; theme.js has set the one that was chosen before.

import { $ } from "./dom.js";

/** Makes the button turn the theme, which is kept; `redraw` draws again what takes its colours once. */
export function themeSwitch(redraw) {
  const root = document.documentElement;
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const isDark = () => (root.dataset.theme ? root.dataset.theme === "dark" : dark.matches);
  const show = () => {
    $("theme").textContent = isDark() ? "Light" : "Dark";
    $("theme").setAttribute("aria-label", `Switch to the ${isDark() ? "light" : "dark"} theme`);
    redraw();
  };
  $("theme").addEventListener("click", () => {
    root.dataset.theme = isDark() ? "light" : "dark";
    try { localStorage.setItem("qsim-theme", root.dataset.theme); } catch { /* a browser that keeps nothing keeps no theme either */ }
    show();
  });
  dark.addEventListener("change", show);
  // Paper is white, whatever the screen is.
  let chosen;
  addEventListener("beforeprint", () => { chosen = root.dataset.theme; root.dataset.theme = "light"; redraw(); });
  addEventListener("afterprint", () => {
    if (chosen) root.dataset.theme = chosen; else delete root.dataset.theme;
    redraw();
  });
  show();
}

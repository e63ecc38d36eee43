// Runs before the page is drawn, so that a chosen theme does not flash. No module: modules run after the page is read.
"use strict";
(() => {
  const root = document.documentElement;
  const wanted = () => {
    try { return localStorage.getItem("qsim-theme"); } catch { return null; }
  };
  const chosen = wanted();
  if (chosen === "light" || chosen === "dark") root.dataset.theme = chosen;
})();

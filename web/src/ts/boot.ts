// Runs before the first paint: the theme only.
(() => {
  const root = document.documentElement;
  const chosen = localStorage.getItem('hb.theme') ?? root.dataset.theme;
  const prefersDark = matchMedia('(prefers-color-scheme: dark)').matches;
  root.dataset.theme = chosen === 'dark' || (chosen !== 'light' && prefersDark) ? 'dark' : 'light';
})();

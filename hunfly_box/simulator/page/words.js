// The page speaks the browser's language when there is a catalog for it, else Portuguese.

const LANGUAGES = { pt: "pt-BR", en: "en", es: "es" };
let catalog = {};
export let language = "pt-BR";

export async function load() {
  const wanted = navigator.languages.map((one) => LANGUAGES[one.slice(0, 2)]).find(Boolean);
  language = wanted ?? "pt-BR";
  catalog = await (await fetch(`/phone/catalog/${language}.json`)).json();
  document.documentElement.lang = language;
  document.title = `${word("title")} · Hunfly Box`;
  for (const node of document.querySelectorAll("[data-word]")) node.textContent = word(node.dataset.word);
  for (const node of document.querySelectorAll("[data-label]")) {
    node.setAttribute("aria-label", word(node.dataset.label));
    if (node instanceof HTMLButtonElement) node.title = word(node.dataset.label);
  }
  for (const node of document.querySelectorAll("[data-hint]")) node.placeholder = word(node.dataset.hint);
}

export function word(key, values = {}) {
  const text = catalog[key] ?? key;
  return text.replace(/\{(\w+)\}/g, (_, name) => values[name] ?? "");
}

export function clock(seconds) {
  return new Intl.DateTimeFormat(language, { hour: "2-digit", minute: "2-digit" }).format(seconds * 1000);
}

export function day(seconds) {
  return new Intl.DateTimeFormat(language, { day: "numeric", month: "long" }).format(seconds * 1000);
}

// The shop's numbers, and the phone held before a waiting QR code.

import { tell } from "./api.js";
import { byId, make } from "./dom.js";
import { word } from "./words.js";

export function showNumbers(instances, fail) {
  // A form somebody is typing into stays as it is; only what changed is drawn again.
  const list = byId("numbers");
  byId("no-numbers").hidden = instances.length > 0;
  const known = new Map([...list.children].map((node) => [node.dataset.name, node]));
  for (const instance of instances) {
    const mark = JSON.stringify([instance.state, instance.qr, instance.reason, instance.number, instance.pairing_code]);
    const old = known.get(instance.name);
    known.delete(instance.name);
    if (old?.dataset.mark === mark) continue;
    const fresh = number(instance, fail, old?.querySelector("form"));
    fresh.dataset.name = instance.name;
    fresh.dataset.mark = mark;
    if (old) old.replaceWith(fresh);
    else list.append(fresh);
  }
  for (const gone of known.values()) gone.remove();
}

function number(instance, fail, oldForm) {
  const title = instance.profile ?? instance.name;
  const node = make(
    "li",
    { className: "number" },
    make(
      "div",
      { className: "number-head" },
      make("span", { className: `lamp ${instance.state}`, ariaHidden: "true" }),
      make("div", {}, make("h3", {}, title), make("p", {}, [instance.number && `+${instance.number}`, state(instance)].filter(Boolean).join(" · "))),
    ),
  );
  if (instance.wants_scan) node.append(code(instance), oldForm ?? form(instance, fail));
  return node;
}

function state(instance) {
  if (instance.state !== "close") return word(instance.state);
  return instance.reason ? word("closed_reason", { code: instance.reason }) : word("closed");
}

function code(instance) {
  const parts = [make("img", { src: instance.qr, alt: "QR", className: "qr", width: 180, height: 180 })];
  if (instance.pairing_code) parts.push(make("p", {}, word("pairing", { code: instance.pairing_code })));
  return make("div", {}, ...parts);
}

function form(instance, fail) {
  const field = (name, label, properties) =>
    make("label", {}, make("span", {}, word(label)), make("input", { name, required: true, autocomplete: "off", ...properties }));
  const digits = { inputMode: "numeric", pattern: "[0-9]{10,15}", value: suggestion(instance.name) };
  const node = make(
    "form",
    {},
    make("p", {}, word("scan_help")),
    field("name", "shop_name", { value: instance.name, maxLength: 60 }),
    field("number", "number", digits),
    field("history", "history", { type: "number", min: 0, max: 1000, value: 6 }),
    make("button", { type: "submit", className: "button" }, word("scan")),
  );
  node.addEventListener("submit", async (event) => {
    event.preventDefault();
    const given = Object.fromEntries(new FormData(node));
    try {
      await tell("scan", { instance: instance.name, ...given, history: Number(given.history) });
    } catch (error) {
      fail(error);
    }
  });
  return node;
}

// Each name suggests a number of its own, so that two shops do not get the same.
function suggestion(name) {
  let sum = 0;
  for (const letter of name) sum = (sum * 31 + letter.codePointAt(0)) % 10000;
  return `551130${String(sum).padStart(4, "0")}00`;
}

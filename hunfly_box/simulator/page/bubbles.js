// One message as a bubble.

import { mediaAddress } from "./api.js";
import { byId, hue, icon, make } from "./dom.js";
import { clock, word } from "./words.js";

const TICK_ICONS = { sent: "one", delivered: "two", read: "two" };

// deeds: { menu(message, button), play(message), choose(message, option) }
export function bubble(message, deeds, isGroup) {
  const node = make("article", { className: `bubble ${message.mine ? "mine" : "theirs"} is-${message.kind}` });
  node.id = `m-${message.id}`;
  node.dataset.mark = mark(message);
  if (isGroup && !message.mine) node.append(author(message));
  if (message.deleted) {
    node.append(make("p", { className: "gone" }, word("deleted")));
  } else {
    if (message.quote) node.append(quote(message.quote));
    node.append(...body(message, deeds));
    node.append(menuButton(message, deeds));
  }
  node.append(meta(message), ...reactions(message));
  return node;
}

// A climbing tick must not stop the sound that plays in its bubble, so only what changed is drawn again.
export function refreshed(node, message) {
  if (node.dataset.mark !== mark(message)) return false;
  node.querySelector(".meta").replaceWith(meta(message));
  node.querySelector(".reactions")?.remove();
  node.append(...reactions(message));
  return true;
}

const mark = (message) => JSON.stringify([message.text, message.edited, message.deleted, message.quote?.text]);

function author(message) {
  return make("strong", { className: `author hue-${hue(message.author_name ?? "")}` }, message.author_name ?? "");
}

function quote(quoted) {
  const who = quoted.mine ? word("you") : word("shop");
  return make("blockquote", { className: "quote" }, make("strong", {}, who), make("span", {}, quoted.text || word("quoted")));
}

function body(message, deeds) {
  const parts = [];
  const address = message.media ? mediaAddress(message) : null;
  if (message.kind === "image" || message.kind === "sticker") parts.push(picture(message, address));
  else if (message.kind === "video") parts.push(make("video", { src: address, controls: true, preload: "metadata" }));
  else if (message.kind === "voice" || message.kind === "audio") parts.push(sound(message, address, deeds));
  else if (message.kind === "document") parts.push(file(message, address));
  else if (message.kind === "location") parts.push(place(message));
  else if (message.kind === "contact") parts.push(...message.cards.map(card));
  else if (message.kind === "other") parts.push(make("p", { className: "gone" }, word("other")));
  if (message.text && !["location", "contact"].includes(message.kind)) {
    parts.push(make("p", { className: "words" }, message.text));
  }
  if (message.options) parts.push(options(message, deeds));
  return parts;
}

function picture(message, address) {
  const label = message.kind === "sticker" ? word("sticker") : word("view_photo");
  const image = make("img", { src: address, alt: message.text || label, loading: "lazy" });
  if (message.kind === "sticker") return image;
  return make("button", { type: "button", className: "picture", ariaLabel: label, onclick: () => view(address, image.alt) }, image);
}

function view(address, alt) {
  byId("viewer-image").src = address;
  byId("viewer-image").alt = alt;
  byId("viewer").showModal();
}

function sound(message, address, deeds) {
  const listen = () => !message.mine && deeds.play(message);
  return make("audio", { src: address, controls: true, preload: "metadata", ariaLabel: word(message.kind), onplay: listen });
}

function file(message, address) {
  const size = `${Math.max(1, Math.round(message.size / 1024))} kB`;
  const name = message.filename || word("document");
  const label = word("download", { name });
  return make(
    "a",
    { className: "file", href: address, download: name, ariaLabel: label },
    icon("file"),
    make("span", {}, make("b", {}, name), make("small", {}, size)),
  );
}

function place(message) {
  const where = `${message.latitude.toFixed(5)}, ${message.longitude.toFixed(5)}`;
  const address = `https://www.openstreetmap.org/?mlat=${message.latitude}&mlon=${message.longitude}#map=16/${message.latitude}/${message.longitude}`;
  const text = [message.name, message.address].filter(Boolean).join(" · ");
  return make(
    "div",
    { className: "card" },
    icon("pin"),
    make(
      "span",
      {},
      make("b", {}, text || word("location")),
      make("small", {}, where),
      make("a", { href: address, target: "_blank", rel: "noopener noreferrer" }, word("see_map")),
    ),
  );
}

function card(person) {
  const number = /waid=(\d+)/.exec(person.vcard)?.[1] ?? "";
  return make(
    "div",
    { className: "card" },
    icon("person"),
    make("span", {}, make("b", {}, person.name), make("small", {}, number ? `+${number}` : "")),
  );
}

function options(message, deeds) {
  const may = !message.mine && ["list", "buttons"].includes(message.kind);
  const items = message.options.map((option) =>
    may
      ? make("button", { type: "button", onclick: () => deeds.choose(message, option) }, option)
      : make("span", {}, option),
  );
  return make("div", { className: "options" }, ...items);
}

function menuButton(message, deeds) {
  const button = make("button", { type: "button", className: "more", ariaLabel: word("more"), ariaHasPopup: "menu" }, icon("more"));
  button.addEventListener("click", () => deeds.menu(message, button));
  return button;
}

function meta(message) {
  const node = make("p", { className: "meta" });
  if (message.edited && !message.deleted) node.append(make("span", {}, word("edited")));
  node.append(make("time", {}, clock(message.at)));
  if (message.mine && TICK_ICONS[message.tick]) {
    const label = word(`tick_${message.tick}`);
    node.append(make("span", { className: `tick ${message.tick}`, role: "img", ariaLabel: label }, icon(TICK_ICONS[message.tick])));
  }
  return node;
}

function reactions(message) {
  const given = Object.values(message.reactions);
  if (!given.length) return [];
  return [make("p", { className: "reactions" }, ...[...new Set(given)])];
}

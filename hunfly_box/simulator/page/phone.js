// The customer's phone: which customer, which conversation, and what arrives while it is open.

import { listen, read, tell } from "./api.js";
import { bubble, refreshed } from "./bubbles.js";
import { Composer } from "./composer.js";
import { byId, hue, icon, initials, make } from "./dom.js";
import { showNumbers } from "./numbers.js";
import { clock, day, load, word } from "./words.js";

const REACTIONS = ["👍", "❤️", "😂", "😮", "😢", "🙏"];
const TYPING_SHOWN_MS = 12000;
const ALERT_SHOWN_MS = 7000;
const EDITABLE = ["text", "image", "video"];

const phone = {
  state: { contacts: [], groups: [], instances: [], last: {} },
  customer: localStorage.getItem("customer"),
  open: null, // { instance, chat } of the conversation on the screen
  unread: new Map(),
  screen: null,

  place() {
    if (!this.open) return null;
    const group = this.open.chat === this.customer ? undefined : this.open.chat;
    return { instance: this.open.instance, contact: this.customer, group };
  },

  fail(error) {
    warn(word("failed", { reason: error.message }));
  },
};

let composer;
let isAtEnd = true;
let isOpened = false;

function warn(text) {
  const node = byId("alert");
  node.textContent = text;
  node.hidden = false;
  clearTimeout(warn.timer);
  warn.timer = setTimeout(() => (node.hidden = true), ALERT_SHOWN_MS);
}

async function refresh() {
  phone.state = await read("state");
  const { contacts } = phone.state;
  if (!contacts.some((one) => one.id === phone.customer)) phone.customer = contacts[0]?.id ?? null;
  showCustomers();
  showChats();
  showHead();
  showNumbers(phone.state.instances, (error) => phone.fail(error));
}

function showCustomers() {
  const options = phone.state.contacts.map((one) => {
    const number = one.number ? `+${one.number}` : `LID ${one.lid}`;
    return make("option", { value: one.id, selected: one.id === phone.customer }, `${one.name} (${number})`);
  });
  byId("customer").replaceChildren(...options);
}

function conversations() {
  const numbers = phone.state.instances.filter((one) => one.number);
  const groups = phone.state.groups.filter((one) => one.members.includes(phone.customer));
  const found = [];
  for (const instance of numbers) {
    found.push({ instance: instance.name, chat: phone.customer, title: instance.profile, state: instance.state });
    for (const group of groups) {
      const title = `${group.name} · ${instance.profile}`;
      found.push({ instance: instance.name, chat: group.id, title, state: instance.state, isGroup: true });
    }
  }
  return found.sort((a, b) => (lastOf(b)?.at ?? 0) - (lastOf(a)?.at ?? 0));
}

const keyOf = (place) => `${place.instance}|${place.chat}`;
const lastOf = (place) => phone.state.last[keyOf(place)];

function showChats() {
  const all = conversations();
  byId("no-chats").hidden = all.length > 0;
  const focused = document.activeElement?.dataset?.key;
  byId("chats").replaceChildren(...all.map(chatRow));
  if (focused) byId("chats").querySelector(`[data-key="${CSS.escape(focused)}"]`)?.focus();
}

function chatRow(place) {
  const last = lastOf(place);
  const unread = phone.unread.get(`${phone.customer}|${keyOf(place)}`) ?? 0;
  const preview = last ? (last.deleted ? word("deleted") : last.text || word(last.kind)) : "";
  const row = make(
    "button",
    { type: "button", className: "chat-row", onclick: () => openChat(place) },
    make("span", { className: `face hue-${hue(place.title)}`, ariaHidden: "true" }, initials(place.title)),
    make("span", { className: "chat-words" }, make("b", {}, place.title), make("small", {}, preview)),
    make(
      "span",
      { className: "chat-side" },
      make("time", {}, last ? clock(last.at) : ""),
      unread ? make("i", { className: "count", ariaLabel: word("unread", { n: unread }) }, String(unread)) : null,
    ),
  );
  row.dataset.key = keyOf(place);
  if (isOpen(place)) row.setAttribute("aria-current", "true");
  return make("li", {}, row);
}

const isOpen = (place) => phone.open && keyOf(phone.open) === keyOf(place);

// For each conversation being read, what arrives meanwhile: the answer was made before it and would wipe it out.
const readings = new Set();

async function openChat(place) {
  phone.open = { instance: place.instance, chat: place.chat };
  phone.unread.delete(`${phone.customer}|${keyOf(place)}`);
  byId("phone").dataset.screen = "chat";
  byId("chat").hidden = false;
  showChats();
  showHead();
  look();
  const late = [];
  readings.add(late);
  const messages = await read("messages", phone.open).finally(() => readings.delete(late));
  if (!isOpen(place)) return;
  byId("thread").replaceChildren();
  isOpened = false;
  for (const message of [...messages, ...late]) upsert(message);
  isOpened = true;
  toEnd();
  byId("text").focus();
}

function closeChat() {
  phone.open = null;
  byId("phone").dataset.screen = "list";
  byId("chat").hidden = true;
  look();
  showChats();
}

function showHead(note) {
  if (!phone.open) return;
  const place = conversations().find(isOpen);
  if (!place) return closeChat();
  byId("chat-title").textContent = place.title;
  byId("chat-face").textContent = initials(place.title);
  byId("chat-face").className = `face hue-${hue(place.title)}`;
  byId("chat-note").textContent = note ?? (place.state === "open" ? word("online") : word("offline"));
}

function upsert(message) {
  const thread = byId("thread");
  const old = byId(`m-${message.id}`);
  if (old && refreshed(old, message)) return;
  const fresh = bubble(message, deeds, message.chat !== phone.customer);
  fresh.dataset.day = day(message.at);
  if (old) {
    old.replaceWith(fresh);
    return;
  }
  if (thread.lastElementChild?.dataset.day !== fresh.dataset.day) {
    thread.append(make("p", { className: "day" }, fresh.dataset.day));
  }
  // Only what has just come moves; a tick that climbs draws its bubble again in place.
  if (isOpened) fresh.classList.add("new");
  thread.append(fresh);
}

function toEnd() {
  const thread = byId("thread");
  thread.scrollTop = thread.scrollHeight;
  isAtEnd = true;
}

// Pictures get their height late; who was at the end stays there.
function stayAtEnd() {
  const thread = byId("thread");
  thread.addEventListener("scroll", () => {
    isAtEnd = thread.scrollHeight - thread.scrollTop - thread.clientHeight < 80;
  });
  for (const name of ["load", "loadedmetadata"]) thread.addEventListener(name, () => isAtEnd && toEnd(), true);
}

const deeds = {
  menu: showMenu,
  play: (message) => tell("play", { instance: message.instance, message: message.id }).catch(() => {}),
  choose: (message, option) => {
    const kind = message.kind === "list" ? { kind: "list_reply", row: option } : { kind: "button_reply", button: option };
    composer.send({ ...kind, title: option }).catch((error) => phone.fail(error));
  },
};

function showMenu(message, button) {
  const menu = byId("message-menu");
  const act = (deed) => () => {
    menu.hidePopover();
    Promise.resolve(deed()).catch((error) => phone.fail(error));
  };
  const own = message.reactions[phone.customer];
  const react = (emoji) => tell("react", { ...placeOf(message), message: message.id, emoji });
  const faces = REACTIONS.map((emoji) =>
    make("button", { type: "button", ariaLabel: word("react", { emoji }), onclick: act(() => react(emoji)) }, emoji),
  );
  const items = [make("div", { className: "faces" }, ...faces)];
  const add = (label, deed) => items.push(make("button", { type: "button", onclick: act(deed) }, word(label)));
  if (own) add("remove_reaction", () => react(""));
  add("reply", () => composer.replyTo(message));
  if (message.mine && message.author === phone.customer) {
    if (EDITABLE.includes(message.kind)) add("edit", () => composer.editing(message));
    add("delete", () => tell("delete", { instance: message.instance, message: message.id }));
  }
  menu.replaceChildren(...items);
  menu.showPopover();
  beside(menu, button);
}

const placeOf = (message) => ({ instance: message.instance, contact: phone.customer });

function beside(menu, button) {
  const at = button.getBoundingClientRect();
  const size = menu.getBoundingClientRect();
  const left = Math.min(Math.max(8, at.right - size.width), innerWidth - size.width - 8);
  const below = at.bottom + 4 + size.height < innerHeight;
  menu.style.left = `${left}px`;
  menu.style.top = `${below ? at.bottom + 4 : Math.max(8, at.top - size.height - 4)}px`;
  menu.querySelector("button").focus();
}

function arrived(message) {
  phone.state.last[keyOf(message)] = message;
  if (isOpen(message)) {
    const wasAtEnd = isAtEnd;
    const isNew = !byId(`m-${message.id}`);
    for (const late of readings) late.push(message);
    upsert(message);
    if (isNew && !message.mine) showHead();
    if (wasAtEnd || (isNew && message.mine)) toEnd();
  } else if (!message.mine && message.status === "PENDING") {
    const customer = phone.state.contacts.some((one) => one.id === message.chat) ? message.chat : phone.customer;
    const key = `${customer}|${keyOf(message)}`;
    phone.unread.set(key, (phone.unread.get(key) ?? 0) + 1);
  }
  showChats();
}

function typing(event) {
  if (!phone.open || keyOf(phone.open) !== keyOf(event)) return;
  clearTimeout(typing.timer);
  if (!["composing", "recording"].includes(event.state)) return showHead();
  showHead(word(event.state === "composing" ? "typing" : "recording_audio"));
  typing.timer = setTimeout(() => showHead(), TYPING_SHOWN_MS);
}

function look() {
  if (!phone.screen) return;
  const shown = phone.open && !document.hidden ? phone.open : {};
  tell("look", { screen: phone.screen, contact: phone.customer, ...shown }).catch(() => {});
}

async function onEvent(event) {
  if (event.type === "hello") {
    phone.screen = event.screen;
    byId("alert").hidden = true;
    await refresh();
    if (phone.open) await openChat(phone.open);
  } else if (event.type === "message") arrived(event.message);
  else if (event.type === "typing") typing(event);
  else if (event.type === "state") {
    clearTimeout(onEvent.timer);
    onEvent.timer = setTimeout(() => refresh().catch(() => {}), 60);
  }
}

function beSomebody(id) {
  composer.rest();
  closeChat();
  phone.customer = id;
  localStorage.setItem("customer", id);
  showChats();
}

function wire() {
  stayAtEnd();
  byId("back").append(icon("back"));
  byId("viewer-close").append(icon("close"));
  byId("back").addEventListener("click", () => {
    closeChat();
    byId("chats").querySelector("button")?.focus();
  });
  byId("viewer-close").addEventListener("click", () => byId("viewer").close());
  byId("customer").addEventListener("change", (event) => beSomebody(event.target.value));
  byId("new-customer").addEventListener("click", () => byId("customer-dialog").showModal());
  byId("customer-cancel").addEventListener("click", () => byId("customer-dialog").close());
  byId("customer-form").addEventListener("submit", async (event) => {
    const form = event.target;
    try {
      const made = await tell("add_contact", Object.fromEntries(new FormData(form)));
      form.reset();
      await refresh();
      beSomebody(made.id);
      showCustomers();
    } catch (error) {
      phone.fail(error);
    }
  });
  document.addEventListener("visibilitychange", look);
}

await load();
composer = new Composer(phone);
wire();
listen(onEvent, () => warn(word("lost")));

// Finding and making nodes. HTML is parsed only here, and only the server's own fragments.
import { t } from './i18n';

/** Where people write: keys pressed there are theirs. */
export const FIELDS = 'input, textarea, select, [contenteditable]';

export const $ = <T extends Element = HTMLElement>(selector: string, root: ParentNode = document): T | null =>
  root.querySelector<T>(selector);

export const $$ = <T extends Element = HTMLElement>(selector: string, root: ParentNode = document): T[] => [
  ...root.querySelectorAll<T>(selector),
];

/** For what the page always has: a missing one is a bug worth an error. */
export function must<T extends Element = HTMLElement>(selector: string, root: ParentNode = document): T {
  const found = $<T>(selector, root);
  if (!found) throw new Error(`not in the page: ${selector}`);
  return found;
}

export const byId = (id: string): HTMLElement | null => document.getElementById(id);

/** What was pressed, seen from who listens further out. */
export const under = <T extends Element = HTMLElement>(event: Event, selector: string): T | null =>
  (event.target as Element).closest?.<T>(selector) ?? null;

/** Between parts of the page that do not know each other. */
export const tell = (name: string, detail?: unknown): boolean =>
  document.dispatchEvent(new CustomEvent(name, { detail }));

export const heed = <T>(name: string, run: (detail: T) => void): void =>
  document.addEventListener(name, (event) => run((event as CustomEvent<T>).detail));

export function fragment(html: string): DocumentFragment {
  const holder = document.createElement('template');
  holder.innerHTML = html.trim();
  return holder.content;
}

/** A copy of what is in a <template>. */
export const copyOf = (selector: string): DocumentFragment =>
  must<HTMLTemplateElement>(selector).content.cloneNode(true) as DocumentFragment;

/** Its first element alone. */
export const pattern = <T extends HTMLElement = HTMLElement>(id: string): T =>
  copyOf(`template#${id}`).firstElementChild as T;

export function put(root: ParentNode, selector: string, text: string): void {
  const target = $(selector, root);
  if (target) target.textContent = text;
}

export function icon(name: string, size = 'ic-s'): SVGSVGElement {
  const svg = document.createElementNS('http://www.w3.org/2000/svg', 'svg');
  svg.setAttribute('class', `ic ${size}`);
  svg.setAttribute('aria-hidden', 'true');
  const use = document.createElementNS('http://www.w3.org/2000/svg', 'use');
  use.setAttribute('href', `${metaContent('sprite')}#i-${name}`);
  svg.append(use);
  return svg;
}

export function setIcon(holder: Element, name: string): void {
  $('use', holder)?.setAttribute('href', `${metaContent('sprite')}#i-${name}`);
}

export function metaContent(name: string): string {
  return $<HTMLMetaElement>(`meta[name="${name}"]`)?.content ?? '';
}

export function element<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  className = '',
  text = '',
): HTMLElementTagNameMap[K] {
  const made = document.createElement(tag);
  if (className) made.className = className;
  if (text) made.textContent = text;
  return made;
}

export function button(className: string, text: string, press?: () => void): HTMLButtonElement {
  const made = element('button', className, text);
  made.type = 'button';
  if (press) made.addEventListener('click', press);
  return made;
}

const TOAST_MS = 5000;

export function toast(text: string, action?: { text: string; run: () => void }): void {
  const box = element('div', 'toast');
  box.append(element('span', '', text));
  const remove = () => box.remove();
  if (action) {
    const act = button('toast-act', action.text, () => {
      remove();
      action.run();
    });
    box.append(act);
  }
  must('#toasts').append(box);
  setTimeout(remove, action ? TOAST_MS * 1.6 : TOAST_MS);
}

/** Said once by screen readers, without moving anything. */
export function announce(text: string): void {
  const region = byId('announce');
  if (region) region.textContent = text;
}

export const isTouch = (): boolean => !matchMedia('(hover: hover)').matches;
export const isPhone = (): boolean => matchMedia('(max-width: 860px)').matches;

/** Colour of a person or channel; the server reckons the same (kit/wording.py). */
export function hue(id: string | null | undefined, hues = 8): number {
  const tail = (id ?? '').replace(/[^0-9a-f]/g, '').slice(-4);
  return parseInt(tail || '0', 16) % hues;
}

export function initials(name: string): string {
  const words = name.split(/\s+/).filter((word) => /^[\p{L}\p{N}]/u.test(word));
  const first = words[0];
  if (!first) return '#';
  const last = words.length > 1 ? words[words.length - 1]! : '';
  return ([...first][0]! + ([...last][0] ?? '')).toUpperCase();
}

export function avatar(
  person: { id: string | null; name: string; avatar_url?: string | null },
  size = '',
): HTMLElement {
  const face = element('span', `av av-${hue(person.id)}`, initials(person.name));
  face.setAttribute('aria-hidden', 'true');
  if (size) face.dataset.s = size;
  if (person.avatar_url) {
    const picture = element('img');
    picture.alt = '';
    picture.loading = 'lazy';
    picture.src = safeUrl(person.avatar_url);
    face.append(picture);
  }
  return face;
}

export function safeUrl(address: string): string {
  const url = new URL(address, location.href);
  return ['http:', 'https:', 'blob:'].includes(url.protocol) ? url.href : '#';
}

export async function copyText(text: string): Promise<void> {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    // Plain http on a LAN has no clipboard API.
    const field = element('textarea');
    field.value = text;
    document.body.append(field);
    field.select();
    document.execCommand('copy');
    field.remove();
  }
  toast(t('Copiado'));
}

/** crypto.randomUUID does not exist on plain http; getRandomValues does. */
export function newKey(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(12));
  return Date.now().toString(36) + [...bytes].map((byte) => (byte & 31).toString(32)).join('');
}

/** Asks one of the page's questions (dialogs.html); `name` stands in its title. */
export function confirmed(question: string, name = ''): Promise<boolean> {
  const dialog = must<HTMLDialogElement>('#dlg-confirm');
  must('form', dialog).replaceChildren(copyOf(`#ask-${question}`));
  put(dialog, '[data-name]', name);
  dialog.returnValue = '';
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener('close', () => resolve(dialog.returnValue === 'yes'), { once: true });
  });
}

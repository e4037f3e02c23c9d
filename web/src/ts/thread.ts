// <hb-thread>: the message list. Markup comes from the server's macro; this class only places nodes.
// The scroller is column-reverse with one child in normal order: the bottom is scrollTop 0, and older pages added
// on top cannot move what is being read.
import { adopt, bubbleFor, setBars, setStatus } from './bubbles';
import { $, $$, byId, element, fragment, pattern, tell, toast, under } from './dom';
import { t } from './i18n';
import { page } from './net';
import { dayName, fullTime } from './time';
import type { Message, MessageStatus } from './types';

/** Messages in a group and groups in a page: the units of skipped rendering (thread.css, _chat.html). */
const GROUP_SIZE = 20;
const PAGE_GROUPS = 10;
const OLDER_AT_ONCE = 50;
const LOAD_WITHIN_PX = 900;
const BOTTOM_WITHIN_PX = 80;
/** Messages further up than this many pages are shown with what stands around them, apart from the thread's end. */
const PAGES_BACK = 3;
const TYPING_EXPIRES_MS = 6_000;
/** Versions are microseconds; a slower transaction may become visible this much later than a faster one. */
const OVERLAP = 5_000_000;
/** More arrivals than this in one frame are placed without animation. */
const ANIMATED_ARRIVALS = 4;
const AFTER_ALL = '~';

export class Thread extends HTMLElement {
  /** Arrived while the reader was further up. */
  unseen = 0;

  #box!: HTMLElement;
  #loading: Promise<void> | null = null;
  #frame = 0;
  #typingTimer = 0;
  #typingRow: HTMLElement | null = null;
  #toolbar: HTMLElement | null = null;

  get conversation(): string {
    return this.dataset.conv!;
  }

  get atBottom(): boolean {
    return !this.dataset.newer && isBottom(this.scrollTop);
  }

  connectedCallback(): void {
    this.#box = this.firstElementChild as HTMLElement;
    this.addEventListener('scroll', this.#onScroll, { passive: true });
    this.addEventListener('pointerover', this.#attend);
    this.addEventListener('focusin', this.#attend);
    setBars(this.#box);
  }

  disconnectedCallback(): void {
    this.removeEventListener('scroll', this.#onScroll);
    this.removeEventListener('pointerover', this.#attend);
    this.removeEventListener('focusin', this.#attend);
  }

  toBottom(top = this.scrollTop): void {
    if (this.dataset.newer) return void this.#toEnd();
    // What stands at the very bottom stays there by itself, without a layout before its time.
    if (top) this.scrollTop = 0;
    this.unseen = 0;
    this.#showJump(true);
  }

  bubble(id: string): HTMLElement | null {
    return this.querySelector<HTMLElement>(`#m-${CSS.escape(id)}`);
  }

  /** What was written here with that key, whether it is accepted by now or not. */
  unsent(key: string): HTMLElement | null {
    const waiting = this.querySelector<HTMLElement>(`#c-${CSS.escape(key)}`);
    return waiting ?? this.#last((node) => node.getAttribute('data-cid') === key);
  }

  lastOwn(): HTMLElement | null {
    return this.#last((node) => node.matches('.msg.out[data-id]'));
  }

  lastInbound(): HTMLElement | null {
    return this.#last((node) => node.matches('.msg.in[data-id]'));
  }

  /** Asking for changes since then closes any gap; what is here already is recognised by its version. */
  get #caughtUpTo(): number {
    const known = $$('[data-id][data-v]', this.#box).map((node) => Number(node.dataset.v));
    return Math.max(0, Math.max(0, ...known) - OVERLAP);
  }

  /** The only way in for the stream, answers, edits and catching up: a burst is one read, many writes, one write. */
  upsert(messages: Message[]): void {
    const top = this.scrollTop;
    const sticks = isBottom(top);
    const height = sticks ? 0 : this.#box.offsetHeight;
    let hasGrown = false;
    for (const message of messages) {
      const placed = this.#place(message);
      if (!placed) continue;
      hasGrown = true;
      if (messages.length < ANIMATED_ARRIVALS) placed.dataset.new = '';
      if (!sticks && placed.classList.contains('in')) this.unseen += 1;
    }
    if (!hasGrown) return;
    if (sticks) {
      this.toBottom(top);
      return;
    }
    this.scrollTop = top - (this.#box.offsetHeight - height);
    this.#showJump(false);
  }

  /** Adds the bubble of something just written, at the bottom; where that is not here, it is drawn on arrival. */
  addUnsent(bubble: HTMLElement): void {
    if (this.dataset.newer) return void this.#toEnd();
    const top = this.scrollTop;
    this.#placeLast(bubble);
    this.toBottom(top);
  }

  setStatus(change: MessageStatus): void {
    const bubble = this.bubble(change.id);
    if (bubble) setStatus(bubble, change.status, change.version, change.error);
  }

  typing(isOn: boolean): void {
    clearTimeout(this.#typingTimer);
    this.#typingRow?.remove();
    this.#typingRow = null;
    if (!isOn) return;
    const row = element('div', 'msg in typing-row');
    const dots = element('span', 'typing-b');
    dots.append(element('i'), element('i'), element('i'));
    row.setAttribute('aria-hidden', 'true');
    row.append(dots);
    this.#typingRow = row;
    const top = this.scrollTop;
    this.#lastGroup().append(row);
    if (top && isBottom(top)) this.scrollTop = 0;
    this.#typingTimer = window.setTimeout(() => this.typing(false), TYPING_EXPIRES_MS);
  }

  async older(count = OLDER_AT_ONCE): Promise<void> {
    const first = $('[data-id]', this.#box);
    if (this.#loading || !this.dataset.more || !first) return;
    await this.#load(`older?before=${first.dataset.id}&n=${count}`, (part, { headers }) => {
      this.#placeOlder(part);
      this.dataset.more = headers.get('X-More') ?? '';
    });
  }

  async #newer(): Promise<void> {
    const last = this.#lastPlaced();
    if (this.#loading || !this.dataset.newer || !last) return;
    await this.#load(`newer?after=${last.dataset.id}&n=${OLDER_AT_ONCE}`, (part, { headers }) => {
      const top = this.scrollTop;
      const height = this.#box.offsetHeight;
      const day = $('.day', part);
      if (this.#hasDay(day?.dataset.day ?? '')) day!.remove();
      this.#box.append(prepared(part));
      this.scrollTop = top - (this.#box.offsetHeight - height);
      this.#reach(headers);
    });
  }

  /** Shows the part around a message, or the end; what is just being loaded is not what was asked for. */
  async #jump(message = ''): Promise<void> {
    await this.#loading;
    const named = message && `message=${encodeURIComponent(message)}`;
    await this.#load(`around?${named}`, (part, { headers }) => {
      this.#box.replaceChildren(prepared(part));
      this.dataset.more = headers.get('X-More') ?? '';
      this.#reach(headers);
    });
  }

  async #toEnd(): Promise<void> {
    await this.#jump();
    if (!this.dataset.newer) this.toBottom();
  }

  /** What came while the end was elsewhere is asked for when it is here again. */
  #reach(headers: Headers): void {
    this.dataset.newer = headers.get('X-Newer') ?? '';
    this.#showJump(this.atBottom);
    if (!this.dataset.newer) tell('hb:end', this);
  }

  #load(what: string, place: (part: DocumentFragment, answer: Response) => void): Promise<void> {
    this.#loading = page(`/inbox/${this.conversation}/${what}`)
      .then(([html, answer]) => {
        // What is kept for later asks again when it is back.
        if (this.isConnected) place(fragment(html), answer);
      })
      // The next scroll asks again.
      .catch(() => undefined)
      .finally(() => {
        this.#loading = null;
      });
    return this.#loading;
  }

  /** What changed while this pane was away. False: too much, load the pane afresh. */
  async catchUp(): Promise<boolean> {
    const [html, answer] = await page(`/inbox/${this.conversation}/changes?since=${this.#caughtUpTo}`);
    if (answer.headers.get('X-Reload')) return false;
    const nodes = $$('[data-id]', fragment(html));
    this.upsert(nodes.map((node) => fromNode(node)));
    return true;
  }

  async show(id: string): Promise<void> {
    for (let pages = 0; pages < PAGES_BACK && !this.bubble(id) && !this.dataset.newer; pages += 1)
      await this.older(200);
    if (id && !this.bubble(id)) await this.#jump(id);
    const found = this.bubble(id);
    if (!found) {
      toast(t('A mensagem citada não está mais aqui.'));
      return;
    }
    found.scrollIntoView({ block: 'center' });
    found.classList.remove('flash');
    void found.offsetWidth;
    found.classList.add('flash');
  }

  #place(message: Message): HTMLElement | null {
    const old = this.bubble(message.id) ?? (message.cid ? this.unsent(message.cid) : null);
    if (old && !isNewer(message, old)) return null;
    const wasUnsent = old !== null && !old.dataset.id;
    if (
      old &&
      !message.html &&
      old.dataset.rough !== undefined &&
      !message.deleted_at &&
      !message.edited_at
    ) {
      adopt(old, message);
      if (wasUnsent) this.#settle(old);
      return null;
    }
    const bubble = bubbleFor(message);
    if (old) {
      bubble.classList.toggle('follows', old.classList.contains('follows'));
      old.replaceWith(bubble);
      if (wasUnsent) this.#settle(bubble);
      return null;
    }
    return this.#insert(bubble) ? bubble : null;
  }

  /** What was written here stood at the end by this computer's clock; now it has the box's time. */
  #settle(bubble: HTMLElement): void {
    let isAbove = false;
    const before = this.#last((node) => {
      if (isAbove) return true;
      isAbove = node === bubble;
      return false;
    });
    if (before && timeOf(before) > timeOf(bubble)) {
      bubble.remove();
      this.#insert(bubble);
    }
  }

  /** Nearly always the end; a late arrival goes where its time belongs. */
  #insert(bubble: HTMLElement): boolean {
    const at = timeOf(bubble);
    const last = this.#lastPlaced();
    if (!last || timeOf(last) <= at) {
      if (this.dataset.newer) return false;
      this.#placeLast(bubble);
      return true;
    }
    const earlier = this.#last((node) => timeOf(node) <= at);
    if (earlier) earlier.after(bubble);
    else if (this.dataset.more) return false;
    else this.#placeOlder(pageOf(bubble));
    return true;
  }

  #lastPlaced(): HTMLElement | null {
    return this.#last(() => true);
  }

  /** Looks from the end, because what is looked for is nearly always there, and a thread may be long. */
  #last(isWanted: (node: HTMLElement) => boolean): HTMLElement | null {
    for (const page of fromEnd(this.#box))
      for (const group of fromEnd(page))
        for (const node of fromEnd(group)) if (node.hasAttribute('data-at') && isWanted(node)) return node;
    return null;
  }

  #placeLast(bubble: HTMLElement): void {
    const before = this.#lastPlaced();
    const target = this.#lastGroup();
    const day = bubble.dataset.day ?? '';
    if (before?.dataset.day !== day && !this.#hasDay(day)) target.append(dayLine(day));
    bubble.classList.toggle(
      'follows',
      !!before && before.dataset.day === day && authorOf(before) === authorOf(bubble),
    );
    target.append(bubble);
    if (this.#typingRow) target.append(this.#typingRow);
  }

  #hasDay(day: string): boolean {
    return !!$(`.day[data-day="${CSS.escape(day)}"]`, this.#box);
  }

  #placeOlder(older: DocumentFragment): void {
    // Live arrivals may overlap with what history brings.
    for (const node of $$('[data-id]', older)) if (byId(node.id)) node.remove();
    const firstDay = $('.day', this.#box);
    const lastDay = $$('.day', older).at(-1);
    if (firstDay && lastDay && firstDay.dataset.day === lastDay.dataset.day) firstDay.remove();
    const kept = this.scrollTop;
    this.#box.prepend(prepared(older));
    this.scrollTop = kept;
  }

  #lastGroup(): HTMLElement {
    const page = this.#box.lastElementChild;
    const last = page?.lastElementChild as HTMLElement | null | undefined;
    if (last && last.childElementCount < GROUP_SIZE) return last;
    const added = element('div', 'grp');
    if (page && page.childElementCount < PAGE_GROUPS) page.append(added);
    else this.#box.append(within('pg', added));
    return added;
  }

  readonly #onScroll = (): void => {
    this.#frame ||= requestAnimationFrame(() => {
      this.#frame = 0;
      const fromTop = this.scrollHeight - this.clientHeight + this.scrollTop;
      if (fromTop < LOAD_WITHIN_PX) void this.older();
      if (-this.scrollTop < LOAD_WITHIN_PX) void this.#newer();
      const isAtBottom = this.atBottom;
      if (isAtBottom) this.unseen = 0;
      this.#showJump(isAtBottom);
      tell('hb:scrolled');
    });
  };

  #showJump(isAtBottom: boolean): void {
    // A pane that is kept for later has its button beside it, not in the page.
    const button = this.isConnected ? $('#composer .jump') : null;
    if (!button) return;
    button.hidden = isAtBottom;
    const count = button.lastElementChild as HTMLElement;
    count.hidden = !this.unseen;
    count.textContent = String(this.unseen);
  }

  /** What only one message at a time needs, the one under pointer or focus: all others stay at a few nodes. */
  readonly #attend = (event: Event): void => {
    const message = under(event, '.msg[data-id]');
    const bubble = message && $('.bub', message);
    if (!bubble) return;
    showFullTime(bubble);
    if (message.dataset.gone !== undefined || bubble.lastElementChild === this.#toolbar) return;
    this.#toolbar ??= pattern('tpl-acts');
    bubble.append(this.#toolbar);
  };
}

/** Whatever this computer's clock says: what the box has not taken yet comes after all it has. */
function timeOf(bubble: HTMLElement): string {
  return bubble.dataset.id ? (bubble.dataset.at ?? '') : AFTER_ALL;
}

function isNewer(message: Message, old: HTMLElement): boolean {
  const version = Number(old.dataset.v ?? 0);
  if (message.version !== version) return message.version > version;
  return !!message.html && old.dataset.rough !== undefined;
}

/** A fragment that came without its object, as the stream's would look. */
function fromNode(node: HTMLElement): Message {
  return {
    id: node.dataset.id!,
    version: Number(node.dataset.v),
    sent_at: node.dataset.at!,
    cid: node.dataset.cid ?? null,
    html: node.outerHTML,
  } as Message;
}

function authorOf(node: HTMLElement): string {
  const kind = ['in', 'out', 'note'].find((name) => node.classList.contains(name)) ?? 'sys';
  return `${kind} ${node.dataset.author ?? ''}`;
}

function showFullTime(bubble: HTMLElement): void {
  const time = $<HTMLTimeElement>('.meta time', bubble);
  if (time && !time.title) time.title = fullTime(new Date(time.dateTime));
}

function dayLine(day: string): HTMLElement {
  const line = element('div', 'day');
  line.dataset.day = day;
  const time = element('time', '', dayName(day));
  time.dateTime = day;
  line.append(time);
  return line;
}

/** A page of messages as the server prints it, ready to be placed. */
function prepared(part: DocumentFragment): DocumentFragment {
  setBars(part);
  const page = part.firstElementChild as HTMLElement;
  page.style.setProperty('--groups', String(page.childElementCount));
  return part;
}

function pageOf(bubble: HTMLElement): DocumentFragment {
  const holder = document.createDocumentFragment();
  holder.append(within('pg', within('grp', bubble)));
  return holder;
}

function within(className: string, node: HTMLElement): HTMLElement {
  const made = element('div', className);
  made.append(node);
  return made;
}

function* fromEnd(parent: Element): Generator<HTMLElement> {
  for (let node = parent.lastElementChild; node; node = node.previousElementSibling)
    yield node as HTMLElement;
}

const isBottom = (top: number): boolean => top > -BOTTOM_WITHIN_PX;

customElements.define('hb-thread', Thread);

export const currentThread = (): Thread | null => $<Thread>('#pane hb-thread');

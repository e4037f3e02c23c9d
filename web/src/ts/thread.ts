// <hb-thread>: the message list. Markup comes from the server's macro; this class only places nodes.
// The scroller is column-reverse with one child in normal order: the bottom is scrollTop 0, and older pages added
// on top cannot move what is being read.
import { adopt, bubbleFor, setBars, setStatus } from './bubbles';
import { $, $$, byId, element, fragment, pattern, toast } from './dom';
import { t } from './i18n';
import { page } from './net';
import { dayName } from './time';
import type { Message, MessageStatus } from './types';

/** Messages in one group of skipped rendering. */
const PAGE_SIZE = 60;
const OLDER_AT_ONCE = 50;
const LOAD_WITHIN_PX = 900;
const BOTTOM_WITHIN_PX = 80;
const TYPING_EXPIRES_MS = 6_000;
/** Versions are microseconds; a slower transaction may become visible this much later than a faster one. */
const OVERLAP = 5_000_000;
/** More arrivals than this in one frame are placed without animation. */
const ANIMATED_ARRIVALS = 4;
const AFTER_ALL = '~';

export class Thread extends HTMLElement {
  /** Arrived while the reader was further up. */
  unseen = 0;

  private box!: HTMLElement;
  private isLoading = false;
  private frame = 0;
  private typingTimer = 0;

  get conversation(): string {
    return this.dataset.conv!;
  }

  get atBottom(): boolean {
    return this.scrollTop > -BOTTOM_WITHIN_PX;
  }

  connectedCallback(): void {
    this.box = this.firstElementChild as HTMLElement;
    this.addEventListener('scroll', this.onScroll, { passive: true });
    this.addEventListener('pointerover', this.moveToolbar);
    this.addEventListener('focusin', this.moveToolbar);
    setBars(this.box);
  }

  disconnectedCallback(): void {
    this.removeEventListener('scroll', this.onScroll);
    this.removeEventListener('pointerover', this.moveToolbar);
    this.removeEventListener('focusin', this.moveToolbar);
  }

  toBottom(): void {
    this.scrollTop = 0;
    this.unseen = 0;
    this.showJump();
  }

  bubble(id: string): HTMLElement | null {
    return this.querySelector<HTMLElement>(`#m-${CSS.escape(id)}`);
  }

  unsent(key: string): HTMLElement | null {
    return this.querySelector<HTMLElement>(`[data-cid="${CSS.escape(key)}"]`);
  }

  lastOwn(): HTMLElement | null {
    return $$('.msg.out[data-id]', this).at(-1) ?? null;
  }

  lastInbound(): HTMLElement | null {
    return $$('.msg.in[data-id]', this).at(-1) ?? null;
  }

  /** Asking for changes since then closes any gap; what is here already is recognised by its version. */
  private get caughtUpTo(): number {
    const known = $$('[data-id][data-v]', this.box).map((node) => Number(node.dataset.v));
    return Math.max(0, Math.max(0, ...known) - OVERLAP);
  }

  /** The only way in for the stream, answers, edits and catching up: a burst is one read, many writes, one write. */
  upsert(messages: Message[]): void {
    const sticks = this.atBottom;
    const height = sticks ? 0 : this.box.offsetHeight;
    let hasGrown = false;
    for (const message of messages) {
      const placed = this.place(message);
      if (!placed) continue;
      hasGrown = true;
      if (messages.length < ANIMATED_ARRIVALS) placed.dataset.new = '';
      if (!sticks && placed.classList.contains('in')) this.unseen += 1;
    }
    if (!hasGrown) return;
    if (sticks) this.scrollTop = 0;
    else this.scrollTop -= this.box.offsetHeight - height;
    this.showJump();
  }

  /** Adds the bubble of something just written, at the bottom. */
  addUnsent(bubble: HTMLElement): void {
    this.placeLast(bubble);
    this.toBottom();
  }

  setStatus(change: MessageStatus): void {
    const bubble = this.bubble(change.id);
    if (bubble) setStatus(bubble, change.status, change.version, change.error);
  }

  typing(isOn: boolean): void {
    clearTimeout(this.typingTimer);
    $('.typing-row', this.box)?.remove();
    if (!isOn) return;
    const row = element('div', 'msg in typing-row');
    const dots = element('span', 'typing-b');
    dots.append(element('i'), element('i'), element('i'));
    row.setAttribute('aria-hidden', 'true');
    row.append(dots);
    this.lastPage().append(row);
    if (this.atBottom) this.scrollTop = 0;
    this.typingTimer = window.setTimeout(() => this.typing(false), TYPING_EXPIRES_MS);
  }

  async older(count = OLDER_AT_ONCE): Promise<void> {
    const first = $('[data-id]', this.box);
    if (this.isLoading || !this.dataset.more || !first) return;
    this.isLoading = true;
    try {
      const url = `/inbox/${this.conversation}/older?before=${first.dataset.id}&n=${count}`;
      const [html, answer] = await page(url);
      this.placeOlder(fragment(html));
      if (!answer.headers.get('X-More')) this.dataset.more = '';
    } catch {
      // The next scroll asks again.
    } finally {
      this.isLoading = false;
    }
  }

  /** What changed while this pane was away. False: too much, load the pane afresh. */
  async catchUp(): Promise<boolean> {
    const [html, answer] = await page(`/inbox/${this.conversation}/changes?since=${this.caughtUpTo}`);
    if (answer.headers.get('X-Reload')) return false;
    const nodes = $$('[data-id]', fragment(html));
    this.upsert(nodes.map((node) => fromNode(node)));
    return true;
  }

  async show(id: string): Promise<void> {
    for (let tries = 0; tries < 20 && !this.bubble(id) && this.dataset.more; tries += 1)
      await this.older(200);
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

  private place(message: Message): HTMLElement | null {
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
      if (wasUnsent) this.settle(old);
      return null;
    }
    const bubble = bubbleFor(message);
    if (old) {
      bubble.classList.toggle('follows', old.classList.contains('follows'));
      old.replaceWith(bubble);
      if (wasUnsent) this.settle(bubble);
      return null;
    }
    return this.insert(bubble) ? bubble : null;
  }

  /** What was written here stood at the end by this computer's clock; now it has the box's time. */
  private settle(bubble: HTMLElement): void {
    const bubbles = $$('[data-at]', this.box);
    const before = bubbles[bubbles.indexOf(bubble) - 1];
    if (before && timeOf(before) > timeOf(bubble)) {
      bubble.remove();
      this.insert(bubble);
    }
  }

  /** Nearly always the end; a late arrival goes where its time belongs. */
  private insert(bubble: HTMLElement): boolean {
    const at = timeOf(bubble);
    const last = this.lastPlaced();
    if (!last || timeOf(last) <= at) {
      this.placeLast(bubble);
      return true;
    }
    const earlier = $$('[data-at]', this.box).findLast((node) => timeOf(node) <= at);
    if (earlier) earlier.after(bubble);
    else if (this.dataset.more) return false;
    else this.placeOlder(wrap(bubble));
    return true;
  }

  private lastPlaced(): HTMLElement | null {
    const groups = [...this.box.children].slice(-2).reverse();
    for (const group of groups) {
      const found = $$('[data-at]', group).at(-1);
      if (found) return found;
    }
    return null;
  }

  private placeLast(bubble: HTMLElement): void {
    const before = this.lastPlaced();
    const target = this.lastPage();
    const typing = $('.typing-row', this.box);
    const day = bubble.dataset.day ?? '';
    if (before?.dataset.day !== day && !this.hasDay(day)) target.append(dayLine(day));
    bubble.classList.toggle(
      'follows',
      !!before && before.dataset.day === day && authorOf(before) === authorOf(bubble),
    );
    target.append(bubble);
    if (typing) target.append(typing);
  }

  private hasDay(day: string): boolean {
    return !!$(`.day[data-day="${CSS.escape(day)}"]`, this.box);
  }

  private placeOlder(older: DocumentFragment): void {
    // Live arrivals may overlap with what history brings.
    for (const node of $$('[data-id]', older)) if (byId(node.id)) node.remove();
    const firstDay = $('.day', this.box);
    const lastDay = $$('.day', older).at(-1);
    if (firstDay && lastDay && firstDay.dataset.day === lastDay.dataset.day) firstDay.remove();
    setBars(older);
    const kept = this.scrollTop;
    const groups: HTMLElement[] = [];
    while (older.firstElementChild) groups.push(this.group(older));
    this.box.prepend(...groups);
    this.scrollTop = kept;
  }

  private group(from: DocumentFragment): HTMLElement {
    const group = element('div', 'pg');
    while (from.firstElementChild && group.childElementCount < PAGE_SIZE)
      group.append(from.firstElementChild);
    return group;
  }

  private lastPage(): HTMLElement {
    const last = this.box.lastElementChild as HTMLElement | null;
    if (last && last.childElementCount < PAGE_SIZE) return last;
    const group = element('div', 'pg');
    this.box.append(group);
    return group;
  }

  private readonly onScroll = (): void => {
    this.frame ||= requestAnimationFrame(() => {
      this.frame = 0;
      const fromTop = this.scrollHeight - this.clientHeight + this.scrollTop;
      if (fromTop < LOAD_WITHIN_PX) void this.older();
      if (this.atBottom) this.unseen = 0;
      this.showJump();
      this.dispatchEvent(new CustomEvent('hb:scrolled', { bubbles: true }));
    });
  };

  private showJump(): void {
    const button = $('[data-cmd="jump"]', this.parentElement ?? document);
    if (!button) return;
    button.hidden = this.atBottom;
    const count = button.lastElementChild as HTMLElement;
    count.hidden = !this.unseen;
    count.textContent = String(this.unseen);
  }

  /** One toolbar for the whole list, moved to the bubble under pointer or focus: a message stays at a few nodes. */
  private readonly moveToolbar = (event: Event): void => {
    const message = (event.target as Element).closest<HTMLElement>('.msg[data-id]');
    const bubble = message && $('.bub', message);
    if (!bubble || message.dataset.gone !== undefined || bubble.lastElementChild?.classList.contains('acts'))
      return;
    bubble.append($('.acts', this) ?? pattern('tpl-acts'));
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

function dayLine(day: string): HTMLElement {
  const line = element('div', 'day');
  line.dataset.day = day;
  const time = document.createElement('time');
  time.dateTime = day;
  time.textContent = dayName(day);
  line.append(time);
  return line;
}

function wrap(node: Node): DocumentFragment {
  const holder = document.createDocumentFragment();
  holder.append(node);
  return holder;
}

customElements.define('hb-thread', Thread);

export const currentThread = (): Thread | null => $<Thread>('#pane hb-thread');

// The conversation list: rows from the server, kept true by live events. What depends on the reader (unread, filters)
// is worked out here, from data attributes.
import { $, $$, avatar, byId, copyOf, element, fragment, hue, icon, must, pattern, put } from './dom';
import { filters, matches } from './filters';
import { t } from './i18n';
import { page } from './net';
import { isMe, wordFor } from './page';
import { minutesSeconds, rowTime, showWait } from './time';
import type { Conversation, Message, MessageStatus } from './types';

const SKELETON_AFTER_MS = 120;
const UNKNOWN_BATCH_MS = 300;
const UNKNOWN_AT_ONCE = 50;

let loading: AbortController | null = null;
let pageWatcher: IntersectionObserver | null = null;
let currentId = '';
let unknown = new Set<string>();

const list = (): HTMLElement => must('#convs');

export const rowOf = (id: string): HTMLElement | null => byId(`cv-${id}`);
export const allRows = (): HTMLElement[] => $$('.conv', list());

export function startRows(): void {
  watchNextPage();
  showEmptiness();
}

/** Loads the list afresh for the filters of now. */
export async function reloadRows(): Promise<void> {
  loading?.abort();
  const mine = new AbortController();
  loading = mine;
  const box = list();
  const skeleton = setTimeout(() => {
    box.replaceChildren(copyOf('#tpl-rows-skeleton'));
    box.setAttribute('aria-busy', 'true');
  }, SKELETON_AFTER_MS);
  try {
    const [html] = await page(`/inbox/list?${filters.query()}`, {}, mine.signal);
    clearTimeout(skeleton);
    const rows = fragment(html);
    showCounts($('template[data-counts]', rows)?.dataset ?? {});
    box.replaceChildren(rows);
    markCurrent(currentId);
    watchNextPage();
    showEmptiness();
  } finally {
    clearTimeout(skeleton);
    if (loading === mine) box.removeAttribute('aria-busy');
  }
}

export function showCounts(counts: Record<string, string | number | undefined>): void {
  for (const tab of ['mine', 'none', 'all']) put(document, `[data-count="${tab}"]`, String(counts[tab] ?? ''));
}

export function markCurrent(id: string): void {
  currentId = id;
  for (const row of $$('.conv[aria-current]', list())) row.removeAttribute('aria-current');
  for (const row of $$('.conv[data-leaving]', list())) if (row.dataset.id !== id) row.remove();
  rowOf(id)?.setAttribute('aria-current', 'true');
}

/** A live conversation: its row is built, moved, or leaves, by the filters of now. */
export function upsertRow(conversation: Conversation): void {
  const old = rowOf(conversation.id);
  if (old && Number(old.dataset.v) > conversation.version) return;
  if (!matches(conversation)) {
    // What is being read stays in sight until the reader moves on.
    if (old && conversation.id === currentId) {
      fill(old, conversation);
      old.dataset.leaving = '';
    } else {
      old?.remove();
    }
    showEmptiness();
    return;
  }
  if (!old && filters.now.q) return;
  const row = old ?? pattern('tpl-conv');
  delete row.dataset.leaving;
  if (!old) guessSeen(row, conversation);
  fill(row, conversation);
  moveToPlace(row);
  showEmptiness();
}

export function removeRow(id: string): void {
  rowOf(id)?.remove();
  showEmptiness();
}

export function setSeen(id: string, seen: number): void {
  const row = rowOf(id);
  if (!row) return;
  row.dataset.seen = String(seen);
  showUnread(row);
}

export const inboundOf = (id: string): number => Number(rowOf(id)?.dataset.inbound ?? 0);
export const isUnread = (id: string): boolean => rowOf(id)?.dataset.unread !== undefined;

/** Of the rows that are loaded: open ones, mine or nobody's, as the server counts them. */
export function unreadRows(): number {
  const rows = $$('.conv[data-unread][data-status="open"]', list());
  return rows.filter(({ dataset }) => !dataset.assignee || isMe(dataset.assignee)).length;
}

export function showTyping(id: string, isOn: boolean): void {
  const preview = rowOf(id) && $('.pv', rowOf(id)!);
  if (!preview) return;
  $('.typing', preview)?.remove();
  preview.classList.toggle('is-typing', isOn);
  if (isOn) preview.append(element('span', 'typing', t('digitando…')));
}

export function showStatus(change: MessageStatus): void {
  const row = rowOf(change.conversation_id);
  const tick = row?.dataset.last === change.id ? $('.pv .tick', row) : null;
  if (tick) setTick(tick, change.status);
}

export function showDraft(id: string, text: string): void {
  const row = rowOf(id);
  const preview = row && $('.pv', row);
  if (!preview) return;
  $('.draft-line', preview)?.remove();
  preview.classList.toggle('is-draft', !!text);
  if (!text) {
    // The row was printed with a draft only: what it hides comes with the next event or page.
    if (!preview.childElementCount) row.dataset.v = '0';
    return;
  }
  const line = element('span', 'draft-line');
  line.append(element('span', 'draft', t('Rascunho:')), ' ', text.slice(0, 120));
  preview.append(line);
}

function fill(row: HTMLElement, conversation: Conversation): void {
  const { contact, last_message: last } = conversation;
  row.id = `cv-${conversation.id}`;
  (row as HTMLAnchorElement).href = `/inbox/${conversation.id}`;
  Object.assign(row.dataset, {
    id: conversation.id,
    v: String(conversation.version),
    sort: last ? new Date(last.sent_at).toISOString() : (row.dataset.sort ?? ''),
    inbound: String(conversation.inbound_count ?? row.dataset.inbound ?? 0),
    status: conversation.status,
    assignee: conversation.assignee?.id ?? '',
    channel: conversation.channel_id,
    last: last?.id ?? '',
    labels: conversation.labels.map((label) => label.id).join(' '),
  });
  put(row, '.nm', contact.name);
  markClosed(row, conversation.status);
  fillFace(row, conversation);
  fillTimes(row, conversation);
  const preview = $('.pv', row)!;
  const kept = $$('.typing, .draft-line', preview);
  preview.replaceChildren(...(last ? previewOf(last) : []), ...kept);
  fillFoot(row, conversation);
  showUnread(row);
}

function markClosed(row: HTMLElement, status: string): void {
  $('.closed', row)?.remove();
  if (status === 'open') return;
  const [symbol, words] = status === 'resolved' ? ['check', t('Resolvida')] : ['alarm-clock', t('Adiada')];
  const mark = element('span', 'closed');
  mark.title = words;
  mark.append(icon(symbol, 'ic-xs'), element('span', 'sr', words));
  $('.nm', row)!.after(mark);
}

function fillFace(row: HTMLElement, { contact, channel_id: channel }: Conversation): void {
  const face = avatar(contact);
  if (contact.is_group) face.replaceChildren(icon('users'));
  const pin = element('span', `pin ch-${hue(channel, 4)}`);
  const dot = element('i');
  dot.append(icon('phone', ''));
  pin.append(dot);
  face.append(pin);
  $('.face', row)!.replaceChildren(face);
}

function fillTimes(row: HTMLElement, conversation: Conversation): void {
  const wait = $('.wait', row)!;
  if (conversation.waiting_since) wait.dataset.since = conversation.waiting_since;
  else delete wait.dataset.since;
  showWait(wait);
  const time = $<HTMLTimeElement>('.r1 time', row)!;
  if (!conversation.last_message) return;
  const moment = new Date(conversation.last_message.sent_at);
  time.dateTime = moment.toISOString();
  time.textContent = rowTime(moment);
}

function fillFoot(row: HTMLElement, conversation: Conversation): void {
  const labels = conversation.labels.map((label) =>
    element('span', `label lc-${label.color ?? 0}`, label.name),
  );
  $('.labels', row)!.replaceChildren(...labels);
  const owner = $('.asg', row)!;
  if (!conversation.assignee) {
    owner.textContent = t('Sem dono');
    return;
  }
  owner.replaceChildren(
    avatar(conversation.assignee, 'xs'),
    element('span', 'sr', conversation.assignee.name),
  );
}

function previewOf(message: Message): Node[] {
  const parts: Node[] = [];
  if (message.deleted_at) return [icon('ban', 'ic-xs'), element('span', '', t('Mensagem apagada'))];
  if (message.direction === 'out' && message.status) {
    const tick = element('span', 'tick');
    tick.append(element('span', 'sr'));
    setTick(tick, message.status);
    parts.push(tick);
  }
  const symbol = wordFor('icon', message.type);
  if (symbol) parts.push(icon(symbol, 'ic-xs'));
  const words = element('span', '', previewText(message));
  words.dir = 'auto';
  parts.push(words);
  return parts;
}

export function previewText(message: Message): string {
  if (message.type === 'document' && message.media?.name) return message.media.name;
  const said = message.text || message.location?.name || message.order?.title || namesOf(message);
  if (said) return said.slice(0, 160);
  const seconds = message.media?.seconds;
  const word = wordFor('preview', message.type) || t('Mensagem');
  return seconds ? `${word} (${minutesSeconds(seconds)})` : word;
}

const namesOf = (message: Message): string =>
  (message.contacts ?? []).map((contact) => contact.name).join(', ');

function setTick(tick: HTMLElement, status: string): void {
  tick.dataset.st = status;
  put(tick, '.sr', wordFor('status', status));
}

function showUnread(row: HTMLElement): void {
  const unread = Math.max(0, Number(row.dataset.inbound) - Number(row.dataset.seen));
  const count = $('.count', row)!;
  if (unread) row.dataset.unread = String(unread);
  else delete row.dataset.unread;
  count.hidden = !unread;
  put(count, '.n', unread > 99 ? '99+' : String(unread));
}

/** Until the server says how much of it this reader has seen, the last message counts as new. */
function guessSeen(row: HTMLElement, conversation: Conversation): void {
  const inbound = conversation.inbound_count ?? 0;
  row.dataset.seen = String(
    conversation.last_message?.direction === 'in' ? Math.max(0, inbound - 1) : inbound,
  );
  if (!unknown.size) setTimeout(askForUnknown, UNKNOWN_BATCH_MS);
  unknown.add(conversation.id);
}

async function askForUnknown(): Promise<void> {
  const ids = [...unknown].slice(0, UNKNOWN_AT_ONCE);
  unknown = new Set();
  try {
    const [html] = await page(`/inbox/rows?ids=${ids.join(',')}`);
    for (const printed of $$('.conv', fragment(html)))
      setSeen(printed.dataset.id!, Number(printed.dataset.seen));
  } catch {
    // The guess stays until the list is loaded again.
  }
}

function moveToPlace(row: HTMLElement): void {
  const sort = row.dataset.sort ?? '';
  const next = allRows().find((other) => other !== row && (other.dataset.sort ?? '') <= sort);
  const more = $('.more', list());
  if (next) {
    if (row.nextElementSibling !== next) next.before(row);
  } else if (more) {
    // Older than everything loaded: it comes with its page.
    if (!row.isConnected) return;
    more.before(row);
  } else {
    list().append(row);
  }
  if (row.dataset.id === currentId) row.setAttribute('aria-current', 'true');
}

function watchNextPage(): void {
  pageWatcher?.disconnect();
  const more = $('.more', list());
  if (!more) return;
  pageWatcher = new IntersectionObserver(
    (entries) => {
      if (entries.some((entry) => entry.isIntersecting)) void loadNextPage(more);
    },
    { root: list(), rootMargin: '600px' },
  );
  pageWatcher.observe(more);
}

async function loadNextPage(more: HTMLElement): Promise<void> {
  pageWatcher?.disconnect();
  try {
    const [html] = await page(
      `/inbox/list?${filters.query()}&cursor=${encodeURIComponent(more.dataset.next!)}`,
    );
    if (!more.isConnected) return;
    const rows = fragment(html);
    for (const row of $$('.conv', rows)) if (byId(row.id)) row.remove();
    more.replaceWith(rows);
    markCurrent(currentId);
    watchNextPage();
  } catch {
    setTimeout(watchNextPage, 3000);
  }
}

function showEmptiness(): void {
  const box = list();
  const hasRows = !!$('.conv', box);
  const shown = $('.empty', box);
  if (hasRows || $('.more', box)) {
    shown?.remove();
  } else if (!shown) {
    const name = filters.areSet() ? '#tpl-rows-none' : '#tpl-rows-empty';
    box.append(copyOf(name));
  }
}

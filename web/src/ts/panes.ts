// Switching conversations: the last panes stay as detached DOM (scroll, draft, player) and still receive events;
// neighbours and hovered rows are fetched ahead.
import { showHead } from './head';
import { $, $$, byId, copyOf, FIELDS, fragment, isTouch, must, tell, toast } from './dom';
import { filters } from './filters';
import { oncePerFrame } from './frames';
import { page, Refused } from './net';
import { wordFor } from './page';
import { markCurrent, rowOf } from './rows';
import { startSeeing } from './seen';
import { showUnsentIn } from './sending';
import { nowViewing } from './socket';
import { currentThread, type Thread } from './thread';
import { showTitle } from './notify';
import type { Conversation, Message, MessageStatus } from './types';

const KEPT_PANES = 12;
const PREFETCH_LIVES_MS = 15_000;
const SKELETON_AFTER_MS = 120;
/** A pane that was away longer asks what it missed. */
const FRESH_MS = 60_000;

interface Loaded {
  html: string;
  newsThen: number;
}

interface Pane {
  main: Element[];
  side: Element[];
  scroll: number;
  leftAt: number;
}

const kept = new Map<string, Pane>();
const fetching = new Map<string, Promise<Loaded>>();
const latest = new Map<string, Conversation>();
const waiting = new Map<string, Message[]>();
/** How much news a conversation had that found no pane: a pane asked for before the last of it lacks something. */
const news = new Map<string, number>();

const pane = (): HTMLElement => must('#pane');
const side = (): HTMLElement => must('#side');

export const currentId = (): string => currentThread()?.conversation ?? '';

export function threadOf(conversation: string): Thread | null {
  const current = currentThread();
  if (current?.conversation === conversation) return current;
  const found = kept.get(conversation)?.main.find((node) => node.localName === 'hb-thread');
  return (found as Thread | undefined) ?? null;
}

export function prefetch(id: string): void {
  if (id && id !== currentId() && !kept.has(id)) void load(id).catch(() => undefined);
}

export async function openConversation(id: string, push = true): Promise<void> {
  const from = currentId();
  const writingIn = document.activeElement;
  document.body.dataset.view = 'thread';
  markCurrent(id);
  if (push) history.pushState({ conversation: id }, '', `/inbox/${id}?${filters.query()}`);
  if (id !== from) {
    keep(from);
    const isShown = showKept(id) || (await showLoaded(id));
    if (!isShown) return;
  }
  arrived(id, writingIn);
}

export function showList(push = true): void {
  document.body.dataset.view = 'list';
  if (push) history.pushState({}, '', `/inbox?${filters.query()}`);
  nowViewing(null);
}

/** No conversation is open any more: it left, or the reader may no longer see it. */
export function closeConversation(id: string): void {
  kept.delete(id);
  latest.delete(id);
  if (currentId() !== id) return;
  pane().replaceChildren(copyOf('#tpl-nothing'));
  side().replaceChildren();
  must('#inbox').dataset.side = 'off';
  showList();
}

export async function reloadPane(id: string): Promise<void> {
  kept.delete(id);
  fetching.delete(id);
  if (id === currentId()) {
    await showLoaded(id);
    arrived(id);
  }
}

export function forgetKept(): void {
  kept.clear();
  fetching.clear();
}

/** A burst goes into its thread at once. */
export function receive(message: Message): void {
  const list = waiting.get(message.conversation_id);
  if (list) list.push(message);
  else waiting.set(message.conversation_id, [message]);
  flushSoon();
}

export function receiveStatus(change: MessageStatus): void {
  // A status must not overtake the message it belongs to.
  if (waiting.has(change.conversation_id)) flush();
  const thread = threadOf(change.conversation_id);
  if (thread) thread.setStatus(change);
  else countNews(change.conversation_id);
}

export function receiveConversation(conversation: Conversation): void {
  latest.set(conversation.id, conversation);
  if (conversation.id === currentId()) showHead(conversation);
}

const flushSoon = oncePerFrame(flush);

function flush(): void {
  const batches = [...waiting];
  waiting.clear();
  for (const [id, messages] of batches) {
    const thread = threadOf(id);
    if (thread) thread.upsert(messages);
    else countNews(id);
  }
}

function keep(id: string): void {
  const thread = currentThread();
  if (!id || !thread) return;
  kept.delete(id);
  kept.set(id, {
    main: [...pane().children],
    side: [...side().children],
    scroll: thread.scrollTop,
    leftAt: Date.now(),
  });
  if (kept.size > KEPT_PANES) kept.delete(kept.keys().next().value as string);
}

function showKept(id: string): boolean {
  const found = kept.get(id);
  if (!found) return false;
  kept.delete(id);
  pane().replaceChildren(...found.main);
  side().replaceChildren(...found.side);
  const thread = currentThread()!;
  // It comes back at the bottom; moving it costs a layout.
  if (found.scroll) thread.scrollTop = found.scroll;
  const news = latest.get(id);
  if (news) showHead(news);
  if (Date.now() - found.leftAt > FRESH_MS) void refresh(thread);
  return true;
}

export async function refresh(thread: Thread): Promise<void> {
  try {
    const isComplete = await thread.catchUp();
    if (!isComplete) await reloadPane(thread.conversation);
  } catch {
    // The stream brings it when it is back.
  }
}

async function showLoaded(id: string): Promise<boolean> {
  const skeleton = setTimeout(() => {
    pane().setAttribute('aria-busy', 'true');
    pane().replaceChildren(copyOf('#tpl-pane-skeleton'));
  }, SKELETON_AFTER_MS);
  try {
    const { html, newsThen } = await load(id);
    // The reader may have moved on while this was coming.
    if (openedPath() !== id) return false;
    const [main = '', aside = ''] = html.split('<!--side-->');
    pane().replaceChildren(fragment(main));
    side().replaceChildren(fragment(aside));
    if (newsOf(id) !== newsThen) void refresh(currentThread()!);
    if (must('#inbox').dataset.side === 'off' && !byId('inbox')!.dataset.chosen)
      delete must('#inbox').dataset.side;
    return true;
  } catch (error) {
    if (openedPath() !== id) return false;
    explain(error, id);
    return false;
  } finally {
    clearTimeout(skeleton);
    if (openedPath() === id) pane().removeAttribute('aria-busy');
  }
}

const openedPath = (): string => location.pathname.split('/')[2] ?? '';

function explain(error: unknown, id: string): void {
  const isGone = error instanceof Refused && error.status === 404;
  pane().replaceChildren(copyOf(isGone ? '#tpl-nothing' : '#tpl-unopened'));
  side().replaceChildren();
  if (!isGone) return;
  rowOf(id)?.remove();
  showList();
  toast(wordFor('error', 'not_found'));
}

/** What could not be opened for want of a connection. */
export function openAgain(): void {
  const id = openedPath();
  if (id && id !== currentId()) void openConversation(id, false);
}

/** `writingIn` had the focus when this was asked for: who went to another field meanwhile goes on writing there. */
function arrived(id: string, writingIn = document.activeElement): void {
  showUnsentIn(id);
  nowViewing(id);
  startSeeing();
  showTitle();
  tell('hb:opened', id);
  const now = document.activeElement;
  if (isTouch() || (now !== writingIn && now?.matches(FIELDS))) return;
  $<HTMLTextAreaElement>('hb-composer textarea', pane())?.focus({ preventScroll: true });
}

const newsOf = (id: string): number => news.get(id) ?? 0;
const countNews = (id: string): Map<string, number> => news.set(id, newsOf(id) + 1);

function load(id: string): Promise<Loaded> {
  const known = fetching.get(id);
  if (known) return known;
  const newsThen = newsOf(id);
  const started = page(`/inbox/${id}`, { 'X-Pane': '1' }).then(([html]) => ({ html, newsThen }));
  fetching.set(id, started);
  started.catch(() => fetching.delete(id));
  setTimeout(() => fetching.delete(id), PREFETCH_LIVES_MS);
  return started;
}

/** Whatever is prefetched goes stale with every event about it. */
export function dropPrefetched(id: string): void {
  fetching.delete(id);
}

/** Steps through the rows as they are listed. */
export function step(by: number): void {
  const rows = $$('#convs .conv');
  const at = rows.findIndex((row) => row.dataset.id === currentId());
  const next = rows[Math.max(0, Math.min(rows.length - 1, at + by))];
  if (!next) return;
  next.scrollIntoView({ block: 'nearest' });
  void openConversation(next.dataset.id!);
  const following = rows[rows.indexOf(next) + by];
  if (following) prefetch(following.dataset.id!);
}

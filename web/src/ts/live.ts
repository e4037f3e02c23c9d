// The live stream: one per browser, held by the leading tab and passed on to the others.
// Replays overlap on purpose; what is already here is dropped by (kind, id, version), never by comparing cursors.
import { elect } from './election';
import { api } from './net';
import type { Channel, Conversation, Message, MessageStatus, Typing, Viewers } from './types';

export type State = 'init' | 'connecting' | 'open' | 'offline' | 'replaced';

export interface Events {
  hello: { version: string; build: string };
  message: Message;
  'message.status': MessageStatus;
  conversation: Conversation;
  'conversation.gone': { id: string; into?: string };
  channel: Channel;
  typing: Typing;
  presence: Viewers;
  counts: { t: string; conversation_id: string; seen: number };
  replaced: object;
  reset: { reason: string; cursor?: string };
  state: State;
}

type Name = keyof Events;
type Handler<N extends Name> = (data: Events[N]) => void;

interface Packet {
  name: Name;
  cursor: string;
  data: unknown;
}

const NAMES: Name[] = [
  'hello',
  'message',
  'message.status',
  'conversation',
  'conversation.gone',
  'channel',
  'typing',
  'presence',
  'counts',
  'replaced',
  'reset',
];
const VERSIONED = new Set<Name>(['message', 'message.status', 'conversation', 'channel']);

const REMEMBERED = 20_000;
const SILENCE_MS = 40_000;
const SILENCE_WHEN_BACK_MS = 20_000;
const FIRST_RETRY_MS = 800;
const LONGEST_RETRY_MS = 30_000;

const handlers = new Map<Name, Set<Handler<Name>>>();
const versions = new Map<string, number>();
const relay = 'BroadcastChannel' in window ? new BroadcastChannel('hb-live') : null;

let cursor = '';
let stream: EventSource | null = null;
let state: State = 'init';
let failures = 0;
let lastHeard = 0;
let retryTimer = 0;
let watchTimer = 0;
let isLeading = false;

export function on<N extends Name>(name: N, handler: Handler<N>): void {
  const set = handlers.get(name) ?? new Set();
  set.add(handler as Handler<Name>);
  handlers.set(name, set);
}

export const liveState = (): State => state;
export const isLeader = (): boolean => isLeading;

export function startLive(from: string): void {
  cursor = from;
  relay?.addEventListener('message', (event: MessageEvent<Packet>) => receive(event.data));
  elect(lead, stepDown);
}

/** After `replaced`: this window asks for the stream again. */
export function takeStream(): void {
  if (isLeading) open();
  else relay?.postMessage({ name: 'state', cursor: '', data: 'take' });
}

/** The page has just loaded everything up to here. */
export function moveCursor(to: string): void {
  if (to) cursor = to;
}

function lead(): void {
  isLeading = true;
  open();
  watchTimer = window.setInterval(watch, 10_000);
  addEventListener('online', reopenNow);
  addEventListener('offline', () => setState('offline'));
  document.addEventListener('visibilitychange', () => {
    if (!document.hidden && isLeading && silence() > SILENCE_WHEN_BACK_MS && state !== 'replaced') open();
  });
}

function stepDown(): void {
  isLeading = false;
  clearInterval(watchTimer);
  clearTimeout(retryTimer);
  stream?.close();
  stream = null;
}

const silence = (): number => Date.now() - lastHeard;

function watch(): void {
  if (state === 'replaced' || state === 'offline') return;
  // A laptop that slept leaves a connection that is open and dead.
  if (silence() > SILENCE_MS) retry();
}

function reopenNow(): void {
  if (!isLeading || state === 'replaced') return;
  failures = 0;
  open();
}

function open(): void {
  clearTimeout(retryTimer);
  stream?.close();
  lastHeard = Date.now();
  const opened = new EventSource(`/live?since=${encodeURIComponent(cursor)}`);
  stream = opened;
  opened.addEventListener('open', () => {
    failures = 0;
    lastHeard = Date.now();
    setState('open');
  });
  opened.addEventListener('error', () => {
    if (opened !== stream || state === 'replaced') return;
    setState(navigator.onLine ? 'connecting' : 'offline');
    // Anything but a 200 closes it for good; only a lost connection is retried by the browser itself.
    if (opened.readyState === EventSource.CLOSED) retry();
  });
  opened.addEventListener('ping', () => (lastHeard = Date.now()));
  for (const name of NAMES) {
    opened.addEventListener(name, (event) => {
      const message = event as MessageEvent<string>;
      lastHeard = Date.now();
      pass({ name, cursor: message.lastEventId, data: JSON.parse(message.data || '{}') });
    });
  }
}

function retry(): void {
  clearTimeout(retryTimer);
  stream?.close();
  const pause = Math.min(LONGEST_RETRY_MS, FIRST_RETRY_MS * 2 ** failures);
  failures += 1;
  // An ended session answers 401, which a stream cannot tell from any other refusal; an ordinary request can.
  if (failures === 2) void api('GET', '/ui/counts').catch(() => undefined);
  retryTimer = window.setTimeout(open, pause * (0.7 + Math.random() * 0.6));
}

function pass(packet: Packet): void {
  if (packet.name === 'replaced') {
    stream?.close();
    setState('replaced');
    return;
  }
  relay?.postMessage(packet);
  receive(packet);
}

function receive(packet: Packet): void {
  if (packet.name === 'state') {
    if (packet.data !== 'take') setState(packet.data as State, false);
    else if (isLeading) open();
    return;
  }
  if (packet.cursor) cursor = packet.cursor;
  if (packet.name === 'reset') {
    versions.clear();
    moveCursor((packet.data as Events['reset']).cursor ?? '');
  }
  if (VERSIONED.has(packet.name) && !isNews(packet)) return;
  emit(packet.name, packet.data as never);
}

function isNews({ name, data }: Packet): boolean {
  const { id, version } = data as { id: string; version?: number };
  if (version === undefined) return true;
  const key = `${name}:${id}`;
  const known = versions.get(key);
  if (known !== undefined && known >= version) return false;
  versions.delete(key);
  versions.set(key, version);
  if (versions.size > REMEMBERED) versions.delete(versions.keys().next().value as string);
  return true;
}

function emit<N extends Name>(name: N, data: Events[N]): void {
  for (const handler of handlers.get(name) ?? []) handler(data);
}

function setState(next: State, tellOthers = true): void {
  if (tellOthers) relay?.postMessage({ name: 'state', cursor: '', data: next });
  if (next === state) return;
  state = next;
  emit('state', next);
}

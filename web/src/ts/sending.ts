// Optimistic sending: the bubble stands at once, the request follows, one after the other per conversation so that order
// holds. What has no answer yet is kept and repeated with its key; what is refused says why, in place.
import { unsentBubble } from './bubbles';
import { $, newKey, pattern, put, toast } from './dom';
import { typeOf } from './files';
import { t } from './i18n';
import { liveState, on } from './live';
import { api, csrfHeaders, failureFrom, isPassing, Refused, refusalWords, Unreachable } from './net';
import { everythingUnsent, forget, remember, type Unsent } from './outbox';
import { inboxBoot, wordFor } from './page';
import type { Message } from './types';
import type { Thread } from './thread';

const FIRST_PAUSE_MS = 2_000;
const LONGEST_PAUSE_MS = 30_000;

export interface Writing {
  conversation: string;
  type: string;
  text?: string;
  quoted?: { id: string; who: string; text: string };
  file?: { blob: Blob; name: string; voice: boolean };
  /** Another message, all of which is sent on; `text` is only shown. */
  forward?: string;
}

type ThreadOf = (conversation: string) => Thread | null;

const queues = new Map<string, Unsent[]>();
const refused = new Map<string, { entry: Unsent; why: string }>();
const wakers = new Set<() => void>();

let threadOf: ThreadOf = () => null;

export async function startSending(find: ThreadOf): Promise<void> {
  threadOf = find;
  on('state', (state) => state === 'open' && wake());
  addEventListener('online', wake);
  const me = inboxBoot().me.id;
  for (const entry of await everythingUnsent()) {
    if (entry.user !== me) continue;
    showUnsent(entry);
    enqueue(entry);
  }
}

export function send(writing: Writing): void {
  const { conversation, type, text = '', quoted, file, forward } = writing;
  const entry: Unsent = {
    key: newKey(),
    user: inboxBoot().me.id,
    conversation,
    at: new Date().toISOString(),
    body: {
      type,
      text: forward ? undefined : text || undefined,
      quoted_id: quoted?.id,
      forward_id: forward,
    },
    shown: text,
    quoted,
    file,
  };
  showUnsent(entry);
  void remember(entry);
  enqueue(entry);
}

/** A pane that has just come: what was written there and not sent yet belongs in it. */
export function showUnsentIn(conversation: string): void {
  for (const entry of queues.get(conversation) ?? []) showUnsent(entry);
  for (const { entry, why } of refused.values()) {
    if (entry.conversation !== conversation) continue;
    showUnsent(entry);
    showRefusal(entry, why);
  }
}

export function retryRefused(key: string): void {
  const found = refused.get(key);
  if (!found) return;
  refused.delete(key);
  const bubble = threadOf(found.entry.conversation)?.unsent(key);
  if (bubble) {
    $('.fail', bubble)?.remove();
    bubble.dataset.status = 'queued';
    put(bubble, '.meta .st', wordFor('status', 'queued'));
    delete bubble.dataset.refused;
  }
  enqueue(found.entry);
}

export function discardRefused(key: string): void {
  const found = refused.get(key);
  if (!found) return;
  refused.delete(key);
  void forget(key);
  threadOf(found.entry.conversation)?.unsent(key)?.remove();
}

function showUnsent(entry: Unsent): void {
  const thread = threadOf(entry.conversation);
  if (!thread || thread.unsent(entry.key)) return;
  const { key, at, body, shown, quoted, file } = entry;
  thread.addUnsent(unsentBubble({ key, type: body.type, text: shown, at: new Date(at), quoted, file }));
}

function enqueue(entry: Unsent): void {
  const queue = queues.get(entry.conversation);
  if (queue) {
    queue.push(entry);
    return;
  }
  const started = [entry];
  queues.set(entry.conversation, started);
  void work(entry.conversation, started);
}

async function work(conversation: string, queue: Unsent[]): Promise<void> {
  let pause = FIRST_PAUSE_MS;
  while (queue[0]) {
    const entry = queue[0];
    try {
      const message = await deliver(entry);
      void forget(entry.key);
      threadOf(conversation)?.upsert([{ ...message, cid: entry.key }]);
      pause = FIRST_PAUSE_MS;
    } catch (error) {
      if (isPassing(error)) {
        await woken(error instanceof Refused && error.retryAfter ? error.retryAfter * 1000 : pause);
        pause = Math.min(pause * 2, LONGEST_PAUSE_MS);
        continue;
      }
      refuse(entry, error);
    }
    queue.shift();
  }
  queues.delete(conversation);
}

async function deliver(entry: Unsent): Promise<Message> {
  if (entry.file && !entry.body.media_id) {
    const { id, mime } = await upload(entry);
    entry.body.media_id = id;
    // What WhatsApp would not take under its name goes as a document.
    if (!entry.file.voice && typeOf(mime) !== entry.body.type) entry.body.type = 'document';
    void remember(entry);
  }
  const url = `/api/v1/conversations/${entry.conversation}/messages`;
  return api<Message>('POST', url, entry.body, { key: entry.key });
}

interface Uploaded {
  id: string;
  /** What the bytes are, whatever the name said. */
  mime: string;
}

/** XHR, because fetch cannot tell how much of a file has left. */
function upload(entry: Unsent): Promise<Uploaded> {
  const form = new FormData();
  form.append('file', entry.file!.blob, entry.file!.name);
  if (entry.file!.voice) form.append('kind', 'voice');
  const request = new XMLHttpRequest();
  request.open('POST', '/api/v1/media');
  for (const [name, value] of Object.entries(csrfHeaders())) request.setRequestHeader(name, value);
  request.setRequestHeader('Accept', 'application/json');
  request.setRequestHeader('Idempotency-Key', `${entry.key}-file`);
  request.upload.addEventListener('progress', (event) => showProgress(entry, event));
  return new Promise((resolve, reject) => {
    request.addEventListener('load', () => {
      if (request.status >= 400) reject(failureFrom(request.status, request.responseText));
      else resolve(JSON.parse(request.responseText) as Uploaded);
    });
    request.addEventListener('error', () => reject(new Unreachable('upload')));
    request.send(form);
  });
}

function showProgress(entry: Unsent, event: ProgressEvent): void {
  const bubble = threadOf(entry.conversation)?.unsent(entry.key);
  const bar = bubble && $<HTMLProgressElement>('progress', bubble);
  if (bar && event.lengthComputable) bar.value = (event.loaded / event.total) * 100;
}

function refuse(entry: Unsent, error: unknown): void {
  const why = error instanceof Refused ? refusalWords(error) : t('Não enviada.');
  refused.set(entry.key, { entry, why });
  // Who forwards is reading another conversation.
  if (entry.body.forward_id) toast(why);
  showRefusal(entry, why);
}

function showRefusal(entry: Unsent, why: string): void {
  const bubble = threadOf(entry.conversation)?.unsent(entry.key);
  if (!bubble) return;
  bubble.dataset.status = 'failed';
  put(bubble, '.meta .st', wordFor('status', 'failed'));
  bubble.dataset.refused = '';
  $('.fail', bubble)?.remove();
  const line = pattern('tpl-refused');
  put(line, 'span', why);
  bubble.append(line);
}

function wake(): void {
  for (const waker of [...wakers]) waker();
}

function woken(afterMs: number): Promise<void> {
  // While the stream is down there is no point in hurrying; its return wakes everybody.
  const wait = liveState() === 'offline' ? LONGEST_PAUSE_MS : afterMs;
  return new Promise((resolve) => {
    const timer = setTimeout(done, wait);
    wakers.add(done);
    function done(): void {
      clearTimeout(timer);
      wakers.delete(done);
      resolve();
    }
  });
}

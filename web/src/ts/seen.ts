// What this person has seen. Said to the server only when the page is visible, focused and at the newest message for a second.
import { heed } from './dom';
import { api } from './net';
import { inboundOf, isUnread, setSeen } from './rows';
import { showTitle } from './notify';
import { currentThread } from './thread';

const SEEN_AFTER_MS = 1_000;

let timer = 0;
/** Marked unread by hand: looking on does not undo it until the conversation is opened again. */
let leftUnread = '';

export function startSeeing(): void {
  leftUnread = '';
  look();
}

/** Called whenever something may have become visible. */
export function look(): void {
  clearTimeout(timer);
  const thread = currentThread();
  if (!thread || !canSee() || thread.conversation === leftUnread || !isUnread(thread.conversation)) return;
  timer = window.setTimeout(tell, SEEN_AFTER_MS);
}

export async function markUnread(conversation: string): Promise<void> {
  clearTimeout(timer);
  leftUnread = conversation;
  await api('POST', `/ui/conversations/${conversation}/unread`);
  setSeen(conversation, Math.max(0, inboundOf(conversation) - 1));
  showTitle();
}

function canSee(): boolean {
  return !document.hidden && document.hasFocus() && !!currentThread()?.atBottom;
}

function tell(): void {
  const thread = currentThread();
  if (!thread || !canSee()) return;
  const { conversation } = thread;
  const seen = inboundOf(conversation);
  setSeen(conversation, seen);
  showTitle();
  const body = { seen, message_id: thread.lastInbound()?.dataset.id ?? null };
  // Offline it is simply seen again later.
  void api('POST', `/ui/conversations/${conversation}/seen`, body).catch(() => undefined);
}

export function watchVisibility(): void {
  document.addEventListener('visibilitychange', look);
  addEventListener('focus', look);
  heed('hb:scrolled', look);
}

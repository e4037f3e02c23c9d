// The contact panel follows what happens: notes, pictures, rounds, and what a colleague writes about the contact.
import { $$, byId, fragment, heed } from './dom';
import { on } from './live';
import { page } from './net';
import { currentId } from './panes';
import { rowOf } from './rows';
import type { Conversation, Message } from './types';

const REFRESH_AFTER_MS = 800;

let timer = 0;
/** Conversations out of sight whose panel has something new. */
const stale = new Set<string>();

export function startSide(): void {
  on('message', (message) => isShownBeside(message) && isStale(message.conversation_id));
  heed<string>('hb:opened', (id) => {
    if (stale.delete(id)) refreshSoon(id);
  });
}

/** To be asked before the row is drawn anew: a change without a message is one of the conversation's or contact's own. */
export function noteChange(conversation: Conversation): void {
  const known = rowOf(conversation.id);
  if (known && known.dataset.last === (conversation.last_message?.id ?? '')) isStale(conversation.id);
}

const isShownBeside = ({ type, media }: Message): boolean => type === 'note' || media?.state === 'ready';

function isStale(id: string): void {
  if (id === currentId()) refreshSoon(id);
  else stale.add(id);
}

function refreshSoon(id: string): void {
  clearTimeout(timer);
  timer = window.setTimeout(() => void refresh(id).catch(() => stale.add(id)), REFRESH_AFTER_MS);
}

async function refresh(id: string): Promise<void> {
  const [html] = await page(`/inbox/${id}/side`);
  const side = byId('side');
  // The reader may have opened another conversation meanwhile.
  if (!side || id !== currentId()) return;
  const old = $$<HTMLDetailsElement>(':scope > [data-part]', side);
  const isOpen = new Map(old.map((part) => [part.dataset.part, part.open]));
  const fresh = $$<HTMLDetailsElement>('[data-part]', fragment(html));
  for (const part of fresh) part.open = isOpen.get(part.dataset.part) ?? part.open;
  old[0]?.before(...fresh);
  for (const part of old) part.remove();
}

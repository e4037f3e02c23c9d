// What is half written: in this browser at once, on the server a moment later, so that the list shows it elsewhere too.
import { api } from './net';
import { inboxBoot } from './page';
import { showDraft } from './rows';

export interface Draft {
  text: string;
  mode: string;
  quoted_id: string | null;
}

interface Kept extends Draft {
  /** The server does not know of it yet: what it says of this draft is older. An empty text is a draft thrown away. */
  unsaved: boolean;
  at: number;
}

const SAVE_AFTER_MS = 1_500;
/** A page may have been printed, or fetched ahead, this long before the draft was saved. */
const PRINTED_BEFORE_MS = 30_000;

const timers = new Map<string, number>();

/** By person: one browser may serve several, and a session may end without a word. */
const keyOf = (conversation: string): string => `hb.draft.${inboxBoot().me.id}.${conversation}`;

export function localDraft(conversation: string): Draft | null {
  const found = kept(conversation);
  return found?.text ? found : null;
}

/** The draft to show where the server printed `printed`: the newer of the two. */
export function draftFor(conversation: string, printed: Draft | null): Draft | null {
  const found = kept(conversation);
  if (!found) return printed;
  if (found.unsaved) {
    later(conversation);
    return found.text ? found : null;
  }
  if (printed || Date.now() - found.at > PRINTED_BEFORE_MS) return printed;
  return found;
}

export function saveDraft(conversation: string, draft: Draft): void {
  if (!draft.text) {
    clearDraft(conversation);
    return;
  }
  keep(conversation, draft);
  later(conversation);
}

export function clearDraft(conversation: string): void {
  showDraft(conversation, '');
  if (!kept(conversation)) return;
  keep(conversation, { text: '', mode: 'reply', quoted_id: null });
  later(conversation);
}

/** Shown in the list only for conversations that are not open. */
export function showDraftOf(conversation: string): void {
  showDraft(conversation, localDraft(conversation)?.text ?? '');
}

function kept(conversation: string): Kept | null {
  try {
    return JSON.parse(localStorage.getItem(keyOf(conversation)) ?? 'null') as Kept | null;
  } catch {
    return null;
  }
}

function keep(conversation: string, draft: Draft): void {
  const entry: Kept = { ...draft, unsaved: true, at: Date.now() };
  localStorage.setItem(keyOf(conversation), JSON.stringify(entry));
}

function later(conversation: string): void {
  clearTimeout(timers.get(conversation));
  const timer = window.setTimeout(() => {
    timers.delete(conversation);
    // It stays marked as unsaved, and is tried again with the next letter or when the conversation is opened.
    void save(conversation).catch(() => undefined);
  }, SAVE_AFTER_MS);
  timers.set(conversation, timer);
}

async function save(conversation: string): Promise<void> {
  const entry = kept(conversation);
  if (!entry) return;
  const { text, mode, quoted_id } = entry;
  if (text) await api('PUT', `/ui/drafts/${conversation}`, { text, mode, quoted_id });
  else await api('DELETE', `/ui/drafts/${conversation}`);
  if (kept(conversation)?.at !== entry.at) return;
  if (text) localStorage.setItem(keyOf(conversation), JSON.stringify({ ...entry, unsaved: false, at: Date.now() }));
  else localStorage.removeItem(keyOf(conversation));
}

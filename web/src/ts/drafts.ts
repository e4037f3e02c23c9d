// What is half written: in this browser at once, on the server a moment later, so that the list shows it elsewhere too.
import { api } from './net';
import { showDraft } from './rows';

export interface Draft {
  text: string;
  mode: string;
  quoted_id: string | null;
}

const SAVE_AFTER_MS = 1_500;

const timers = new Map<string, number>();

const keyOf = (conversation: string): string => `hb.draft.${conversation}`;

export function localDraft(conversation: string): Draft | null {
  try {
    return JSON.parse(localStorage.getItem(keyOf(conversation)) ?? 'null') as Draft | null;
  } catch {
    return null;
  }
}

export function saveDraft(conversation: string, draft: Draft): void {
  if (!draft.text) {
    clearDraft(conversation);
    return;
  }
  localStorage.setItem(keyOf(conversation), JSON.stringify(draft));
  later(conversation, () => api('PUT', `/ui/drafts/${conversation}`, draft));
}

export function clearDraft(conversation: string): void {
  const had = localStorage.getItem(keyOf(conversation)) !== null;
  localStorage.removeItem(keyOf(conversation));
  showDraft(conversation, '');
  if (had || timers.has(conversation)) later(conversation, () => api('DELETE', `/ui/drafts/${conversation}`));
}

/** Shown in the list only for conversations that are not open. */
export function showDraftOf(conversation: string): void {
  showDraft(conversation, localDraft(conversation)?.text ?? '');
}

function later(conversation: string, save: () => Promise<unknown>): void {
  clearTimeout(timers.get(conversation));
  const timer = window.setTimeout(() => {
    timers.delete(conversation);
    // The local copy is the one that counts; the server's is a convenience.
    void save().catch(() => undefined);
  }, SAVE_AFTER_MS);
  timers.set(conversation, timer);
}

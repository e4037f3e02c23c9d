// What the server printed into the page for its scripts.
import type { Boot } from './types';

const text = document.getElementById('boot')?.textContent;

/** Absent outside the inbox. */
export const boot: Boot | null = text ? (JSON.parse(text) as Boot) : null;

export function inboxBoot(): Boot {
  if (!boot) throw new Error('this page has no inbox');
  return boot;
}

export const isMe = (id: string | null | undefined): boolean => !!id && id === boot?.me.id;

type Table = 'status' | 'error' | 'channel' | 'preview' | 'icon';

let words: Record<Table, Record<string, string>> | undefined;

/** What a code is called, in the page's language; empty for one that is not known. */
export function wordFor(table: Table, code: string): string {
  words ??= JSON.parse(document.getElementById('words')?.textContent ?? 'null') ?? undefined;
  return words?.[table][code] ?? '';
}

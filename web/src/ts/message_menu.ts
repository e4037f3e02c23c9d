// What can be done with one message: reply, react, copy, forward, edit, delete, send again, fetch media again.
import { currentComposer } from './composer';
import { $, $$, confirmed, copyText, heed, must, tell, toast, under } from './dom';
import { openEmoji } from './emoji';
import { openForward } from './forward';
import { tried } from './head';
import { t } from './i18n';
import { view } from './lightbox';
import { openMenu } from './menus';
import { api } from './net';
import { isMe } from './page';
import { discardRefused, retryRefused } from './sending';
import { currentThread } from './thread';
import type { Message } from './types';

/** WhatsApp takes edits for a quarter of an hour. */
const EDITABLE_MS = 15 * 60_000;
const QUOTE_LENGTH = 200;

let chosen: HTMLElement | null = null;
let applied: (message: Message) => void = () => undefined;

export function startMessageMenu(apply: (message: Message) => void): void {
  applied = apply;
  document.addEventListener('click', onClick);
  heed('hb:edit-last', () => {
    const last = currentThread()?.lastOwn();
    if (last && isEditable(last)) edit(last);
  });
}

export function rawText(message: HTMLElement): string {
  return message.dataset.raw ?? $('.tx', message)?.textContent?.trim() ?? '';
}

export function isEditable(message: HTMLElement): boolean {
  const { type, at = '', author = '', gone } = message.dataset;
  const isMine = message.classList.contains('out') && isMe(author.split(':')[1]);
  return (
    isMine && hasLeft(message) && type === 'text' && gone === undefined && Date.now() - Date.parse(at) < EDITABLE_MS
  );
}

function hasLeft(message: HTMLElement): boolean {
  return ['sent', 'delivered', 'read', 'played'].includes(message.dataset.status ?? '');
}

function onClick(event: Event): void {
  const act = under(event, '[data-act]');
  if (act) doAct(event, act, under(event, '.msg'));
  const item = under(event, '[data-msg]');
  if (item && chosen) {
    must('#menu-message').hidePopover();
    void doItem(item.dataset.msg!, chosen);
  }
  const reaction = under(event, '[data-react]');
  if (reaction && chosen) void react(chosen, reaction.dataset.react!);
  if (chosen && under(event, '[data-react-more]')) reactWithAny(chosen);
}

function doAct(event: Event, act: HTMLElement, message: HTMLElement | null): void {
  const name = act.dataset.act;
  if (name === 'view') view(act);
  if (name === 'chat-with')
    tell('hb:chat-with', act.dataset.phone);
  if (!message) return;
  if (name === 'jump-to') {
    event.preventDefault();
    void currentThread()?.show((act.getAttribute('href') ?? '').replace(/^#m-/, ''));
  }
  if (name === 'reply') reply(message);
  if (name === 'react') openReactions(message, act);
  if (name === 'react-with') void react(message, act.dataset.emoji!);
  if (name === 'more') openMore(message, act);
  if (name === 'retry') retryRefused(message.dataset.cid!);
  if (name === 'discard') discardRefused(message.dataset.cid!);
  if (name === 'resend') void resend(message);
  if (name === 'drop') void change('DELETE', `/api/v1/messages/${message.dataset.id}`);
  if (name === 'mark-sent') void change('POST', `/ui/messages/${message.dataset.id}/sent`, {});
  if (name === 'media-retry') void fetchMediaAgain(message);
}

async function doItem(name: string, message: HTMLElement): Promise<void> {
  if (name === 'reply') reply(message);
  if (name === 'react') openReactions(message, $('.bub', message) ?? message);
  if (name === 'copy') await copyText(rawText(message));
  if (name === 'edit') edit(message);
  if (name === 'delete') await remove(message);
  if (name === 'forward') openForward(message);
}

export function reply(message: HTMLElement): void {
  const isOneToOne = message.classList.contains('in') && !currentThread()?.dataset.group;
  const who = isOneToOne ? currentThread()?.dataset.contact : $('.who .name', message)?.textContent;
  const text = rawText(message) || t('Mídia');
  currentComposer()?.quote({ id: message.dataset.id!, who: who ?? '', text: text.slice(0, QUOTE_LENGTH) });
}

function edit(message: HTMLElement): void {
  currentComposer()?.edit(message.dataset.id!, rawText(message));
}

async function remove(message: HTMLElement): Promise<void> {
  if (!(await confirmed(hasLeft(message) ? 'delete' : 'discard'))) return;
  await change('DELETE', `/api/v1/messages/${message.dataset.id}`);
}

async function resend(message: HTMLElement): Promise<void> {
  const button = $<HTMLButtonElement>('[data-act="resend"]', message);
  if (message.dataset.status === 'unconfirmed' && !(await confirmed('resend'))) return;
  if (button) button.disabled = true;
  await change('POST', `/api/v1/messages/${message.dataset.id}/deliveries`, {});
  if (button) button.disabled = false;
}

async function fetchMediaAgain(message: HTMLElement): Promise<void> {
  if (await tried(() => api('POST', `/ui/media/${message.dataset.media}/retry`))) toast(t('Buscando de novo.'));
}

async function react(message: HTMLElement, emoji: string): Promise<void> {
  must('#menu-react').hidePopover();
  const url = `/api/v1/messages/${message.dataset.id}/reaction`;
  const mine = $$('.rx [data-emoji]', message).find(
    (button) => button.dataset.emoji === emoji && button.dataset.mine !== undefined,
  );
  await change(mine ? 'DELETE' : 'PUT', url, mine ? undefined : { emoji });
}

function reactWithAny(message: HTMLElement): void {
  must('#menu-react').hidePopover();
  void openEmoji($('.bub', message) ?? message, (emoji) => {
    must('#menu-emoji').hidePopover();
    void react(message, emoji);
  });
}

async function change(method: string, url: string, body?: unknown): Promise<void> {
  await tried(async () => applied(await api<Message>(method, url, body)));
}

function openReactions(message: HTMLElement, anchor: HTMLElement): void {
  chosen = message;
  openMenu(must('#menu-react'), anchor);
}

function openMore(message: HTMLElement, anchor: HTMLElement): void {
  chosen = message;
  const menu = must('#menu-message');
  const isOut = message.classList.contains('out');
  const isNote = message.classList.contains('note');
  const allowed: Record<string, boolean> = {
    reply: !isNote,
    react: !isNote,
    copy: !!rawText(message),
    forward: !isNote,
    edit: isEditable(message),
    delete: isOut && !['queued', 'sending'].includes(message.dataset.status ?? ''),
  };
  for (const item of $$('[data-msg]', menu)) item.hidden = !allowed[item.dataset.msg!];
  openMenu(menu, anchor);
}

// From a message object to its bubble: the server's fragment where there is one, else the page's own pattern filled by textContent.
import { $, element, fragment, pattern, put } from './dom';
import { t } from './i18n';
import { wordFor } from './page';
import { clock, dayKey } from './time';
import type { Message, Problem } from './types';

const RANK = ['queued', 'waiting_channel', 'sending', 'sent', 'delivered', 'read', 'played'];
const TROUBLED = ['failed', 'unconfirmed', 'waiting_channel'];
/** It waited so long that a person must say whether it should still go. */
const ASKS_FIRST = 'outbound.asks_first';

export function bubbleFor(message: Message): HTMLElement {
  const made = message.html ? fragment(message.html).firstElementChild : null;
  const bubble = (made as HTMLElement | null) ?? roughBubble(message);
  if (message.cid) bubble.dataset.cid = message.cid;
  setBars(bubble);
  return bubble;
}

/** Plain text needs no server; anything richer is shown simply until its fragment comes. */
function roughBubble(message: Message): HTMLElement {
  const kind = message.type === 'note' ? 'note' : message.direction;
  const bubble = pattern(`tpl-msg-${kind}`);
  const sent = new Date(message.sent_at);
  bubble.id = `m-${message.id}`;
  bubble.dataset.rough = '';
  bubble.dataset.id = message.id;
  bubble.dataset.v = String(message.version);
  bubble.dataset.type = message.type;
  bubble.dataset.at = sent.toISOString();
  bubble.dataset.day = dayKey(sent);
  bubble.dataset.author = `${message.author.kind}:${message.author.id ?? ''}`;
  put(bubble, '.who .name', message.author.name);
  if (message.author.kind === 'phone') $('.who', bubble)?.append(` · ${t('pelo celular')}`);
  put(bubble, '.tx', message.deleted_at ? t('Mensagem apagada') : (message.text ?? t('Mídia')));
  setTime(bubble, sent);
  if (message.quoted) addQuote(bubble, message.quoted);
  if (message.direction === 'out' && message.type !== 'note')
    setStatus(bubble, message.status ?? 'queued', message.version, message.error);
  if (message.edited_at) $('.meta', bubble)?.prepend(pattern('tpl-edited'));
  return bubble;
}

export interface Draft {
  key: string;
  type: string;
  text: string;
  at: Date;
  quoted?: { id: string; who: string; text: string };
  file?: { blob: Blob; name: string };
}

/** The bubble of something not accepted yet: it carries its key instead of an id. */
export function unsentBubble(draft: Draft): HTMLElement {
  const bubble = pattern(draft.type === 'note' ? 'tpl-msg-note' : 'tpl-msg-out');
  bubble.id = `c-${draft.key}`;
  delete bubble.dataset.id;
  bubble.dataset.cid = draft.key;
  bubble.dataset.rough = '';
  bubble.dataset.v = '0';
  bubble.dataset.type = draft.type;
  bubble.dataset.at = draft.at.toISOString();
  bubble.dataset.day = dayKey(draft.at);
  put(bubble, '.tx', draft.text);
  setTime(bubble, draft.at);
  if (draft.quoted)
    addQuote(bubble, { id: draft.quoted.id, text: draft.quoted.text, author: draft.quoted.who });
  if (draft.file) addFilePreview(bubble, draft.type, draft.file);
  if (!draft.text) $('.tx', bubble)?.remove();
  return bubble;
}

/** The server took it: same node, now with its id; the fragment that replaces it comes by the stream. */
export function adopt(bubble: HTMLElement, message: Message): void {
  bubble.id = `m-${message.id}`;
  bubble.dataset.id = message.id;
  bubble.dataset.v = String(message.version);
  const sent = new Date(message.sent_at);
  bubble.dataset.at = sent.toISOString();
  setTime(bubble, sent);
  delete bubble.dataset.refused;
  $('.fail', bubble)?.remove();
  $('progress', bubble)?.remove();
  if (message.direction === 'out' && message.type !== 'note')
    setStatus(bubble, message.status ?? 'queued', message.version, message.error);
}

/** Statuses only climb; after a failure a new delivery begins again from the start. */
export function setStatus(
  bubble: HTMLElement,
  status: string,
  version: number,
  error?: Problem | null,
): void {
  const now = bubble.dataset.status ?? '';
  const isTroubled = TROUBLED.includes(now);
  const climbs = !RANK.includes(status) || isTroubled || RANK.indexOf(status) > RANK.indexOf(now);
  if (version < Number(bubble.dataset.v ?? 0) || !climbs) return;
  if (version) bubble.dataset.v = String(version);
  bubble.dataset.status = status;
  put(bubble, '.meta .st', wordFor('status', status));
  $('.fail', bubble)?.remove();
  if (!TROUBLED.includes(status) || bubble.dataset.gone !== undefined) return;
  const trouble = pattern(error?.code === ASKS_FIRST ? 'tpl-asks_first' : `tpl-${status}`);
  if (status === 'failed' && error) put(trouble, 'span', errorWords(error));
  bubble.append(trouble);
}

/** Of a message that failed: the engine's own words where the code has none. */
function errorWords(error: Problem): string {
  return wordFor('error', error.code) || error.detail || t('Não enviada.');
}

/** Heights of wave bars are data: written through CSSOM, which a strict style-src allows. */
export function setBars(root: ParentNode): void {
  for (const bar of root.querySelectorAll<HTMLElement>('.wave > i[data-h]'))
    bar.style.height = `${bar.dataset.h}%`;
}

function setTime(bubble: HTMLElement, moment: Date): void {
  const time = $<HTMLTimeElement>('.meta time', bubble);
  if (!time) return;
  time.dateTime = moment.toISOString();
  time.textContent = clock(moment);
}

function addQuote(bubble: HTMLElement, quoted: NonNullable<Message['quoted']>): void {
  const quote = pattern<HTMLAnchorElement>('tpl-quote');
  quote.href = `#m-${quoted.id ?? ''}`;
  put(quote, 'b', quoted.author ?? '');
  put(quote, 'span', quoted.text || t('Mídia'));
  $('.bub', bubble)?.prepend(quote);
}

function addFilePreview(bubble: HTMLElement, type: string, file: { blob: Blob; name: string }): void {
  const body = $('.bub', bubble)!;
  const progress = element('progress');
  progress.max = 100;
  progress.setAttribute('aria-label', t('Enviando arquivo'));
  body.prepend(progress);
  if (type === 'image') {
    const frame = element('span', 'media img');
    const picture = element('img');
    picture.alt = file.name;
    picture.src = URL.createObjectURL(file.blob);
    picture.addEventListener('load', () => URL.revokeObjectURL(picture.src), { once: true });
    frame.append(picture);
    body.prepend(frame);
    return;
  }
  body.prepend(element('div', 'hintline', type === 'voice' ? t('Áudio') : file.name));
}

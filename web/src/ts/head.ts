// The open conversation's header and side panel: shown from live data, changed through the REST API.
import { $, $$, avatar, confirmed, copyText, element, icon, must, put, toast, under } from './dom';
import { t } from './i18n';
import { api, Refused, refusalWords } from './net';
import { inboxBoot, isMe } from './page';
import { markUnread } from './seen';
import type { Conversation, Person } from './types';

const HOUR_MS = 3_600_000;

interface Change {
  status?: 'open' | 'snoozed' | 'resolved';
  snoozed_until?: string | null;
  assignee_id?: string | null;
  labels?: string[];
}

type Applied = (conversation: Conversation) => void;

let applied: Applied = () => undefined;

/** What an answer brings goes the same way as what the stream brings. */
export function startHead(apply: Applied): void {
  applied = apply;
  document.addEventListener('click', onClick);
  document.addEventListener('submit', (event) => {
    const form = under<HTMLFormElement>(event, '[data-snooze-form]');
    if (!form) return;
    event.preventDefault();
    const until = new Date(must<HTMLInputElement>('input', form).value);
    if (until.getTime() <= Date.now()) toast(t('Escolha um horário no futuro.'));
    else void snooze(until);
  });
}

const head = (): HTMLElement | null => $('#pane .th-h[data-conv]');
const openId = (): string => head()?.dataset.conv ?? '';

export function showHead(conversation: Conversation): void {
  const top = head();
  if (!top || top.dataset.conv !== conversation.id || Number(top.dataset.v) > conversation.version) return;
  const before = top.dataset.assignee;
  Object.assign(top.dataset, {
    v: String(conversation.version),
    status: conversation.status,
    assignee: conversation.assignee?.id ?? '',
    assigneeName: conversation.assignee?.name ?? '',
    blocked: conversation.contact.blocked ? '1' : '',
    labels: conversation.labels.map((label) => label.id).join(' '),
  });
  put(top, 'h2', conversation.contact.name || conversation.contact.phone || '');
  showFace(conversation);
  showOwner(conversation.assignee);
  showLabels(conversation);
  showBlocked(!!conversation.contact.blocked);
  if (before && before !== conversation.assignee?.id) showTaken(conversation, before);
}

export async function resolve(after: () => void): Promise<void> {
  const id = openId();
  if (!id || head()?.dataset.status === 'resolved') return;
  if (!(await change(id, { status: 'resolved' }))) return;
  toast(t('Conversa resolvida.'), {
    text: t('Desfazer'),
    run: () => void change(id, { status: 'open' }),
  });
  after();
}

export function reopen(): void {
  void change(openId(), { status: 'open' });
}

export function isClosed(): boolean {
  return head()?.dataset.status !== 'open';
}

export function takeOver(): void {
  void assign(inboxBoot().me.id);
}

export async function leaveUnread(after: () => void): Promise<void> {
  if (await tried(() => markUnread(openId()))) after();
}

export function copyPhone(): void {
  const phone = head()?.dataset.phone;
  if (phone) void copyText(phone);
}

export async function toggleBlock(): Promise<void> {
  const top = head();
  if (!top) return;
  const isBlocked = top.dataset.blocked === '1';
  if (!isBlocked && !(await confirmed('block', $('h2', top)?.textContent ?? ''))) return;
  await tried(async () => {
    await api('PATCH', `/api/v1/contacts/${top.dataset.contact}`, { blocked: !isBlocked });
    top.dataset.blocked = isBlocked ? '' : '1';
    showBlocked(!isBlocked);
  });
}

export function showViewers(viewers: Person[]): void {
  const holder = $('#pane [data-viewers]');
  if (!holder) return;
  const others = viewers.filter((viewer) => !isMe(viewer.id));
  holder.hidden = !others.length;
  const names = others.map((viewer) => viewer.name).join(', ');
  const words = t('Também está vendo: %(names)s', { names });
  holder.title = words;
  holder.replaceChildren(
    ...others.slice(0, 3).map((viewer) => avatar(viewer, 'xs')),
    icon('eye', 'ic-xs'),
    element('span', 'sr', words),
  );
}

export function showStrip(name: string, text: string | null): void {
  const strip = $(`#composer [data-strip="${name}"]`);
  if (!strip) return;
  strip.hidden = text === null;
  const holder = $('[data-strip-text]', strip) ?? strip;
  if (text !== null) holder.textContent = text;
}

function onClick(event: Event): void {
  const owner = under(event, '[data-assign]');
  const pause = under(event, '[data-snooze]');
  const label = under(event, '[data-toggle-label]');
  if (owner) void assign(owner.dataset.assign || null);
  if (pause) void snooze(snoozeTime(pause.dataset.snooze!));
  if (label) void toggleLabel(label.dataset.toggleLabel!);
  if (owner || pause) (owner ?? pause)!.closest<HTMLElement>('[popover]')?.hidePopover();
}

async function assign(user: string | null): Promise<void> {
  if (!(await change(openId(), { assignee_id: user }))) return;
  showStrip('taken', null);
  toast(
    user === null
      ? t('Conversa sem dono.')
      : isMe(user)
        ? t('A conversa é sua.')
        : t('Conversa passada adiante.'),
  );
}

async function snooze(until: Date): Promise<void> {
  const id = openId();
  $('#menu-snooze')?.hidePopover();
  if (!(await change(id, { status: 'snoozed', snoozed_until: until.toISOString() }))) return;
  toast(t('Conversa adiada.'), { text: t('Desfazer'), run: () => void change(id, { status: 'open' }) });
}

export function snoozeTime(choice: string, now = new Date()): Date {
  if (choice === '1h') return new Date(now.getTime() + HOUR_MS);
  if (choice === '3h') return new Date(now.getTime() + 3 * HOUR_MS);
  const morning = new Date(now);
  const days = choice === 'monday' ? (8 - now.getDay()) % 7 || 7 : 1;
  morning.setDate(now.getDate() + days);
  morning.setHours(9, 0, 0, 0);
  return morning;
}

async function toggleLabel(label: string): Promise<void> {
  const now = (head()?.dataset.labels ?? '').split(' ').filter(Boolean);
  const labels = now.includes(label) ? now.filter((id) => id !== label) : [...now, label];
  await change(openId(), { labels });
}

async function change(id: string, what: Change): Promise<boolean> {
  return !!id && tried(async () => applied(await api<Conversation>('PATCH', `/api/v1/conversations/${id}`, what)));
}

/** Whether it worked; if not, it is said why. */
export async function tried(work: () => Promise<unknown>): Promise<boolean> {
  try {
    await work();
    return true;
  } catch (error) {
    explain(error);
    return false;
  }
}

export function explain(error: unknown): void {
  if (error instanceof Refused) toast(refusalWords(error));
  else toast(t('Sem resposta do servidor. Tente de novo.'));
}

/** Profile pictures come later than the first message, and change. */
function showFace({ contact }: Conversation): void {
  if (!contact.avatar_url) return;
  for (const holder of ['#pane .th-h', '#side .who-card']) {
    const face = $(`${holder} > .av`);
    const shown = face && $<HTMLImageElement>('img', face);
    const fresh = $<HTMLImageElement>('img', avatar(contact))!;
    if (shown?.src === fresh.src) continue;
    shown?.remove();
    face?.append(fresh);
  }
}

function showOwner(owner: Person | null): void {
  const button = $('#pane [data-assign-button]');
  if (!button) return;
  const face = owner ? avatar(owner, 'xs') : icon('user-plus');
  button.replaceChildren(
    face,
    element('span', 'who-name', owner?.name ?? t('Sem dono')),
    icon('chevron-down', 'ic-xs'),
  );
  for (const choice of $$('#menu-assign [data-assign]')) {
    choice.setAttribute('aria-pressed', String(choice.dataset.assign === (owner?.id ?? '')));
  }
  put(document, '#side [data-side-assignee]', owner?.name ?? t('Sem dono'));
}

function showLabels({ labels }: Conversation): void {
  for (const choice of $$('#menu-labels [data-toggle-label]')) {
    const isOn = labels.some((label) => label.id === choice.dataset.toggleLabel);
    choice.setAttribute('aria-pressed', String(isOn));
  }
  const holder = $('#side [data-side-labels]');
  const add = holder?.lastElementChild;
  if (!holder || !add) return;
  holder.replaceChildren(
    ...labels.map((label) => element('span', `label lc-${label.color ?? 0}`, label.name)),
    add,
  );
  put(document, '#side [data-label-count]', String(labels.length));
}

function showBlocked(isBlocked: boolean): void {
  const strip = $('#composer [data-strip="blocked"]');
  if (strip) strip.hidden = !isBlocked;
  put(document, '#menu-more [data-block-text]', isBlocked ? t('Desbloquear contato') : t('Bloquear contato'));
}

/** It was mine and somebody took it: said where the reply is being written. */
function showTaken(conversation: Conversation, before: string): void {
  const owner = conversation.assignee;
  const isTaken = !!owner && isMe(before) && !isMe(owner.id);
  showStrip('taken', isTaken ? t('%(name)s assumiu esta conversa.', { name: owner!.name }) : null);
}

export const typingWords = (name: string): string => t('%(name)s está escrevendo…', { name });

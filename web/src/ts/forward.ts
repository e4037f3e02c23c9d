// Forwarding one message to another conversation.
import { avatar, button, element, must, toast, under } from './dom';
import { tried } from './head';
import { t } from './i18n';
import { rawText } from './message_menu';
import { api } from './net';
import { wordFor } from './page';
import { send } from './sending';

interface Found {
  id: string;
  name: string;
  phone: string | null;
  avatar_url: string | null;
}

const ASK_AFTER_MS = 200;
const NEVER = ['view_once', 'unsupported'];

let message: HTMLElement | null = null;
let isReady = false;
let timer = 0;

const dialog = (): HTMLDialogElement => must<HTMLDialogElement>('#dlg-forward');

export function openForward(chosen: HTMLElement): void {
  if (NEVER.includes(chosen.dataset.type!)) return toast(wordFor('error', 'message.not_forwardable'));
  message = chosen;
  if (!isReady) listen();
  dialog().showModal();
  const field = must<HTMLInputElement>('[data-find]', dialog());
  field.value = '';
  void find('');
  field.focus();
}

function listen(): void {
  isReady = true;
  must('[data-find]', dialog()).addEventListener('input', (event) => {
    clearTimeout(timer);
    const { value } = event.target as HTMLInputElement;
    timer = window.setTimeout(() => void find(value.trim()), ASK_AFTER_MS);
  });
  must('[data-found]', dialog()).addEventListener('click', (event) => {
    const choice = under(event, '[data-to]');
    if (choice) forward(choice.dataset.to!, choice.dataset.name!);
  });
}

async function find(words: string): Promise<void> {
  await tried(async () => {
    const { items } = await api<{ items: Found[] }>(
      'GET',
      `/ui/conversations/find?q=${encodeURIComponent(words)}`,
    );
    const rows = items.map(rowFor);
    must('[data-found]').replaceChildren(
      ...(rows.length ? rows : [element('p', 'muted', t('Nada encontrado'))]),
    );
  });
}

function rowFor(found: Found): HTMLElement {
  const row = button('found-row', '');
  Object.assign(row.dataset, { to: found.id, name: found.name });
  const words = element('span', 'min-w-0');
  words.append(element('b', '', found.name), element('small', 'num', found.phone ?? ''));
  row.append(avatar(found, 'sm'), words);
  return row;
}

function forward(conversation: string, name: string): void {
  if (!message) return;
  const text = rawText(message) || wordFor('preview', message.dataset.type!) || t('Mídia');
  send({ conversation, type: 'forward', text, forward: message.dataset.id });
  dialog().close();
  toast(t('Encaminhada para %(name)s.', { name }));
}

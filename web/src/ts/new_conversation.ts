// First contact: the number is checked on WhatsApp before anything is sent.
import { $, must, newKey, toast } from './dom';
import { t } from './i18n';
import { api, Refused, refusalWords } from './net';
import { wordFor } from './page';
import type { Message } from './types';

interface Checked {
  phone: string;
  on_whatsapp: boolean;
  conversation_id: string | null;
}

type Open = (conversation: string) => void;

let open: Open = () => undefined;
let isReady = false;
let lastTry: { words: string; key: string } | null = null;

const dialog = (): HTMLDialogElement => must<HTMLDialogElement>('#dlg-new');

export function newConversation(opens: Open, phone = ''): void {
  open = opens;
  if (!isReady) {
    isReady = true;
    must('form', dialog()).addEventListener('submit', (event) => {
      event.preventDefault();
      void start(event.target as HTMLFormElement);
    });
  }
  dialog().showModal();
  const field = must<HTMLInputElement>('#new-phone');
  if (phone) field.value = phone;
  (phone ? must('#new-text') : field).focus();
}

async function start(form: HTMLFormElement): Promise<void> {
  const given = new FormData(form);
  const channel = String(given.get('channel_id'));
  const text = String(given.get('text')).trim();
  busy(true);
  complain('');
  try {
    const phone = withCountry(String(given.get('phone')));
    const checked = await api<Checked>('POST', '/ui/numbers', { channel_id: channel, phone });
    if (!checked.on_whatsapp) {
      complain(wordFor('error', 'contact.not_on_whatsapp'));
      return;
    }
    const body = { channel_id: channel, to: checked.phone, type: 'text', text };
    const message = await api<Message>('POST', '/api/v1/messages', body, { key: keyOf(body) });
    lastTry = null;
    form.reset();
    dialog().close();
    toast(t('Conversa iniciada.'));
    open(message.conversation_id);
  } catch (error) {
    complain(words(error));
  } finally {
    busy(false);
  }
}

/** No answer does not mean that nothing was sent: the same words to the same number keep their key. */
function keyOf(body: object): string {
  const words = JSON.stringify(body);
  if (lastTry?.words !== words) lastTry = { words, key: newKey() };
  return lastTry.key;
}

/** Brazilian numbers are written without the country; anything with + is taken as it is. */
function withCountry(typed: string): string {
  const trimmed = typed.trim();
  const digits = trimmed.replace(/\D/g, '');
  if (trimmed.startsWith('+') || (digits.startsWith('55') && digits.length > 11)) return `+${digits}`;
  return `+55${digits.replace(/^0+/, '')}`;
}

function words(error: unknown): string {
  if (!(error instanceof Refused)) return t('Sem resposta do servidor. Tente de novo.');
  if (error.code === 'limit.rate') return t('Muitos números novos agora. Espere um pouco.');
  return refusalWords(error);
}

function complain(text: string): void {
  const line = must('[data-error]', dialog());
  line.textContent = text;
  line.hidden = !text;
  must('#new-phone').setAttribute('aria-invalid', String(!!text));
}

function busy(isBusy: boolean): void {
  const button = must<HTMLButtonElement>('[type="submit"]', dialog());
  button.disabled = isBusy;
  const spinner = $('.spin', button);
  if (spinner) spinner.hidden = !isBusy;
}

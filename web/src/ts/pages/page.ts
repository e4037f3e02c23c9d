// Pages beside the inbox: dialogs that the server fills, and the list of numbers, which follows the live stream.
import { startBanners } from '../banners';
import { $, $$, byId, must, toast } from '../dom';
import { t } from '../i18n';
import { on, startLive } from '../live';
import { goToLogin } from '../net';
import { startContactForm } from './contact';

interface Exchange {
  ctx: { status: string; swap?: string; target?: Element; response?: { status: number } };
}

export function startPage(): void {
  document.addEventListener('click', onClick);
  document.addEventListener('htmx:response:error', onRefusal);
  document.addEventListener('htmx:error', (event) => onFailure((event as CustomEvent<Exchange>).detail.ctx));
  document.addEventListener('htmx:after:swap', (event) => {
    const { target } = (event as CustomEvent<Exchange>).detail.ctx;
    // Only what was filled just now: the part that is asked again must not take the reader's place.
    if (target?.matches('dialog > *')) $('[autofocus]', target)?.focus();
  });
  document.addEventListener('hb:done', (event) => {
    for (const dialog of $$<HTMLDialogElement>('dialog[open]')) dialog.close();
    toast((event as CustomEvent<{ text: string }>).detail.text);
    tell('hb:channels');
  });
  startContactForm();
  const channels = byId('channels');
  if (channels) followChannels(channels.dataset.cursor ?? '');
}

const tell = (name: string): boolean => document.dispatchEvent(new Event(name));

function onClick(event: Event): void {
  const button = (event.target as Element).closest<HTMLElement>('[data-dialog], [popover] [hx-post]');
  if (!button) return;
  button.closest<HTMLElement>('[popover]')?.hidePopover();
  const dialog = byId(button.dataset.dialog ?? '') as HTMLDialogElement | null;
  if (!dialog) return;
  if (byId(`${dialog.id}-wait`)) show(dialog, 'wait');
  if (!dialog.open) dialog.showModal();
}

function show(dialog: HTMLDialogElement, what: 'wait' | 'failed'): void {
  const words = must<HTMLTemplateElement>(`#${dialog.id}-${what}`).content.cloneNode(true);
  dialog.firstElementChild!.replaceChildren(words);
}

/** 422 is a form with its faults marked; anything else is no part of the page. */
function onRefusal(event: Event): void {
  const { ctx } = (event as CustomEvent<Exchange>).detail;
  const status = ctx.response?.status ?? 0;
  if (status === 422) return;
  ctx.swap = 'none';
  if (status === 401) goToLogin();
  else if (status === 403) location.reload();
  else onFailure(ctx);
}

function onFailure(ctx: Exchange['ctx']): void {
  const dialog = ctx.target?.closest<HTMLDialogElement>('dialog[open]');
  // What is asked again every few seconds says nothing: the line on top tells that the box is away.
  if (ctx.target?.matches('dialog > *') && dialog) show(dialog, 'failed');
  else if (!ctx.target?.matches('#channels, #pairing')) toast(t('A caixa não respondeu. Tente de novo.'));
}

function followChannels(cursor: string): void {
  const dialog = must<HTMLDialogElement>('#dlg-channel');
  // Emptied, so that nothing in it goes on asking; and a code does not stay in the page.
  dialog.addEventListener('close', () => dialog.firstElementChild!.replaceChildren());
  on('channel', () => {
    tell('hb:channels');
    tell('hb:channel');
  });
  on('reset', () => tell('hb:channels'));
  startBanners();
  startLive(cursor);
  setInterval(count, 1_000);
}

function count(): void {
  for (const clock of $$('[data-until]')) {
    const left = Math.max(0, Math.round((Date.parse(clock.dataset.until!) - Date.now()) / 1_000));
    clock.textContent = `${left} s`;
  }
}

// The list of numbers, which follows the live stream, and its dialogs, which the server fills. The one page that loads htmx.
import { startBanners } from './banners';
import { $, $$, copyOf, heed, must, tell, toast, under } from './dom';
import { t } from './i18n';
import { on, startLive } from './live';
import { csrfHeaders, goToLogin } from './net';
import { setSizes } from './sizes';

interface Exchange {
  ctx: {
    request: { headers: Record<string, string> };
    swap?: string;
    target?: Element;
    response?: { status: number };
  };
}

export function startChannels(): void {
  // htmx 4: the request's headers are open to change here.
  onEach('htmx:config:request', ({ request }) => Object.assign(request.headers, csrfHeaders()));
  onEach('htmx:response:error', onRefusal);
  onEach('htmx:error', onFailure);
  onEach('htmx:after:swap', ({ target }) => {
    setSizes(document);
    // Only what was filled just now: the part that is asked again must not take the reader's place.
    if (target?.matches('dialog > *')) $('[autofocus]', target)?.focus();
  });
  heed<{ text: string }>('hb:done', ({ text }) => {
    for (const dialog of $$<HTMLDialogElement>('dialog[open]')) dialog.close();
    toast(text);
    tell('hb:channels');
  });
  document.addEventListener('click', (event) => {
    if (under(event, '[hx-post]')) under(event, '[popover]')?.hidePopover();
  });
  follow(must('#channels').dataset.cursor ?? '');
}

const onEach = (name: string, run: (ctx: Exchange['ctx']) => void): void =>
  heed<Exchange>(name, ({ ctx }) => run(ctx));

/** 422 is a form with its faults marked; anything else is no part of the page. */
function onRefusal(ctx: Exchange['ctx']): void {
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
  if (ctx.target?.matches('dialog > *') && dialog)
    dialog.firstElementChild!.replaceChildren(copyOf(`#${dialog.id}-failed`));
  else if (!ctx.target?.matches('#channels, #pairing')) toast(t('A caixa não respondeu. Tente de novo.'));
}

function follow(cursor: string): void {
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

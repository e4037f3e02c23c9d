// The line on top: offline at once, reconnecting after a moment, another window, a newer version.
import { $, copyOf, metaContent, must, toast } from './dom';
import { t } from './i18n';
import { on, takeStream, type State } from './live';

/** Shorter interruptions are not worth a flicker. */
const SHOWN_AFTER_MS = 2_000;

let timer = 0;

export function startBanners(): void {
  on('state', show);
  addEventListener('offline', () => show('offline'));
  on('hello', ({ build }) => {
    const mine = metaContent('build');
    if (build && mine && build !== mine) {
      toast(t('Há uma versão nova da caixa.'), { text: t('Recarregar'), run: () => location.reload() });
    }
  });
}

function show(state: State): void {
  clearTimeout(timer);
  if (state === 'open') must('#net').replaceChildren();
  else if (state === 'offline' || state === 'replaced') put(state);
  else timer = window.setTimeout(() => put('connecting'), SHOWN_AFTER_MS);
}

function put(state: 'offline' | 'connecting' | 'replaced'): void {
  const banner = copyOf(`#net-${state}`);
  $('[data-take]', banner)?.addEventListener('click', takeStream);
  must('#net').replaceChildren(banner);
}

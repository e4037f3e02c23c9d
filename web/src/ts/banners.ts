// The line on top: offline at once, reconnecting after a moment, another window, a newer version.
import { element, icon, metaContent, must, toast } from './dom';
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
  else if (state === 'offline') offline();
  else if (state === 'replaced') replaced();
  else timer = window.setTimeout(reconnecting, SHOWN_AFTER_MS);
}

function offline(): void {
  const words = t('Sem internet. O que você escrever fica guardado e sai quando a conexão voltar.');
  put('danger', icon('wifi-off'), element('span', '', words));
}

function reconnecting(): void {
  put('', element('span', 'spin'), element('span', '', t('Reconectando…')));
}

function replaced(): void {
  const button = element('button', 'btn', t('Usar aqui')) as HTMLButtonElement;
  button.type = 'button';
  button.dataset.v = 'outline';
  button.dataset.s = 'sm';
  button.addEventListener('click', takeStream);
  put('', element('span', '', t('A caixa está aberta em outra janela desta sessão.')), button);
}

function put(colour: string, ...parts: Node[]): void {
  const banner = element('div', 'banner');
  if (colour) banner.dataset.c = colour;
  banner.append(...parts);
  must('#net').replaceChildren(banner);
}

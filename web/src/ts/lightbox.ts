// The media viewer: pictures and videos of the open conversation, one at a time.
import { $$, element, must, safeUrl, under } from './dom';
import { t } from './i18n';

let list: HTMLElement[] = [];
let at = 0;
let isReady = false;

const dialog = (): HTMLDialogElement => must<HTMLDialogElement>('#lightbox');

export function view(button: HTMLElement): void {
  const scope = button.closest('hb-thread, #side') ?? document;
  list = $$('[data-act="view"]', scope);
  at = Math.max(0, list.indexOf(button));
  if (!isReady) listen();
  dialog().showModal();
  show();
}

function listen(): void {
  isReady = true;
  dialog().addEventListener('click', (event) => {
    const step = under(event, '[data-lb]');
    if (step) move(Number(step.dataset.lb));
    else if ((event.target as Element).matches('[data-lb-stage]')) dialog().close();
  });
  dialog().addEventListener('keydown', (event) => {
    if (event.key === 'ArrowLeft') move(-1);
    if (event.key === 'ArrowRight') move(1);
  });
  // A closed viewer must not go on sounding.
  dialog().addEventListener('close', () => must('[data-lb-stage]').replaceChildren());
}

function move(by: number): void {
  at = Math.max(0, Math.min(list.length - 1, at + by));
  show();
}

function show(): void {
  const item = list[at];
  if (!item) return;
  const address = safeUrl(item.dataset.src ?? '');
  must('[data-lb-stage]').replaceChildren(
    item.dataset.kind === 'image' ? picture(address, item) : film(address),
  );
  must('[data-lb-count]').textContent = t('%(n)s de %(all)s', { n: at + 1, all: list.length });
  must<HTMLAnchorElement>('[data-lb-download]').href = `${address}?download=1`;
  for (const arrow of $$('[data-lb]', dialog())) arrow.hidden = !list[at + Number(arrow.dataset.lb)];
}

function picture(address: string, item: HTMLElement): HTMLElement {
  const image = element('img');
  image.src = address;
  image.alt = item.querySelector('img')?.alt ?? '';
  return image;
}

function film(address: string): HTMLElement {
  return Object.assign(element('video'), { src: address, controls: true, autoplay: true, playsInline: true });
}

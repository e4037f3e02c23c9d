// Files waiting in the composer: picked, pasted or dropped.
import { element, pattern, put, toast } from './dom';
import { t } from './i18n';
import { inboxBoot } from './page';

const MOST_AT_ONCE = 20;
const PICTURES = ['image/jpeg', 'image/png', 'image/webp'];
const VIDEOS = ['video/mp4', 'video/3gpp'];
const SOUNDS = ['audio/ogg', 'audio/mpeg', 'audio/mp4', 'audio/aac', 'audio/amr', 'audio/x-m4a'];

export function typeOf(mime: string): 'image' | 'video' | 'audio' | 'document' {
  if (PICTURES.includes(mime)) return 'image';
  if (VIDEOS.includes(mime)) return 'video';
  return SOUNDS.includes(mime) ? 'audio' : 'document';
}

export class Files {
  #list: File[] = [];

  readonly #holder: HTMLElement;

  constructor(holder: HTMLElement) {
    this.#holder = holder;
  }

  get isEmpty(): boolean {
    return !this.#list.length;
  }

  add(files: Iterable<File>): void {
    for (const file of files) {
      const why = refusal(file, this.#list.length);
      if (why) toast(why);
      else this.#list.push(file);
    }
    this.#paint();
  }

  remove(row: Element): void {
    const index = [...this.#holder.children].indexOf(row);
    if (index >= 0) this.#list.splice(index, 1);
    this.#paint();
  }

  take(): File[] {
    const taken = this.#list;
    this.#list = [];
    this.#paint();
    return taken;
  }

  #paint(): void {
    this.#holder.hidden = this.isEmpty;
    this.#holder.replaceChildren(...this.#list.map(rowFor));
  }
}

function refusal(file: File, waiting: number): string | null {
  if (waiting >= MOST_AT_ONCE) return t('No máximo %(n)s arquivos por vez.', { n: MOST_AT_ONCE });
  if (!file.size) return t('O arquivo %(name)s está vazio.', { name: file.name });
  const { media_bytes: media, document_bytes: document } = inboxBoot().limits;
  const limit = typeOf(file.type) === 'document' ? document : media;
  if (file.size <= limit) return null;
  return t('%(name)s passa de %(mb)s MB.', { name: file.name, mb: Math.round(limit / 1_048_576) });
}

function rowFor(file: File): HTMLElement {
  const row = pattern('tpl-file');
  put(row, 'b', file.name);
  put(row, 'small', sizeText(file.size));
  const face = row.querySelector('.fi')!;
  if (typeOf(file.type) === 'image') {
    const picture = element('img');
    picture.alt = '';
    picture.src = URL.createObjectURL(file);
    picture.addEventListener('load', () => URL.revokeObjectURL(picture.src), { once: true });
    face.append(picture);
  } else {
    face.textContent = (file.name.split('.').pop() ?? '').slice(0, 4).toUpperCase();
  }
  return row;
}

function sizeText(bytes: number): string {
  const format = new Intl.NumberFormat(document.documentElement.lang, { maximumFractionDigits: 1 });
  return bytes < 1_048_576
    ? `${format.format(Math.ceil(bytes / 1024))} kB`
    : `${format.format(bytes / 1_048_576)} MB`;
}

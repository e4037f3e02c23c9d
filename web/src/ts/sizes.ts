// Sizes that are data (meters, bars): written through CSSOM, because a strict style-src refuses style attributes.
import { $$ } from './dom';

export function setSizes(root: ParentNode): void {
  for (const bar of $$('[data-w]', root)) bar.style.width = `${bar.dataset.w}%`;
  for (const bar of $$('[data-h]', root)) bar.style.height = `${bar.dataset.h}%`;
}

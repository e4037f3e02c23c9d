// The keyboard map. Single letters work only outside fields, and can be turned off in the profile.
import { currentComposer } from './composer';
import { $, byId, FIELDS } from './dom';
import { openMenu } from './menus';
import { inboxBoot } from './page';
import { step } from './panes';

type Run = (command: string) => void;

/** After G, for as long as one needs to find the next key. */
const PLACES: Record<string, string> = { c: '/inbox', n: '/channels', a: '/settings' };
const GOING_MS = 1_500;
let goesUntil = 0;

export function startKeyboard(run: Run): void {
  const letters = letterMap(run);
  document.addEventListener('keydown', (event) => {
    if (event.defaultPrevented || event.isComposing || $('dialog[open]')) return;
    if (worksAnywhere(event)) {
      event.preventDefault();
      return;
    }
    const target = event.target as HTMLElement;
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (target.matches(FIELDS)) {
      if (event.key === 'Escape') target.blur();
      return;
    }
    if (!inboxBoot().preferences.single_keys || target.closest('[popover]')) return;
    const key = event.key.toLowerCase();
    const place = event.timeStamp < goesUntil && PLACES[key];
    goesUntil = key === 'g' ? event.timeStamp + GOING_MS : 0;
    const press = place ? () => $(`a[href="${place}"]`)?.click() : (letters[event.key] ?? letters[key]);
    if (!press) return;
    event.preventDefault();
    press();
  });
}

function letterMap(run: Run): Record<string, () => void> {
  return {
    j: () => step(1),
    k: () => step(-1),
    '/': () => byId('conv-q')?.focus(),
    '?': () => run('help'),
    r: () => currentComposer()?.setMode('reply'),
    n: () => currentComposer()?.setMode('note'),
    e: () => run('resolve-or-reopen'),
    u: () => run('unread'),
    i: () => run('side'),
    a: () => openById('menu-assign', '[data-assign-button]'),
    h: () => openById('menu-snooze', '[popovertarget="menu-snooze"]'),
    l: () => openById('menu-labels', '[popovertarget="menu-more"]'),
  };
}

function openById(id: string, anchor: string): void {
  const menu = byId(id);
  const beside = $(`#pane ${anchor}`);
  if (menu && beside) openMenu(menu, beside);
}

function worksAnywhere(event: KeyboardEvent): boolean {
  if (event.altKey && event.key === 'ArrowDown') step(1);
  else if (event.altKey && event.key === 'ArrowUp') step(-1);
  else if (event.ctrlKey && event.shiftKey && event.key.toLowerCase() === 'n')
    currentComposer()?.toggleNote();
  else return false;
  return true;
}

// Popover menus: placed beside their button by hand (anchor positioning is not everywhere), walked by arrows.
import { $, $$, under } from './dom';

const GAP = 6;
const EDGE = 8;

export function place(menu: HTMLElement, anchor: Element): void {
  const box = anchor.getBoundingClientRect();
  const opensUp = box.top > innerHeight / 2;
  const left = Math.max(EDGE, Math.min(box.left, innerWidth - menu.offsetWidth - EDGE));
  const top = opensUp ? box.top - menu.offsetHeight - GAP : box.bottom + GAP;
  menu.style.left = `${left}px`;
  menu.style.top = `${Math.max(EDGE, Math.min(top, innerHeight - menu.offsetHeight - EDGE))}px`;
}

/** Menus that no button owns, such as a message's, and where they were opened. */
const anchors = new WeakMap<HTMLElement, Element>();

export function openMenu(menu: HTMLElement, anchor: Element): void {
  anchors.set(menu, anchor);
  menu.showPopover();
  place(menu, anchor);
  firstItem(menu)?.focus();
}

export function startMenus(): void {
  document.addEventListener('toggle', onToggle, true);
  document.addEventListener('keydown', onKey);
  document.addEventListener('click', (event) => {
    const inner = under(event, '.menu [popovertarget]');
    if (inner) {
      event.preventDefault();
      replaceMenu(inner);
    }
    const dialog = under<HTMLDialogElement>(event, 'dialog');
    // A click on the backdrop counts as the dialog itself.
    if (dialog === event.target || under(event, '[data-close]')) dialog?.close();
  });
}

/** A menu reached from another takes its place: left to the browser, it would open on top of it. */
function replaceMenu(button: HTMLElement): void {
  const outer = button.closest<HTMLElement>('.menu')!;
  const anchor = anchors.get(outer) ?? visibleAnchor(outer.id);
  const menu = $(`#${button.getAttribute('popovertarget')}`);
  outer.hidePopover();
  if (menu && anchor) openMenu(menu, anchor);
}

function onToggle(event: Event): void {
  const menu = event.target as HTMLElement;
  if (!menu.matches?.('.menu[popover]')) return;
  if ((event as ToggleEvent).newState !== 'open') {
    anchors.delete(menu);
    return;
  }
  const anchor = anchors.get(menu) ?? visibleAnchor(menu.id);
  if (anchor) place(menu, anchor);
}

function visibleAnchor(id: string): Element | null {
  const buttons = $$(`[popovertarget="${id}"]`);
  const shown = buttons.find((button) => !button.closest('.menu') && button.getClientRects().length);
  return shown ?? $('[popovertarget="menu-more"]');
}

const firstItem = (menu: Element): HTMLElement | undefined => items(menu)[0];

function items(menu: Element): HTMLElement[] {
  return $$('button, a[href], input', menu).filter((item) => item.getClientRects().length);
}

function onKey(event: KeyboardEvent): void {
  const menu = under(event, '.menu[popover]:not(.emoji)');
  if (!menu || (event.key !== 'ArrowDown' && event.key !== 'ArrowUp')) return;
  if ((event.target as Element).matches('input')) return;
  event.preventDefault();
  const list = items(menu);
  const at = list.indexOf(document.activeElement as HTMLElement);
  const next = (at + (event.key === 'ArrowDown' ? 1 : -1) + list.length) % list.length;
  list[next]?.focus();
}

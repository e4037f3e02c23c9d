// The emoji picker: the list is loaded when first opened; native emoji need no pictures.
import { $$, button, element, must, under } from './dom';
import { openMenu } from './menus';

let chosen: (emoji: string) => void = () => undefined;

export async function openEmoji(anchor: HTMLElement, choose: (emoji: string) => void): Promise<void> {
  const menu = must('#menu-emoji');
  chosen = choose;
  if (!menu.childElementCount) fill(menu, await (await fetch('/static/img/emoji.txt')).text());
  openMenu(menu, anchor);
}

function fill(menu: HTMLElement, emoji: string): void {
  const split = new Intl.Segmenter(undefined, { granularity: 'grapheme' });
  const grid = element('div', 'grid8 scroll');
  for (const { segment } of split.segment(emoji.replaceAll('\n', ''))) grid.append(button('', segment));
  menu.append(grid);
  menu.addEventListener('click', (event) => {
    const pressed = under(event, 'button');
    if (pressed) chosen(pressed.textContent!);
  });
  menu.addEventListener('keydown', moveByArrows);
}

/** Arrows walk the grid; Tab leaves it. */
function moveByArrows(event: KeyboardEvent): void {
  const grid = (event.currentTarget as HTMLElement).firstElementChild as HTMLElement;
  const columns = getComputedStyle(grid).gridTemplateColumns.split(' ').length;
  const by = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: columns, ArrowUp: -columns }[event.key];
  if (!by) return;
  event.preventDefault();
  const buttons = $$('button', grid);
  const at = buttons.indexOf(document.activeElement as HTMLElement);
  buttons[Math.max(0, Math.min(buttons.length - 1, at + by))]?.focus();
}

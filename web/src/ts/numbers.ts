// The state of the connected numbers: the footer of the list, and the strip above the composer.
import { $, $$, heed, must, put } from './dom';
import { t, tn } from './i18n';
import { on } from './live';
import { inboxBoot, wordFor } from './page';
import { ago } from './time';
import type { Channel } from './types';

const known = new Map<string, Channel>();

export function startNumbers(): void {
  for (const channel of inboxBoot().channels) known.set(channel.id, channel);
  on('channel', (channel) => {
    known.set(channel.id, channel);
    showNumber(channel);
    showSummary();
    showStripOf(channel.id);
  });
  heed('hb:opened', () => showStripOf($('#pane hb-thread')?.dataset.channel ?? ''));
}

function showNumber(channel: Channel): void {
  const line = $(`[data-number="${CSS.escape(channel.id)}"]`);
  if (!line) return;
  $('.state-dot', line)!.dataset.state = channel.state;
  put(line, '[data-number-state]', wordFor('channel', channel.state));
  showSign($<HTMLTimeElement>('time', line), channel);
}

function showSummary(): void {
  const all = [...known.values()];
  const down = all.filter((channel) => channel.state !== 'open').length;
  const dot = $('[data-numbers-dot]');
  if (dot) dot.dataset.state = down ? 'down' : 'open';
  const well = tn('O número está funcionando', 'Todos os números estão funcionando', all.length);
  put(
    document,
    '[data-numbers-text]',
    down ? tn('%(n)s número fora do ar', '%(n)s números fora do ar', down) : well,
  );
}

function showStripOf(id: string): void {
  const channel = known.get(id);
  const strip = $('#composer [data-strip="channel"]');
  if (!channel || !strip || $('#pane hb-thread')?.dataset.channel !== id) return;
  const isDown = channel.state !== 'open';
  strip.hidden = !isDown;
  must('#composer').dataset.channelState = channel.state;
  if (!isDown) return;
  const effect = t('Suas respostas ficam na fila e saem quando ele voltar.');
  put(strip, '[data-strip-text]', `${channel.name}: ${wordFor('channel', channel.state)}. ${effect}`);
  for (const time of $$<HTMLTimeElement>('time', strip)) showSign(time, channel);
}

function showSign(time: HTMLTimeElement | null, channel: Channel): void {
  if (!time) return;
  const sign = new Date(channel.last_event_at ?? channel.since);
  time.dateTime = sign.toISOString();
  time.textContent = ago(sign);
}

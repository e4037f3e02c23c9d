// Times as people read them, in the tenant's zone like everything the server prints.
import { $$ } from './dom';
import { t } from './i18n';

const lang = document.documentElement.lang;
const timeZone = document.documentElement.dataset.zone || undefined;
const clockFormat = new Intl.DateTimeFormat(lang, { hour: '2-digit', minute: '2-digit', timeZone });
const dateFormat = new Intl.DateTimeFormat(lang, { dateStyle: 'short', timeZone });
const keyFormat = new Intl.DateTimeFormat('en-CA', { dateStyle: 'short', timeZone });
const fullFormat = new Intl.DateTimeFormat(lang, { dateStyle: 'medium', timeStyle: 'medium', timeZone });
const longFormat = new Intl.DateTimeFormat(lang, { dateStyle: 'long' });
const weekdayFormat = new Intl.DateTimeFormat(lang, { weekday: 'long' });
const agoFormat = new Intl.RelativeTimeFormat(lang, { numeric: 'auto' });

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** How long a customer may wait before the row says so. */
const WAIT_SHOWN_AFTER = 5 * MINUTE;

export const clock = (moment: Date): string => clockFormat.format(moment);

export const fullTime = (moment: Date): string => fullFormat.format(moment);

/** 2026-11-23, as Canadians write it. */
export const dayKey = (moment: Date): string => keyFormat.format(moment);

function daysAgo(key: string): number {
  return Math.round((Date.parse(dayKey(new Date())) - Date.parse(key)) / DAY);
}

export function dayName(key: string): string {
  const days = daysAgo(key);
  if (days === 0) return t('Hoje');
  if (days === 1) return t('Ontem');
  const date = new Date(`${key}T12:00:00`);
  if (days > 1 && days < 7) {
    const name = weekdayFormat.format(date);
    return name.charAt(0).toUpperCase() + name.slice(1);
  }
  return longFormat.format(date);
}

export function rowTime(moment: Date): string {
  const days = daysAgo(dayKey(moment));
  if (days <= 0) return clock(moment);
  return days === 1 ? t('Ontem') : dateFormat.format(moment);
}

export function ago(moment: Date): string {
  const past = Date.now() - moment.getTime();
  if (past < MINUTE) return t('agora há pouco');
  if (past < HOUR) return agoFormat.format(-Math.floor(past / MINUTE), 'minute');
  if (past < DAY) return agoFormat.format(-Math.floor(past / HOUR), 'hour');
  return agoFormat.format(-Math.floor(past / DAY), 'day');
}

export function waitText(since: Date): string {
  const minutes = Math.max(0, Math.floor((Date.now() - since.getTime()) / MINUTE));
  if (minutes < 60) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  if (hours >= 24) return `${Math.floor(hours / 24)} d`;
  return minutes % 60 ? `${hours} h ${minutes % 60} min` : `${hours} h`;
}

export function minutesSeconds(seconds: number): string {
  return `${Math.floor(seconds / 60)}:${String(Math.floor(seconds % 60)).padStart(2, '0')}`;
}

export function showWait(holder: HTMLElement): void {
  const since = holder.dataset.since;
  const waited = since ? Date.now() - Date.parse(since) : 0;
  holder.hidden = waited < WAIT_SHOWN_AFTER;
  const text = holder.lastElementChild;
  if (since && text) text.textContent = waitText(new Date(since));
}

function refresh(): void {
  for (const holder of $$<HTMLTimeElement>('time[data-ago]')) {
    if (holder.dateTime) holder.textContent = ago(new Date(holder.dateTime));
  }
  for (const holder of $$('.wait[data-since]')) showWait(holder);
  for (const line of $$('.day[data-day] time'))
    line.textContent = dayName((line as HTMLTimeElement).dateTime);
}

/** One timer keeps everything relative fresh. */
export function startClock(): void {
  refresh();
  setInterval(refresh, 30_000);
}

// Sound, desktop notification and title. Only one tab makes noise, and not for what somebody is looking at.
import { $, byId, heed } from './dom';
import { t } from './i18n';
import { isLeader } from './live';
import { inboxBoot, isMe } from './page';
import { previewText, rowOf, unreadRows } from './rows';
import type { Message } from './types';

const SOUND_AT_MOST_EVERY_MS = 3_000;
const VOLUME = { off: 0, soft: 0.06, loud: 0.25 };

const looking = 'BroadcastChannel' in window ? new BroadcastChannel('hb-looking') : null;
/** Conversations that a visible tab shows, by tab. */
const lookedAt = new Map<string, string>();
const thisTab = String(Math.random());

let unreadShown = -1;
/** In conversations that the list does not show: beyond its last page, or filtered out. */
let unreadElsewhere = 0;
let lastSound = 0;
let audio: AudioContext | null = null;
/** One window of the inbox tells. The stream may be held by a page that has no inbox. */
let isTelling = false;

export function startNotifying(): void {
  looking?.addEventListener('message', (event: MessageEvent<{ tab: string; conversation: string }>) => {
    lookedAt.set(event.data.tab, event.data.conversation);
  });
  void navigator.locks?.request('hb-telling', () => {
    isTelling = true;
    return new Promise<void>(() => undefined);
  });
  document.addEventListener('visibilitychange', tellLooking);
  heed('hb:opened', tellLooking);
  addEventListener('pagehide', () => looking?.postMessage({ tab: thisTab, conversation: '' }));
  // Browsers let a page sound only after the person has touched it.
  document.addEventListener('pointerdown', () => (audio ??= new AudioContext()), { once: true });
  showTitle();
}

export function notify(message: Message, open: (conversation: string) => void): void {
  if (!isWorthTelling(message)) return;
  sound();
  showDesktop(message, open);
}

/** The server's count of all there are; the rows in sight move it until the next count. */
export function countUnread(all: number): void {
  unreadElsewhere = Math.max(0, all - unreadRows());
  showTitle();
}

export function showTitle(): void {
  if (!byId('convs')) return;
  const unread = unreadRows() + unreadElsewhere;
  const name = $('#pane .th-h h2')?.textContent ?? t('Conversas');
  document.title = `${unread ? `(${unread}) ` : ''}${name} · Hunfly Box`;
  if (unread !== unreadShown) showUnread(unread);
}

function showUnread(unread: number): void {
  unreadShown = unread;
  const dot = byId('unread-dot');
  if (dot) dot.hidden = !unread;
  const count = byId('unread-count');
  if (count) {
    count.hidden = !unread;
    count.textContent = unread > 99 ? '99+' : String(unread);
  }
  showIcon(unread > 0);
  void (unread ? navigator.setAppBadge?.(unread) : navigator.clearAppBadge?.())?.catch(() => undefined);
}

function isWorthTelling(message: Message): boolean {
  if (message.direction !== 'in' || message.history || message.type === 'system') return false;
  if (!(navigator.locks ? isTelling : isLeader())) return false;
  const owner = rowOf(message.conversation_id)?.dataset.assignee;
  if (owner && !isMe(owner)) return false;
  tellLooking();
  return ![...lookedAt.values()].includes(message.conversation_id);
}

function tellLooking(): void {
  const path = location.pathname.split('/')[2] ?? '';
  const conversation = document.hidden || !document.hasFocus() ? '' : path;
  lookedAt.set(thisTab, conversation);
  looking?.postMessage({ tab: thisTab, conversation });
}

function sound(): void {
  const volume = VOLUME[inboxBoot().preferences.sound];
  if (!volume || !audio || Date.now() - lastSound < SOUND_AT_MOST_EVERY_MS) return;
  lastSound = Date.now();
  // Two soft notes, made here: no file to load.
  for (const [index, pitch] of [660, 880].entries()) {
    const start = audio.currentTime + index * 0.11;
    const tone = audio.createOscillator();
    const gain = audio.createGain();
    tone.frequency.value = pitch;
    gain.gain.setValueAtTime(0, start);
    gain.gain.linearRampToValueAtTime(volume, start + 0.02);
    gain.gain.exponentialRampToValueAtTime(0.0001, start + 0.28);
    tone.connect(gain).connect(audio.destination);
    tone.start(start);
    tone.stop(start + 0.3);
  }
}

function showDesktop(message: Message, open: (conversation: string) => void): void {
  const { desktop, private: hidesText } = inboxBoot().preferences;
  if (!desktop || !('Notification' in window) || Notification.permission !== 'granted') return;
  const shown = new Notification(message.author.name || t('Nova mensagem'), {
    body: hidesText ? t('Nova mensagem') : previewText(message),
    tag: `conv-${message.conversation_id}`,
    icon: '/static/img/icon.svg',
    silent: true,
  });
  shown.addEventListener('click', () => {
    window.focus();
    open(message.conversation_id);
    shown.close();
  });
}

function showIcon(hasUnread: boolean): void {
  const link = $<HTMLLinkElement>('link[rel="icon"]');
  const wanted = hasUnread ? '/static/img/icon-unread.svg' : '/static/img/icon.svg';
  if (link && !link.href.endsWith(wanted)) link.href = wanted;
}

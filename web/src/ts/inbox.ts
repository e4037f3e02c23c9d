// The inbox, put together: rows, panes, composer and the live stream.
import './audio';
import { startBanners } from './banners';
import { currentComposer } from './composer';
import { startContactForm } from './contact';
import { announce, heed, must, toast, under } from './dom';
import { filters, matches, startFilters } from './filters';
import { oncePerFrame } from './frames';
import * as head from './head';
import { t } from './i18n';
import { startKeyboard } from './keyboard';
import { moveCursor, on, startLive } from './live';
import { startMessageMenu } from './message_menu';
import { api } from './net';
import { newConversation } from './new_conversation';
import { countUnread, notify, showTitle, startNotifying } from './notify';
import { startNumbers } from './numbers';
import { inboxBoot } from './page';
import * as panes from './panes';
import * as rows from './rows';
import { look, startSeeing, watchVisibility } from './seen';
import { showUnsentIn, startSending } from './sending';
import { noteChange, startSide } from './side';
import { nowViewing, startSocket } from './socket';
import { currentThread, type Thread } from './thread';
import type { Conversation, Message } from './types';

const COUNTS_AT_MOST_EVERY_MS = 5_000;

/** What the stream said of conversations since the last frame: of a burst about one, only the last word counts. */
const changed = new Map<string, Conversation>();

let countsTimer = 0;
let announced = '';

export function startInbox(): Record<string, () => void> {
  const commands = inboxCommands();
  rows.startRows();
  startFilters(() => {
    void rows.reloadRows().catch(head.explain);
    askCounts();
  });
  head.startHead(applyConversation);
  startMessageMenu(panes.receive);
  startNumbers();
  startSide();
  startNotifying();
  startBanners();
  startKeyboard((command) => commands[command]?.());
  watchVisibility();
  listenToRows();
  listenToDrops();
  listenToStream();
  void startSending(panes.threadOf);
  startSocket();
  nowViewing(panes.currentId() || null);
  rows.markCurrent(panes.currentId());
  startSeeing();
  startLive(inboxBoot().cursor);
  startContactForm();
  askCounts();
  return commands;
}

function inboxCommands(): Record<string, () => void> {
  const next = (): void => panes.step(1);
  return {
    back: () => panes.showList(),
    'open-again': panes.openAgain,
    jump: () => currentThread()?.toBottom(),
    side: toggleSide,
    resolve: () => void head.resolve(next),
    reopen: head.reopen,
    'resolve-or-reopen': () => (head.isClosed() ? head.reopen() : void head.resolve(next)),
    'take-over': head.takeOver,
    unread: () => void head.leaveUnread(() => panes.showList()),
    block: () => void head.toggleBlock(),
    'copy-phone': head.copyPhone,
    'new-conversation': () => openNewConversation(),
    help: () => must<HTMLDialogElement>('#dlg-help').showModal(),
  };
}

function openNewConversation(phone = ''): void {
  newConversation((id) => void panes.openConversation(id), phone);
}

function toggleSide(): void {
  const inbox = must('#inbox');
  const isOpen = inbox.dataset.side ? inbox.dataset.side === 'on' : matchMedia('(min-width: 1280px)').matches;
  inbox.dataset.side = isOpen ? 'off' : 'on';
  inbox.dataset.chosen = '1';
}

function listenToRows(): void {
  const list = must('#convs');
  const rowUnder = (event: Event) => under(event, '.conv');
  list.addEventListener('click', (event) => {
    const row = rowUnder(event);
    if (!row || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    void openRow(row);
  });
  for (const name of ['pointerover', 'pointerdown']) {
    list.addEventListener(name, (event) => panes.prefetch(rowUnder(event)?.dataset.id ?? ''));
  }
  addEventListener('popstate', () => {
    const id = location.pathname.split('/')[2];
    if (id) void panes.openConversation(id, false);
    else panes.showList(false);
  });
  heed('hb:chat-with', openNewConversation);
  heed<Thread>('hb:end', (thread) => {
    showUnsentIn(thread.conversation);
    void panes.refresh(thread);
  });
  heed('hb:message', panes.receive);
}

/** A search result opens at the message that was found. */
async function openRow(row: HTMLElement): Promise<void> {
  const { id, match } = row.dataset;
  await panes.openConversation(id!);
  if (match && panes.currentId() === id) void currentThread()?.show(match);
}

/** Files may be dropped anywhere on the open conversation. */
function listenToDrops(): void {
  const pane = must('#pane');
  const hasFiles = (event: DragEvent) => !!event.dataTransfer?.types.includes('Files');
  pane.addEventListener('dragover', (event) => {
    if (!hasFiles(event) || !currentComposer()) return;
    event.preventDefault();
    pane.dataset.drop = '';
  });
  pane.addEventListener('dragleave', (event) => {
    if (!pane.contains(event.relatedTarget as Node | null)) delete pane.dataset.drop;
  });
  pane.addEventListener('drop', (event) => {
    delete pane.dataset.drop;
    if (!hasFiles(event)) return;
    event.preventDefault();
    currentComposer()?.addFiles(event.dataTransfer!.files);
  });
}

function listenToStream(): void {
  on('state', (state) => state === 'open' && panes.openAgain());
  on('message', (message) => {
    panes.dropPrefetched(message.conversation_id);
    panes.receive(message);
    if (message.direction === 'in') rows.showTyping(message.conversation_id, false);
    notify(message, (id) => void panes.openConversation(id));
    say(message);
  });
  on('message.status', (change) => {
    applyChanged(change.conversation_id);
    panes.receiveStatus(change);
    rows.showStatus(change);
  });
  on('conversation', (conversation) => {
    changed.set(conversation.id, conversation);
    applyAllSoon();
  });
  on('conversation.gone', ({ id, into }) => {
    changed.delete(id);
    rows.removeRow(id);
    const wasOpen = panes.currentId() === id;
    if (into && wasOpen) void panes.openConversation(into);
    else panes.closeConversation(id);
    if (wasOpen && !into) toast(t('Esta conversa passou para outra pessoa e saiu da sua lista.'));
    askCounts();
  });
  on('typing', ({ conversation_id: id, by, on: isOn }) => {
    applyChanged(id);
    if (by.kind === 'contact') {
      panes.threadOf(id)?.typing(isOn);
      rows.showTyping(id, isOn);
    } else {
      showColleagueTyping(id, by.name, isOn && by.id !== inboxBoot().me.id);
    }
  });
  on('presence', ({ conversation_id: id, viewers }) => {
    if (id === panes.currentId()) head.showViewers(viewers);
  });
  on('counts', ({ t: kind, conversation_id: id, seen }) => {
    applyChanged(id);
    if (kind === 'seen') rows.setSeen(id, seen);
    showTitle();
  });
  on('reset', ({ cursor }) => void startOver(cursor ?? ''));
}

/** The stream cannot say what happened: the list and the open thread are loaded afresh. */
async function startOver(cursor: string): Promise<void> {
  changed.clear();
  panes.forgetKept();
  moveCursor(cursor);
  await rows.reloadRows().catch(() => undefined);
  const thread = currentThread();
  if (thread) await panes.refresh(thread);
  askCounts();
  showTitle();
}

const applyAllSoon = oncePerFrame(() => {
  for (const id of [...changed.keys()]) applyChanged(id);
  look();
});

/** At once, for what follows it must find it so. */
function applyChanged(id: string): void {
  const conversation = changed.get(id);
  if (!conversation) return;
  changed.delete(id);
  applyConversation(conversation);
}

function applyConversation(conversation: Conversation): void {
  const before = rows.rowOf(conversation.id);
  const moved =
    !before ||
    before.dataset.assignee !== (conversation.assignee?.id ?? '') ||
    before.dataset.status !== conversation.status;
  noteChange(conversation);
  rows.upsertRow(conversation);
  panes.receiveConversation(conversation);
  showTitle();
  if (moved || !matches(conversation)) askCounts();
}

function askCounts(): void {
  if (countsTimer) return;
  countsTimer = window.setTimeout(async () => {
    countsTimer = 0;
    const counts = await api<Record<string, number>>('GET', `/ui/counts?status=${filters.now.status}`).catch(
      () => null,
    );
    if (!counts) return;
    rows.showCounts(counts);
    countUnread(counts.unread ?? 0);
  }, countsDelay());
}

let lastCounts = 0;

function countsDelay(): number {
  const wait = Math.max(150, lastCounts + COUNTS_AT_MOST_EVERY_MS - Date.now());
  lastCounts = Date.now() + wait;
  return wait;
}

let colleagueTimer = 0;

function showColleagueTyping(id: string, name: string, isOn: boolean): void {
  if (id !== panes.currentId()) return;
  clearTimeout(colleagueTimer);
  head.showStrip('typing', isOn ? head.typingWords(name) : null);
  if (isOn) colleagueTimer = window.setTimeout(() => head.showStrip('typing', null), 6_000);
}

/** Said once per burst, and only for the conversation that is open. */
function say(message: Message): void {
  if (message.direction !== 'in' || message.conversation_id !== panes.currentId()) return;
  const words = `${message.author.name}: ${rows.previewText(message)}`;
  if (words === announced) return;
  announced = words;
  announce(words);
}

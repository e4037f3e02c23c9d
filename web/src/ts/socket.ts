// The WebSocket carries what may be lost: typing and viewing. Where it cannot open, typing goes by POST.
import { api } from './net';

const TYPING_EVERY_MS = 3_000;
const RETRY_MS = 5_000;
const LONGEST_RETRY_MS = 60_000;
const PING_EVERY_MS = 25_000;

let socket: WebSocket | null = null;
let viewing: string | null = null;
let lastTyping = 0;
let typingIn: string | null = null;
let pause = RETRY_MS;
let retryTimer = 0;

export function startSocket(): void {
  connect();
  setInterval(() => send({ t: 'ping' }), PING_EVERY_MS);
  document.addEventListener('visibilitychange', () => {
    if (document.hidden) {
      stopTyping();
      send({ t: 'viewing', conversation_id: null });
    } else if (socket?.readyState === WebSocket.OPEN) {
      send({ t: 'viewing', conversation_id: viewing });
    } else {
      connect();
    }
  });
}

export function nowViewing(conversation: string | null): void {
  viewing = conversation;
  send({ t: 'viewing', conversation_id: document.hidden ? null : conversation });
}

export function nowTyping(conversation: string): void {
  if (typingIn === conversation && Date.now() - lastTyping < TYPING_EVERY_MS) return;
  typingIn = conversation;
  lastTyping = Date.now();
  sendTyping(conversation, true);
}

export function stopTyping(): void {
  if (!typingIn) return;
  sendTyping(typingIn, false);
  typingIn = null;
}

function sendTyping(conversation: string, isOn: boolean): void {
  const sent = send({ t: 'typing', conversation_id: conversation, on: isOn });
  if (!sent)
    void api('POST', '/ui/typing', { conversation_id: conversation, on: isOn }).catch(() => undefined);
}

function send(word: Record<string, unknown>): boolean {
  if (socket?.readyState !== WebSocket.OPEN) return false;
  socket.send(JSON.stringify(word));
  return true;
}

function connect(): void {
  clearTimeout(retryTimer);
  if (document.hidden || (socket && socket.readyState <= WebSocket.OPEN)) return;
  const scheme = location.protocol === 'https:' ? 'wss' : 'ws';
  const opened = new WebSocket(`${scheme}://${location.host}/ws`);
  socket = opened;
  opened.addEventListener('open', () => {
    pause = RETRY_MS;
    send({ t: 'viewing', conversation_id: viewing });
  });
  opened.addEventListener('close', () => {
    if (socket !== opened) return;
    socket = null;
    pause = Math.min(pause * 2, LONGEST_RETRY_MS);
    retryTimer = window.setTimeout(connect, pause * (0.7 + Math.random() * 0.6));
  });
}

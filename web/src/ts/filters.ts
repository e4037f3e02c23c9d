// Which conversations the list shows. Kept in the address, so that a reload and a shared link show the same.
import { $, $$, must, under } from './dom';
import { inboxBoot, isMe } from './page';
import type { Conversation, Filters } from './types';

const DEFAULTS: Filters = { status: 'open', tab: 'all', channel: null, label: null, q: null };
const SEARCH_AFTER_MS = 250;
const ANY_STATUS = 'any';

export const filters = {
  now: { ...DEFAULTS, ...inboxOnly() } as Filters,

  query(): string {
    const query = new URLSearchParams();
    for (const [name, value] of Object.entries(this.now)) {
      if (value && value !== DEFAULTS[name as keyof Filters]) query.set(name, String(value));
    }
    query.set('status', this.now.status);
    query.set('tab', this.now.tab);
    return query.toString();
  },

  areSet(): boolean {
    const { channel, label, q, status } = this.now;
    return !!channel || !!label || !!q || status !== 'open';
  },
};

function inboxOnly(): Partial<Filters> {
  return document.getElementById('boot') ? inboxBoot().filters : {};
}

export function matches(conversation: Conversation): boolean {
  const { status, tab, channel, label } = filters.now;
  if (status !== ANY_STATUS && conversation.status !== status) return false;
  if (tab === 'mine' && !isMe(conversation.assignee?.id)) return false;
  if (tab === 'none' && conversation.assignee) return false;
  if (channel && conversation.channel_id !== channel) return false;
  return !label || conversation.labels.some((item) => item.id === label);
}

export function startFilters(changed: () => void): void {
  const search = must<HTMLInputElement>('#conv-q');
  let timer = 0;
  search.addEventListener('input', () => {
    clearTimeout(timer);
    timer = window.setTimeout(() => set(searchFor(search.value.trim()), changed), SEARCH_AFTER_MS);
  });
  document.addEventListener('click', (event) => {
    const tab = under(event, '[data-tab]');
    const choice = under(event, '[data-filter]');
    const clear = under(event, '[data-chip="clear"], [data-chip="clear-all"]');
    if (tab) set({ tab: tab.dataset.tab! }, changed);
    if (choice) {
      choice.closest<HTMLElement>('[popover]')?.hidePopover();
      set({ [choice.dataset.filter!]: choice.dataset.value || null }, changed);
    }
    if (clear) {
      search.value = '';
      set({ ...DEFAULTS, tab: filters.now.tab }, changed);
    }
  });
  paint();
}

/** Who is looked for may have been resolved long ago: unless a status was chosen, a search goes through all. */
function searchFor(q: string): Partial<Filters> {
  const { now } = filters;
  if (q && now.status === DEFAULTS.status) return { q, status: ANY_STATUS };
  if (!q && now.q && now.status === ANY_STATUS) return { q: null, status: DEFAULTS.status };
  return { q: q || null };
}

function set(change: Partial<Filters>, changed: () => void): void {
  Object.assign(filters.now, change);
  paint();
  history.replaceState(history.state, '', `${location.pathname}?${filters.query()}`);
  changed();
}

function paint(): void {
  const { now } = filters;
  for (const tab of $$('[data-tab]')) tab.setAttribute('aria-pressed', String(tab.dataset.tab === now.tab));
  for (const choice of $$('[data-filter]')) {
    const value = now[choice.dataset.filter as keyof Filters] ?? '';
    choice.setAttribute('aria-pressed', String(value === choice.dataset.value));
  }
  paintChip('status', now.status === 'open' ? null : now.status);
  paintChip('channel', now.channel);
  paintChip('label', now.label);
  must('[data-chip="clear"]').hidden = !filters.areSet();
}

function paintChip(name: string, value: string | null): void {
  const chip = must(`[data-chip="${name}"]`);
  const shown = name === 'status' ? filters.now.status : value;
  const choice = $(`[data-filter="${name}"][data-value="${CSS.escape(shown ?? '')}"]`);
  chip.setAttribute('aria-pressed', String(!!value));
  const text = shown && choice ? choice.textContent!.trim() : chip.dataset.none;
  if (text) must('[data-chip-text]', chip).textContent = text;
}

// REST shapes (contracts/API.md) with the extras of the user interface.

export type Id = string;

export interface Person {
  id: Id;
  name: string;
}

export interface Label extends Person {
  color?: number;
}

export interface Author {
  kind: 'contact' | 'user' | 'phone' | 'system';
  id: Id | null;
  name: string;
}

export interface Media {
  id: Id;
  mime: string;
  name: string | null;
  size: number;
  seconds: number | null;
  url: string | null;
  state: 'pending' | 'ready' | 'unavailable';
}

export interface Problem {
  code: string;
  detail?: string | null;
}

export interface Message {
  id: Id;
  conversation_id: Id;
  channel_id: Id;
  direction: 'in' | 'out';
  author: Author;
  type: string;
  text: string | null;
  media?: Media | null;
  location?: { name?: string | null } | null;
  contacts?: { name: string }[] | null;
  order?: { title?: string | null } | null;
  quoted?: { id: Id | null; text: string | null; author: string | null } | null;
  status: string | null;
  error?: Problem | null;
  edited_at?: string | null;
  deleted_at?: string | null;
  sent_at: string;
  version: number;
  cid?: string | null;
  html?: string;
  history?: boolean;
}

export interface MessageStatus {
  id: Id;
  conversation_id: Id;
  status: string;
  version: number;
  error?: Problem | null;
}

export interface Conversation {
  id: Id;
  channel_id: Id;
  contact: {
    id: Id;
    name: string;
    phone: string | null;
    is_group: boolean;
    avatar_url: string | null;
    blocked?: boolean;
  };
  status: 'open' | 'snoozed' | 'resolved';
  snoozed_until: string | null;
  assignee: Person | null;
  labels: Label[];
  waiting_since: string | null;
  last_message: Message | null;
  version: number;
  inbound_count?: number;
}

export interface Channel {
  id: Id;
  name: string;
  phone: string | null;
  state: string;
  cause: string | null;
  since: string;
  last_event_at?: string | null;
}

export interface Preferences {
  sound: 'off' | 'soft' | 'loud';
  desktop: boolean;
  private: boolean;
  single_keys: boolean;
}

export interface Filters {
  status: string;
  tab: string;
  channel: string | null;
  label: string | null;
  q: string | null;
}

export interface Boot {
  me: Person;
  users: Person[];
  channels: Channel[];
  labels: Label[];
  preferences: Preferences;
  limits: { media_bytes: number; document_bytes: number };
  counts: { mine: number; none: number; all: number };
  filters: Filters;
  cursor: string;
  build: string;
}

export interface Typing {
  conversation_id: Id;
  by: { kind: 'contact' | 'user'; id: Id | null; name: string };
  on: boolean;
  recording?: boolean;
}

export interface Viewers {
  conversation_id: Id;
  viewers: Person[];
}

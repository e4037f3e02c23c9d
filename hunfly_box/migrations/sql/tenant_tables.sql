-- The tenant plane. Every key and every foreign key leads with tenant_id: a row of one tenant cannot point at a row of another.

-- The words a column of the tables that every message touches may hold. As a column's CHECK they would be read from text and planned
-- anew in every statement that writes the table; a domain's are kept.
CREATE DOMAIN app.conversation_status AS text CHECK (VALUE IN ('open', 'snoozed', 'resolved'));
CREATE DOMAIN app.message_direction AS text CHECK (VALUE IN ('in', 'out'));
CREATE DOMAIN app.message_author AS text CHECK (VALUE IN ('contact', 'user', 'phone', 'system'));
CREATE DOMAIN app.message_status AS text
  CHECK (VALUE IN ('queued', 'waiting_channel', 'sending', 'sent', 'delivered', 'read', 'played', 'failed', 'unconfirmed'));
CREATE DOMAIN app.journal_state AS text CHECK (VALUE IN ('done', 'parked', 'ignored', 'discarded'));

CREATE TABLE app.channels (
  tenant_id uuid NOT NULL REFERENCES app.tenants (id) ON DELETE CASCADE,
  id uuid NOT NULL,
  name text NOT NULL,
  provider text NOT NULL CHECK (provider IN ('evolution', 'cloud')),
  instance text NOT NULL,                       -- the provider's own name for this number
  engine_url text NOT NULL,
  route_key text NOT NULL UNIQUE,               -- 128 random bits in the webhook's path; global, but tells nothing
  secrets bytea NOT NULL,                       -- sealed JSON: hmac, header_name, header_value, jwt_key, api_key and their predecessors
  phone text,
  state text NOT NULL DEFAULT 'new' CHECK (state IN ('new', 'qr', 'connecting', 'open', 'reconnecting', 'logged_out',
                                                     'banned', 'restricted', 'replaced', 'engine_down')),
  cause text,
  state_since timestamptz NOT NULL DEFAULT now(),
  qr_png_base64 text,
  pairing_code text,
  qr_at timestamptz,
  created_at timestamptz NOT NULL DEFAULT now(),
  version bigint NOT NULL DEFAULT app.now_us(),
  PRIMARY KEY (tenant_id, id),
  UNIQUE (tenant_id, instance)
);

-- Apart from channels, because every message touches it.
CREATE TABLE app.channel_health (
  tenant_id uuid NOT NULL,
  channel_id uuid NOT NULL,
  last_webhook_at timestamptz,
  last_inbound_at timestamptz,
  last_sent_at timestamptz,
  last_checked_at timestamptz,
  PRIMARY KEY (tenant_id, channel_id),
  FOREIGN KEY (tenant_id, channel_id) REFERENCES app.channels (tenant_id, id) ON DELETE CASCADE
) WITH (fillfactor = 50);

-- Sends granted lately: the limiter's second source when Redis is away.
CREATE TABLE app.channel_sends (
  tenant_id uuid NOT NULL,
  channel_id uuid NOT NULL,
  delivery_id uuid NOT NULL,
  granted_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (tenant_id, channel_id, delivery_id),
  FOREIGN KEY (tenant_id, channel_id) REFERENCES app.channels (tenant_id, id) ON DELETE CASCADE
);
CREATE INDEX channel_sends_recent ON app.channel_sends (tenant_id, channel_id, granted_at);

CREATE TABLE app.contacts (
  tenant_id uuid NOT NULL REFERENCES app.tenants (id) ON DELETE CASCADE,
  id uuid NOT NULL,
  is_group boolean NOT NULL DEFAULT false,
  name text,                                    -- as our people call them; wins over push_name
  push_name text,                               -- as they call themselves, or the group's subject
  phone text,                                   -- E.164 with +
  attributes jsonb NOT NULL DEFAULT '{}',
  blocked_at timestamptz,
  avatar_sha256 text,
  avatar_checked_at timestamptz,
  avatar_mark text,                             -- the provider's address of that picture, without its signature
  created_at timestamptz NOT NULL DEFAULT now(),
  version bigint NOT NULL DEFAULT app.now_us(),
  folded text GENERATED ALWAYS AS (app.fold(coalesce(name, '') || ' ' || coalesce(push_name, '') || ' ' || coalesce(phone, ''))) STORED,
  PRIMARY KEY (tenant_id, id)
);
CREATE INDEX contacts_without_number ON app.contacts (tenant_id) WHERE phone IS NULL AND NOT is_group;
CREATE INDEX contacts_folded ON app.contacts USING gin (folded public.gin_trgm_ops);

CREATE TABLE app.contact_identities (
  tenant_id uuid NOT NULL,
  id uuid NOT NULL,
  contact_id uuid NOT NULL,
  kind text NOT NULL CHECK (kind IN ('phone', 'lid', 'group')),
  value text NOT NULL,                          -- canonical: E.164 with Brazil's ninth digit, LID digits, group id
  address text NOT NULL,                        -- what the provider answers to
  created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, id),
  UNIQUE (tenant_id, kind, value),
  FOREIGN KEY (tenant_id, contact_id) REFERENCES app.contacts (tenant_id, id) ON DELETE CASCADE
);
CREATE INDEX contact_identities_contact ON app.contact_identities (tenant_id, contact_id);

CREATE TABLE app.conversations (
  tenant_id uuid NOT NULL,
  id uuid NOT NULL,
  channel_id uuid NOT NULL,
  contact_id uuid NOT NULL,
  status app.conversation_status NOT NULL DEFAULT 'open',
  snoozed_until timestamptz,
  assignee_id uuid,
  waiting_since timestamptz,                    -- the oldest customer message that nobody of ours has answered
  last_message_id uuid,
  last_message_at timestamptz,
  inbound_count integer NOT NULL DEFAULT 0,     -- customer messages ever; unread = this minus what a person has seen
  inbound_answered integer NOT NULL DEFAULT 0,  -- inbound_count when one of ours last replied
  created_at timestamptz NOT NULL DEFAULT now(),
  version bigint NOT NULL DEFAULT app.now_us(),
  PRIMARY KEY (tenant_id, id),
  UNIQUE (tenant_id, contact_id, channel_id),   -- also finds the conversations of a contact
  FOREIGN KEY (tenant_id, channel_id) REFERENCES app.channels (tenant_id, id) ON DELETE CASCADE,
  FOREIGN KEY (tenant_id, contact_id) REFERENCES app.contacts (tenant_id, id) ON DELETE CASCADE,
  FOREIGN KEY (tenant_id, assignee_id) REFERENCES app.memberships (tenant_id, user_id)
) WITH (fillfactor = 70);
-- Every message moves its conversation in all of these: no more of them than are needed.
-- The assignee is on board so that the tabs' numbers are counted without looking at the rows.
CREATE INDEX conversations_by_time ON app.conversations (tenant_id, status, last_message_at DESC, id DESC) INCLUDE (assignee_id);
CREATE INDEX conversations_by_assignee ON app.conversations (tenant_id, assignee_id) WHERE assignee_id IS NOT NULL;
CREATE INDEX conversations_snoozed ON app.conversations (tenant_id, snoozed_until) WHERE status = 'snoozed';

-- Each opening of a conversation, for reports: opened, first reply, resolved, by whom.
CREATE TABLE app.rounds (
  tenant_id uuid NOT NULL,
  id uuid NOT NULL,
  conversation_id uuid NOT NULL,
  opened_at timestamptz NOT NULL DEFAULT now(),
  first_reply_at timestamptz,
  first_reply_by uuid,
  resolved_at timestamptz,
  resolved_by uuid,
  PRIMARY KEY (tenant_id, id),
  FOREIGN KEY (tenant_id, conversation_id) REFERENCES app.conversations (tenant_id, id) ON DELETE CASCADE
);
CREATE UNIQUE INDEX rounds_open ON app.rounds (tenant_id, conversation_id) WHERE resolved_at IS NULL;

CREATE TABLE app.media (
  tenant_id uuid NOT NULL REFERENCES app.tenants (id) ON DELETE CASCADE,
  id uuid NOT NULL,
  conversation_id uuid,                         -- NULL: uploaded, not sent yet
  uploader_id uuid,
  mime text NOT NULL,
  name text,
  size bigint NOT NULL DEFAULT 0,
  seconds integer,
  width integer,
  height integer,
  peaks smallint[],                             -- a voice note's wave, 0..100
  sha256 text,                                  -- where the bytes lie; NULL until fetched
  thumbnail_sha256 text,
  state text NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'ready', 'unavailable')),
  error text,
  provider_ref jsonb,                           -- what the provider wants to hand the bytes out
  created_at timestamptz NOT NULL DEFAULT now(),
  version bigint NOT NULL DEFAULT app.now_us(),
  PRIMARY KEY (tenant_id, id),
  FOREIGN KEY (tenant_id, conversation_id) REFERENCES app.conversations (tenant_id, id) ON DELETE CASCADE
);
CREATE INDEX media_by_hash ON app.media (tenant_id, sha256);
CREATE INDEX media_by_conversation ON app.media (tenant_id, conversation_id);

CREATE TABLE app.messages (
  tenant_id uuid NOT NULL,
  id uuid NOT NULL,
  conversation_id uuid NOT NULL,
  channel_id uuid NOT NULL,
  direction app.message_direction NOT NULL,
  type text NOT NULL,
  author_kind app.message_author NOT NULL,
  author_id uuid,                               -- a contact (in groups: who spoke) or a user
  author_name text,
  text text,
  payload jsonb,                                -- location, contacts, poll, order … by type
  media_id uuid,
  provider_id text,
  status app.message_status,
  error_code text,
  error_detail text,
  quoted_provider_id text,
  quoted_text text,                             -- as the quoter's phone showed it; kept because we may not have the original
  quoted_author text,
  is_forwarded boolean NOT NULL DEFAULT false,
  client_key text,                              -- the browser's own id of an optimistic bubble
  edited_at timestamptz,
  deleted_at timestamptz,
  sent_at timestamptz NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  version bigint NOT NULL DEFAULT app.now_us(),
  PRIMARY KEY (tenant_id, id),
  -- One index serves both "have we got this already" and "which message is this status about".
  UNIQUE (tenant_id, provider_id, conversation_id, direction),
  FOREIGN KEY (tenant_id, conversation_id) REFERENCES app.conversations (tenant_id, id) ON DELETE CASCADE,
  FOREIGN KEY (tenant_id, media_id) REFERENCES app.media (tenant_id, id)
) WITH (fillfactor = 85);
CREATE INDEX messages_thread ON app.messages (tenant_id, conversation_id, sent_at DESC, id DESC);
CREATE INDEX messages_media ON app.messages (tenant_id, media_id) WHERE media_id IS NOT NULL;

CREATE TABLE app.message_revisions (
  tenant_id uuid NOT NULL,
  id uuid NOT NULL,
  message_id uuid NOT NULL,
  text text,                                    -- what it said before
  replaced_at timestamptz NOT NULL DEFAULT now(),
  replaced_by uuid,
  PRIMARY KEY (tenant_id, id),
  FOREIGN KEY (tenant_id, message_id) REFERENCES app.messages (tenant_id, id) ON DELETE CASCADE
);
CREATE INDEX message_revisions_message ON app.message_revisions (tenant_id, message_id);

CREATE TABLE app.reactions (
  tenant_id uuid NOT NULL,
  message_id uuid NOT NULL,
  reactor text NOT NULL,                        -- canonical address of the customer, or 'us'
  reactor_name text,
  emoji text NOT NULL,                          -- '' = taken back; kept so that an older event cannot bring it back
  reacted_at_ms bigint NOT NULL,
  PRIMARY KEY (tenant_id, message_id, reactor),
  FOREIGN KEY (tenant_id, message_id) REFERENCES app.messages (tenant_id, id) ON DELETE CASCADE
);

CREATE TABLE app.labels (
  tenant_id uuid NOT NULL REFERENCES app.tenants (id) ON DELETE CASCADE,
  id uuid NOT NULL,
  name text NOT NULL,
  color smallint NOT NULL DEFAULT 0 CHECK (color BETWEEN 0 AND 5),
  created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, id)
);
CREATE UNIQUE INDEX labels_name ON app.labels (tenant_id, lower(name));

CREATE TABLE app.conversation_labels (
  tenant_id uuid NOT NULL,
  conversation_id uuid NOT NULL,
  label_id uuid NOT NULL,
  PRIMARY KEY (tenant_id, conversation_id, label_id),
  FOREIGN KEY (tenant_id, conversation_id) REFERENCES app.conversations (tenant_id, id) ON DELETE CASCADE,
  FOREIGN KEY (tenant_id, label_id) REFERENCES app.labels (tenant_id, id) ON DELETE CASCADE
);
CREATE INDEX conversation_labels_label ON app.conversation_labels (tenant_id, label_id);

CREATE TABLE app.contact_labels (
  tenant_id uuid NOT NULL,
  contact_id uuid NOT NULL,
  label_id uuid NOT NULL,
  PRIMARY KEY (tenant_id, contact_id, label_id),
  FOREIGN KEY (tenant_id, contact_id) REFERENCES app.contacts (tenant_id, id) ON DELETE CASCADE,
  FOREIGN KEY (tenant_id, label_id) REFERENCES app.labels (tenant_id, id) ON DELETE CASCADE
);

-- How far each person has read.
CREATE TABLE app.conversation_reads (
  tenant_id uuid NOT NULL,
  conversation_id uuid NOT NULL,
  user_id uuid NOT NULL,
  inbound_seen integer NOT NULL,
  read_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, conversation_id, user_id),
  FOREIGN KEY (tenant_id, conversation_id) REFERENCES app.conversations (tenant_id, id) ON DELETE CASCADE,
  FOREIGN KEY (tenant_id, user_id) REFERENCES app.memberships (tenant_id, user_id) ON DELETE CASCADE
);

CREATE TABLE app.drafts (
  tenant_id uuid NOT NULL,
  conversation_id uuid NOT NULL,
  user_id uuid NOT NULL,
  kind text NOT NULL DEFAULT 'reply' CHECK (kind IN ('reply', 'note')),
  text text NOT NULL,
  quoted_id uuid,                               -- the message being answered
  updated_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, conversation_id, user_id),
  FOREIGN KEY (tenant_id, conversation_id) REFERENCES app.conversations (tenant_id, id) ON DELETE CASCADE,
  FOREIGN KEY (tenant_id, user_id) REFERENCES app.memberships (tenant_id, user_id) ON DELETE CASCADE
);

-- One outgoing attempt, or one outgoing act on a message (edit, delete, reaction, read mark).
CREATE TABLE app.deliveries (
  tenant_id uuid NOT NULL,
  id uuid NOT NULL,
  message_id uuid NOT NULL,
  conversation_id uuid NOT NULL,
  channel_id uuid NOT NULL,
  kind text NOT NULL DEFAULT 'send' CHECK (kind IN ('send', 'edit', 'delete', 'reaction')),
  payload jsonb NOT NULL DEFAULT '{}',
  lane text NOT NULL DEFAULT 'reply' CHECK (lane IN ('reply', 'system', 'auto', 'campaign')),
  state text NOT NULL DEFAULT 'queued' CHECK (state IN ('queued', 'claimed', 'dispatching', 'accepted', 'failed', 'unconfirmed', 'cancelled', 'asking')),
  attempts integer NOT NULL DEFAULT 0,
  crash_count integer NOT NULL DEFAULT 0,
  run_at timestamptz NOT NULL DEFAULT now(),
  expires_at timestamptz NOT NULL DEFAULT now() + interval '6 hours',
  lease_owner text,
  lease_token bigint NOT NULL DEFAULT 0,        -- fencing: a worker that slept too long cannot write over its successor
  lease_until timestamptz,
  dispatched_at timestamptz,
  finished_at timestamptz,
  provider_id text,
  error_code text,
  error_detail text,
  created_by uuid,
  created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, id),
  FOREIGN KEY (tenant_id, message_id) REFERENCES app.messages (tenant_id, id) ON DELETE CASCADE,
  FOREIGN KEY (tenant_id, conversation_id) REFERENCES app.conversations (tenant_id, id) ON DELETE CASCADE,
  FOREIGN KEY (tenant_id, channel_id) REFERENCES app.channels (tenant_id, id) ON DELETE CASCADE
);
CREATE INDEX deliveries_open ON app.deliveries (tenant_id, channel_id, conversation_id, created_at)
  WHERE state IN ('queued', 'claimed', 'dispatching', 'asking');
CREATE INDEX deliveries_message ON app.deliveries (tenant_id, message_id);

-- Everything else that must be done once: media to fetch, pictures, engine settings. The queue only rings; this row is the work.
CREATE TABLE app.work (
  tenant_id uuid NOT NULL REFERENCES app.tenants (id) ON DELETE CASCADE,
  id uuid NOT NULL,
  kind text NOT NULL,
  dedup_key text NOT NULL,
  payload jsonb NOT NULL DEFAULT '{}',
  priority smallint NOT NULL DEFAULT 5,
  state text NOT NULL DEFAULT 'queued' CHECK (state IN ('queued', 'claimed', 'done', 'parked')),
  attempts integer NOT NULL DEFAULT 0,
  max_attempts integer NOT NULL DEFAULT 8,
  crash_count integer NOT NULL DEFAULT 0,       -- workers that died holding it
  run_at timestamptz NOT NULL DEFAULT now(),
  lease_owner text,
  lease_token bigint NOT NULL DEFAULT 0,
  lease_until timestamptz,
  last_error text,
  created_at timestamptz NOT NULL DEFAULT now(),
  finished_at timestamptz,
  PRIMARY KEY (tenant_id, id)
);
CREATE UNIQUE INDEX work_open ON app.work (tenant_id, kind, dedup_key) WHERE state IN ('queued', 'claimed');
CREATE INDEX work_due ON app.work (tenant_id, run_at) WHERE state IN ('queued', 'claimed');

-- Raw webhooks, secrets removed. What could not be used stays here, parked with its reason, until it is replayed.
CREATE TABLE app.journal (
  tenant_id uuid NOT NULL,
  id uuid NOT NULL,
  channel_id uuid NOT NULL,
  event text NOT NULL,
  state app.journal_state NOT NULL,
  reason text,
  body bytea NOT NULL,
  received_at timestamptz NOT NULL DEFAULT now(),
  replayed_at timestamptz,
  PRIMARY KEY (tenant_id, id)
);
CREATE INDEX journal_parked ON app.journal (tenant_id, id) WHERE state = 'parked';

-- Statuses, edits, deletions and reactions that arrived before their message.
CREATE TABLE app.pending_changes (
  tenant_id uuid NOT NULL REFERENCES app.tenants (id) ON DELETE CASCADE,
  id uuid NOT NULL,
  channel_id uuid NOT NULL,
  provider_id text NOT NULL,
  change jsonb NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, id)
);
-- Led by what is different in each: a batch asks for its messages' changes in one look.
CREATE INDEX pending_changes_message ON app.pending_changes (provider_id, tenant_id);

-- What changed, when: a reconnecting browser reads this from its cursor on. Kept for an hour. No key: two lines are written for each
-- message, a line that is there twice is harmless, and looking for it first costs as much as writing it.
CREATE TABLE app.live_versions (
  tenant_id uuid NOT NULL,
  version bigint NOT NULL,
  kind text NOT NULL,
  entity_id uuid NOT NULL,
  conversation_id uuid
);
CREATE INDEX live_versions_cursor ON app.live_versions (tenant_id, version);

CREATE TABLE app.idempotency_keys (
  tenant_id uuid NOT NULL REFERENCES app.tenants (id) ON DELETE CASCADE,
  user_id uuid NOT NULL,
  key text NOT NULL,
  body_sha256 bytea NOT NULL,
  status integer,                               -- NULL while the first call runs
  answer bytea,
  created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, user_id, key)
);

CREATE TABLE app.audit (
  tenant_id uuid NOT NULL REFERENCES app.tenants (id) ON DELETE CASCADE,
  id uuid NOT NULL,
  at timestamptz NOT NULL DEFAULT now(),
  actor_id uuid,
  actor text NOT NULL,
  action text NOT NULL,
  object_kind text,
  object_id text,
  details jsonb NOT NULL DEFAULT '{}',
  PRIMARY KEY (tenant_id, id)
);

-- The searchable form of messages, filled a moment after they arrive: making it costs more than storing the message.
CREATE TABLE app.message_search (
  tenant_id uuid NOT NULL,
  message_id uuid NOT NULL,
  conversation_id uuid NOT NULL,
  sent_at timestamptz NOT NULL,
  version bigint NOT NULL,
  words tsvector NOT NULL,
  PRIMARY KEY (tenant_id, message_id),
  FOREIGN KEY (tenant_id, message_id) REFERENCES app.messages (tenant_id, id) ON DELETE CASCADE
);
CREATE INDEX message_search_words ON app.message_search USING gin (tenant_id, words);
CREATE INDEX message_search_recent ON app.message_search (tenant_id, sent_at DESC);
-- For an agent with few conversations and a word that everybody uses.
CREATE INDEX message_search_conversation ON app.message_search (tenant_id, conversation_id);

-- Messages whose words are to be indexed, put there by a trigger in the transaction that changed them. No key and no index:
-- a row is taken by its place in the table, and one that is there twice is harmless.
CREATE TABLE app.search_queue (
  tenant_id uuid NOT NULL,
  message_id uuid NOT NULL
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000);

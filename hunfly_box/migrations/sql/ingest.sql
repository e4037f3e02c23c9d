-- What comes in. One call of app.ingest() stores one gathered batch, of several tenants, in one transaction.
-- Everything here runs as its caller, under that role's policies: hb_ingest with its declared tenants, or hb_app with its one tenant.
--
-- Every change is commutative and idempotent: whatever order deliveries come in, and however often, the rows end up the same.

-- A UUIDv7, as the application makes them.
CREATE FUNCTION app.new_id() RETURNS uuid LANGUAGE sql VOLATILE PARALLEL SAFE AS $$
  SELECT encode(set_byte(bytes, 6, (get_byte(bytes, 6) & 15) | 112), 'hex')::uuid
  FROM (SELECT overlay(uuid_send(gen_random_uuid())
               PLACING substring(int8send((extract(epoch FROM clock_timestamp()) * 1000)::bigint) FROM 3) FROM 1 FOR 6) AS bytes) fresh
$$;

-- Statuses only climb. "failed" stands above "sent" and below "delivered": a delivery is better evidence than an error.
CREATE FUNCTION app.status_rank(status text) RETURNS integer LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT array_position(ARRAY['queued', 'waiting_channel', 'sending', 'unconfirmed', 'sent', 'failed', 'delivered', 'read', 'played'], status)
$$;

-- Who waits for us, read off the messages themselves: exact whatever order they came in.
-- A customer's clock counts whole seconds: what falls into the second of our reply is taken as unanswered.
CREATE FUNCTION app.recount_waiting(p_tenant uuid, p_conversation uuid) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  last_reply timestamptz;
  oldest timestamptz;
  unanswered integer;
BEGIN
  SELECT m.sent_at INTO last_reply FROM app.messages m
    WHERE m.tenant_id = p_tenant AND m.conversation_id = p_conversation AND m.direction = 'out' AND m.author_kind IN ('user', 'phone')
      AND m.type <> 'note' AND m.status IS DISTINCT FROM 'failed'
    ORDER BY m.sent_at DESC LIMIT 1;
  SELECT min(m.sent_at), count(*) INTO oldest, unanswered FROM app.messages m
    WHERE m.tenant_id = p_tenant AND m.conversation_id = p_conversation AND m.direction = 'in' AND m.payload ->> 'history' IS NULL
      AND m.sent_at >= coalesce(date_trunc('second', last_reply), '-infinity');
  UPDATE app.conversations v SET waiting_since = oldest, inbound_answered = v.inbound_count - unanswered
    WHERE v.tenant_id = p_tenant AND v.id = p_conversation
      AND (v.waiting_since IS DISTINCT FROM oldest OR v.inbound_answered <> v.inbound_count - unanswered);
END $$;

-- When one of ours says something. WhatsApp's clock counts whole seconds, so ours does: within one second the thread shows what came
-- first to the box, by its id. And what answers a message stands below it, however far behind WhatsApp's the box's clock is; a day
-- at most, as a message from the far future must not take us along.
CREATE FUNCTION app.said_at(p_conversation uuid) RETURNS timestamptz LANGUAGE sql VOLATILE AS $$
  SELECT date_trunc('second', greatest(clock_timestamp(), (
    SELECT v.last_message_at FROM app.conversations v
    WHERE v.tenant_id = app.tenant_id() AND v.id = p_conversation AND v.last_message_at < clock_timestamp() + interval '1 day')))
$$;

-- Two conversations with one person on one channel become one. Nothing is lost: what hung on either hangs on the keeper.
CREATE FUNCTION app.merge_conversations(p_tenant uuid, p_keeper uuid, p_gone uuid) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  gone app.conversations;
  copies integer;
BEGIN
  SELECT * INTO gone FROM app.conversations v WHERE v.tenant_id = p_tenant AND v.id = p_gone FOR UPDATE;
  -- The same message under both: what came through the other address. Ours, with its author and deliveries, outlives the copy.
  DELETE FROM app.messages k USING app.messages g
    WHERE k.tenant_id = p_tenant AND k.conversation_id = p_keeper AND g.tenant_id = p_tenant AND g.conversation_id = p_gone
      AND g.provider_id = k.provider_id AND g.direction = k.direction AND g.author_kind = 'user' AND k.author_kind = 'phone';
  WITH removed AS (
    DELETE FROM app.messages g USING app.messages k
      WHERE g.tenant_id = p_tenant AND g.conversation_id = p_gone AND k.tenant_id = p_tenant AND k.conversation_id = p_keeper
        AND k.provider_id = g.provider_id AND k.direction = g.direction
      RETURNING g.direction, g.payload)
    SELECT count(*) FILTER (WHERE direction = 'in' AND payload ->> 'history' IS NULL) INTO copies FROM removed;
  UPDATE app.media SET conversation_id = p_keeper WHERE tenant_id = p_tenant AND conversation_id = p_gone;
  UPDATE app.messages SET conversation_id = p_keeper WHERE tenant_id = p_tenant AND conversation_id = p_gone;
  UPDATE app.deliveries SET conversation_id = p_keeper WHERE tenant_id = p_tenant AND conversation_id = p_gone;
  UPDATE app.pending_changes SET change = jsonb_set(change, '{conversation_id}', to_jsonb(p_keeper::text))
    WHERE tenant_id = p_tenant AND change ->> 'conversation_id' = p_gone::text;
  DELETE FROM app.rounds r WHERE r.tenant_id = p_tenant AND r.conversation_id = p_gone AND r.resolved_at IS NULL
    AND EXISTS (SELECT 1 FROM app.rounds k WHERE k.tenant_id = p_tenant AND k.conversation_id = p_keeper AND k.resolved_at IS NULL);
  UPDATE app.rounds SET conversation_id = p_keeper WHERE tenant_id = p_tenant AND conversation_id = p_gone;
  INSERT INTO app.conversation_labels (tenant_id, conversation_id, label_id)
    SELECT l.tenant_id, p_keeper, l.label_id FROM app.conversation_labels l WHERE l.tenant_id = p_tenant AND l.conversation_id = p_gone
    ON CONFLICT DO NOTHING;
  INSERT INTO app.conversation_reads AS r (tenant_id, conversation_id, user_id, inbound_seen, read_at)
    SELECT g.tenant_id, p_keeper, g.user_id, greatest(g.inbound_seen - copies, 0), g.read_at
    FROM app.conversation_reads g WHERE g.tenant_id = p_tenant AND g.conversation_id = p_gone
    ON CONFLICT (tenant_id, conversation_id, user_id) DO UPDATE
      SET inbound_seen = r.inbound_seen + excluded.inbound_seen, read_at = greatest(r.read_at, excluded.read_at);
  INSERT INTO app.drafts AS d (tenant_id, conversation_id, user_id, kind, text, updated_at)
    SELECT g.tenant_id, p_keeper, g.user_id, g.kind, g.text, g.updated_at
    FROM app.drafts g WHERE g.tenant_id = p_tenant AND g.conversation_id = p_gone
    ON CONFLICT (tenant_id, conversation_id, user_id) DO UPDATE
      SET text = d.text || E'\n' || excluded.text, updated_at = greatest(d.updated_at, excluded.updated_at);
  UPDATE app.conversations k SET
      inbound_count = k.inbound_count + gone.inbound_count - copies,
      status = CASE WHEN 'open' IN (k.status, gone.status) THEN 'open' WHEN 'snoozed' IN (k.status, gone.status) THEN 'snoozed' ELSE 'resolved' END,
      snoozed_until = CASE WHEN 'open' IN (k.status, gone.status) THEN NULL ELSE coalesce(k.snoozed_until, gone.snoozed_until) END,
      assignee_id = coalesce(k.assignee_id, gone.assignee_id),
      created_at = least(k.created_at, gone.created_at)
    WHERE k.tenant_id = p_tenant AND k.id = p_keeper;
  UPDATE app.conversations k SET (last_message_id, last_message_at) = (
      SELECT m.id, m.sent_at FROM app.messages m WHERE m.tenant_id = p_tenant AND m.conversation_id = p_keeper
      ORDER BY m.sent_at DESC, m.id DESC LIMIT 1)
    WHERE k.tenant_id = p_tenant AND k.id = p_keeper;
  DELETE FROM app.conversations WHERE tenant_id = p_tenant AND id = p_gone;
  PERFORM app.recount_waiting(p_tenant, p_keeper);
  -- Its row is gone: who replays this line learns that from the empty answer.
  INSERT INTO app.live_versions (tenant_id, version, kind, entity_id, conversation_id)
    VALUES (p_tenant, app.now_us(), 'conversation', p_gone, p_keeper);
END $$;

CREATE FUNCTION app.merge_contacts(p_tenant uuid, p_keeper uuid, p_gone uuid) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  gone app.contacts;
  pair record;
BEGIN
  FOR pair IN
    SELECT g.id AS gone_id, k.id AS keeper_id FROM app.conversations g
    LEFT JOIN app.conversations k ON k.tenant_id = g.tenant_id AND k.channel_id = g.channel_id AND k.contact_id = p_keeper
    WHERE g.tenant_id = p_tenant AND g.contact_id = p_gone ORDER BY g.id
  LOOP
    IF pair.keeper_id IS NULL THEN
      UPDATE app.conversations SET contact_id = p_keeper WHERE tenant_id = p_tenant AND id = pair.gone_id;
    ELSE
      PERFORM app.merge_conversations(p_tenant, pair.keeper_id, pair.gone_id);
    END IF;
  END LOOP;
  UPDATE app.messages m SET author_id = p_keeper
    WHERE m.tenant_id = p_tenant AND m.author_id = p_gone AND m.author_kind = 'contact' AND m.conversation_id IN (
      SELECT v.id FROM app.conversations v JOIN app.contacts c ON c.tenant_id = v.tenant_id AND c.id = v.contact_id
      WHERE v.tenant_id = p_tenant AND (c.is_group OR c.id = p_keeper));
  UPDATE app.contact_identities SET contact_id = p_keeper WHERE tenant_id = p_tenant AND contact_id = p_gone;
  -- Of two reactions to one message the later counts.
  DELETE FROM app.reactions g USING app.reactions k
    WHERE g.tenant_id = p_tenant AND k.tenant_id = p_tenant AND g.message_id = k.message_id
      AND ((g.reactor = p_gone::text AND k.reactor = p_keeper::text AND g.reacted_at_ms <= k.reacted_at_ms)
        OR (g.reactor = p_keeper::text AND k.reactor = p_gone::text AND g.reacted_at_ms < k.reacted_at_ms));
  UPDATE app.reactions SET reactor = p_keeper::text WHERE tenant_id = p_tenant AND reactor = p_gone::text;
  UPDATE app.pending_changes SET change = jsonb_set(change, '{reactor}', to_jsonb(p_keeper::text))
    WHERE tenant_id = p_tenant AND change ->> 'reactor' = p_gone::text;
  INSERT INTO app.contact_labels (tenant_id, contact_id, label_id)
    SELECT l.tenant_id, p_keeper, l.label_id FROM app.contact_labels l WHERE l.tenant_id = p_tenant AND l.contact_id = p_gone
    ON CONFLICT DO NOTHING;
  DELETE FROM app.contacts c WHERE c.tenant_id = p_tenant AND c.id = p_gone RETURNING * INTO gone;
  UPDATE app.contacts k SET
      name = coalesce(k.name, gone.name), push_name = coalesce(k.push_name, gone.push_name), phone = coalesce(k.phone, gone.phone),
      attributes = gone.attributes || k.attributes, blocked_at = coalesce(k.blocked_at, gone.blocked_at),
      avatar_sha256 = coalesce(k.avatar_sha256, gone.avatar_sha256),
      avatar_checked_at = CASE WHEN k.avatar_sha256 IS NULL THEN gone.avatar_checked_at ELSE k.avatar_checked_at END,
      avatar_mark = CASE WHEN k.avatar_sha256 IS NULL THEN gone.avatar_mark ELSE k.avatar_mark END,
      created_at = least(k.created_at, gone.created_at)
    WHERE k.tenant_id = p_tenant AND k.id = p_keeper;
END $$;

-- The contact behind addresses that belong to one person. Makes what is missing, joins what was apart.
CREATE FUNCTION app.link_addresses(p_tenant uuid, p_addresses jsonb) RETURNS uuid LANGUAGE plpgsql AS $$
DECLARE
  known uuid[];
  agreeing integer;
  keeper uuid;
  other uuid;
BEGIN
  FOR attempt IN 1..2 LOOP
    SELECT array_agg(DISTINCT i.contact_id), count(*) FILTER (WHERE i.address = a.address) INTO known, agreeing
      FROM jsonb_to_recordset(p_addresses) AS a(kind text, value text, address text)
      JOIN app.contact_identities i ON i.tenant_id = p_tenant AND i.kind = a.kind AND i.value = a.value;
    IF cardinality(known) = 1 AND agreeing = jsonb_array_length(p_addresses) THEN
      RETURN known[1];
    END IF;
    -- Something is new: one at a time in a tenant, and what another has done meanwhile is read again.
    IF attempt = 1 THEN
      PERFORM pg_advisory_xact_lock(hashtextextended('people:' || p_tenant::text, 0));
    END IF;
  END LOOP;
  keeper := known[1];
  IF keeper IS NULL THEN
    keeper := app.new_id();
    INSERT INTO app.contacts (tenant_id, id, is_group) VALUES (p_tenant, keeper, p_addresses -> 0 ->> 'kind' = 'group');
  END IF;
  FOREACH other IN ARRAY coalesce(known[2:], '{}') LOOP
    PERFORM app.merge_contacts(p_tenant, keeper, other);
  END LOOP;
  INSERT INTO app.contact_identities AS i (tenant_id, id, contact_id, kind, value, address)
    SELECT DISTINCT ON (a.kind, a.value) p_tenant, app.new_id(), keeper, a.kind, a.value, a.address
    FROM jsonb_to_recordset(p_addresses) AS a(kind text, value text, address text)
    ON CONFLICT (tenant_id, kind, value) DO UPDATE SET address = excluded.address WHERE i.address <> excluded.address;
  UPDATE app.contacts c SET phone = i.value FROM app.contact_identities i
    WHERE c.tenant_id = p_tenant AND c.id = keeper AND c.phone IS NULL
      AND i.tenant_id = p_tenant AND i.contact_id = keeper AND i.kind = 'phone';
  RETURN keeper;
END $$;

-- Never touches the name our people gave.
CREATE FUNCTION app.note_push_name(p_tenant uuid, p_contact uuid, p_name text) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
  UPDATE app.contacts SET push_name = p_name WHERE tenant_id = p_tenant AND id = p_contact AND push_name IS DISTINCT FROM p_name;
  RETURN FOUND;
END $$;

-- What history brings lies resolved until somebody writes; everything else opens a round.
CREATE FUNCTION app.conversation_with(p_tenant uuid, p_channel uuid, p_contact uuid, p_opens boolean) RETURNS uuid LANGUAGE plpgsql AS $$
DECLARE
  found_id uuid;
BEGIN
  SELECT v.id INTO found_id FROM app.conversations v WHERE v.tenant_id = p_tenant AND v.channel_id = p_channel AND v.contact_id = p_contact;
  IF found_id IS NOT NULL THEN
    RETURN found_id;
  END IF;
  INSERT INTO app.conversations (tenant_id, id, channel_id, contact_id, status)
    VALUES (p_tenant, app.new_id(), p_channel, p_contact, CASE WHEN p_opens THEN 'open' ELSE 'resolved' END)
    ON CONFLICT (tenant_id, contact_id, channel_id) DO NOTHING RETURNING id INTO found_id;
  IF found_id IS NULL THEN
    SELECT v.id INTO found_id FROM app.conversations v WHERE v.tenant_id = p_tenant AND v.channel_id = p_channel AND v.contact_id = p_contact;
  ELSIF p_opens THEN
    INSERT INTO app.rounds (tenant_id, id, conversation_id) VALUES (p_tenant, app.new_id(), found_id);
  END IF;
  RETURN found_id;
END $$;

-- Work that is already waiting is not put twice.
CREATE FUNCTION app.put_work(p_tenant uuid, p_kind text, p_dedup text, p_payload jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
  made uuid;
BEGIN
  INSERT INTO app.work (tenant_id, id, kind, dedup_key, payload, priority)
    VALUES (p_tenant, app.new_id(), p_kind, p_dedup, p_payload, CASE WHEN p_kind LIKE 'contacts.%' THEN 9 ELSE 5 END)
    ON CONFLICT DO NOTHING RETURNING id INTO made;
  RETURN CASE WHEN made IS NULL THEN '[]'::jsonb ELSE jsonb_build_array(jsonb_build_array('ring', p_tenant, p_kind, made)) END;
END $$;

-- The message a change is about. The provider names it by id alone; a chat that is known decides between two of the same id.
CREATE FUNCTION app.message_named(p_tenant uuid, p_channel uuid, p_provider_id text, p_conversation uuid) RETURNS app.messages LANGUAGE plpgsql STABLE AS $$
DECLARE
  named app.messages;
  others integer;
BEGIN
  SELECT m.* INTO named FROM app.messages m
    WHERE m.tenant_id = p_tenant AND m.provider_id = p_provider_id AND m.channel_id = p_channel
    ORDER BY (m.conversation_id = p_conversation) DESC NULLS LAST LIMIT 1;
  IF named.id IS NULL OR named.conversation_id = p_conversation THEN
    RETURN named;
  END IF;
  SELECT count(*) INTO others FROM app.messages m
    WHERE m.tenant_id = p_tenant AND m.provider_id = p_provider_id AND m.channel_id = p_channel;
  IF others > 1 THEN
    RAISE EXCEPTION 'two messages bear this id' USING ERRCODE = 'HB001';
  END IF;
  RETURN named;
END $$;

-- A status, edit, deletion, reaction or tally, applied to its message. NULL: the message is not there yet.
CREATE FUNCTION app.apply_change(p_tenant uuid, p_channel uuid, p_provider_id text, p_change jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
  target app.messages := app.message_named(p_tenant, p_channel, p_provider_id, (p_change ->> 'conversation_id')::uuid);
  told_at bigint := (p_change ->> 'at_ms')::bigint;
  edited_ms bigint;
BEGIN
  IF target.id IS NULL THEN
    RETURN NULL;
  END IF;
  CASE p_change ->> 'kind'
  WHEN 'status' THEN
    UPDATE app.messages m SET status = p_change ->> 'status'
      WHERE m.tenant_id = p_tenant AND m.id = target.id AND m.direction = 'out'
        AND app.status_rank(p_change ->> 'status') > coalesce(app.status_rank(m.status), 0);
  WHEN 'edit' THEN
    edited_ms := coalesce((target.payload ->> 'edited_ms')::bigint, -1);
    told_at := coalesce(told_at, edited_ms + 1);
    IF told_at = edited_ms OR p_change ->> 'text' = target.text THEN
      RETURN '[]';
    END IF;
    INSERT INTO app.message_revisions (tenant_id, id, message_id, text)
      SELECT p_tenant, app.new_id(), target.id, former.text
      FROM (SELECT CASE WHEN told_at > edited_ms THEN target.text ELSE p_change ->> 'text' END AS text) former
      WHERE NOT EXISTS (SELECT 1 FROM app.message_revisions r
                        WHERE r.tenant_id = p_tenant AND r.message_id = target.id AND r.text IS NOT DISTINCT FROM former.text);
    UPDATE app.messages m SET text = p_change ->> 'text', edited_at = to_timestamp(told_at / 1000.0),
        payload = coalesce(m.payload, '{}') || jsonb_build_object('edited_ms', told_at)
      WHERE m.tenant_id = p_tenant AND m.id = target.id AND told_at > edited_ms;
  WHEN 'revoke' THEN
    UPDATE app.messages m SET deleted_at = now() WHERE m.tenant_id = p_tenant AND m.id = target.id AND m.deleted_at IS NULL;
  WHEN 'reaction' THEN
    INSERT INTO app.reactions AS r (tenant_id, message_id, reactor, reactor_name, emoji, reacted_at_ms)
      VALUES (p_tenant, target.id, p_change ->> 'reactor', p_change ->> 'name', p_change ->> 'emoji', coalesce(told_at, 0))
      ON CONFLICT (tenant_id, message_id, reactor) DO UPDATE
        SET emoji = excluded.emoji, reactor_name = coalesce(excluded.reactor_name, r.reactor_name), reacted_at_ms = excluded.reacted_at_ms
        WHERE excluded.reacted_at_ms > r.reacted_at_ms OR (excluded.reacted_at_ms = r.reacted_at_ms AND excluded.emoji > r.emoji);
    IF NOT FOUND THEN
      RETURN '[]';
    END IF;
    UPDATE app.messages m SET version = greatest(m.version + 1, app.now_us()) WHERE m.tenant_id = p_tenant AND m.id = target.id;
  WHEN 'poll' THEN
    UPDATE app.messages m SET payload = coalesce(m.payload, '{}') || jsonb_build_object('tally', p_change -> 'tally')
      WHERE m.tenant_id = p_tenant AND m.id = target.id AND m.payload -> 'tally' IS DISTINCT FROM p_change -> 'tally';
  WHEN 'echo' THEN
    -- Our own send came back; the message it repeats is known by now.
    RETURN '[]';
  END CASE;
  IF NOT FOUND THEN
    RETURN '[]';
  END IF;
  RETURN jsonb_build_array(jsonb_build_array('message', p_tenant, target.id, target.conversation_id));
END $$;

CREATE FUNCTION app.hold_change(p_tenant uuid, p_channel uuid, p_provider_id text, p_change jsonb) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO app.pending_changes (tenant_id, id, channel_id, provider_id, change)
    SELECT p_tenant, app.new_id(), p_channel, p_provider_id, p_change
    WHERE NOT EXISTS (SELECT 1 FROM app.pending_changes c
                      WHERE c.tenant_id = p_tenant AND c.provider_id = p_provider_id AND c.channel_id = p_channel AND c.change = p_change);
END $$;

-- For whoever gives a message its provider id: what came early is applied now. Returns the changes to show.
CREATE FUNCTION app.apply_pending(p_tenant uuid, p_channel uuid, p_provider_id text) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
  waiting record;
  one jsonb;
  changes jsonb := '[]';
BEGIN
  -- Whoever holds a change looks again behind this lock: one of the two transactions always sees what the other did.
  PERFORM pg_advisory_xact_lock(hashtextextended(p_channel::text || p_provider_id, 7232));
  FOR waiting IN
    SELECT c.id, c.change FROM app.pending_changes c
    WHERE c.tenant_id = p_tenant AND c.provider_id = p_provider_id AND c.channel_id = p_channel ORDER BY c.id
  LOOP
    one := app.apply_change(p_tenant, p_channel, p_provider_id, waiting.change);
    CONTINUE WHEN one IS NULL;
    changes := changes || one;
    DELETE FROM app.pending_changes c WHERE c.tenant_id = p_tenant AND c.id = waiting.id;
  END LOOP;
  RETURN changes;
END $$;

-- Whether a send of ours is under way, or without an answer, that this outgoing message could be.
CREATE FUNCTION app.may_be_ours(p_tenant uuid, p_channel uuid, p_type text, p_text text) RETURNS boolean LANGUAGE sql STABLE AS $$
  SELECT EXISTS (
    SELECT 1 FROM app.deliveries d JOIN app.messages m ON m.tenant_id = d.tenant_id AND m.id = d.message_id
    WHERE d.tenant_id = p_tenant AND d.channel_id = p_channel AND d.kind = 'send' AND m.provider_id IS NULL
      AND d.dispatched_at > now() - interval '1 day' AND d.state IN ('claimed', 'dispatching', 'unconfirmed')
      AND m.type = p_type AND btrim(coalesce(m.text, '')) = btrim(coalesce(p_text, '')))
$$;

-- What an inbound message, or one of ours from the phone, does to its conversation.
CREATE FUNCTION app.touch_conversation(p_tenant uuid, p_conversation uuid, p_message uuid, p_direction text, p_sent_at timestamptz, p_is_history boolean)
RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  counts boolean := p_direction = 'in' AND NOT p_is_history;
BEGIN
  UPDATE app.conversations v SET
      inbound_count = v.inbound_count + counts::integer,
      last_message_id = CASE WHEN (v.last_message_at, v.last_message_id) > (p_sent_at, p_message) THEN v.last_message_id ELSE p_message END,
      last_message_at = greatest(v.last_message_at, p_sent_at),
      status = CASE WHEN counts THEN 'open' ELSE v.status END,
      snoozed_until = CASE WHEN counts THEN NULL ELSE v.snoozed_until END,
      assignee_id = CASE WHEN counts AND v.status <> 'open' THEN
          (SELECT m.user_id FROM app.memberships m WHERE m.tenant_id = p_tenant AND m.user_id = v.assignee_id AND m.is_active)
        ELSE v.assignee_id END
    WHERE v.tenant_id = p_tenant AND v.id = p_conversation;
  IF counts THEN
    INSERT INTO app.rounds (tenant_id, id, conversation_id) VALUES (p_tenant, app.new_id(), p_conversation)
      ON CONFLICT (tenant_id, conversation_id) WHERE resolved_at IS NULL DO NOTHING;
  ELSIF p_direction = 'out' AND NOT p_is_history THEN
    UPDATE app.rounds SET first_reply_at = p_sent_at
      WHERE tenant_id = p_tenant AND conversation_id = p_conversation AND resolved_at IS NULL AND first_reply_at IS NULL;
  END IF;
  IF NOT p_is_history THEN
    PERFORM app.recount_waiting(p_tenant, p_conversation);
  END IF;
END $$;

-- One message of any kind: with a file, from the phone, from history. Plain inbound ones take the set-based road in app.ingest.
CREATE FUNCTION app.store_message(p_tenant uuid, p_channel uuid, p_conversation uuid, p_author uuid, e jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
  message_id uuid := (e ->> 'id')::uuid;
  moment timestamptz := to_timestamp((e ->> 'sent_at')::double precision);
  is_history boolean := coalesce((e ->> 'history')::boolean, false);
  picture uuid;
  known app.messages;
  changes jsonb := '[]';
BEGIN
  SELECT m.* INTO known FROM app.messages m
    WHERE m.tenant_id = p_tenant AND m.provider_id = e ->> 'provider_id' AND m.channel_id = p_channel AND m.direction = e ->> 'direction'
      AND (m.direction = 'out' OR m.conversation_id = p_conversation) LIMIT 1;
  IF known.id IS NOT NULL THEN
    IF known.status IS NOT NULL AND app.status_rank(e ->> 'status') > app.status_rank(known.status) THEN
      RETURN coalesce(app.apply_change(p_tenant, p_channel, e ->> 'provider_id',
        jsonb_build_object('kind', 'status', 'status', e ->> 'status', 'conversation_id', known.conversation_id)), '[]');
    END IF;
    RETURN '[]';
  END IF;
  IF e ->> 'direction' = 'out' AND NOT e ? 'settled' AND app.may_be_ours(p_tenant, p_channel, e ->> 'type', e ->> 'text') THEN
    PERFORM app.hold_change(p_tenant, p_channel, e ->> 'provider_id', jsonb_build_object(
      'kind', 'echo', 'conversation_id', p_conversation, 'type', e ->> 'type', 'text', e ->> 'text', 'sent_at', e -> 'sent_at',
      'is_api_echo', coalesce(e -> 'is_api_echo', 'false'), 'message', e));
    RETURN jsonb_build_array(jsonb_build_array('ring', p_tenant, 'outbound.reconcile', p_conversation));
  END IF;
  IF e ? 'media' THEN
    picture := (e #>> '{media,id}')::uuid;
    INSERT INTO app.media (tenant_id, id, conversation_id, mime, name, size, seconds, width, height, peaks, provider_ref)
      SELECT p_tenant, picture, p_conversation, coalesce(f.mime, 'application/octet-stream'), f.name, coalesce(f.size, 0), f.seconds, f.width,
             f.height, f.peaks, f.provider_ref
      FROM jsonb_to_record(e -> 'media') AS f(mime text, name text, size bigint, seconds integer, width integer, height integer,
                                             peaks smallint[], provider_ref jsonb);
  END IF;
  INSERT INTO app.messages (tenant_id, id, conversation_id, channel_id, direction, type, author_kind, author_id, author_name, text, payload,
                            media_id, provider_id, status, quoted_provider_id, quoted_text, quoted_author, is_forwarded, sent_at)
    VALUES (p_tenant, message_id, p_conversation, p_channel, e ->> 'direction', e ->> 'type', e ->> 'author_kind',
            CASE WHEN e ->> 'author_kind' = 'contact' THEN
              coalesce(p_author, (SELECT v.contact_id FROM app.conversations v WHERE v.tenant_id = p_tenant AND v.id = p_conversation)) END,
            e ->> 'author_name',
            e ->> 'text', nullif(e -> 'payload', 'null'), picture, e ->> 'provider_id', e ->> 'status', e #>> '{quoted,provider_id}',
            e #>> '{quoted,text}', e #>> '{quoted,author}', coalesce((e ->> 'is_forwarded')::boolean, false), moment)
    ON CONFLICT (tenant_id, provider_id, conversation_id, direction) DO NOTHING;
  IF NOT FOUND THEN
    DELETE FROM app.media WHERE tenant_id = p_tenant AND id = picture;
    RETURN '[]';
  END IF;
  IF picture IS NOT NULL THEN
    changes := app.put_work(p_tenant, 'media.fetch', picture::text,
      jsonb_build_object('media_id', picture, 'message_id', message_id, 'channel_id', p_channel));
  END IF;
  PERFORM app.touch_conversation(p_tenant, p_conversation, message_id, e ->> 'direction', moment, is_history);
  PERFORM app.apply_pending(p_tenant, p_channel, e ->> 'provider_id');
  RETURN changes || jsonb_build_array(jsonb_build_array('message', p_tenant, message_id, p_conversation));
END $$;

-- A call: one line in the thread, whose words follow the call's end.
CREATE FUNCTION app.store_call(p_tenant uuid, p_channel uuid, p_conversation uuid, e jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
  known app.messages;
  order_of_states constant text[] := ARRAY['offer', 'ringing', 'terminate', 'timeout', 'reject', 'accept'];
BEGIN
  SELECT m.* INTO known FROM app.messages m
    WHERE m.tenant_id = p_tenant AND m.provider_id = e ->> 'provider_id' AND m.conversation_id = p_conversation AND m.type = 'system';
  IF known.id IS NULL THEN
    RETURN app.store_message(p_tenant, p_channel, p_conversation, NULL, e);
  END IF;
  UPDATE app.messages m SET text = e ->> 'text', payload = e -> 'payload'
    WHERE m.tenant_id = p_tenant AND m.id = known.id
      AND array_position(order_of_states, e #>> '{payload,system,status}') > coalesce(array_position(order_of_states, m.payload #>> '{system,status}'), 0);
  IF NOT FOUND THEN
    RETURN '[]';
  END IF;
  RETURN jsonb_build_array(jsonb_build_array('message', p_tenant, known.id, p_conversation));
END $$;

-- Writes only what differs. A cause that says nothing never replaces one that does, whichever came first.
CREATE FUNCTION app.store_channel_state(p_tenant uuid, p_channel uuid, e jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
  new_state text := e ->> 'state';
  new_cause text := e ->> 'cause';
BEGIN
  UPDATE app.channels c SET
      state = s.state, cause = new_cause, phone = coalesce(e ->> 'phone', c.phone),
      state_since = CASE WHEN c.state = s.state THEN c.state_since ELSE now() END
    FROM (SELECT o.id, CASE WHEN new_state = 'connecting' AND o.state IN ('open', 'reconnecting') THEN 'reconnecting' ELSE new_state END AS state,
                 new_state IN ('logged_out', 'banned', 'restricted', 'replaced') AS is_final
          FROM app.channels o WHERE o.tenant_id = p_tenant AND o.id = p_channel) s
    WHERE c.tenant_id = p_tenant AND c.id = p_channel AND s.id = c.id
      AND (c.state <> s.state OR c.cause IS DISTINCT FROM new_cause OR c.phone IS DISTINCT FROM coalesce(e ->> 'phone', c.phone))
      AND NOT (coalesce(new_cause, 'unspecified') = 'unspecified' AND s.is_final AND c.state IN ('logged_out', 'banned', 'restricted', 'replaced'));
  IF NOT FOUND THEN
    RETURN '[]';
  END IF;
  IF new_state IN ('open', 'logged_out', 'banned', 'restricted', 'replaced') THEN
    UPDATE app.channels SET qr_png_base64 = NULL, pairing_code = NULL WHERE tenant_id = p_tenant AND id = p_channel;
  END IF;
  RETURN jsonb_build_array(jsonb_build_array('channel', p_tenant, p_channel));
END $$;

CREATE FUNCTION app.store_qr(p_tenant uuid, p_channel uuid, e jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN
  UPDATE app.channels c SET qr_png_base64 = e ->> 'png_base64', pairing_code = e ->> 'pairing_code', qr_at = now(),
      state_since = CASE WHEN c.state = 'qr' THEN c.state_since ELSE now() END, state = 'qr', cause = NULL
    WHERE c.tenant_id = p_tenant AND c.id = p_channel AND c.state <> 'open';
  IF NOT FOUND THEN
    RETURN '[]';
  END IF;
  RETURN jsonb_build_array(jsonb_build_array('channel', p_tenant, p_channel));
END $$;

-- One rare event. Returns what to show and whom to ring, as lines of [what, tenant, id, …].
CREATE FUNCTION app.ingest_event(p_tenant uuid, p_channel uuid, p_conversation uuid, p_contact uuid, e jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
  changes jsonb;
  change jsonb;
BEGIN
  -- Merged into another since the caller last saw it: the caller asks anew.
  IF e ->> 'v' IS NOT NULL AND NOT EXISTS (SELECT 1 FROM app.conversations v WHERE v.tenant_id = p_tenant AND v.id = p_conversation)
     OR e ->> 'a' IS NOT NULL AND NOT EXISTS (SELECT 1 FROM app.contacts k WHERE k.tenant_id = p_tenant AND k.id = p_contact) THEN
    RAISE EXCEPTION 'merged away' USING ERRCODE = 'HB002';
  END IF;
  CASE e ->> 'kind'
  WHEN 'message' THEN RETURN app.store_message(p_tenant, p_channel, p_conversation, p_contact, e);
  WHEN 'call' THEN RETURN app.store_call(p_tenant, p_channel, p_conversation, e);
  WHEN 'state' THEN RETURN app.store_channel_state(p_tenant, p_channel, e);
  WHEN 'qr' THEN RETURN app.store_qr(p_tenant, p_channel, e);
  ELSE
    change := e - 'provider_id' - 'v' - 'a' - 'j' - 'c';
    IF p_contact IS NOT NULL THEN
      -- By contact, not by address: the same person reacts by number and by LID.
      change := change || (SELECT jsonb_build_object('reactor', k.id, 'name', coalesce(k.name, k.push_name, k.phone,
                             (SELECT min(i.value) FROM app.contact_identities i WHERE i.tenant_id = p_tenant AND i.contact_id = k.id)))
                           FROM app.contacts k WHERE k.tenant_id = p_tenant AND k.id = p_contact);
    END IF;
    changes := app.apply_change(p_tenant, p_channel, e ->> 'provider_id',
      change || CASE WHEN p_conversation IS NULL THEN '{}' ELSE jsonb_build_object('conversation_id', p_conversation) END);
    IF changes IS NULL THEN
      PERFORM app.hold_change(p_tenant, p_channel, e ->> 'provider_id', change);
    END IF;
    RETURN coalesce(changes, '[]');
  END CASE;
END $$;

-- People and conversations the caller does not know by heart. One that fails stays NULL, and its messages are reported as missing.
CREATE FUNCTION app.resolve_people(p_tenants uuid[], p_channels uuid[], p_wanted jsonb, INOUT conversations uuid[], INOUT people uuid[],
                                   OUT changes jsonb) LANGUAGE plpgsql AS $$
DECLARE
  wanted record;
  person uuid;
  conversation uuid;
BEGIN
  changes := '[]';
  FOR wanted IN
    SELECT w.* FROM jsonb_to_recordset(p_wanted) AS w(c integer, v integer, a integer, addresses jsonb, name text, opens boolean, writes boolean, picture text)
    ORDER BY p_tenants[w.c], w.addresses
  LOOP
    BEGIN
      person := app.link_addresses(p_tenants[wanted.c], wanted.addresses);
      people[wanted.a] := person;
      IF wanted.name IS NOT NULL AND app.note_push_name(p_tenants[wanted.c], person, wanted.name) AND wanted.v IS NULL THEN
        changes := changes || jsonb_build_array(jsonb_build_array('contact', p_tenants[wanted.c], person));
      END IF;
      IF wanted.v IS NOT NULL THEN
        conversation := app.conversation_with(p_tenants[wanted.c], p_channels[wanted.c], person, wanted.opens);
        conversations[wanted.v] := conversation;
      END IF;
      -- Pictures change rarely: asked for when somebody new writes, when the provider names another one than we have, and else at
      -- most once a day. Without a ring: there is no hurry, and a crowd of newcomers must not take the machine from what people wait for.
      -- A group does not write itself: the same question also brings its subject.
      IF EXISTS (SELECT 1 FROM app.contacts k WHERE k.tenant_id = p_tenants[wanted.c] AND k.id = person
                   AND ((wanted.writes OR wanted.v IS NOT NULL AND k.is_group)
                          AND (k.avatar_checked_at IS NULL OR k.avatar_checked_at < now() - interval '1 day')
                        OR k.avatar_checked_at IS NOT NULL AND k.avatar_mark IS DISTINCT FROM coalesce(wanted.picture, k.avatar_mark))) THEN
        PERFORM app.put_work(p_tenants[wanted.c], 'contacts.avatar', person::text,
          jsonb_build_object('contact_id', person, 'channel_id', p_channels[wanted.c]));
      END IF;
      -- Known by one of the two addresses alone, while there are people without a number: they may be one (ingest/pairing.py).
      IF wanted.writes AND wanted.v IS NOT NULL
         AND (SELECT count(DISTINCT i.kind) = 1 FROM app.contact_identities i
              WHERE i.tenant_id = p_tenants[wanted.c] AND i.contact_id = person AND i.kind <> 'group')
         AND EXISTS (SELECT 1 FROM app.contacts k WHERE k.tenant_id = p_tenants[wanted.c] AND k.phone IS NULL AND NOT k.is_group) THEN
        PERFORM app.put_work(p_tenants[wanted.c], 'contacts.pair', person::text,
          jsonb_build_object('contact_id', person, 'channel_id', p_channels[wanted.c]));
      END IF;
    EXCEPTION WHEN data_exception OR integrity_constraint_violation OR program_limit_exceeded OR case_not_found THEN
      RAISE WARNING 'a person could not be stored: %', SQLERRM;
    END;
  END LOOP;
END $$;

-- Who spoke in groups: each message's author, NULL in a direct chat and for who was merged away since the caller last saw them.
CREATE FUNCTION app.authors_of(p_tenants uuid[], p_people uuid[], m_channel integer[], m_person integer[]) RETURNS uuid[]
LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN ARRAY(
    SELECT (SELECT k.id FROM app.contacts k WHERE k.tenant_id = p_tenants[u.c] AND k.id = p_people[u.a])
    FROM unnest(m_channel, m_person) WITH ORDINALITY AS u(c, a, n) ORDER BY u.n);
END $$;

-- What new messages do to conversations that were not open: each opens, with a round. Reads the messages just stored, of the
-- conversations that are not in `p_done`.
CREATE FUNCTION app.reopen_conversations(p_version bigint, p_tenants uuid[], m_channel integer[], m_id uuid[], p_done app.conversations[])
RETURNS app.conversations[] LANGUAGE plpgsql AS $$
DECLARE
  opened app.conversations[];
BEGIN
  WITH gathered AS (
    SELECT m.tenant_id, m.conversation_id, count(*)::integer AS news, max(m.sent_at) AS newest, min(m.sent_at) AS oldest,
           (array_agg(m.id ORDER BY m.sent_at DESC, m.id DESC))[1] AS newest_id
    FROM unnest(m_channel, m_id) AS u(c, id) JOIN app.messages m ON m.tenant_id = p_tenants[u.c] AND m.id = u.id
    WHERE m.conversation_id <> ALL (ARRAY(SELECT d.id FROM unnest(p_done) d)) GROUP BY 1, 2
  ), updated AS (
    UPDATE app.conversations v SET
      inbound_count = v.inbound_count + g.news,
      last_message_id = CASE WHEN (v.last_message_at, v.last_message_id) > (g.newest, g.newest_id) THEN v.last_message_id ELSE g.newest_id END,
      last_message_at = greatest(v.last_message_at, g.newest),
      waiting_since = coalesce(v.waiting_since, g.oldest),
      status = 'open', snoozed_until = NULL,
      assignee_id = CASE WHEN v.status = 'open' THEN v.assignee_id ELSE
        (SELECT m.user_id FROM app.memberships m WHERE m.tenant_id = v.tenant_id AND m.user_id = v.assignee_id AND m.is_active) END,
      version = greatest(v.version + 1, p_version)
    FROM gathered g WHERE v.tenant_id = g.tenant_id AND v.id = g.conversation_id
    RETURNING v
  ), rounds AS (
    INSERT INTO app.rounds (tenant_id, id, conversation_id) SELECT (u.v).tenant_id, app.new_id(), (u.v).id FROM updated u
    ON CONFLICT (tenant_id, conversation_id) WHERE resolved_at IS NULL DO NOTHING
  )
  SELECT array_agg(u.v) INTO opened FROM updated u;
  RETURN opened;
END $$;

-- Plain messages from customers, set-based: the road of nearly everything. One statement with as few nodes as it can have: a small
-- batch pays more for setting them up than for its rows.
-- In PL/pgSQL, not SQL: the plan of an SQL function is made anew at each call, which costs more than running it.
-- Every join goes from the batch to an index by (tenant, id): two ANY() lists beside each other would be looked up crosswise.
-- `touched` are the conversations as they are now. The usual one is open already and has its round; what is not, or was closed while
-- we waited for its row, is left out of `updated` and opened by another statement, which sees what the closing did.
CREATE FUNCTION app.insert_inbound(p_version bigint, p_tenants uuid[], p_channels uuid[], p_conversations uuid[], p_people uuid[],
  m_channel integer[], m_conversation integer[], m_person integer[], m_id uuid[], m_name text[], m_text text[], m_provider_id text[],
  m_sent_at double precision[], m_extra jsonb[],
  OUT inserted uuid[], OUT missing integer[], OUT late_tenants uuid[], OUT late uuid[], OUT touched app.conversations[])
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
  authors uuid[];
  counted bigint;
BEGIN
  IF array_remove(m_person, NULL) <> '{}' THEN
    authors := app.authors_of(p_tenants, p_people, m_channel, m_person);
  END IF;
  WITH told AS MATERIALIZED (
    -- In a group `m_person` says who spoke; in a direct chat it is whom the conversation is with. By subscripts: unnest() of so many
    -- arrays sets up a store for each.
    SELECT n, v.tenant_id, CASE WHEN m_person[n] IS NULL OR authors[n] IS NOT NULL THEN v.id END AS conversation_id, v.channel_id,
           v.last_message_at AS last_before, CASE WHEN m_person[n] IS NULL THEN v.contact_id ELSE authors[n] END AS author_id,
           m_id[n] AS id, m_name[n] AS name, m_text[n] AS text, m_provider_id[n] AS provider_id, to_timestamp(m_sent_at[n]) AS sent_at,
           m_extra[n] AS extra
    FROM generate_series(1, cardinality(m_id)) AS n
    -- IS TRUE keeps the channel out of the choice of index: by id there is one row.
    LEFT JOIN app.conversations v ON v.tenant_id = p_tenants[m_channel[n]] AND v.id = p_conversations[m_conversation[n]]
      AND (v.channel_id = p_channels[m_channel[n]]) IS TRUE
  ), stored AS (
    INSERT INTO app.messages (tenant_id, id, conversation_id, channel_id, direction, type, author_kind, author_id, author_name, text, payload,
                              provider_id, quoted_provider_id, quoted_text, quoted_author, is_forwarded, sent_at, version)
    SELECT t.tenant_id, t.id, t.conversation_id, t.channel_id, 'in', coalesce(t.extra ->> 'type', 'text'), 'contact', t.author_id, t.name, t.text,
           t.extra -> 'payload', t.provider_id, t.extra #>> '{quoted,provider_id}', t.extra #>> '{quoted,text}', t.extra #>> '{quoted,author}',
           coalesce((t.extra ->> 'is_forwarded')::boolean, false), t.sent_at, p_version
    FROM told t WHERE t.conversation_id IS NOT NULL
    ON CONFLICT (tenant_id, provider_id, conversation_id, direction) DO NOTHING
    RETURNING tenant_id, conversation_id, id, sent_at
  ), gathered AS (
    SELECT s.tenant_id, s.conversation_id, count(*)::integer AS news, max(s.sent_at) AS newest, min(s.sent_at) AS oldest,
           (array_agg(s.id ORDER BY s.sent_at DESC, s.id DESC))[1] AS newest_id
    FROM stored s GROUP BY 1, 2
  ), updated AS (
    UPDATE app.conversations v SET
      inbound_count = v.inbound_count + g.news,
      last_message_id = CASE WHEN (v.last_message_at, v.last_message_id) > (g.newest, g.newest_id) THEN v.last_message_id ELSE g.newest_id END,
      last_message_at = greatest(v.last_message_at, g.newest),
      waiting_since = coalesce(v.waiting_since, g.oldest),
      version = greatest(v.version + 1, p_version)
    -- IS TRUE here too: a plan made while the table is small would go through all open ones of the tenant.
    FROM gathered g WHERE v.tenant_id = g.tenant_id AND v.id = g.conversation_id AND (v.status = 'open') IS TRUE
    RETURNING v, g.news
  ), summed AS (
    SELECT array_agg(u.v) AS rows, sum(u.news) AS news FROM updated u
  )
  SELECT (SELECT array_agg(s.id) FROM stored s), array_agg(t.n) FILTER (WHERE t.conversation_id IS NULL),
         -- Older than what the conversation held: who waits since when is then read off the messages themselves.
         array_agg(t.tenant_id) FILTER (WHERE t.sent_at < date_trunc('second', t.last_before)),
         array_agg(t.conversation_id) FILTER (WHERE t.sent_at < date_trunc('second', t.last_before)),
         (SELECT s.rows FROM summed s), (SELECT s.news FROM summed s)
    INTO inserted, missing, late_tenants, late, touched, counted
    FROM told t;
  IF cardinality(inserted) > coalesce(counted, 0) THEN
    touched := touched || app.reopen_conversations(p_version, p_tenants, m_channel, m_id, touched);
  END IF;
END $$;

-- Receipts, set-based: they come in bursts. Those before their message wait for it.
CREATE FUNCTION app.raise_statuses(p_tenants uuid[], p_channels uuid[], s_channel integer[], s_provider_id text[], s_status text[]) RETURNS jsonb LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
  changes jsonb;
BEGIN
  WITH told AS MATERIALIZED (
    SELECT p_tenants[u.c] AS tenant_id, p_channels[u.c] AS channel_id, u.provider_id, (array_agg(u.status ORDER BY app.status_rank(u.status) DESC))[1] AS status
    FROM unnest(s_channel, s_provider_id, s_status) AS u(c, provider_id, status) GROUP BY 1, 2, 3
  ), known AS MATERIALIZED (
    SELECT t.*, m.id FROM told t
    LEFT JOIN app.messages m ON m.tenant_id = t.tenant_id AND m.provider_id = t.provider_id AND m.channel_id = t.channel_id
  ), raised AS (
    UPDATE app.messages m SET status = k.status FROM known k
    WHERE m.tenant_id = k.tenant_id AND m.id = k.id AND m.direction = 'out' AND app.status_rank(k.status) > coalesce(app.status_rank(m.status), 0)
    RETURNING m.tenant_id, m.id, m.conversation_id, m.provider_id, m.status, m.version
  ), held AS (
    INSERT INTO app.pending_changes (tenant_id, id, channel_id, provider_id, change)
    SELECT k.tenant_id, app.new_id(), k.channel_id, k.provider_id, jsonb_build_object('kind', 'status', 'status', k.status) FROM known k
    WHERE k.id IS NULL AND NOT EXISTS (
      SELECT 1 FROM app.pending_changes c WHERE c.tenant_id = k.tenant_id AND c.provider_id = k.provider_id AND c.channel_id = k.channel_id
        AND c.change = jsonb_build_object('kind', 'status', 'status', k.status))
  )
  SELECT coalesce(jsonb_agg(jsonb_build_array('status', r.tenant_id, r.id, r.conversation_id, r.provider_id, r.status, r.version, v.assignee_id)), '[]')
    INTO changes FROM raised r JOIN app.conversations v ON v.tenant_id = r.tenant_id AND v.id = r.conversation_id;
  RETURN changes;
END $$;

-- Proof of life of each channel. The caller passes a channel only every few seconds: nobody needs it finer.
CREATE FUNCTION app.note_health(p_tenants uuid[], p_channels uuid[], p_heard integer[], p_wrote integer[]) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO app.channel_health AS h (tenant_id, channel_id, last_webhook_at, last_inbound_at)
    SELECT p_tenants[c], p_channels[c], now(), CASE WHEN c = ANY (p_wrote) THEN now() END FROM unnest(p_heard) c
    ON CONFLICT (tenant_id, channel_id) DO UPDATE
      SET last_webhook_at = excluded.last_webhook_at, last_inbound_at = coalesce(excluded.last_inbound_at, h.last_inbound_at);
END $$;

-- One batch. Numbers in c, v and a count from one into p_tenants/p_channels, p_conversations and p_people.
-- The first row returned holds `summary`; a row for each touched conversation of a watched tenant follows, for the live stream.
CREATE FUNCTION app.ingest(p_tenants uuid[], p_channels uuid[], p_conversations uuid[], p_people uuid[], p_wanted jsonb,
  m_channel integer[], m_conversation integer[], m_person integer[], m_id uuid[], m_name text[], m_text text[], m_provider_id text[],
  m_sent_at double precision[], m_extra jsonb[], p_events jsonb, s_channel integer[], s_provider_id text[], s_status text[],
  j_channel integer[], j_id uuid[], j_event text[], j_state text[], j_reason text[], j_from integer[], j_length integer[], j_bodies bytea,
  p_heard integer[], p_wrote integer[], p_watched uuid[])
RETURNS TABLE (summary jsonb, id uuid, tenant_id uuid, channel_id uuid, contact_id uuid, status text, snoozed_until timestamptz, assignee_id uuid,
  assignee_name text, waiting_since timestamptz, last_message_id uuid, inbound_count integer, inbound_answered integer, version bigint,
  contact_name text, contact_phone text, is_group boolean, avatar_sha256 text, is_blocked boolean, contact_identity text, labels jsonb)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
  batch_version bigint := app.now_us();
  conversations uuid[] := p_conversations;
  people uuid[] := p_people;
  changes jsonb := '[]';
  failed jsonb := '{}';
  missing_events integer[];
  done record;
  inserted uuid[];
  missing integer[];
  touched app.conversations[];
  declared text := set_config('app.tenant_ids', p_tenants::text, true);
  event record;
BEGIN
  IF p_wanted IS NOT NULL THEN
    SELECT * INTO done FROM app.resolve_people(p_tenants, p_channels, p_wanted, conversations, people);
    conversations := done.conversations;
    people := done.people;
    changes := done.changes;
  END IF;
  IF m_id IS NOT NULL THEN
    done := app.insert_inbound(batch_version, p_tenants, p_channels, conversations, people, m_channel, m_conversation, m_person,
      m_id, m_name, m_text, m_provider_id, m_sent_at, m_extra);
    inserted := done.inserted;
    missing := done.missing;
    touched := done.touched;
    IF done.late IS NOT NULL THEN
      PERFORM app.recount_waiting(l.tenant_id, l.id)
        FROM (SELECT DISTINCT o.id, o.tenant_id FROM unnest(done.late_tenants, done.late) AS o(tenant_id, id) ORDER BY 1) l;
    END IF;
    -- By the provider's id alone, which is enough to find it; the policy keeps other tenants out.
    FOR event IN
      SELECT c.tenant_id, c.channel_id, c.provider_id FROM app.pending_changes c
      WHERE c.provider_id = ANY (m_provider_id) AND c.channel_id = ANY (p_channels)
    LOOP
      changes := changes || app.apply_pending(event.tenant_id, event.channel_id, event.provider_id);
    END LOOP;
  END IF;
  IF p_events IS NOT NULL THEN
    FOR event IN SELECT x.value AS e, x.ordinality::integer AS n, (x.value ->> 'c')::integer AS c, (x.value ->> 'v')::integer AS v, (x.value ->> 'a')::integer AS a
                 FROM jsonb_array_elements(p_events) WITH ORDINALITY x LOOP
      BEGIN
        changes := changes || app.ingest_event(p_tenants[event.c], p_channels[event.c], conversations[event.v], people[event.a], event.e);
      EXCEPTION
        WHEN SQLSTATE 'HB002' THEN
          missing_events := missing_events || event.n;
        WHEN data_exception OR integrity_constraint_violation OR program_limit_exceeded OR case_not_found OR SQLSTATE 'HB001' THEN
          failed := failed || jsonb_build_object(event.e ->> 'j', SQLSTATE || ' ' || SQLERRM);
      END;
    END LOOP;
  END IF;
  IF s_channel IS NOT NULL THEN
    changes := changes || app.raise_statuses(p_tenants, p_channels, s_channel, s_provider_id, s_status);
  END IF;
  IF j_id IS NOT NULL THEN
    INSERT INTO app.journal (tenant_id, id, channel_id, event, state, reason, body)
      SELECT p_tenants[j_channel[n]], j_id[n], p_channels[j_channel[n]], j_event[n],
             CASE WHEN failed ? n::text THEN 'parked' ELSE j_state[n] END, CASE WHEN failed ? n::text THEN 'poison' ELSE j_reason[n] END,
             substring(j_bodies FROM j_from[n] FOR j_length[n])
      FROM generate_series(1, cardinality(j_id)) AS n
      ON CONFLICT (tenant_id, id) DO UPDATE SET state = excluded.state, reason = excluded.reason WHERE excluded.state = 'parked';
  END IF;
  IF p_heard IS NOT NULL THEN
    PERFORM app.note_health(p_tenants, p_channels, p_heard, p_wrote);
  END IF;
  IF s_channel IS NOT NULL OR p_events IS NOT NULL THEN
    -- A message may have got its name while its change was being held; last, so that nothing else is waited for behind the lock.
    FOR event IN
      SELECT DISTINCT c.tenant_id, c.channel_id, c.provider_id FROM app.pending_changes c
      WHERE c.tenant_id = ANY (p_tenants) AND c.channel_id = ANY (p_channels) AND c.provider_id = ANY (
        coalesce(s_provider_id, '{}') || ARRAY(SELECT x.value ->> 'provider_id' FROM jsonb_array_elements(p_events) x))
      ORDER BY 1, 2, 3
    LOOP
      changes := changes || app.apply_pending(event.tenant_id, event.channel_id, event.provider_id);
    END LOOP;
  END IF;
  summary := jsonb_build_object('version', batch_version, 'inserted', inserted, 'missing', missing, 'missing_events', missing_events,
    'failed', failed, 'changes', changes,
    'conversations', CASE WHEN p_wanted IS NOT NULL THEN conversations END, 'people', CASE WHEN p_wanted IS NOT NULL THEN people END);
  RETURN NEXT;
  IF p_watched IS NULL OR touched IS NULL THEN
    RETURN;
  END IF;
  IF done.late IS NOT NULL OR p_events IS NOT NULL THEN
    -- Something has moved them since.
    SELECT array_agg(v) INTO touched FROM unnest(touched) t JOIN app.conversations v ON v.tenant_id = t.tenant_id AND v.id = t.id;
  END IF;
  RETURN QUERY
    SELECT NULL::jsonb, v.id, v.tenant_id, v.channel_id, v.contact_id, v.status::text, v.snoozed_until, v.assignee_id, u.name, v.waiting_since,
           v.last_message_id, v.inbound_count, v.inbound_answered, v.version, coalesce(k.name, k.push_name), k.phone, k.is_group, k.avatar_sha256,
           k.blocked_at IS NOT NULL,
           CASE WHEN coalesce(k.name, k.push_name, k.phone) IS NULL THEN
             (SELECT i.value FROM app.contact_identities i WHERE i.tenant_id = k.tenant_id AND i.contact_id = k.id ORDER BY i.kind DESC LIMIT 1) END,
           (SELECT jsonb_agg(jsonb_build_object('id', l.id, 'name', l.name, 'color', l.color) ORDER BY lower(l.name))
            FROM app.conversation_labels vl JOIN app.labels l ON l.tenant_id = vl.tenant_id AND l.id = vl.label_id
            WHERE vl.tenant_id = v.tenant_id AND vl.conversation_id = v.id)
    FROM unnest(touched) AS v
    JOIN app.contacts k ON k.tenant_id = v.tenant_id AND k.id = v.contact_id
    LEFT JOIN app.memberships u ON u.tenant_id = v.tenant_id AND u.user_id = v.assignee_id
    WHERE v.tenant_id = ANY (p_watched);
END $$;

-- Echoes that no send of ours can be any more were sent by somebody else through the same engine: they are shown.
CREATE FUNCTION app.settle_echoes(p_tenant uuid) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
  waiting record;
  changes jsonb := '[]';
  owner uuid;
BEGIN
  FOR waiting IN
    SELECT c.id, c.channel_id, c.provider_id, c.change, c.created_at FROM app.pending_changes c
    WHERE c.tenant_id = p_tenant AND c.change ->> 'kind' = 'echo' AND c.created_at < now() - interval '10 seconds' ORDER BY c.id FOR UPDATE SKIP LOCKED
  LOOP
    SELECT m.id INTO owner FROM app.messages m
      WHERE m.tenant_id = p_tenant AND m.provider_id = waiting.provider_id AND m.channel_id = waiting.channel_id AND m.direction = 'out' LIMIT 1;
    CONTINUE WHEN owner IS NULL AND waiting.created_at > now() - interval '10 minutes'
      AND app.may_be_ours(p_tenant, waiting.channel_id, waiting.change ->> 'type', waiting.change ->> 'text');
    DELETE FROM app.pending_changes c WHERE c.tenant_id = p_tenant AND c.id = waiting.id;
    CONTINUE WHEN owner IS NOT NULL;
    changes := changes || app.store_message(p_tenant, waiting.channel_id, (waiting.change ->> 'conversation_id')::uuid, NULL,
      (waiting.change -> 'message') || '{"settled": true}');
  END LOOP;
  RETURN changes;
END $$;

GRANT EXECUTE ON FUNCTION app.new_id(), app.status_rank(text), app.recount_waiting(uuid, uuid), app.merge_conversations(uuid, uuid, uuid),
  app.merge_contacts(uuid, uuid, uuid), app.link_addresses(uuid, jsonb), app.put_work(uuid, text, text, jsonb),
  app.message_named(uuid, uuid, text, uuid), app.apply_change(uuid, uuid, text, jsonb), app.apply_pending(uuid, uuid, text),
  app.may_be_ours(uuid, uuid, text, text), app.hold_change(uuid, uuid, text, jsonb),
  app.touch_conversation(uuid, uuid, uuid, text, timestamptz, boolean), app.store_message(uuid, uuid, uuid, uuid, jsonb), app.settle_echoes(uuid)
  TO hb_app, hb_ingest;
GRANT EXECUTE ON FUNCTION app.note_push_name(uuid, uuid, text), app.conversation_with(uuid, uuid, uuid, boolean),
  app.store_call(uuid, uuid, uuid, jsonb), app.store_channel_state(uuid, uuid, jsonb), app.store_qr(uuid, uuid, jsonb),
  app.ingest_event(uuid, uuid, uuid, uuid, jsonb) TO hb_app, hb_ingest;
GRANT EXECUTE ON FUNCTION app.resolve_people(uuid[], uuid[], jsonb, uuid[], uuid[]), app.raise_statuses(uuid[], uuid[], integer[], text[], text[]),
  app.note_health(uuid[], uuid[], integer[], integer[]), app.authors_of(uuid[], uuid[], integer[], integer[]),
  app.reopen_conversations(bigint, uuid[], integer[], uuid[], app.conversations[]),
  app.insert_inbound(bigint, uuid[], uuid[], uuid[], uuid[], integer[], integer[], integer[], uuid[], text[], text[], text[], double precision[], jsonb[]),
  app.ingest(uuid[], uuid[], uuid[], uuid[], jsonb, integer[], integer[], integer[], uuid[], text[], text[], text[], double precision[], jsonb[], jsonb,
    integer[], text[], text[], integer[], uuid[], text[], text[], text[], integer[], integer[], bytea, integer[], integer[], uuid[])
  TO hb_ingest;

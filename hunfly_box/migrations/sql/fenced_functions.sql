-- SECURITY DEFINER functions: the only places that look across tenants. Each hands out ids, counts or routes, never content.
-- Owners are NOLOGIN roles without BYPASSRLS; the catalogue check holds the list of these functions.

-- What the receiver needs to know a sender by. The secrets stay sealed.
CREATE FUNCTION app.channel_routes()
RETURNS TABLE (tenant_id uuid, channel_id uuid, provider text, instance text, route_key text, secrets bytea, version bigint,
               locale text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  SELECT c.tenant_id, c.id, c.provider, c.instance, c.route_key, c.secrets, c.version, t.locale
  FROM app.channels c JOIN app.tenants t ON t.id = c.tenant_id
$$;

CREATE FUNCTION app.active_tenants() RETURNS SETOF uuid
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  SELECT id FROM app.tenants WHERE status = 'active' ORDER BY id
$$;

CREATE FUNCTION app.due_work(at_most integer) RETURNS TABLE (tenant_id uuid, id uuid, kind text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  (SELECT w.tenant_id, w.id, w.kind FROM app.work w
   WHERE w.priority <= 5 AND ((w.state = 'queued' AND w.run_at <= now()) OR (w.state = 'claimed' AND w.lease_until < now()))
   ORDER BY w.priority, w.run_at LIMIT at_most)
  UNION ALL
  -- Nobody waits for these: a few at each look, however many there are.
  (SELECT w.tenant_id, w.id, w.kind FROM app.work w
   WHERE w.priority > 5 AND ((w.state = 'queued' AND w.run_at <= now()) OR (w.state = 'claimed' AND w.lease_until < now()))
   ORDER BY w.run_at LIMIT least(at_most, 4))
$$;

-- The conversations with something to send. One id a conversation: within it, sends go one after the other, so only its
-- oldest open delivery counts. One that waits for its number is due at once when the number is back.
CREATE FUNCTION app.due_deliveries(at_most integer) RETURNS TABLE (tenant_id uuid, channel_id uuid, conversation_id uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  SELECT h.tenant_id, h.channel_id, h.conversation_id FROM (
    SELECT DISTINCT ON (d.tenant_id, d.channel_id, d.conversation_id)
      d.tenant_id, d.channel_id, d.conversation_id, d.state, d.run_at, d.lease_until, d.error_code
    FROM app.deliveries d WHERE d.state IN ('queued', 'claimed', 'dispatching')
    ORDER BY d.tenant_id, d.channel_id, d.conversation_id, d.created_at, d.id) h
  WHERE (h.state = 'queued' AND h.run_at <= now())
     OR (h.state = 'queued' AND h.error_code = 'channel.down' AND EXISTS (
           SELECT 1 FROM app.channels c WHERE c.tenant_id = h.tenant_id AND c.id = h.channel_id AND c.state = 'open'))
     OR (h.state IN ('claimed', 'dispatching') AND h.lease_until < now())
  ORDER BY h.run_at LIMIT at_most
$$;

CREATE FUNCTION app.all_channels() RETURNS TABLE (tenant_id uuid, channel_id uuid, provider text, state text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  SELECT c.tenant_id, c.id, c.provider, c.state FROM app.channels c ORDER BY c.tenant_id, c.id
$$;

CREATE FUNCTION app.due_snoozes(at_most integer) RETURNS TABLE (tenant_id uuid, conversation_id uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  SELECT c.tenant_id, c.id FROM app.conversations c WHERE c.status = 'snoozed' AND c.snoozed_until <= now() LIMIT at_most
$$;

-- Counts for the desks of those who may not read content.
CREATE FUNCTION app.tenant_counts()
RETURNS TABLE (tenant_id uuid, users bigint, channels bigint, channels_open bigint, conversations_open bigint,
               waiting_deliveries bigint, parked bigint, last_message_at timestamptz)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  SELECT t.id,
    (SELECT count(*) FROM app.memberships m WHERE m.tenant_id = t.id AND m.is_active),
    (SELECT count(*) FROM app.channels c WHERE c.tenant_id = t.id),
    (SELECT count(*) FROM app.channels c WHERE c.tenant_id = t.id AND c.state = 'open'),
    (SELECT count(*) FROM app.conversations v WHERE v.tenant_id = t.id AND v.status = 'open'),
    (SELECT count(*) FROM app.deliveries d WHERE d.tenant_id = t.id AND d.state IN ('queued', 'claimed', 'dispatching')),
    (SELECT count(*) FROM app.journal j WHERE j.tenant_id = t.id AND j.state = 'parked'),
    (SELECT max(v.last_message_at) FROM app.conversations v WHERE v.tenant_id = t.id)
  FROM app.tenants t
$$;

-- What was committed since the last look, of tenants whose screens are open here. By its version alone a slow transaction would slip
-- through behind a look: its lines are known by its number, which was open then. None of ours runs for twenty seconds.
CREATE FUNCTION app.changed_since(tenants uuid[], looked_to bigint, look_to bigint, oldest_open xid, at_most integer)
RETURNS TABLE (tenant_id uuid, kind text, entity_id uuid, conversation_id uuid, version bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  SELECT l.* FROM unnest(tenants) AS t(id) CROSS JOIN LATERAL (
    SELECT v.tenant_id, v.kind, v.entity_id, v.conversation_id, v.version FROM app.live_versions v
    WHERE v.tenant_id = t.id AND v.version > looked_to - 20000000 AND v.version <= look_to
      AND (v.version > looked_to OR age(v.xmin) <= age(oldest_open))
    ORDER BY v.version LIMIT at_most) l
  ORDER BY l.version LIMIT at_most
$$;

-- Old rows nobody needs: returns how many went. Keeps: done journal 7 days, parked 30; live log 1 hour.
CREATE FUNCTION app.purge(at_most integer) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  gone integer := 0;
  step integer;
BEGIN
  DELETE FROM app.live_versions l USING (
    SELECT v.tenant_id, v.version, v.entity_id FROM app.live_versions v
    WHERE v.version < (extract(epoch FROM now() - interval '1 hour') * 1000000)::bigint LIMIT at_most
  ) old WHERE l.tenant_id = old.tenant_id AND l.version = old.version AND l.entity_id = old.entity_id;
  GET DIAGNOSTICS step = ROW_COUNT; gone := gone + step;
  -- An entry's id tells when it came, and finds the old ones of each tenant without reading the rest.
  DELETE FROM app.journal j USING (
    SELECT o.tenant_id, o.id FROM app.tenants t CROSS JOIN LATERAL (
      SELECT e.tenant_id, e.id FROM app.journal e
      WHERE e.tenant_id = t.id AND e.id < app.id_at(now() - interval '7 days')
        AND (e.state <> 'parked' OR e.id < app.id_at(now() - interval '30 days'))
      LIMIT at_most) o
    LIMIT at_most
  ) old WHERE j.tenant_id = old.tenant_id AND j.id = old.id;
  GET DIAGNOSTICS step = ROW_COUNT; gone := gone + step;
  DELETE FROM app.idempotency_keys WHERE created_at < now() - interval '24 hours';
  GET DIAGNOSTICS step = ROW_COUNT; gone := gone + step;
  DELETE FROM app.pending_changes WHERE created_at < now() - interval '7 days';
  GET DIAGNOSTICS step = ROW_COUNT; gone := gone + step;
  DELETE FROM app.work WHERE state = 'done' AND finished_at < now() - interval '1 day';
  GET DIAGNOSTICS step = ROW_COUNT; gone := gone + step;
  DELETE FROM app.channel_sends WHERE granted_at < now() - interval '1 hour';
  GET DIAGNOSTICS step = ROW_COUNT;
  RETURN gone + step;
END $$;

-- Keeps the journal of the whole box within its bytes: the oldest entries go first, those nobody has used yet after all others.
-- Measured on a sample of four megabytes, for which reading the whole would cost more than all else a minute brings.
CREATE FUNCTION app.trim_journal(most_bytes bigint, at_most integer) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  share double precision := least(100, 100.0 * 4194304 / greatest(pg_relation_size('app.journal'), 1));
  done_until uuid;
  parked_until uuid;
  gone integer;
BEGIN
  IF pg_total_relation_size('app.journal') <= most_bytes THEN
    RETURN 0;
  END IF;
  WITH sampled AS (
    -- A row's head, its other columns and its place in the index beside the body.
    SELECT j.id, j.state = 'parked' AS is_parked, (pg_column_size(j.body) + 200) * 100 / share AS bytes
    FROM app.journal j TABLESAMPLE SYSTEM (share)
  ), counted AS (
    SELECT s.id, s.is_parked, sum(s.bytes) OVER (ORDER BY s.is_parked, s.id) AS up_to, sum(s.bytes) OVER () AS whole FROM sampled s
  )
  SELECT CASE WHEN c.is_parked THEN 'ffffffff-ffff-ffff-ffff-ffffffffffff' ELSE c.id END, CASE WHEN c.is_parked THEN c.id END
    INTO done_until, parked_until FROM counted c
    WHERE c.whole > most_bytes AND c.up_to >= c.whole - most_bytes ORDER BY c.up_to LIMIT 1;
  DELETE FROM app.journal j USING (
    SELECT o.tenant_id, o.id FROM app.tenants t CROSS JOIN LATERAL (
      SELECT e.tenant_id, e.id FROM app.journal e
      WHERE e.tenant_id = t.id AND e.id <= done_until AND (e.state <> 'parked' OR e.id <= parked_until)
      LIMIT at_most) o
    LIMIT at_most
  ) old WHERE j.tenant_id = old.tenant_id AND j.id = old.id;
  GET DIAGNOSTICS gone = ROW_COUNT;
  RETURN gone;
END $$;

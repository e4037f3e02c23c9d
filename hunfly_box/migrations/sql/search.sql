-- Search. Under a policy, full-text and trigram operators are not leakproof and their indexes are passed over; so these functions
-- run as hb_search, repeat the tenant's wall and the agent's view themselves, and return ids only. The caller reads the rows
-- again under its own policies.

CREATE TEXT SEARCH CONFIGURATION app.words (COPY = pg_catalog.portuguese);
ALTER TEXT SEARCH CONFIGURATION app.words ALTER MAPPING FOR hword, hword_part, word WITH public.unaccent, portuguese_stem;

-- Brings the search table up to the live log, tenant by tenant. The overlap covers transactions that commit out of order.
CREATE FUNCTION app.index_messages(at_most integer) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  tenant record;
  batch_top bigint;
  done integer := 0;
  step integer;
BEGIN
  INSERT INTO app.search_progress (tenant_id) SELECT t.id FROM app.tenants t ON CONFLICT DO NOTHING;
  FOR tenant IN
    SELECT p.tenant_id, p.indexed_to FROM app.search_progress p
    WHERE EXISTS (SELECT 1 FROM app.live_versions l WHERE l.tenant_id = p.tenant_id AND l.version > p.indexed_to)
    FOR UPDATE SKIP LOCKED
  LOOP
    SELECT max(w.version) INTO batch_top FROM (
      SELECT l.version FROM app.live_versions l
      WHERE l.tenant_id = tenant.tenant_id AND l.version > tenant.indexed_to ORDER BY l.version LIMIT at_most - done) w;
    CONTINUE WHEN batch_top IS NULL;
    INSERT INTO app.message_search AS s (tenant_id, message_id, conversation_id, sent_at, version, words)
      SELECT DISTINCT ON (m.id) m.tenant_id, m.id, m.conversation_id, m.sent_at, m.version,
             to_tsvector('app.words', CASE WHEN m.deleted_at IS NULL THEN left(m.text, 20000) ELSE '' END)
      FROM app.live_versions l
      JOIN app.messages m ON m.tenant_id = l.tenant_id AND m.id = l.entity_id
      WHERE l.tenant_id = tenant.tenant_id AND l.kind = 'message' AND m.text IS NOT NULL AND m.type <> 'system'
        AND l.version > tenant.indexed_to - 20000000 AND l.version <= batch_top
        AND NOT EXISTS (SELECT 1 FROM app.message_search x WHERE x.tenant_id = m.tenant_id AND x.message_id = m.id AND x.version >= m.version)
      ON CONFLICT (tenant_id, message_id) DO UPDATE
        SET conversation_id = excluded.conversation_id, sent_at = excluded.sent_at, version = excluded.version, words = excluded.words
        WHERE s.version < excluded.version;
    GET DIAGNOSTICS step = ROW_COUNT;
    UPDATE app.search_progress SET indexed_to = batch_top WHERE tenant_id = tenant.tenant_id;
    done := done + step;
    EXIT WHEN done >= at_most;
  END LOOP;
  RETURN done;
END $$;

-- Message ids, newest first. Raises as the context functions do when nobody is named.
-- The agent's conversations are an array, so that the planner knows how many they are: with few of them it reads those, with many it
-- walks from the newest message or asks the word index. Looking each hit up cost seconds where a word is common and an agent sees little.
CREATE FUNCTION app.search_messages(query text, at_most integer, before timestamptz DEFAULT NULL)
RETURNS TABLE (message_id uuid, conversation_id uuid, sent_at timestamptz)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET plan_cache_mode = force_custom_plan AS $$
#variable_conflict use_column
DECLARE
  wanted_tenant uuid := app.tenant_id();
  acting_role text := app.role();
  acting_user uuid := app.user_id();
  sees_queue boolean := coalesce((SELECT t.agents_see_queue FROM app.tenants t WHERE t.id = wanted_tenant), false);
  visible uuid[];
  wanted tsquery := websearch_to_tsquery('app.words', left(query, 200));
BEGIN
  IF numnode(wanted) = 0 THEN
    RETURN;
  END IF;
  IF acting_role IN ('tenant_admin', 'manager', 'system') THEN
    RETURN QUERY
      SELECT s.message_id, s.conversation_id, s.sent_at FROM app.message_search s
      WHERE s.tenant_id = wanted_tenant AND s.words @@ wanted AND (before IS NULL OR s.sent_at < before)
      ORDER BY s.sent_at DESC LIMIT least(at_most, 200);
  ELSIF acting_role = 'agent' THEN
    visible := coalesce((
      SELECT array_agg(c.id) FROM app.conversations c
      WHERE c.tenant_id = wanted_tenant
        AND (c.assignee_id = acting_user OR (c.assignee_id IS NULL AND sees_queue))), '{}');
    RETURN QUERY
      SELECT s.message_id, s.conversation_id, s.sent_at FROM app.message_search s
      WHERE s.tenant_id = wanted_tenant AND s.words @@ wanted AND (before IS NULL OR s.sent_at < before)
        AND s.conversation_id = ANY (visible)
      ORDER BY s.sent_at DESC LIMIT least(at_most, 200);
  END IF;
END $$;

-- Contact ids whose name or number holds the words.
CREATE FUNCTION app.search_contacts(query text, at_most integer)
RETURNS SETOF uuid
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET plan_cache_mode = force_custom_plan AS $$
DECLARE
  wanted_tenant uuid := app.tenant_id();
  acting_role text := app.role();
  acting_user uuid := app.user_id();
  sees_queue boolean := coalesce((SELECT t.agents_see_queue FROM app.tenants t WHERE t.id = wanted_tenant), false);
  folded_query text := app.fold(left(trim(query), 200));
  pattern text := '%' || replace(replace(replace(folded_query, '\', '\\'), '%', '\%'), '_', '\_') || '%';
BEGIN
  IF length(folded_query) < 1 THEN
    RETURN;
  END IF;
  RETURN QUERY
    SELECT c.id FROM app.contacts c
    WHERE c.tenant_id = wanted_tenant AND c.folded LIKE pattern
      AND (acting_role IN ('tenant_admin', 'manager', 'system')
           OR (acting_role = 'agent' AND EXISTS (
                 SELECT 1 FROM app.conversations v
                 WHERE v.tenant_id = wanted_tenant AND v.contact_id = c.id
                   AND (v.assignee_id = acting_user OR (v.assignee_id IS NULL AND sees_queue)))))
    ORDER BY c.id DESC LIMIT least(at_most, 200);
END $$;

-- Search. Under a policy, full-text and trigram operators are not leakproof and their indexes are passed over; so these functions
-- run as hb_search, repeat the tenant's wall and the agent's view themselves, and return ids only. The caller reads the rows
-- again under its own policies.

CREATE TEXT SEARCH CONFIGURATION app.words (COPY = pg_catalog.portuguese);
ALTER TEXT SEARCH CONFIGURATION app.words ALTER MAPPING FOR hword, hword_part, word WITH public.unaccent, portuguese_stem;

-- Takes messages off the queue, of all tenants in one statement, and indexes their words. Returns how many were taken.
-- One pass for each tenant would cost more than the words. Plans are made while the tables are empty: from the queue to a message
-- there is one good way, by key.
CREATE FUNCTION app.index_messages(at_most integer) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET enable_hashjoin = off SET enable_mergejoin = off AS $$
DECLARE
  done integer;
BEGIN
  WITH taken AS (
    DELETE FROM app.search_queue q
    WHERE q.ctid = ANY (ARRAY(SELECT w.ctid FROM app.search_queue w LIMIT at_most FOR UPDATE SKIP LOCKED))
    RETURNING q.tenant_id, q.message_id
  ), indexed AS (
    INSERT INTO app.message_search AS s (tenant_id, message_id, conversation_id, sent_at, version, words)
      SELECT m.tenant_id, m.id, m.conversation_id, m.sent_at, m.version,
             to_tsvector('app.words', CASE WHEN m.deleted_at IS NOT NULL THEN '' WHEN octet_length(m.text) <= 20000 THEN m.text
                                            ELSE left(m.text, 20000) END)
      FROM (SELECT DISTINCT t.tenant_id, t.message_id FROM taken t) one
      JOIN app.messages m ON m.tenant_id = one.tenant_id AND m.id = one.message_id
      WHERE m.text IS NOT NULL AND m.type <> 'system'
      ON CONFLICT (tenant_id, message_id) DO UPDATE
        SET conversation_id = excluded.conversation_id, sent_at = excluded.sent_at, version = excluded.version, words = excluded.words
        WHERE s.version < excluded.version
  )
  SELECT count(*) INTO done FROM taken;
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

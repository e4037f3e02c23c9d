-- The walls. Every table of the schema is under forced row-level security, its owner included.

-- 1. A tenant's own role sees and writes its tenant's rows, nothing else.
DO $$
DECLARE name text;
BEGIN
  FOREACH name IN ARRAY ARRAY[
    'channels', 'channel_health', 'channel_sends', 'contacts', 'contact_identities', 'conversations', 'rounds', 'media', 'messages',
    'message_revisions', 'reactions', 'labels', 'conversation_labels', 'contact_labels', 'conversation_reads', 'drafts', 'deliveries',
    'work', 'journal', 'pending_changes', 'live_versions', 'idempotency_keys', 'audit', 'message_search', 'search_queue',
    'memberships', 'api_tokens'
  ] LOOP
    EXECUTE format('ALTER TABLE app.%I ENABLE ROW LEVEL SECURITY', name);
    EXECUTE format('ALTER TABLE app.%I FORCE ROW LEVEL SECURITY', name);
    EXECUTE format('CREATE POLICY tenant_wall ON app.%I TO hb_app USING (tenant_id = (SELECT app.tenant_id()))'
                   ' WITH CHECK (tenant_id = (SELECT app.tenant_id()))', name);
  END LOOP;
  FOREACH name IN ARRAY ARRAY['resellers', 'tenants', 'users', 'reseller_members', 'sessions'] LOOP
    EXECUTE format('ALTER TABLE app.%I ENABLE ROW LEVEL SECURITY', name);
    EXECUTE format('ALTER TABLE app.%I FORCE ROW LEVEL SECURITY', name);
  END LOOP;
END $$;
CREATE POLICY tenant_wall ON app.tenants TO hb_app USING (id = (SELECT app.tenant_id())) WITH CHECK (id = (SELECT app.tenant_id()));

-- 2. The receiver's role may touch the tenants it declares for one transaction.
DO $$
DECLARE name text;
BEGIN
  FOREACH name IN ARRAY ARRAY[
    'channels', 'channel_health', 'contacts', 'contact_identities', 'conversations', 'rounds', 'media', 'messages', 'message_revisions',
    'reactions', 'conversation_labels', 'contact_labels', 'conversation_reads', 'drafts', 'deliveries', 'work', 'journal',
    'pending_changes', 'live_versions', 'message_search', 'search_queue', 'memberships', 'labels'
  ] LOOP
    EXECUTE format('CREATE POLICY ingest_wall ON app.%I TO hb_ingest USING (app.is_declared(tenant_id))'
                   ' WITH CHECK (app.is_declared(tenant_id))', name);
  END LOOP;
END $$;

-- 3. The control plane: tables about who exists, and of channels only what health needs.
DO $$
DECLARE name text;
BEGIN
  FOREACH name IN ARRAY ARRAY['resellers', 'tenants', 'users', 'reseller_members', 'memberships', 'sessions', 'api_tokens', 'channels', 'channel_health']
  LOOP
    EXECUTE format('CREATE POLICY control_plane ON app.%I TO hb_admin USING (true) WITH CHECK (true)', name);
  END LOOP;
END $$;

-- 4. Inside the tenant, an agent sees what is assigned to them and, where the tenant allows it, what is assigned to nobody.
--    A positive list of roles: the form "not an agent, or …" shows everything to a role nobody thought of.
CREATE FUNCTION app.sees_queue() RETURNS boolean LANGUAGE sql STABLE PARALLEL SAFE AS $$
  SELECT coalesce((SELECT agents_see_queue FROM app.tenants WHERE id = app.tenant_id()), false)
$$;

CREATE POLICY agent_view ON app.conversations AS RESTRICTIVE TO hb_app
  USING ((SELECT app.role()) IN ('tenant_admin', 'manager', 'system')
         OR ((SELECT app.role()) = 'agent'
             AND (assignee_id = (SELECT app.user_id()) OR (assignee_id IS NULL AND (SELECT app.sees_queue())))))
  WITH CHECK ((SELECT app.role()) IN ('tenant_admin', 'manager', 'system')
         OR ((SELECT app.role()) = 'agent'
             AND (assignee_id = (SELECT app.user_id()) OR (assignee_id IS NULL AND (SELECT app.sees_queue())))));

-- What hangs on a conversation is seen by who sees the conversation: the sub-select runs under the policy above.
-- Looked up by key for each row: gathering all of an agent's conversations for every table of a thread cost three times as much.
DO $$
DECLARE
  name text;
  sees text;
BEGIN
  FOREACH name IN ARRAY ARRAY['messages', 'rounds', 'conversation_labels', 'deliveries'] LOOP
    sees := format('(SELECT app.role()) IN (''tenant_admin'', ''manager'', ''system'') OR EXISTS ('
                   'SELECT 1 FROM app.conversations c WHERE c.tenant_id = %1$I.tenant_id AND c.id = %1$I.conversation_id)', name);
    EXECUTE format('CREATE POLICY agent_view ON app.%I AS RESTRICTIVE TO hb_app USING (%s) WITH CHECK (%s)', name, sees, sees);
  END LOOP;
  FOREACH name IN ARRAY ARRAY['message_revisions', 'reactions'] LOOP
    sees := format('(SELECT app.role()) IN (''tenant_admin'', ''manager'', ''system'') OR EXISTS ('
                   'SELECT 1 FROM app.messages m WHERE m.tenant_id = %1$I.tenant_id AND m.id = %1$I.message_id)', name);
    EXECUTE format('CREATE POLICY agent_view ON app.%I AS RESTRICTIVE TO hb_app USING (%s) WITH CHECK (%s)', name, sees, sees);
  END LOOP;
  -- Drafts, read marks and stored answers are one person's own.
  FOREACH name IN ARRAY ARRAY['drafts', 'conversation_reads', 'idempotency_keys'] LOOP
    EXECUTE format('CREATE POLICY own_rows ON app.%I AS RESTRICTIVE TO hb_app'
                   ' USING ((SELECT app.role()) = ''system'' OR user_id = (SELECT app.user_id()))'
                   ' WITH CHECK ((SELECT app.role()) = ''system'' OR user_id = (SELECT app.user_id()))', name);
  END LOOP;
END $$;
CREATE POLICY agent_view ON app.media AS RESTRICTIVE TO hb_app
  USING ((SELECT app.role()) IN ('tenant_admin', 'manager', 'system')
         OR EXISTS (SELECT 1 FROM app.conversations c WHERE c.tenant_id = media.tenant_id AND c.id = media.conversation_id)
         OR (conversation_id IS NULL AND uploader_id = (SELECT app.user_id())))
  WITH CHECK ((SELECT app.role()) IN ('tenant_admin', 'manager', 'system')
         OR EXISTS (SELECT 1 FROM app.conversations c WHERE c.tenant_id = media.tenant_id AND c.id = media.conversation_id)
         OR (conversation_id IS NULL AND uploader_id = (SELECT app.user_id())));

-- 5. The fenced roles that own a few functions read what those functions need, across tenants; nobody can log in as them.
CREATE POLICY fenced_search ON app.messages TO hb_search USING (true) WITH CHECK (true);
CREATE POLICY fenced_search ON app.message_search TO hb_search USING (true) WITH CHECK (true);
CREATE POLICY fenced_search ON app.search_queue TO hb_search USING (true) WITH CHECK (true);
CREATE POLICY fenced_search ON app.conversations TO hb_search USING (true) WITH CHECK (true);
CREATE POLICY fenced_search ON app.contacts TO hb_search USING (true) WITH CHECK (true);
CREATE POLICY fenced_search ON app.tenants TO hb_search USING (true) WITH CHECK (true);
DO $$
DECLARE name text;
BEGIN
  FOREACH name IN ARRAY ARRAY['tenants', 'channels', 'channel_health', 'channel_sends', 'conversations', 'messages', 'media', 'deliveries', 'work', 'journal',
                              'pending_changes', 'live_versions', 'idempotency_keys', 'memberships'] LOOP
    EXECUTE format('CREATE POLICY fenced_maint ON app.%I TO hb_maint USING (true) WITH CHECK (true)', name);
  END LOOP;
END $$;

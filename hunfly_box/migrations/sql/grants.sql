-- Who may do what, stated whole. TRUNCATE, REFERENCES and TRIGGER go to nobody: row-level security does not govern them.
REVOKE ALL ON SCHEMA app FROM PUBLIC;
REVOKE ALL ON ALL TABLES IN SCHEMA app FROM PUBLIC;
REVOKE ALL ON ALL FUNCTIONS IN SCHEMA app FROM PUBLIC;
GRANT USAGE ON SCHEMA app TO hb_app, hb_ingest, hb_admin, hb_search, hb_maint;
GRANT EXECUTE ON FUNCTION app.tenant_id(), app.tenant_ids(), app.role(), app.user_id(), app.now_us(), app.fold(text), app.id_at(timestamptz)
  TO hb_app, hb_ingest, hb_admin, hb_search, hb_maint;
GRANT EXECUTE ON FUNCTION app.sees_queue(), app.said_at(uuid) TO hb_app;
GRANT EXECUTE ON FUNCTION app.is_declared(uuid) TO hb_ingest;

GRANT SELECT, INSERT, UPDATE, DELETE ON
  app.channels, app.channel_health, app.channel_sends, app.contacts, app.contact_identities, app.conversations, app.rounds, app.media,
  app.messages, app.message_revisions, app.reactions, app.labels, app.conversation_labels, app.contact_labels, app.conversation_reads,
  app.drafts, app.deliveries, app.work, app.journal, app.pending_changes, app.idempotency_keys TO hb_app;
GRANT SELECT, INSERT ON app.live_versions, app.audit TO hb_app;
GRANT INSERT ON app.search_queue TO hb_app, hb_ingest;
GRANT SELECT ON app.memberships TO hb_app;
GRANT SELECT, UPDATE (name, locale, timezone, agents_see_queue, send_read_receipts) ON app.tenants TO hb_app;

GRANT SELECT, INSERT, UPDATE, DELETE ON
  app.contacts, app.contact_identities, app.conversations, app.rounds, app.messages, app.message_revisions, app.reactions, app.media,
  app.conversation_labels, app.contact_labels, app.conversation_reads, app.drafts, app.deliveries, app.work, app.pending_changes TO hb_ingest;
GRANT SELECT, INSERT, UPDATE ON app.journal, app.channel_health TO hb_ingest;
GRANT SELECT, INSERT ON app.live_versions TO hb_ingest;
GRANT SELECT (tenant_id, id, name, provider, instance, phone, state, cause, state_since, version),
  UPDATE (phone, state, cause, state_since, qr_png_base64, pairing_code, qr_at, version) ON app.channels TO hb_ingest;
GRANT SELECT, DELETE, UPDATE ON app.message_search TO hb_ingest;
GRANT SELECT ON app.memberships, app.labels TO hb_ingest;

GRANT SELECT, INSERT, UPDATE, DELETE ON app.resellers, app.tenants, app.users, app.reseller_members, app.memberships, app.sessions,
  app.api_tokens TO hb_admin;
GRANT SELECT (tenant_id, id, name, provider, phone, state, cause, state_since, created_at, version) ON app.channels TO hb_admin;
GRANT SELECT ON app.channel_health TO hb_admin;

GRANT SELECT ON app.messages, app.conversations, app.contacts, app.tenants TO hb_search;
GRANT SELECT, INSERT, UPDATE, DELETE ON app.message_search, app.search_queue TO hb_search;

GRANT SELECT ON app.tenants, app.channels, app.channel_health, app.conversations, app.messages, app.media, app.memberships TO hb_maint;
GRANT SELECT, DELETE ON app.channel_sends, app.deliveries, app.work, app.journal, app.pending_changes, app.live_versions, app.idempotency_keys TO hb_maint;

GRANT EXECUTE ON FUNCTION app.active_tenants(), app.due_work(integer), app.due_deliveries(integer), app.all_channels(),
  app.due_snoozes(integer), app.changed_since(uuid[], bigint, bigint, xid, integer), app.purge(integer),
  app.trim_journal(bigint, integer), app.index_messages(integer), app.search_messages(text, integer, timestamptz),
  app.search_contacts(text, integer) TO hb_app;
GRANT EXECUTE ON FUNCTION app.channel_routes(), app.active_tenants() TO hb_ingest;
GRANT EXECUTE ON FUNCTION app.tenant_counts() TO hb_admin;

-- Fenced functions change owner last: their new owners may create nothing else in the schema.
GRANT CREATE ON SCHEMA app TO hb_search, hb_maint;
ALTER FUNCTION app.index_messages(integer) OWNER TO hb_search;
ALTER FUNCTION app.search_messages(text, integer, timestamptz) OWNER TO hb_search;
ALTER FUNCTION app.search_contacts(text, integer) OWNER TO hb_search;
ALTER FUNCTION app.channel_routes() OWNER TO hb_maint;
ALTER FUNCTION app.active_tenants() OWNER TO hb_maint;
ALTER FUNCTION app.due_work(integer) OWNER TO hb_maint;
ALTER FUNCTION app.due_deliveries(integer) OWNER TO hb_maint;
ALTER FUNCTION app.all_channels() OWNER TO hb_maint;
ALTER FUNCTION app.due_snoozes(integer) OWNER TO hb_maint;
ALTER FUNCTION app.changed_since(uuid[], bigint, bigint, xid, integer) OWNER TO hb_maint;
ALTER FUNCTION app.tenant_counts() OWNER TO hb_maint;
ALTER FUNCTION app.purge(integer) OWNER TO hb_maint;
ALTER FUNCTION app.trim_journal(bigint, integer) OWNER TO hb_maint;
REVOKE CREATE ON SCHEMA app FROM hb_search, hb_maint;

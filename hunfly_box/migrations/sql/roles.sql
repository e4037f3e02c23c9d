-- What each database role may be. Logins and passwords are made by hunfly_box.operations.migrate; attributes are stated here.
-- None may bypass row-level security, create anything, or inherit another role's rights.
ALTER ROLE hb_app    NOSUPERUSER NOBYPASSRLS NOCREATEDB NOCREATEROLE NOINHERIT;
ALTER ROLE hb_ingest NOSUPERUSER NOBYPASSRLS NOCREATEDB NOCREATEROLE NOINHERIT;
ALTER ROLE hb_admin  NOSUPERUSER NOBYPASSRLS NOCREATEDB NOCREATEROLE NOINHERIT;
ALTER ROLE hb_owner  NOSUPERUSER NOBYPASSRLS NOLOGIN;
ALTER ROLE hb_search NOSUPERUSER NOBYPASSRLS NOLOGIN;
ALTER ROLE hb_maint  NOSUPERUSER NOBYPASSRLS NOLOGIN;
ALTER ROLE hb_app    SET search_path = app, pg_catalog;
ALTER ROLE hb_ingest SET search_path = app, pg_catalog;
ALTER ROLE hb_admin  SET search_path = app, pg_catalog;
ALTER ROLE hb_app    SET statement_timeout = '5s';
ALTER ROLE hb_app    SET lock_timeout = '2s';
ALTER ROLE hb_app    SET idle_in_transaction_session_timeout = '15s';
ALTER ROLE hb_admin  SET statement_timeout = '5s';
ALTER ROLE hb_admin  SET lock_timeout = '2s';
ALTER ROLE hb_ingest SET statement_timeout = '10s';
-- The ingest statements are few and fixed; planning them anew with array arguments costs more than running them.
ALTER ROLE hb_ingest SET plan_cache_mode = 'force_generic_plan';

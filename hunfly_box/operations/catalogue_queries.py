"""What the catalogue check asks Postgres."""

TABLES = """
SELECT c.relname AS name, c.relkind::text AS kind, c.relrowsecurity AS walled, c.relforcerowsecurity AS forced,
       (SELECT count(*) FROM pg_policy p WHERE p.polrelid = c.oid) AS policies,
       (SELECT a.attnotnull FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attname = 'tenant_id'
          AND NOT a.attisdropped) AS tenant_not_null,
       pg_get_userbyid(c.relowner) AS owner,
       coalesce(array_to_string(c.reloptions, ','), '') AS options
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = 'app' AND c.relkind IN ('r', 'p', 'm', 'v', 'f')
"""
POLICIES = """
SELECT c.relname AS table_name, p.polname AS name, p.polpermissive AS permissive, p.polcmd::text AS command,
       coalesce(pg_get_expr(p.polqual, p.polrelid), '') AS using_,
       coalesce(pg_get_expr(p.polwithcheck, p.polrelid), '') AS checking,
       (SELECT coalesce(string_agg(r.rolname, ','), 'public') FROM pg_roles r WHERE r.oid = ANY (p.polroles)) AS roles
FROM pg_policy p JOIN pg_class c ON c.oid = p.polrelid JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = 'app'
"""
UNIQUE_INDEXES = """
SELECT i.relname AS name,
       coalesce((SELECT a.attname FROM pg_attribute a WHERE a.attrelid = x.indrelid AND a.attnum = x.indkey[0]), '')
         AS first
FROM pg_index x JOIN pg_class i ON i.oid = x.indexrelid JOIN pg_namespace n ON n.oid = i.relnamespace
WHERE n.nspname = 'app' AND x.indisunique
"""
FOREIGN_KEYS = """
SELECT k.conname AS name, c.relname AS table_name, f.relname AS target,
       (SELECT a.attname FROM pg_attribute a WHERE a.attrelid = k.conrelid AND a.attnum = k.conkey[1]) AS first,
       (SELECT a.attname FROM pg_attribute a WHERE a.attrelid = k.confrelid AND a.attnum = k.confkey[1]) AS target_first
FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid JOIN pg_class f ON f.oid = k.confrelid
JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = 'app' AND k.contype = 'f'
"""
DEFINERS = """
SELECT p.proname AS name, pg_get_userbyid(p.proowner) AS owner,
       coalesce(array_to_string(p.proconfig, ','), '') AS config
FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace WHERE n.nspname = 'app' AND p.prosecdef
"""
PUBLIC_FUNCTIONS = """
SELECT p.proname AS name FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
WHERE n.nspname = 'app' AND (p.proacl IS NULL OR EXISTS (SELECT 1 FROM aclexplode(p.proacl) a WHERE a.grantee = 0))
"""
TABLE_GRANTS = """
SELECT c.relname AS table_name, a.privilege_type AS privilege, coalesce(r.rolname, 'public') AS grantee
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace,
     aclexplode(c.relacl) a
     LEFT JOIN pg_roles r ON r.oid = a.grantee
WHERE n.nspname = 'app' AND a.grantee <> c.relowner
"""
STRONG_ROLES = """
SELECT rolname AS name, rolsuper OR rolbypassrls OR rolcreaterole OR rolcreatedb AS strong, rolcanlogin AS login,
       EXISTS (SELECT 1 FROM pg_auth_members m WHERE m.member = pg_roles.oid) AS is_member
FROM pg_roles WHERE rolname LIKE 'hb\\_%'
"""
CREATORS = """
SELECT n.nspname AS schema, r.rolname AS role FROM pg_namespace n, pg_roles r
WHERE n.nspname IN ('app', 'app_meta', 'public') AND r.rolname LIKE 'hb\\_%' AND r.rolname <> 'hb_owner'
  AND has_schema_privilege(r.oid, n.oid, 'CREATE')
"""
MYSELF = """
SELECT current_user AS name, r.rolsuper AS is_superuser, r.rolbypassrls AS bypasses,
       current_setting('row_security') AS row_security,
       EXISTS (SELECT 1 FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
               WHERE n.nspname = 'app' AND c.relowner = r.oid) AS owns
FROM pg_roles r WHERE r.rolname = current_user
"""

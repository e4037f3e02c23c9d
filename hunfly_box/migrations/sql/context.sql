-- Who is acting, for whom: set at the start of every transaction, read by every policy.
-- Each function raises when its setting is missing. An empty answer would look like an empty inbox; an error cannot be overlooked.

CREATE FUNCTION app.tenant_id() RETURNS uuid LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
DECLARE value text := current_setting('app.tenant_id', true);
BEGIN
  -- After a transaction-local set the setting stays behind as an empty string, not as NULL.
  IF value IS NULL OR value = '' THEN
    RAISE EXCEPTION 'tenant context missing' USING ERRCODE = '42501';
  END IF;
  RETURN value::uuid;
END $$;

CREATE FUNCTION app.tenant_ids() RETURNS uuid[] LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
DECLARE value text := current_setting('app.tenant_ids', true);
BEGIN
  IF value IS NULL OR value = '' THEN
    RAISE EXCEPTION 'declared tenants missing' USING ERRCODE = '42501';
  END IF;
  RETURN value::uuid[];
END $$;

-- Whether the transaction declared this tenant. One expression that is folded into the plan: as a list in a sub-select it would
-- be set up anew for every table of every statement, which cost a third of a small batch. A uuid in text holds no comma, so it
-- is found only as a whole member of the list, and something stands behind it: the comma or the closing brace. Asked that way, and
-- not by strpos, whose answer counts every character up to there: that was a fifth of a large batch.
CREATE FUNCTION app.is_declared(tenant uuid) RETURNS boolean LANGUAGE sql STABLE PARALLEL SAFE AS $$
  SELECT split_part(current_setting('app.tenant_ids', true), tenant::text, 2) <> '' OR app.tenant_ids() IS NULL
$$;

CREATE FUNCTION app.role() RETURNS text LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
DECLARE value text := current_setting('app.role', true);
BEGIN
  IF value IS NULL OR value NOT IN ('tenant_admin', 'manager', 'agent', 'system') THEN
    RAISE EXCEPTION 'role context missing or unknown' USING ERRCODE = '42501';
  END IF;
  RETURN value;
END $$;

-- The acting person; NULL for the system itself.
CREATE FUNCTION app.user_id() RETURNS uuid LANGUAGE sql STABLE PARALLEL SAFE AS $$
  SELECT nullif(current_setting('app.user_id', true), '')::uuid
$$;

-- Microseconds of the database's own clock: the unit of every row's version and of the live cursor.
CREATE FUNCTION app.now_us() RETURNS bigint LANGUAGE sql VOLATILE PARALLEL SAFE AS $$
  SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint
$$;

-- The first of all UUIDv7 of that moment: what lies below it is older.
CREATE FUNCTION app.id_at(moment timestamptz) RETURNS uuid LANGUAGE sql IMMUTABLE PARALLEL SAFE STRICT AS $$
  SELECT encode(substring(int8send((extract(epoch FROM moment) * 1000)::bigint) FROM 3) || decode(repeat('00', 10), 'hex'), 'hex')::uuid
$$;

-- Lower case without accents, for searching names and numbers. Marked immutable because the dictionary is ours and fixed.
CREATE FUNCTION app.fold(value text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE STRICT AS $$
  SELECT lower(public.unaccent('public.unaccent'::regdictionary, value))
$$;

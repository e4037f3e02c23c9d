-- The control plane: who exists on the box. Read and written by hb_admin; hb_app sees only its own tenant's rows.

CREATE TABLE app.resellers (
  id uuid PRIMARY KEY,
  name text NOT NULL,
  slug text NOT NULL UNIQUE,
  created_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE app.tenants (
  id uuid PRIMARY KEY,
  reseller_id uuid REFERENCES app.resellers (id),
  name text NOT NULL,
  slug text NOT NULL UNIQUE,
  status text NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'suspended')),
  locale text NOT NULL DEFAULT 'pt_BR' CHECK (locale IN ('pt_BR', 'en', 'es')),
  timezone text NOT NULL DEFAULT 'America/Sao_Paulo',
  agents_see_queue boolean NOT NULL DEFAULT true,
  send_read_receipts boolean NOT NULL DEFAULT true,
  media_quota_mb integer,                                        -- NULL: as HUNFLY_MEDIA_QUOTA_MB says
  created_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE app.users (
  id uuid PRIMARY KEY,
  email text NOT NULL,
  name text NOT NULL,
  password_hash text NOT NULL,
  box_role text CHECK (box_role = 'super_admin'),
  is_active boolean NOT NULL DEFAULT true,
  locale text CHECK (locale IN ('pt_BR', 'en', 'es')),           -- NULL: as the tenant
  theme text NOT NULL DEFAULT 'system' CHECK (theme IN ('system', 'light', 'dark')),
  preferences jsonb NOT NULL DEFAULT '{}',                       -- sound, desktop notices, single-letter keys
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now()
);
CREATE UNIQUE INDEX users_email_key ON app.users (lower(email));

CREATE TABLE app.reseller_members (
  reseller_id uuid NOT NULL REFERENCES app.resellers (id) ON DELETE CASCADE,
  user_id uuid NOT NULL REFERENCES app.users (id) ON DELETE CASCADE,
  created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (reseller_id, user_id)
);

-- A person in a tenant. `name` repeats users.name so that a tenant's own role can show who answered.
CREATE TABLE app.memberships (
  tenant_id uuid NOT NULL REFERENCES app.tenants (id) ON DELETE CASCADE,
  user_id uuid NOT NULL REFERENCES app.users (id) ON DELETE CASCADE,
  role text NOT NULL CHECK (role IN ('tenant_admin', 'manager', 'agent')),
  name text NOT NULL,
  is_active boolean NOT NULL DEFAULT true,
  created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, user_id)
);
CREATE INDEX memberships_user ON app.memberships (user_id);

CREATE TABLE app.sessions (
  token_hash bytea PRIMARY KEY,                                  -- sha256 of the cookie: a dump gives no usable session
  user_id uuid NOT NULL REFERENCES app.users (id) ON DELETE CASCADE,
  tenant_id uuid REFERENCES app.tenants (id) ON DELETE CASCADE,  -- the tenant the person works in; NULL for box and reseller desks
  csrf_secret bytea NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  authenticated_at timestamptz NOT NULL DEFAULT now(),
  last_seen_at timestamptz NOT NULL DEFAULT now(),
  expires_at timestamptz NOT NULL,
  idle_seconds integer NOT NULL,
  ip_prefix text,
  user_agent text
);
CREATE INDEX sessions_user ON app.sessions (user_id);

CREATE TABLE app.api_tokens (
  id uuid PRIMARY KEY,
  tenant_id uuid NOT NULL,
  user_id uuid NOT NULL,                                         -- its rights never pass those of this person
  prefix text NOT NULL UNIQUE,
  token_hash bytea NOT NULL,
  scopes text[] NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  expires_at timestamptz NOT NULL,
  last_used_at timestamptz,
  revoked_at timestamptz,
  FOREIGN KEY (tenant_id, user_id) REFERENCES app.memberships (tenant_id, user_id) ON DELETE CASCADE
);

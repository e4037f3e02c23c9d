-- Every change of what a screen shows gets a higher version and a line in live_versions, whoever makes it:
-- a reconnecting browser can then trust that nothing was changed past the log.

CREATE FUNCTION app.raise_version() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  NEW.version := greatest(OLD.version + 1, app.now_us());
  RETURN NEW;
END $$;

CREATE TRIGGER raise_version BEFORE UPDATE ON app.messages FOR EACH ROW WHEN (NEW.version = OLD.version) EXECUTE FUNCTION app.raise_version();
CREATE TRIGGER raise_version BEFORE UPDATE ON app.conversations FOR EACH ROW WHEN (NEW.version = OLD.version) EXECUTE FUNCTION app.raise_version();
CREATE TRIGGER raise_version BEFORE UPDATE ON app.channels FOR EACH ROW WHEN (NEW.version = OLD.version) EXECUTE FUNCTION app.raise_version();
CREATE TRIGGER raise_version BEFORE UPDATE ON app.contacts FOR EACH ROW WHEN (NEW.version = OLD.version) EXECUTE FUNCTION app.raise_version();
CREATE TRIGGER raise_version BEFORE UPDATE ON app.media FOR EACH ROW WHEN (NEW.version = OLD.version) EXECUTE FUNCTION app.raise_version();

-- Who is switched off looks after nothing any more; the tenants' own roles see memberships, not users.
CREATE FUNCTION app.switch_memberships() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  UPDATE app.memberships SET is_active = NEW.is_active WHERE user_id = NEW.id;
  RETURN NULL;
END $$;
CREATE TRIGGER switch_memberships AFTER UPDATE OF is_active ON app.users FOR EACH ROW WHEN (NEW.is_active <> OLD.is_active)
  EXECUTE FUNCTION app.switch_memberships();

CREATE FUNCTION app.log_messages() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'INSERT' THEN
    WITH logged AS (
      INSERT INTO app.live_versions (tenant_id, version, kind, entity_id, conversation_id)
        SELECT tenant_id, version, 'message', id, conversation_id FROM changed
    )
    INSERT INTO app.search_queue (tenant_id, message_id)
      SELECT tenant_id, id FROM changed WHERE text IS NOT NULL AND type <> 'system';
  ELSE
    INSERT INTO app.live_versions (tenant_id, version, kind, entity_id, conversation_id)
      SELECT tenant_id, version, 'message', id, conversation_id FROM changed;
  END IF;
  RETURN NULL;
END $$;
CREATE TRIGGER log_insert AFTER INSERT ON app.messages REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION app.log_messages();
CREATE TRIGGER log_update AFTER UPDATE ON app.messages REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION app.log_messages();

-- Edited, taken back, or moved to another conversation: found by other words, or elsewhere.
CREATE FUNCTION app.queue_for_search() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO app.search_queue (tenant_id, message_id) VALUES (NEW.tenant_id, NEW.id);
  RETURN NULL;
END $$;
CREATE TRIGGER queue_for_search AFTER UPDATE ON app.messages FOR EACH ROW
  WHEN (NEW.text IS DISTINCT FROM OLD.text OR NEW.deleted_at IS DISTINCT FROM OLD.deleted_at OR NEW.conversation_id <> OLD.conversation_id)
  EXECUTE FUNCTION app.queue_for_search();

CREATE FUNCTION app.log_conversations() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO app.live_versions (tenant_id, version, kind, entity_id, conversation_id)
    SELECT tenant_id, version, 'conversation', id, id FROM changed;
  RETURN NULL;
END $$;
CREATE TRIGGER log_insert AFTER INSERT ON app.conversations REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION app.log_conversations();
CREATE TRIGGER log_update AFTER UPDATE ON app.conversations REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION app.log_conversations();

CREATE FUNCTION app.log_channels() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO app.live_versions (tenant_id, version, kind, entity_id)
    SELECT tenant_id, version, 'channel', id FROM changed;
  RETURN NULL;
END $$;
CREATE TRIGGER log_insert AFTER INSERT ON app.channels REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION app.log_channels();
CREATE TRIGGER log_update AFTER UPDATE ON app.channels REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION app.log_channels();

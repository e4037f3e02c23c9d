"""The two statements behind every conversation and message that leaves this slice. Ids come as text."""

# Joined set-based: one statement for sixty messages. The quoted one is found by the key that keeps messages unique.
# What few messages have is asked in CASE, which is worked out only for those; a join would be for every line.
MESSAGES = """
SELECT m.id::text, m.conversation_id::text, m.channel_id::text, m.provider_id, m.direction,
       m.author_kind, m.author_id::text,
       coalesce(u.name, a.name, a.push_name, m.author_name, a.phone, p.name, '') AS author_name,
       m.type, m.text, m.payload, m.status, m.error_code, m.error_detail, m.is_forwarded, m.client_key,
       m.edited_at, m.deleted_at, m.sent_at, m.version, m.media_id::text,
       d.mime AS media_mime, d.name AS media_name, d.size AS media_size, d.seconds AS media_seconds,
       d.width AS media_width, d.height AS media_height, d.peaks AS media_peaks, d.state AS media_state,
       d.thumbnail_sha256 IS NOT NULL AS has_thumbnail,
       m.quoted_provider_id, q.id::text AS quoted_id, coalesce(q.text, m.quoted_text) AS quoted_text,
       coalesce(q.author, m.quoted_author) AS quoted_author, q.type AS quoted_type, q.is_deleted AS quoted_is_deleted,
       r.reactions,
       CASE WHEN m.payload -> 'mentions' IS NOT NULL THEN (
         SELECT jsonb_agg(jsonb_build_object(
                  'id', c.id, 'name', coalesce(c.name, c.push_name, c.phone),
                  'handle', coalesce(x.told ->> 'handle', ltrim(x.told ->> 'value', '+'))))
         FROM jsonb_array_elements(m.payload -> 'mentions') x (told)
         LEFT JOIN app.contact_identities i
           ON i.tenant_id = m.tenant_id AND i.kind = x.told ->> 'kind' AND i.value = x.told ->> 'value'
         LEFT JOIN app.contacts c ON c.tenant_id = i.tenant_id AND c.id = i.contact_id) END AS mentions
FROM app.messages m
LEFT JOIN app.memberships u ON m.author_kind = 'user' AND u.tenant_id = m.tenant_id AND u.user_id = m.author_id
LEFT JOIN app.contacts a ON m.author_kind = 'contact' AND a.tenant_id = m.tenant_id AND a.id = m.author_id
LEFT JOIN app.channels p ON m.author_kind = 'phone' AND p.tenant_id = m.tenant_id AND p.id = m.channel_id
LEFT JOIN app.media d ON d.tenant_id = m.tenant_id AND d.id = m.media_id
LEFT JOIN LATERAL (
  SELECT o.id, o.type, o.text, o.deleted_at IS NOT NULL AS is_deleted,
         coalesce(ou.name, oa.name, oa.push_name, o.author_name, op.name) AS author
  FROM app.messages o
  LEFT JOIN app.memberships ou ON o.author_kind = 'user' AND ou.tenant_id = o.tenant_id AND ou.user_id = o.author_id
  LEFT JOIN app.contacts oa ON o.author_kind = 'contact' AND oa.tenant_id = o.tenant_id AND oa.id = o.author_id
  LEFT JOIN app.channels op ON o.author_kind = 'phone' AND op.tenant_id = o.tenant_id AND op.id = o.channel_id
  WHERE o.tenant_id = m.tenant_id AND o.provider_id = m.quoted_provider_id AND o.conversation_id = m.conversation_id
  LIMIT 1) q ON m.quoted_provider_id IS NOT NULL
LEFT JOIN LATERAL (
  SELECT jsonb_agg(jsonb_build_object('emoji', e.emoji,
           'by', CASE e.reactor WHEN 'us' THEN 'us' ELSE coalesce(e.reactor_name, e.reactor) END)
         ORDER BY e.reacted_at_ms) AS reactions
  FROM app.reactions e WHERE e.tenant_id = m.tenant_id AND e.message_id = m.id AND e.emoji <> '') r ON true
WHERE m.tenant_id = app.tenant_id() AND m.id = ANY (:ids)
"""

CONVERSATIONS = """
SELECT v.id::text, v.channel_id::text, v.contact_id::text, v.status, v.snoozed_until, v.assignee_id::text,
       u.name AS assignee_name, v.waiting_since, v.last_message_id::text,
       v.inbound_count, v.inbound_answered, v.version,
       coalesce(c.name, c.push_name) AS contact_name, c.phone AS contact_phone, c.is_group, c.avatar_sha256,
       c.blocked_at IS NOT NULL AS is_blocked, i.value AS contact_identity, l.labels
FROM app.conversations v
JOIN app.contacts c ON c.tenant_id = v.tenant_id AND c.id = v.contact_id
LEFT JOIN app.memberships u ON u.tenant_id = v.tenant_id AND u.user_id = v.assignee_id
LEFT JOIN LATERAL (
  SELECT i.value FROM app.contact_identities i WHERE i.tenant_id = c.tenant_id AND i.contact_id = c.id
  ORDER BY i.kind DESC LIMIT 1) i ON coalesce(c.name, c.push_name, c.phone) IS NULL
LEFT JOIN LATERAL (
  SELECT jsonb_agg(jsonb_build_object('id', l.id, 'name', l.name, 'color', l.color) ORDER BY lower(l.name)) AS labels
  FROM app.conversation_labels vl JOIN app.labels l ON l.tenant_id = vl.tenant_id AND l.id = vl.label_id
  WHERE vl.tenant_id = v.tenant_id AND vl.conversation_id = v.id) l ON true
WHERE v.tenant_id = app.tenant_id() AND v.id = ANY (:ids)
"""

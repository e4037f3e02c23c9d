"""Who may come in and what they may do: people, sessions, API tokens, the table of permissions, the sign-in pages.

Tables: users, reseller_members, memberships, sessions, api_tokens. Announces Changed(kind="access").
"""

"""The customers: who they are, by which addresses, whether they are blocked.

Tables: contacts, contact_identities, contact_labels.
"""

"""Conversations, messages, notes, labels, search.

Tables: conversations, rounds, messages, reactions, labels, drafts, conversation_reads.
"""

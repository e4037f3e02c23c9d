"""Owns what goes out: deliveries (one outgoing attempt each), the limiter's log of sends, read marks, typing.

Tables: deliveries, channel_sends. A delivery is queued with its message in one transaction, claimed by a worker,
marked `dispatching` before a byte leaves, and ends accepted, failed, unconfirmed or cancelled. The box never sends
one twice by itself.
"""

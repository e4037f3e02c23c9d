"""Connected numbers: their secrets, state and pairing. Tables: channels, channel_health."""

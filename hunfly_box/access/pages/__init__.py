"""Signing in and out, one's own profile. What the address bar reaches, and what our own scripts call."""

from hunfly_box.access.pages import profile, signing_in

ROUTES = [*signing_in.ROUTES, *profile.ROUTES]

"""Hunfly Box: a shared WhatsApp inbox for small teams, in one process."""

__version__ = "0.1.0"

"""Hunfly Box: a shared WhatsApp inbox in one process."""

VERSION = "0.1.0"

"""What WhatsApp says (port) and can be asked (messenger), in plain types; registry picks the client.

Provider words (instance, remoteJid, wa_id) stop here; nothing in this package opens a transaction.
"""

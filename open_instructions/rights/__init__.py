"""Licences and the terms of engines: what rows may be used for."""

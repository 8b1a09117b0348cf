"""Handing a build on: load it, push it."""

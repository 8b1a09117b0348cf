"""Hand a build on: load it, push it."""

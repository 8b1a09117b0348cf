"""Read a build and show it."""

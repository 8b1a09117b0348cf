"""Reading a build and showing it."""

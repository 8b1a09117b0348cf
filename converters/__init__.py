"""The built-in sources, one file each. Every module here is imported when sources are looked up."""

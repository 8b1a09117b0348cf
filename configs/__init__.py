"""Recipes that ship with the package. To add one, put a .yaml file here."""

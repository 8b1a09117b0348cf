"""Shapes that the files of many sources share: pure functions from fields to drafts."""

"""The YAML of a recipe, which may come from anywhere."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

import yaml

from ..errors import shown


class Loader(yaml.SafeLoader):
    """A YAML loader that refuses duplicate keys, because the last one would silently win, and
    aliases, because a few lines of them can expand to more than any memory."""

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            alias = self.peek_event()  # type: ignore[no-untyped-call]
            raise yaml.composer.ComposerError(
                None, None, "aliases are not allowed; write the value out", alias.start_mark
            )
        return super().compose_node(parent, index)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if not isinstance(key, Hashable):
                raise yaml.constructor.ConstructorError(
                    None, None, f"{shown(key)} is not a key", key_node.start_mark
                )
            if key in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"the key {shown(key)} appears twice", node.start_mark
                )
            seen.add(key)
        return super().construct_mapping(node, deep)

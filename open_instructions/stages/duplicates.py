"""Equal conversations: the key that says so. A chunk computes it, the merge of all chunks decides."""

from __future__ import annotations

from hashlib import blake2b

from ..schema import Conversation


def key(conversation: Conversation) -> bytes:
    """16 bytes that two conversations share if all their roles and contents are equal, and
    otherwise do not."""
    digest = blake2b(digest_size=16)
    for message in conversation.messages:
        text = message.content.encode()
        digest.update(f"{message.role}:{len(text)}:".encode())
        digest.update(text)
    return digest.digest()

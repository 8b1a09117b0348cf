"""The commands of FastChat's three cleaning scripts (fschat 0.2.36), as they are, for the scripts
that run them."""

from __future__ import annotations

from pathlib import Path

LIMIT = 2048


def commands(
    python: str, raw: Path, folder: Path, tokens: str
) -> list[tuple[str, Path, list[str]]]:
    """(module, what it writes, the command) of each step from a raw file; `tokens` is a tokenizer's
    folder."""
    steps = [
        ("clean_sharegpt", raw, "clean.json", []),
        ("optional_clean", folder / "clean.json", "language.json", ["--skip-lang", "ko"]),
        (
            "split_long_conversation",
            folder / "language.json",
            "split.json",
            ["--model-name-or-path", tokens, "--max-length", str(LIMIT)],
        ),
    ]
    return [
        (
            module,
            folder / target,
            [
                python,
                "-m",
                f"fastchat.data.{module}",
                "--in-file",
                str(source),
                "--out-file",
                str(folder / target),
                *options,
            ],
        )
        for module, source, target, options in steps
    ]

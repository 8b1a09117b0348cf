"""What is known about sources, and the one import that source authors need.

    from open_instructions.catalogue import File, Hub, Source, Subset, source

    @source(Source(name="mine", title="My set", subsets=(Subset("main", files=("mine.json",)),)))
    def convert(record): yield Draft(...)

source      a Source and its parts, as its file describes them
registry    how sources are found and chosen
own         a source made of a user's own files
by_layout   how the records of such a source are read
published   where upstream's files are, and what is known of their bytes
terms       what a licence allows
evidence    where a file's answer codes begin to count
pages       a Source in words
"""

from .evidence import Probe, Seen
from .own import OwnSource
from .published import File, Hub, Place, Url, github
from .registry import (
    Registry,
    Selection,
    SourceRef,
    load_file,
    registry,
    select,
    select_described,
    select_entries,
    source,
)
from .source import Converter, Example, Format, Rule, Source, Subset
from .terms import Terms, Use

__all__ = [
    "Converter",
    "Example",
    "File",
    "Format",
    "Hub",
    "OwnSource",
    "Place",
    "Probe",
    "Registry",
    "Rule",
    "Seen",
    "Selection",
    "Source",
    "SourceRef",
    "Subset",
    "Terms",
    "Url",
    "Use",
    "github",
    "load_file",
    "registry",
    "select",
    "select_described",
    "select_entries",
    "source",
]

"""Filler text: placeholder words that say nothing about a row's language."""

from __future__ import annotations

import re

_WORD = re.compile(r"[^\W\d_]+")
_LEAST = 2
_SHARE = 0.7

_CICERO = """
    lorem ipsum dolor sit amet consectetur consectetuer adipiscing adipisicing elit sed do
    eiusmod tempor incididunt ut labore et dolore magna aliqua enim ad minim veniam quis nostrud
    exercitation ullamco laboris nisi aliquip ex ea commodo consequat duis aute irure in
    reprehenderit voluptate velit esse cillum eu fugiat nulla pariatur excepteur sint occaecat
    cupidatat non proident sunt culpa qui officia deserunt mollit anim id est laborum
    perspiciatis unde omnis iste natus error voluptatem accusantium doloremque laudantium totam
    rem aperiam eaque ipsa quae ab illo inventore veritatis quasi architecto beatae vitae dicta
    explicabo nemo ipsam quia voluptas aspernatur aut odit fugit consequuntur magni dolores eos
    ratione sequi nesciunt neque porro quisquam dolorem adipisci numquam eius modi tempora
    incidunt magnam aliquam quaerat nostrum exercitationem ullam corporis suscipit laboriosam
    aliquid commodi autem vel eum iure quam nihil molestiae illum quo vero accusamus iusto odio
    dignissimos ducimus blanditiis praesentium voluptatum deleniti atque corrupti quos quas
    molestias excepturi occaecati cupiditate provident similique mollitia animi harum quidem
    rerum facilis expedita distinctio nam libero tempore cum soluta nobis eligendi optio cumque
    impedit minus quod maxime placeat facere possimus assumenda repellendus temporibus quibusdam
    officiis debitis necessitatibus saepe eveniet voluptates repudiandae recusandae itaque earum
    hic tenetur sapiente delectus reiciendis voluptatibus maiores alias perferendis doloribus
    asperiores repellat
"""
"""Words from Cicero as printers mangled them, and from the sentences after them in his book."""
_GENERATED = """
    a ac accumsan adipiscing aenean aliquet ante aptent arcu at auctor augue bibendum class
    condimentum congue conubia convallis cras cubilia curabitur curae cursus dapibus diam dictum
    dictumst dignissim dis donec dui duis egestas eget eleifend elementum eros erat etiam
    euismod facilisi facilisis fames faucibus felis fermentum feugiat fringilla fusce gravida
    habitant habitasse hac hendrerit himenaeos iaculis imperdiet inceptos integer interdum justo
    lacinia lacus laoreet lectus leo libero ligula litora lobortis luctus maecenas malesuada
    massa mattis mauris metus mi molestie mollis montes morbi mus nascetur natoque nec netus
    nibh nisl nostra nullam nunc odio orci ornare parturient pellentesque penatibus per pharetra
    phasellus placerat platea porta porttitor posuere potenti praesent pretium primis proin
    pulvinar purus quisque rhoncus ridiculus risus rutrum sagittis sapien scelerisque sem semper
    senectus sociis sociosqu sodales sollicitudin suscipit suspendisse taciti tellus tempus
    tincidunt torquent tortor tristique turpis ultrices ultricies urna ut varius vehicula vel
    velit venenatis vestibulum viverra vivamus volutpat vulputate
"""
"""Words that generators mix with them."""
_TELLING = """
    ipsum adipiscing adipisicing consectetur consectetuer eiusmod incididunt aliquip cillum
    cupidatat mollit perspiciatis accusantium doloremque aspernatur laboriosam blanditiis
    deleniti repellendus necessitatibus recusandae reiciendis perferendis asperiores vestibulum
    pellentesque curabitur phasellus scelerisque sollicitudin suspendisse tincidunt vivamus
    maecenas malesuada porttitor ullamcorper condimentum fermentum faucibus bibendum
"""
"""Every filler text has at least one of these; Latin books have few of them."""
_WORDS = frozenset(_CICERO.split() + _GENERATED.split() + _TELLING.split())
_MARKS = frozenset(_TELLING.split())

_ABROAD = ("лорем ипсум", "λορεμ ιπσ")
"""How filler text begins in other alphabets."""


def has_filler(text: str) -> bool:
    """May part of a text be filler?"""
    lowered = text.lower()
    return not _MARKS.isdisjoint(_WORD.findall(lowered)) or any(map(lowered.__contains__, _ABROAD))


def is_filler(text: str) -> bool:
    """Is a text nothing but filler?

    >>> (is_filler("Lorem ipsum dolor sit amet, consectetur adipiscing elit."),
    ...  is_filler("What does lorem ipsum mean?"))
    (True, False)
    """
    found = _WORD.findall(text.lower())
    if any(" ".join(found[:4]).startswith(beginning) for beginning in _ABROAD):
        return True
    if len(found) < _LEAST or _MARKS.isdisjoint(found):
        return False
    return sum(map(_WORDS.__contains__, found)) >= _SHARE * len(found)

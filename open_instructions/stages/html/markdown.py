"""A tree of HTML -> the Markdown that it was rendered from (CommonMark with tables and
strikethrough).

Text is escaped only where it would otherwise be read as markup, so that parsing the result gives
the same document.
"""

from __future__ import annotations

import re
from typing import Final

from ...limits import Room
from .dom import BREAK, MATH_BLOCK, SAID_BREAK, Element
from .inline import inline, ticked
from .tables import alignment, find, rows

_LINE_START: Final = re.compile(
    r"^(?=[#>+=|*\d_:-])(?:(#{1,6}(?=\s|$)|>|[-+*](?=\s|$)|=++[^\S\n]*+$"
    r"|([-_*])(?:[ \t]*+\2){2,}[ \t]*+$|-++[^\S\n]*+$|\|(?=[ :-]++\|)"
    r"|:?-++:?(?=[ \t]*+\|[ \t|:-]*+$))|(\d{1,9})([.)])(?=\s|$))",
    re.M,
)
_STARTS: Final = frozenset("#>+=|*_:-0123456789")
_START: Final = re.compile(r"\n[#>+=|*\d_:-]")
_DEFINITION: Final = re.compile(r"^\[(?=(?:[^\[\]\\]|\\.){1,999}\]:)", re.M)
_LINE_END: Final = re.compile(rf"(?<! ) *+[\n{BREAK}][ \n{BREAK}]*+")
# the starts of blocks: those that end a paragraph above, those that never continue below, and those
# that may continue
_INTERRUPTS: Final = re.compile(r"#{1,6} |>|\*\*\*$|___$|(?:[-*]|1[.)]) +\S|`{3,}+[^`\n]*+$", re.M)
_CLOSED: Final = re.compile(r"#{1,6} |\*\*\*$|___$|`{3,}+[^`\n]*+$", re.M)
_OPEN: Final = re.compile(r">|(?:[-*]|\d{1,9}[.)])(?: |$)|\|", re.M)
_TABLE: Final = re.compile(r"\|[^\n]*+\n\|[ :|-]++$", re.M)
_AROUND: Final = " \n" + BREAK
_RULE: Final = "---"
_HEADINGS: Final = {f"h{n}": n for n in range(1, 7)}


def render(root: Element, room: Room) -> str:
    """Markdown for a tree from `dom.parse`. Raises TooLarge where it does not fit into `room`."""
    text = "\n\n".join(_blocks(root, room)).strip("\n")
    if SAID_BREAK in text:
        return text.replace(SAID_BREAK, BREAK)
    return text


def _blocks(parent: Element, room: Room) -> list[str]:
    """The Markdown of each block below an element."""
    if not parent.holds:
        text = _paragraph(parent.children)
        if text:
            return [text]
        return []
    found: list[str] = []
    run: list[Element | str] = []
    lists = {"ul": 0, "ol": 0}
    last = ""
    for child in parent.children:
        if isinstance(child, str) or not child.block:
            if run or child != "\n":
                run.append(child)
            continue
        if run:
            text = _paragraph(run)
            if text:
                found.append(text)
                last = ""
            run = []
        if child.tag in lists:
            # two adjacent lists would be read as one, so the second takes the other marker
            lists[child.tag] = 1 - lists[child.tag] if last == child.tag else 0
            blocks = [_list(child, room, alternate=bool(lists[child.tag]))]
        else:
            blocks = _block(child, room)
        blocks = [b for b in blocks if b]
        if blocks:
            found += blocks
            last = child.tag
    if run:
        text = _paragraph(run)
        if text:
            found.append(text)
    return found


def _block(element: Element, room: Room) -> list[str]:
    tag = element.tag
    if tag == "p":
        return _blocks(element, room)
    if tag == "pre":
        return [_fence(element)]
    if tag in _HEADINGS:
        text = _heading(element, room)
        if text:
            return [f"{'#' * _HEADINGS[tag]} {text}"]
        return []
    if tag == "blockquote":
        return [_quote("\n\n".join(_blocks(element, room)), room)]
    if tag == "table":
        return [*_beside_cells(element, room), _table(element, room)]
    if tag == "hr":
        return [_RULE]
    if tag == MATH_BLOCK:
        return [f"$$\n{element.text}\n$$" if "\n" in element.text else f"$${element.text}$$"]
    return _blocks(element, room)


def _paragraph(children: list[Element | str]) -> str:
    text = inline(children).strip(_AROUND)
    if BREAK in text or ("\n" in text and ("\n " in text or "\n\n" in text or "  \n" in text)):
        text = _LINE_END.sub(lambda m: "  \n" if BREAK in m[0] else "\n", text)
    if text[:1] in _STARTS or ("\n" in text and _START.search("\n" + text)):
        text = _LINE_START.sub(lambda m: "\\" + m[1] if m[1] else f"{m[3]}\\{m[4]}", text)
    if "]:" in text:
        return _DEFINITION.sub(r"\\[", text)
    return text


def _heading(element: Element, room: Room) -> str:
    """A heading on one line, in which line breaks are `<br>` tags."""
    text = _on_one_line(element, " ", room)
    text = " ".join(text.strip().replace(BREAK, "<br>").split())
    # a run of # at the end would be read as the heading's closing marks
    closing = len(text) - len(text.rstrip("#"))
    if closing:
        return f"{text[: len(text) - closing]}\\{'#' * closing}"
    return text


def _quote(body: str, room: Room) -> str:
    room.take(2 * body.count("\n"))
    return "\n".join([f"> {line}" if line else ">" for line in body.split("\n")])


def _fence(element: Element) -> str:
    code = element.text
    ticks = 2
    if "```" in code:
        ticks = max(len(run) for run in re.findall(r"`{3,}", code))
    fence = "`" * (ticks + 1)
    if code and not code.endswith("\n"):
        code += "\n"
    return f"{fence}{element.attributes}\n{code}{fence}"


def _list(element: Element, room: Room, *, alternate: bool) -> str:
    items: list[Element] = []
    loose = False
    for child in element.children:
        if isinstance(child, str):
            if child == "\n" or not child.strip():
                continue
            item = _item(child)
        elif child.tag in ("li", "ul", "ol"):
            item = child
        else:
            item = _item(child)
        items.append(item)
        if item.holds and not loose:
            loose = any(isinstance(c, Element) and c.tag == "p" for c in item.children)
    ordered = element.tag == "ol"
    number = _number(element.get("start"), 1) if ordered else 0
    dot, dash = (")", "*") if alternate else (".", "-")
    # "- ---" and "* ***" would be thematic breaks, not items
    rule = "___" if alternate and element.tag == "ul" else "***"
    lines: list[str] = []
    for item in items:
        if ordered:
            if item.attributes:
                number = _number(item.get("value"), number)
            marker = f"{min(number, 999_999_999)}{dot} "
            number += 1
        else:
            marker = f"{dash} "
        if item.tag in ("ul", "ol"):
            blocks = [_list(item, room, alternate=False)]
        else:
            blocks = _blocks(item, room)
        if blocks and blocks[0] == _RULE:
            blocks[0] = rule
        if len(blocks) == 1:
            body = blocks[0]
        elif loose:
            body = "\n\n".join(blocks)
        else:
            body = _tight(blocks, rule)
        if "\n" in body or not body.strip("-* "):
            lines.append(_listed(marker, body, room))
        else:
            lines.append(marker + body)
    return ("\n\n" if loose else "\n").join(lines)


def _listed(marker: str, body: str, room: Room) -> str:
    """An item with its marker; its other lines are indented by the marker's width."""
    if not body:
        return marker.rstrip()
    indent = " " * len(marker)
    first = body.partition("\n")[0]
    if not first.strip("-* ") and first.count(marker[0]) > 1:
        body = "\n" + body  # markers of nested empty items on one line would be a thematic break
    room.take(len(indent) * body.count("\n"))
    first, *rest = body.split("\n")
    top = marker + first if first else marker.rstrip()
    return "\n".join([top, *[line and indent + line for line in rest]])


def _tight(blocks: list[str], rule: str) -> str:
    """Blocks one below the other, with a blank line between two only where one would otherwise be
    read as part of the other."""
    parts: list[str] = []
    above = ""
    for block in blocks:
        block = rule if block == _RULE else block  # --- would turn a paragraph above into a heading
        if above:
            parts.append("\n\n" if _takes_in(above, block) else "\n")
        parts.append(block)
        above = block
    return "".join(parts)


def _takes_in(above: str, below: str) -> bool:
    """Whether a block would be read as part of the one above it."""
    if _CLOSED.match(above):
        return False
    interrupts = _INTERRUPTS.match(below) is not None
    if _OPEN.match(above):
        return not interrupts or above[0] == below[0] == ">"
    # a formula is part of a paragraph, as in the source
    formula = below[:2] == "$$" or above[:2] == "$$"
    return not (interrupts or formula or _TABLE.match(below))


def _item(child: Element | str) -> Element:
    """An item for content of a list that is not in an item."""
    item = Element("li", block=True)
    item.children.append(child)
    item.holds = not isinstance(child, str) and child.block
    return item


def _number(text: str, otherwise: int) -> int:
    if text.isascii() and text.isdigit() and len(text) < 10:
        return int(text)
    return otherwise


def _table(element: Element, room: Room) -> str:
    cells = rows(element, room)
    if not cells:
        return ""  # without cells, its text is written by _beside_cells
    width = max(len(row) for row in cells)
    aligned = [alignment(c) for c in cells[0]] + ["---"] * (width - len(cells[0]))
    texts = [[_cell(c, room) for c in row] for row in cells]
    texts[0] += [""] * (width - len(texts[0]))  # other rows may be shorter
    if all(c is None or c.tag == "td" for c in cells[0]) and not find(element, "thead"):
        texts.insert(0, [""] * width)
    texts.insert(1, aligned)
    return "\n".join("| " + " | ".join(row) + " |" for row in texts)


def _beside_cells(element: Element, room: Room) -> list[str]:
    """A table's caption and its text outside cells; browsers show both before the table."""
    found: list[str] = []
    for child in element.children:
        if isinstance(child, str):
            if child.strip():
                found.append(_paragraph([child]))
        elif child.tag in ("thead", "tbody", "tfoot", "tr"):
            found += _beside_cells(child, room)
        elif child.tag not in ("td", "th", "colgroup"):
            if child.holds:
                found += _blocks(child, room)
            else:
                found.append(_paragraph([child]))
    return [text for text in found if text]


def _on_one_line(element: Element, between: str, room: Room) -> str:
    if element.holds:
        return between.join(_flat(element, room))
    return inline(element.children)


def _cell(cell: Element | None, room: Room) -> str:
    """A cell on one line; "" if the row is too short to have it."""
    if cell is None:
        return ""
    text = _on_one_line(cell, "<br>", room)
    return " ".join(text.replace(BREAK, "<br>").split()).replace("|", "\\|")


def _flat(element: Element, room: Room) -> list[str]:
    """Blocks as single lines, for places that cannot hold blocks: code becomes spans, a table its
    cells."""
    lines: list[str] = []
    run: list[Element | str] = []
    for child in [*element.children, None]:
        if child is not None and (isinstance(child, str) or not child.block):
            run.append(child)
            continue
        text = inline(run).strip()
        if text:
            lines.append(text)
        run = []
        if child is None:
            break
        if child.tag == MATH_BLOCK:
            lines.append(f"${child.text}$")
        elif child.tag == "pre":
            lines += [ticked(line) for line in child.text.split("\n") if line.strip()]
        elif child.tag in ("ul", "ol") and not find(child, "pre"):
            lines += [line.rstrip() for line in _list(child, room, alternate=False).split("\n")]
        else:
            lines += _flat(child, room)
    return lines

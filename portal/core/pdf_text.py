"""Breaking a plain text into lines of a width, for what is drawn in a PDF without CSS."""

from __future__ import annotations

from collections.abc import Sequence

from reportlab.pdfbase.pdfmetrics import stringWidth

_NARROWEST = 6  # characters of one font size's width: more of them never fit, so no word is measured further


def break_lines(text: str, width: float, face: str, size: float) -> list[str]:
    """A text in lines of at most ``width`` points; its own line breaks stay, a word too wide is cut."""
    lines = []
    for line in text.split("\n"):
        if stringWidth(line, face, size) <= width:
            lines.append(line)
            continue
        current = ""
        for word in line.split(" "):
            longer = f"{current} {word}" if current else word
            if stringWidth(longer, face, size) <= width:
                current = longer
                continue
            if current:
                lines.append(current)
            current = word
            while (cut := _fitting(current, width, face, size)) < len(current):
                lines.append(current[:cut])
                current = current[cut:]
        lines.append(current)
    return lines


def pack(parts: Sequence[str], between: str, width: float, face: str, size: float) -> list[str]:
    """Parts on lines of at most ``width`` points with ``between`` among them, but not where a line ends."""
    lines: list[str] = []
    for part in parts:
        longer = f"{lines[-1]}{between}{part}" if lines else part
        if lines and stringWidth(longer, face, size) <= width:
            lines[-1] = longer
        else:
            lines += break_lines(part, width, face, size)
    return lines


def _fitting(word: str, width: float, face: str, size: float) -> int:
    """How many characters of a word fit, at least one; found by halving, as a word may be thousands long."""
    low, high = min(1, len(word)), min(len(word), int(width / size * _NARROWEST) + 1)
    while low < high:
        middle = (low + high + 1) // 2
        if stringWidth(word[:middle], face, size) <= width:
            low = middle
        else:
            high = middle - 1
    return low

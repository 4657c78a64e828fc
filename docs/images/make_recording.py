"""Record a command in a terminal as an animated SVG, without tools that are not in the project.

The README shows `python docs/images/make_recording.py docs/images/make-run.svg make run DAY=2026-11-21`.
It plays at the speed at which it ran, except that pauses are cut to PAUSE_SECONDS.
"""

import fcntl
import os
import pty
import re
import struct
import sys
import termios
import time
from collections.abc import Iterator
from html import escape
from itertools import groupby
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
COLUMNS, ROWS = 104, 40
CHARACTER_WIDTH, LINE_HEIGHT, MARGIN = 8.4, 19, 16
FRAME_SECONDS, PAUSE_SECONDS, LAST_SECONDS = 0.5, 1.5, 8.0
COLOURS = {
    "": "#d7dce2",
    "31": "#ff7b72",
    "32": "#7ee787",
    "33": "#f2cc60",
    "34": "#79c0ff",
    "35": "#d2a8ff",
    "36": "#76e3ea",
    "2": "#8b949e",
}
_TOKEN = re.compile(r"\x1b\[(?P<arguments>[?\d;]*)(?P<command>[A-Za-z])|(?P<text>[^\x1b])", re.DOTALL)

Cell = tuple[str, str, bool]
Frame = list[tuple[Cell, ...]]


class Screen:
    """The part of a terminal that rich uses: colours, carriage returns, moving up, and erasing a line."""

    def __init__(self) -> None:
        self._lines: list[list[Cell]] = [[]]
        self._row = self._column = 0
        self._colour, self._is_bold = "", False

    def write(self, text: str) -> None:
        for token in _TOKEN.finditer(text):
            if token["command"]:
                self._run_command(token["command"], token["arguments"])
            else:
                self._put(token["text"])

    def read(self) -> Frame:
        """The lines that fit on the screen, without blanks at their ends."""
        shown = self._lines[-ROWS:] if self._lines[-1] else self._lines[-ROWS - 1 : -1]
        return [tuple(_strip(line)) for line in shown]

    def _put(self, character: str) -> None:
        if character == "\r":
            self._column = 0
        elif character == "\n":
            self._move_to(self._row + 1, 0)
        elif character.isprintable() or character == "\xa0":
            if self._column == COLUMNS:
                self._move_to(self._row + 1, 0)
            line = self._lines[self._row]
            line.extend([(" ", "", False)] * (self._column + 1 - len(line)))
            line[self._column] = (character, self._colour, self._is_bold)
            self._column += 1

    def _move_to(self, row: int, column: int) -> None:
        self._row, self._column = max(row, 0), column
        while len(self._lines) <= self._row:
            self._lines.append([])

    def _run_command(self, command: str, arguments: str) -> None:
        if command == "A":
            self._move_to(self._row - int(arguments or 1), self._column)
        elif command == "K":
            self._lines[self._row] = []
        elif command == "m":
            self._set_style(arguments)

    def _set_style(self, arguments: str) -> None:
        for code in arguments.split(";"):
            if code in {"", "0"}:
                self._colour, self._is_bold = "", False
            elif code == "1":
                self._is_bold = True
            elif code in COLOURS:
                self._colour = code


def _strip(line: list[Cell]) -> list[Cell]:
    end = len(line)
    while end and line[end - 1][0] == " ":
        end -= 1
    return line[:end]


def record(command: list[str]) -> Iterator[tuple[float, str]]:
    """Run the command in a terminal. Yields the seconds since its start with what it printed."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.environ |= {"TERM": "xterm", "COLUMNS": str(COLUMNS), "LINES": str(ROWS)}
        os.environ.pop("COLORTERM", None)
        os.execvp(command[0], command)  # noqa: S606 - recording a command is what this does
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
    started_at = time.monotonic()
    while output := _read(terminal):
        yield time.monotonic() - started_at, output.decode(errors="replace")
    os.waitpid(pid, 0)


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65536)
    except OSError:  # Linux reports the end of a terminal's output as an error.
        return b""


def make_frames(command: list[str]) -> Iterator[tuple[float, Frame]]:
    """The screen, at most every FRAME_SECONDS, each with its time in the shortened recording."""
    screen = Screen()
    screen.write(f"\x1b[32m$\x1b[0m {' '.join(command)}\r\n")
    yield 0.0, screen.read()
    played, last_output, last_frame = 1.0, 0.0, 0.0
    for seconds, output in record(command):
        played += min(seconds - last_output, PAUSE_SECONDS)
        last_output = seconds
        screen.write(output.replace(str(PROJECT), "~/ecommerce-etl"))
        if played - last_frame >= FRAME_SECONDS:
            yield played, screen.read()
            last_frame = played
    yield played + FRAME_SECONDS, screen.read()


def draw(frames: list[tuple[float, Frame]]) -> str:
    """The SVG: each distinct line of each row is drawn once and is visible while it was on the screen."""
    duration = frames[-1][0] + LAST_SECONDS
    starts = [start for start, _ in frames]
    ends = [*starts[1:], duration]
    shown: dict[tuple[int, tuple[Cell, ...]], list[tuple[float, float]]] = {}
    for start, end, (_, frame) in zip(starts, ends, frames, strict=True):
        for row, line in enumerate(frame):
            if line:
                _add_interval(shown.setdefault((row, line), []), start, end)
    height = max(row for row, _ in shown) + 1
    lines, rules = [], []
    for number, ((row, line), intervals) in enumerate(shown.items()):
        lines.append(_draw_line(number, row, line))
        rules.append(_draw_rule(number, intervals, duration))
    width, depth = COLUMNS * CHARACTER_WIDTH + 2 * MARGIN, height * LINE_HEIGHT + 2 * MARGIN
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {depth:g}" role="img">',
            "<title>Recording of make run in a terminal</title>",
            "<style>text{font:14px ui-monospace,Menlo,Consolas,monospace;white-space:pre;visibility:hidden;"
            f"animation-duration:{duration:.1f}s;animation-iteration-count:infinite;"
            "animation-timing-function:step-end}"
            ".b{font-weight:600}"
            + "".join(f".c{code}{{fill:{colour}}}" for code, colour in COLOURS.items())
            + "".join(rules)
            + "</style>",
            f'<rect width="{width:g}" height="{depth:g}" rx="10" fill="#161b22"/>',
            *lines,
            "</svg>\n",
        ]
    )


def _add_interval(intervals: list[tuple[float, float]], start: float, end: float) -> None:
    if intervals and intervals[-1][1] == start:
        start = intervals.pop()[0]
    intervals.append((start, end))


def _draw_line(number: int, row: int, line: tuple[Cell, ...]) -> str:
    y = MARGIN + (row + 0.75) * LINE_HEIGHT
    length = len(line) * CHARACTER_WIDTH
    spans = []
    for (colour, is_bold), cells in groupby(line, key=lambda cell: cell[1:]):
        style = f"c{colour}" + (" b" if is_bold else "")
        text = escape("".join(cell[0] for cell in cells), quote=False)
        spans.append(f'<tspan class="{style}">{text}</tspan>')
    return (
        f'<text x="{MARGIN}" y="{y:g}" textLength="{length:g}" id="l{number}" xml:space="preserve">'
        f"{''.join(spans)}</text>"
    )


def _draw_rule(number: int, intervals: list[tuple[float, float]], duration: float) -> str:
    steps = {0.0: "hidden"}
    for start, end in intervals:
        steps[start] = "visible"
        steps[end] = "hidden"
    keys = "".join(f"{100 * at / duration:.2f}%{{visibility:{state}}}" for at, state in steps.items())
    return f"#l{number}{{animation-name:k{number}}}@keyframes k{number}{{{keys}}}"


def main() -> None:
    target, *command = sys.argv[1:]
    Path(target).write_text(draw(list(make_frames(command))))


if __name__ == "__main__":
    main()

"""Tables of named tuples that print as text, and as HTML in notebooks."""

import html
from collections.abc import Iterator, Sequence
from typing import Generic, NamedTuple, TypeVar

__all__ = ["Table"]

Row = TypeVar("Row", bound=NamedTuple)


class Table(Generic[Row]):
    """A sequence of named tuples, shown as a table.

    Parameters
    ----------
    rows : sequence of named tuples
    columns : sequence of str
        Which of their fields to show.
    """

    def __init__(self, rows: Sequence[Row], columns: Sequence[str]) -> None:
        self.rows = tuple(rows)
        self.columns = tuple(columns)

    def __len__(self) -> int:
        return len(self.rows)

    def __iter__(self) -> Iterator[Row]:
        return iter(self.rows)

    def __getitem__(self, which: int | str) -> Row:
        """Return a row by its number, or by its name."""
        if isinstance(which, int):
            return self.rows[which]
        for row in self.rows:
            if row.name == which:  # type: ignore[attr-defined]
                return row
        raise KeyError(f"No row is called {which!r}.")

    def _cells(self, row: Row) -> list[str]:
        return [_shown(getattr(row, column)) for column in self.columns]

    def __repr__(self) -> str:
        titles = [column.replace("_", " ") for column in self.columns]
        lines = [titles, *map(self._cells, self.rows)]
        widths = [max(map(len, cells)) for cells in zip(*lines, strict=True)]
        lines.insert(1, ["-" * width for width in widths])
        return "\n".join(
            "  ".join(f"{cell:{width}}" for cell, width in zip(line, widths, strict=True)).rstrip()
            for line in lines
        )

    def _repr_html_(self) -> str:
        def line(cells: Sequence[str], tag: str) -> str:
            return "<tr>" + "".join(f"<{tag}>{cell}</{tag}>" for cell in cells) + "</tr>"

        # Notebooks typeset what stands between dollars.
        columns = ["latex" if column == "text" else column for column in self.columns]
        body = []
        for row in self.rows:
            cells = [html.escape(_shown(getattr(row, column)), quote=False) for column in columns]
            body.append(line([f"${c}$" if k == "latex" else c
                              for k, c in zip(columns, cells, strict=True)], "td"))  # fmt: skip
        titles = [column.replace("_", " ") for column in self.columns]
        return f"<table>{line(titles, 'th')}{''.join(body)}</table>"


def _shown(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:.1e}" if isinstance(value, float) else str(value)

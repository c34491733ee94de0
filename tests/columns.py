"""Tables that are kept beside what was measured: a line for each row, its fields separated by bars, in columns."""

from pathlib import Path


def read(path: Path, columns: list) -> list:
    """Returns the lines of a table, each as a dictionary by columns; none if there is no such file."""
    if not path.exists():
        return []
    texts = [text for text in path.read_text().splitlines() if text and not text.startswith("#")]
    lines = [dict(zip(columns, (field.strip() for field in text.split("|")), strict=True)) for text in texts]
    return [line for line in lines if line[columns[0]] != columns[0]]


def write(path: Path, columns: list, lines: list, *head: str):
    """Writes a table below lines of head. Whoever reads it meanwhile finds the old one or the new one."""
    table = [dict(zip(columns, columns)), *lines]
    widths = {column: max(len(line[column]) for line in table) for column in columns}
    # Nothing is aligned behind the last column, which may be long.
    widths[columns[-1]] = 0
    text = [f"# {line}" for line in head]
    text += [" | ".join(line[column].ljust(widths[column]) for column in columns).rstrip() for line in table]
    new = path.with_name(f".{path.name}.new")
    new.write_text("\n".join(text) + "\n")
    new.rename(path)

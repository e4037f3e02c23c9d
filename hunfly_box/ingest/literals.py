"""Arrays in Postgres' own text form, written by hand: the driver's way costs a hundred times more for each row."""

NULL = "NULL"


class Array(list[str]):
    """Elements are written already: digits, ids, NULL, or the result of `quoted`."""

    __slots__ = ()

    def literal(self) -> str | None:
        """None for an empty one: the statement skips what is not there."""
        return "{" + ",".join(self) + "}" if self else None


def quoted(value: str | None) -> str:
    if value is None:
        return NULL
    if "\\" in value:
        value = value.replace("\\", "\\\\")
    if '"' in value:
        value = value.replace('"', '\\"')
    return f'"{value}"'

"""Why a database is not served: what is wrong, and what to do about it."""


class _Refusal(Exception):
    def __init__(self, message: str, remedy: str) -> None:
        super().__init__(f"{message} {remedy}")
        self.message = message
        self.remedy = remedy


class MigrationError(_Refusal):
    """The database cannot be brought to this version, or must not be."""


class UnsafeDatabase(_Refusal):
    """The start is refused: rows of one tenant could reach another."""

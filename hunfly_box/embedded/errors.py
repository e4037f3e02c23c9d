"""What stops a start: said to a person, with the remedy."""


class StartError(Exception):
    def __init__(self, message: str, remedy: str) -> None:
        super().__init__(f"{message} {remedy}")
        self.message = message
        self.remedy = remedy

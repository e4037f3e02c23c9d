"""From a channel's provider name and credentials to the client that speaks for it."""

from collections.abc import Callable

from msgspec import Struct

from hunfly_box.providers.evolution.client import EvolutionClient
from hunfly_box.providers.evolution.transport import Transport
from hunfly_box.providers.messenger import Messenger


class Credentials(Struct, frozen=True):
    """`reference` is the provider's name for the channel."""

    engine_url: str
    api_key: str
    reference: str

    def __repr__(self) -> str:
        return f"Credentials({self.engine_url!r}, {self.reference!r})"


class UnknownProvider(ValueError):
    pass


def _evolution(credentials: Credentials) -> Messenger:
    return EvolutionClient(Transport(credentials.engine_url, credentials.api_key), credentials.reference)


PROVIDERS: dict[str, Callable[[Credentials], Messenger]] = {"evolution": _evolution}


def messenger_for(provider: str, credentials: Credentials) -> Messenger:
    build = PROVIDERS.get(provider)
    if build is None:
        raise UnknownProvider(f"no provider is called {provider!r}")
    return build(credentials)

"""How often somebody may try to sign in. Nobody can be kept out by another's attempts from a device they have used."""

import hashlib
import time

from hunfly_box.kit.throttle import Limit, Throttle

QUARTER_HOUR = 15 * 60
OF_LOGIN = Limit("login", 10, QUARTER_HOUR, 3600)
OF_LOGIN_FROM_IP = Limit("login_from", 5, QUARTER_HOUR)
OF_IP = Limit("logins_from", 50, QUARTER_HOUR)
OF_DEVICE = Limit("login_device", 10, QUARTER_HOUR, 3600)
OF_PASSWORD_CHANGE = Limit("password", 5, QUARTER_HOUR)
# More than this over all people trips a delay, not a refusal.
OF_ALL = Limit("logins", 300, 60)
DELAY_SECONDS = 1.0


def count_login(throttle: Throttle, email: str, network: str, device: str | None) -> int:
    """Counts the attempt before it is judged, so that a hundred at once do not slip past. The seconds to wait."""
    if throttle.wait_seconds((OF_ALL, "all")):
        time.sleep(DELAY_SECONDS)
    if device is not None:
        return throttle.wait_seconds((OF_DEVICE, _mark(device)))
    login = _mark(email.strip().casefold())
    return throttle.wait_seconds((OF_LOGIN, login), (OF_LOGIN_FROM_IP, f"{login}:{network}"), (OF_IP, network))


def forgive_login(throttle: Throttle, email: str, network: str, device: str | None) -> None:
    """The right password: what was counted against this person here is forgotten, what the address did is not."""
    if device is not None:
        throttle.clear((OF_DEVICE, _mark(device)))
        return
    login = _mark(email.strip().casefold())
    throttle.clear((OF_LOGIN, login), (OF_LOGIN_FROM_IP, f"{login}:{network}"))


def _mark(text: str) -> str:
    """Addresses do not lie about in Redis."""
    return hashlib.sha256(text.encode()).hexdigest()[:24]

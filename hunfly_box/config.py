"""Settings: one frozen dataclass, read from HUNFLY_* variables, else from config.toml.

Anything unknown or malformed stops the start, by name and with the remedy."""

import difflib
import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, urlsplit

import platformdirs

APP = "hunfly-box"
PREFIX = "HUNFLY_"

# Names under this prefix steer the test suite, so they may stand in the environment of a box under test.
TEST_PREFIX = "HUNFLY_TEST_"

POSTGRES_SCHEMES = ("postgresql", "postgres", "postgresql+psycopg")
REDIS_SCHEMES = ("redis", "rediss", "unix", "redis+sentinel", "rediss+sentinel", "redis+cluster", "rediss+cluster")
SINGLE_FORM = "redis://user:password@host:6379/0"
SENTINEL_FORM = "redis+sentinel://user:password@host:26379,host:26379/service/0"
CLUSTER_FORM = "redis+cluster://user:password@host:6379,host:6379"
LOGIN = r"(?:[^\s@/?#,]*@)?"
HOST = r"(?:\[[0-9a-fA-F:.]+\]|[^\s:/,@?#\[\]]+)(?::[1-9]\d{0,4})?"
HOSTS = rf"{LOGIN}{HOST}(?:,{HOST})*"
SENTINEL_LOGIN = r"sentinel_(?:username|password)=[^&\s]*"
SENTINELS = rf"{HOSTS}/[^\s/?#]+(?:/\d{{1,3}})?(?:\?{SENTINEL_LOGIN}(?:&{SENTINEL_LOGIN})?)?"
CLUSTER = rf"{HOSTS}/?"
ESCAPED = "write what is special in a password as %XX"
LOG_LEVELS = ("debug", "info", "warning", "error")
LOG_FORMATS = ("text", "json")


class SettingsError(Exception):
    """What is wrong with which setting, and what to do about it."""

    def __init__(self, message: str, remedy: str) -> None:
        super().__init__(f"{message} {remedy}")
        self.message = message
        self.remedy = remedy


@dataclass(frozen=True, slots=True)
class Address:
    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


# A parser turns a text into a value; its ValueError says what was expected.


def folder(text: str) -> Path:
    try:
        path = Path(text).expanduser()
    except RuntimeError:
        raise ValueError("a folder; there is no such user as its ~ names") from None
    if not text or "\0" in text:
        raise ValueError("a folder, such as /var/lib/hunfly-box")
    return path.absolute()


def address(text: str) -> Address:
    match = re.fullmatch(r"(\[[0-9a-fA-F:.]+\]|[^\s:/\[\]]+):(\d{1,5})", text)
    if match is None or int(match[2]) > 65535:
        raise ValueError("host:port, such as 127.0.0.1:8080")
    return Address(match[1].strip("[]"), int(match[2]))


def web_url(text: str) -> str:
    url = _split(text)
    if url is None or url.scheme not in ("http", "https") or not url.hostname or url.path not in ("", "/") or url.query:
        raise ValueError("http:// or https:// and a host, without a path, such as https://inbox.example.com")
    return text.rstrip("/")


def _split(text: str) -> SplitResult | None:
    try:
        return urlsplit(text)
    except ValueError:
        return None


def postgres_address(text: str) -> str:
    # These two know what they will accept later; the box of other settings need not load them.
    from psycopg import ProgrammingError
    from psycopg.conninfo import make_conninfo
    from sqlalchemy.engine import make_url
    from sqlalchemy.exc import ArgumentError

    _of_scheme(text, POSTGRES_SCHEMES)
    try:
        make_conninfo("", **{name: value for name, value in make_url(text).query.items() if isinstance(value, str)})
    except (ValueError, ArgumentError, ProgrammingError):
        raise ValueError(f"such as postgresql://hb_app:password@host:5432/database; {ESCAPED}") from None
    return text


def redis_address(text: str) -> str:
    scheme = _of_scheme(text, REDIS_SCHEMES)
    rest = text.partition("://")[2]
    if scheme.endswith("+sentinel"):
        form, is_well = SENTINEL_FORM, bool(re.fullmatch(SENTINELS, rest))
    elif scheme.endswith("+cluster"):
        form, is_well = CLUSTER_FORM, bool(re.fullmatch(CLUSTER, rest))
    else:
        form, is_well = SINGLE_FORM, _is_redis_address(text)
    if not is_well:
        raise ValueError(f"such as {form}; {ESCAPED}")
    return text


def _of_scheme(text: str, schemes: tuple[str, ...]) -> str:
    scheme, separator, _ = text.partition("://")
    if not separator or scheme not in schemes:
        raise ValueError("a URL that begins with " + ", ".join(f"{scheme}://" for scheme in schemes))
    return scheme


def _is_redis_address(text: str) -> bool:
    import redis

    try:
        redis.ConnectionPool.from_url(text).make_connection()
    except (ValueError, TypeError, redis.RedisError):
        return False
    return not text.startswith("unix:") or bool(urlsplit(text).path)


def one_of(*choices: str) -> Callable[[str], str]:
    def parse(text: str) -> str:
        if text.lower() not in choices:
            raise ValueError("one of " + ", ".join(choices))
        return text.lower()

    return parse


def whole_number(least: int, most: int) -> Callable[[str], int]:
    def parse(text: str) -> int:
        if not re.fullmatch(r"\d{1,9}", text) or not least <= int(text) <= most:
            raise ValueError(f"a whole number from {least} to {most}")
        return int(text)

    return parse


def crash_points(text: str) -> Mapping[str, int]:
    """`point[:nth]`, separated by commas -> at which passage of that point the process kills itself."""
    points = {}
    for entry in filter(None, (part.strip() for part in text.split(","))):
        name, _, nth = entry.partition(":")
        if not re.fullmatch(r"[A-Za-z0-9_.-]+", name) or not re.fullmatch(r"[1-9]\d{0,6}", nth or "1"):
            raise ValueError("point[:nth], separated by commas, such as I2:3")
        points[name] = int(nth or "1")
    return points


def setting(parse: Callable[[str], Any], default: str | None, meaning: str, secret: bool = False) -> Any:
    return field(repr=not secret, metadata={"parse": parse, "default": default, "meaning": meaning})


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The table of all settings: `name` here is HUNFLY_NAME in the environment and `name` in config.toml."""

    data_dir: Path = setting(folder, None, "Folder that keeps everything: database, media, keys.")
    bind: Address = setting(address, "127.0.0.1:8080", "Where the web server listens.")
    public_url: str | None = setting(web_url, None, "Address people type; https here makes cookies secure.")
    webhook_url: str | None = setting(web_url, None, "Where the WhatsApp engine finds this box.")

    database_url: str | None = setting(postgres_address, None, "External Postgres, login hb_app.", True)
    database_admin_url: str | None = setting(postgres_address, None, "The same, to migrate.", True)
    redis_url: str | None = setting(redis_address, None, "External Redis or Valkey.", True)

    workers: int = setting(whole_number(1, 64), "10", "Worker threads.")
    sends_per_minute: int = setting(whole_number(1, 1000), "20", "Messages a number may send in any 60 s.")
    rate_per_ip: int = setting(whole_number(1, 1_000_000), "100", "Requests a minute per IP, not signed in.")
    rate_per_session: int = setting(whole_number(1, 1_000_000), "600", "The same per session or token.")
    token_streams: int = setting(whole_number(1, 10_000), "100", "Live streams per API token.")
    media_quota_mb: int = setting(whole_number(1, 100_000_000), "10240", "Media a tenant may keep.")

    log_level: str = setting(one_of(*LOG_LEVELS), "info", "Least severity that is logged.")
    log_format: str = setting(one_of(*LOG_FORMATS), "text", "Lines for people, or JSON for machines.")
    crash: Mapping[str, int] = setting(crash_points, "", "Tests only: points where the process kills itself.")

    @property
    def is_external(self) -> bool:
        """Postgres and Redis are somebody else's; otherwise the box runs its own."""
        return self.redis_url is not None

    @property
    def origin(self) -> str:
        return self.public_url or f"http://{self.bind}"

    @property
    def webhook_origin(self) -> str:
        """The engine usually stands on the same machine or private network and needs no public name."""
        return self.webhook_url or self.origin

    @property
    def is_https(self) -> bool:
        return self.origin.startswith("https://")


PARSERS: dict[str, Callable[[str], Any]] = {entry.name: entry.metadata["parse"] for entry in fields(Settings)}
DEFAULTS: dict[str, str | None] = {entry.name: entry.metadata["default"] for entry in fields(Settings)}


def load_settings(environ: Mapping[str, str], config_file: Path | None = None) -> Settings:
    """The environment wins over the file; a file given by name must exist."""
    path = config_file or default_config_dir(environ) / "config.toml"
    texts = _from_file(path, must_exist=config_file is not None) | _from_environment(environ)
    values: dict[str, Any] = {}
    for name, default in DEFAULTS.items():
        text, source = texts.get(name, (default, "the default"))
        if name == "data_dir" and text is None:
            text = str(default_data_dir(environ))
        values[name] = None if text is None else _parse(name, text, source)
    settings = Settings(**values)
    _check_services(settings)
    return settings


def default_config_dir(environ: Mapping[str, str]) -> Path:
    """systemd names the folder of a service (/etc/hunfly-box); everybody else has one of their own."""
    service_dir = environ.get("CONFIGURATION_DIRECTORY")
    return Path(service_dir) if service_dir else platformdirs.user_config_path(APP)


def default_data_dir(environ: Mapping[str, str]) -> Path:
    service_dir = environ.get("STATE_DIRECTORY")
    return Path(service_dir) if service_dir else platformdirs.user_data_path(APP)


def _from_environment(environ: Mapping[str, str]) -> dict[str, tuple[str, str]]:
    found: dict[str, tuple[str, str]] = {}
    for variable in sorted(environ):
        if not variable.startswith(PREFIX) or variable.startswith(TEST_PREFIX):
            continue
        name = variable.removeprefix(PREFIX).lower()
        text, is_known = environ[variable], name in PARSERS
        if not is_known and name.removesuffix("_file") in PARSERS:
            name, text, is_known = name.removesuffix("_file"), _secret_file(variable, text), True
        if not is_known or variable != variable.upper():
            raise _unknown(variable, name, lambda known: PREFIX + known.upper())
        if name in found:
            raise SettingsError(f"{variable} and {found[name][1]} are both set.", "Keep one of them.")
        found[name] = (text.strip(), variable)
    return found


def _secret_file(variable: str, path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not text"
        raise SettingsError(
            f"{variable} names the file {path}, which cannot be read: {reason}.", "Name a readable file."
        ) from None


def _from_file(path: Path, must_exist: bool) -> dict[str, tuple[str, str]]:
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        if must_exist:
            raise SettingsError(f"There is no settings file {path}.", "Create it, or name another.") from None
        return {}
    except OSError as error:
        raise SettingsError(f"{path} cannot be read: {error.strerror}.", "Make it readable.") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path} is not valid TOML: {error}.", "Mend that line.") from None
    found: dict[str, tuple[str, str]] = {}
    for name, value in content.items():
        if name not in PARSERS:
            raise _unknown(f"{name} in {path}", name, str)
        if not isinstance(value, (str, int)) or isinstance(value, bool):
            raise SettingsError(f"{name} in {path} is neither a text nor a number.", f'Write {name} = "…".')
        found[name] = (str(value).strip(), f"{name} in {path}")
    return found


def _unknown(shown: str, name: str, spelling: Callable[[str], str]) -> SettingsError:
    nearest = difflib.get_close_matches(name, PARSERS, n=1)
    if nearest:
        return SettingsError(f"Unknown setting {shown}.", f"Did you mean {spelling(nearest[0])}?")
    return SettingsError(f"Unknown setting {shown}.", f"Remove it; known: {', '.join(map(spelling, PARSERS))}.")


def _parse(name: str, text: str, source: str) -> Any:
    try:
        return PARSERS[name](text)
    except ValueError as error:
        # The value itself is not repeated: it may be a URL with a password.
        raise SettingsError(f"{source} is malformed.", f"It must be {error}.") from None


def _check_services(settings: Settings) -> None:
    if settings.database_url is None and (settings.database_admin_url or settings.redis_url):
        raise SettingsError(
            "External servers are set, but HUNFLY_DATABASE_URL is not.", "Set HUNFLY_DATABASE_URL as well."
        )
    if settings.database_url is not None and settings.redis_url is None:
        raise SettingsError("HUNFLY_DATABASE_URL is set, but no Redis.", "Set HUNFLY_REDIS_URL as well.")

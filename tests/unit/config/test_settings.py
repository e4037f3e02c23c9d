"""What stops a start, and how it is said."""

from pathlib import Path

import pytest

from hunfly_box.config import Address, SettingsError, load_settings

POSTGRES = {"HUNFLY_DATABASE_URL": "postgresql://hb_app:pw@db/hunfly", "HUNFLY_REDIS_URL": "redis://cache/0"}


def refusal(environ: dict[str, str], config_file: Path | None = None) -> str:
    with pytest.raises(SettingsError) as caught:
        load_settings(environ, config_file)
    return str(caught.value)


def toml(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "config.toml"
    path.write_text(text)
    return path


def test_nothing_set_is_an_embedded_box_on_loopback() -> None:
    settings = load_settings({"CONFIGURATION_DIRECTORY": "/nonexistent"})
    assert settings.bind == Address("127.0.0.1", 8080)
    assert settings.sends_per_minute == 20
    assert settings.workers == 10
    assert not settings.is_external
    assert settings.origin == "http://127.0.0.1:8080"


def test_the_environment_wins_over_the_file(tmp_path: Path) -> None:
    path = toml(tmp_path, 'bind = "127.0.0.1:9000"\nworkers = 3\n')
    settings = load_settings({"HUNFLY_BIND": "[::1]:9001"}, path)
    assert settings.bind == Address("::1", 9001)
    assert str(settings.bind) == "[::1]:9001"
    assert settings.workers == 3


def test_a_secret_may_lie_in_a_file(tmp_path: Path) -> None:
    secret = tmp_path / "url"
    secret.write_text(POSTGRES["HUNFLY_DATABASE_URL"] + "\n")
    environ = {"HUNFLY_DATABASE_URL_FILE": str(secret), "HUNFLY_REDIS_URL": "redis://cache/0"}
    assert load_settings(environ).database_url == POSTGRES["HUNFLY_DATABASE_URL"]
    assert "are both set" in refusal(environ | POSTGRES)
    assert "HUNFLY_REDIS_URL_FILE names the file" in refusal({"HUNFLY_REDIS_URL_FILE": str(tmp_path / "no")})


@pytest.mark.parametrize(
    ("environ", "said"),
    [
        (
            {"HUNFLY_DATABSE_URL": "x"},
            "Unknown setting HUNFLY_DATABSE_URL. Did you mean HUNFLY_DATABASE_URL?",
        ),
        ({"HUNFLY_ZZZ": "1"}, "Remove it; known: HUNFLY_DATA_DIR, HUNFLY_BIND"),
        ({"HUNFLY_bind": "x"}, "Did you mean HUNFLY_BIND?"),
        ({"HUNFLY_BIND": "8080"}, "HUNFLY_BIND is malformed. It must be host:port"),
        ({"HUNFLY_BIND": "127.0.0.1:99999"}, "HUNFLY_BIND is malformed"),
        ({"HUNFLY_PUBLIC_URL": "inbox.example.com"}, "http:// or https://"),
        ({"HUNFLY_PUBLIC_URL": "http://[oops"}, "http:// or https://"),
        ({"HUNFLY_WORKERS": "0"}, "a whole number from 1 to 64"),
        ({"HUNFLY_WORKERS": ""}, "a whole number from 1 to 64"),
        ({"HUNFLY_LOG_LEVEL": "loud"}, "one of debug, info, warning, error"),
        ({"HUNFLY_CRASH": "I2:0"}, "point[:nth]"),
        ({"HUNFLY_DATABASE_URL": "mysql://db"}, "postgresql://"),
        ({"HUNFLY_DATABASE_URL": "postgresql://db:port/hunfly"}, "postgresql://hb_app:password@host:5432/database"),
        ({"HUNFLY_DATABASE_URL": "postgresql://db/hunfly?sslmod=require"}, "postgresql://hb_app:password@host"),
        ({"HUNFLY_REDIS_URL": "redis://cache:port"}, "redis://user:password@host:6379/0"),
        ({"HUNFLY_REDIS_URL": "redis://:a/b@cache/0"}, "what is special in a password as %XX"),
        ({"HUNFLY_REDIS_URL": "redis://cache?fast=1"}, "redis://user:password@host:6379/0"),
        ({"HUNFLY_REDIS_URL": "unix://"}, "redis://user:password@host:6379/0"),
        ({"HUNFLY_REDIS_URL": "redis+sentinel://one,two"}, "redis+sentinel://user:password@host:26379"),
        ({"HUNFLY_REDIS_URL": "redis+sentinel:///main"}, "redis+sentinel://user:password@host:26379"),
        ({"HUNFLY_REDIS_URL": "redis+sentinel://one/main?x=1"}, "redis+sentinel://user:password@host:26379"),
        ({"HUNFLY_REDIS_URL": "redis+cluster://one,,two"}, "redis+cluster://user:password@host:6379"),
        ({"HUNFLY_REDIS_URL": "redis+cluster://one:0"}, "redis+cluster://user:password@host:6379"),
        ({"HUNFLY_REDIS_URL": "redis+cluster://one/3"}, "redis+cluster://user:password@host:6379"),
        ({"HUNFLY_DATABASE_URL": POSTGRES["HUNFLY_DATABASE_URL"]}, "Set HUNFLY_REDIS_URL as well."),
        ({"HUNFLY_REDIS_URL": "redis://cache"}, "Set HUNFLY_DATABASE_URL as well."),
        ({"HUNFLY_DATABASE_ADMIN_URL": "postgresql://db"}, "Set HUNFLY_DATABASE_URL as well."),
    ],
)
def test_a_wrong_variable_stops_the_start_by_name(environ: dict[str, str], said: str) -> None:
    assert said in refusal(environ)


@pytest.mark.parametrize(
    "url",
    [
        "redis://cache",
        "rediss://user:p%2Fw@[::1]:6380/2?ssl_cert_reqs=required",
        "unix://:pw@/run/redis.sock?db=1",
        "redis+sentinel://one/main",
        "rediss+sentinel://user:p%40w@one:26379,[::1]:26380,three/main/2?sentinel_username=u&sentinel_password=p",
        "redis+cluster://one",
        "rediss+cluster://:p%2Cw@one:7000,two:7001/",
    ],
)
def test_every_form_of_redis_is_taken_as_it_stands(url: str) -> None:
    assert load_settings(POSTGRES | {"HUNFLY_REDIS_URL": url}).redis_url == url


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("bnd = 1", "Did you mean bind?"),
        ("bind = [1]", "neither a text nor a number"),
        ("workers = true", "neither a text nor a number"),
        ("workers = 900", "workers in"),
        ("bind =", "not valid TOML"),
    ],
)
def test_a_wrong_line_in_the_file_stops_the_start(tmp_path: Path, text: str, said: str) -> None:
    assert said in refusal({}, toml(tmp_path, text))


def test_a_file_given_by_name_must_exist(tmp_path: Path) -> None:
    assert "There is no settings file" in refusal({}, tmp_path / "none.toml")


def test_a_malformed_secret_is_not_repeated() -> None:
    assert "hunter2" not in refusal({"HUNFLY_REDIS_URL": "reddis://:hunter2@cache"})
    assert "pw" not in repr(load_settings(POSTGRES))


def test_a_service_keeps_its_folders_where_systemd_says(tmp_path: Path) -> None:
    toml(tmp_path, "workers = 5")
    environ = {"CONFIGURATION_DIRECTORY": str(tmp_path), "STATE_DIRECTORY": "/var/lib/hunfly-box"}
    settings = load_settings(environ)
    assert settings.workers == 5
    assert settings.data_dir == Path("/var/lib/hunfly-box")


def test_settings_of_the_test_suite_are_not_settings_of_the_box() -> None:
    assert not load_settings({"HUNFLY_TEST_REDIS_URL": "redis://x"}).is_external


def test_crash_points_count_their_passages() -> None:
    assert load_settings({"HUNFLY_CRASH": "I2:3, O1"}).crash == {"I2": 3, "O1": 1}


def test_https_is_known_from_the_public_address() -> None:
    assert load_settings({"HUNFLY_PUBLIC_URL": "https://box.example/"}).origin == "https://box.example"
    assert load_settings({"HUNFLY_PUBLIC_URL": "https://box.example"}).is_https

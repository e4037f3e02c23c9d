"""Where processes tell each other something: on one server two boxes have two places."""

import pytest

from hunfly_box.kit.redis import channel


@pytest.mark.parametrize(
    ("url", "database"),
    [
        ("redis://host:6379/3", 3),
        ("rediss://:password@host", 0),
        ("unix://:password@/run/redis.sock?db=2", 2),
        ("redis+sentinel://one:26379,two:26379/service/1", 1),
        ("redis+cluster://one:6379,two:6379", 0),
    ],
)
def test_two_databases_of_one_server_do_not_hear_each_other(url: str, database: int) -> None:
    assert channel(url, "live") == channel(f"redis://elsewhere/{database}", "live")
    assert channel(url, "live") != channel(f"redis://elsewhere/{database + 1}", "live")

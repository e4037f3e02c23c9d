"""Sealed values open in their own place only; the key file is its owner's alone."""

from pathlib import Path

import pytest

from hunfly_box.kit.crypto import KeyFileError, SealBroken, Sealer, load_or_make_key

PLACE = "channels.secrets/tenant-a/channel-1"


@pytest.mark.parametrize(
    "elsewhere",
    [
        "channels.secrets/tenant-a/channel-2",
        "channels.secrets/tenant-b/channel-1",
        "channels.name/tenant-a/channel-1",
        "users.secrets/tenant-a/channel-1",
        "",
    ],
)
def test_what_is_moved_to_another_row_column_or_company_does_not_open(elsewhere: str) -> None:
    sealer = Sealer(b"k" * 32)
    sealed = sealer.seal(b"hmac", PLACE)
    assert sealer.open(sealed, PLACE) == b"hmac"
    with pytest.raises(SealBroken):
        sealer.open(sealed, elsewhere)


def test_what_was_changed_cut_or_sealed_by_another_key_does_not_open() -> None:
    sealed = Sealer(b"k" * 32).seal(b"hmac", PLACE)
    for place in range(len(sealed)):
        changed = bytearray(sealed)
        changed[place] ^= 1
        with pytest.raises(SealBroken):
            Sealer(b"k" * 32).open(bytes(changed), PLACE)
    for broken in (sealed[:-1], sealed[:20]):
        with pytest.raises(SealBroken):
            Sealer(b"k" * 32).open(broken, PLACE)
    with pytest.raises(SealBroken):
        Sealer(b"j" * 32).open(sealed, PLACE)


def test_the_same_secret_is_never_sealed_alike() -> None:
    sealer = Sealer(b"k" * 32)
    assert len({sealer.seal(b"hmac", PLACE) for _ in range(100)}) == 100


def test_the_key_is_made_once_and_for_its_owner_alone(tmp_path: Path) -> None:
    file = tmp_path / "secrets.key"
    key = load_or_make_key(file)
    assert len(key) == 32
    assert file.stat().st_mode & 0o777 == 0o600
    assert load_or_make_key(file) == key


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o660, 0o666])
def test_a_key_that_others_can_read_is_refused_with_the_remedy(tmp_path: Path, mode: int) -> None:
    file = tmp_path / "secrets.key"
    load_or_make_key(file)
    file.chmod(mode)
    with pytest.raises(KeyFileError, match=f"chmod 600 {file}"):
        load_or_make_key(file)


def test_a_key_of_another_length_is_refused_and_left_alone(tmp_path: Path) -> None:
    file = tmp_path / "secrets.key"
    file.write_bytes(b"short")
    file.chmod(0o600)
    with pytest.raises(KeyFileError):
        load_or_make_key(file)
    assert file.read_bytes() == b"short"

"""Passwords: how they are kept, which may be chosen, how many are worked on at once."""

import threading
import unicodedata

import pytest
from argon2 import extract_parameters

from hunfly_box.access import passwords
from hunfly_box.kit.errors import Invalid, TooMany

GOOD = "uma frase bem comprida"


def test_they_are_kept_as_argon2id_with_at_least_the_floor() -> None:
    parameters = extract_parameters(passwords.hashed(GOOD))
    assert parameters.type.name == "ID"
    assert parameters.memory_cost >= 19_456
    assert parameters.time_cost >= 2
    assert (parameters.hash_len, parameters.salt_len) == (32, 16)


def test_the_right_one_is_right_and_others_are_not() -> None:
    stored = passwords.hashed(GOOD)
    assert passwords.is_right(stored, GOOD)
    assert not passwords.is_right(stored, GOOD + " ")
    assert not passwords.is_right("not a hash", GOOD)


def test_nothing_is_cut_off() -> None:
    beginning = "x" * 73
    assert not passwords.is_right(passwords.hashed(beginning + "a"), beginning + "b")
    longest = "ab" * 64
    assert not passwords.is_right(passwords.hashed(longest), longest + "c")


def test_the_same_letters_composed_otherwise_are_the_same_password() -> None:
    phrase = "coração de pão quente"
    assert passwords.is_right(
        passwords.hashed(unicodedata.normalize("NFC", phrase)), unicodedata.normalize("NFD", phrase)
    )


def test_nobodys_password_is_never_right() -> None:
    assert not passwords.checking(None, "nobody").result()


@pytest.mark.parametrize(
    ("password", "code"),
    [
        ("onze letras", "too_short"),
        ("a" * 129, "too_long"),
        ("ababababababab", "too_simple"),
        ("dona.maria@loja.example", "too_simple"),
        ("Maria da Conceição", "too_simple"),
    ],
)
def test_one_that_is_easy_to_guess_may_not_be_chosen(password: str, code: str) -> None:
    with pytest.raises(Invalid) as refusal:
        passwords.check_choice(password, "dona.maria@loja.example", "Maria da Conceição")
    assert refusal.value.errors[0].code == code


@pytest.mark.parametrize("password", ["doze letras!", "ab cdé" * 21, "correto cavalo bateria grampo"])
def test_length_is_what_counts(password: str) -> None:
    passwords.check_choice(password, "a@b.c", "A")


def test_two_are_worked_on_at_once_twenty_wait_and_the_next_is_told_to_come_back() -> None:
    gate, running, most = threading.Event(), 0, 0
    lock, two_run = threading.Lock(), threading.Event()

    def slow() -> None:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
            if running == passwords.AT_ONCE:
                two_run.set()
        gate.wait(10)
        with lock:
            running -= 1

    turns = [passwords._in_turn(slow) for _ in range(passwords.AT_ONCE + passwords.MOST_WAITING)]
    with pytest.raises(TooMany):
        passwords.hashing(GOOD)
    assert two_run.wait(10)
    gate.set()
    for turn in turns:
        turn.result(10)
    assert most == passwords.AT_ONCE
    assert passwords.hashing(GOOD).result(10)

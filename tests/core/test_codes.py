"""What looks like a code, and when no further attempt is let through."""

import random
import secrets

import pytest

from session_plugin.rules.codes import Limit, codes_in, new_code, read_code


def test_every_code_has_a_letter_and_a_digit():
    codes = [new_code(random.Random(seed).choice) for seed in range(500)]
    assert all(any(one.isdigit() for one in code) and any(one.isalpha() for one in code) for code in codes)


def test_a_code_is_read_as_it_was_made():
    code = new_code(secrets.choice)
    assert read_code(code.lower()) == code.replace("-", "")


@pytest.mark.parametrize("typed", ["", "ABCDEFGH", "23456789", "ABC-2345", "ABCD-23456", "ABCD-234O", "ABCD_2345", None, 5])
def test_what_is_no_code_reads_as_none(typed):
    assert read_code(typed) is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "standard",
        "we met at 10 today",
        "order no. 12345678",
        "xABCD2345x",
        "ABCD2345678",
        "the numbers 2345 and 6789",
        "ABCD.2345",
    ],
)
def test_ordinary_words_hold_no_code(text):
    assert codes_in(text) == frozenset()


def test_a_long_text_is_searched_whole():
    assert codes_in("word " * 20_000 + "ABCD-2345" + " word" * 20_000) >= {"ABCD2345"}


def test_a_limit_opens_again_when_its_pause_is_over():
    limit = Limit(2, within=10.0, pause=5.0)
    assert not limit.is_reached([1.0], 1.0)
    assert limit.is_reached([1.0, 2.0], 6.9)
    assert not limit.is_reached([1.0, 2.0], 12.0)


def test_a_limit_without_a_pause_slides():
    limit = Limit(2, within=10.0)
    assert limit.is_reached([1.0, 9.0], 10.9)
    assert not limit.is_reached([1.0, 9.0], 11.0)


def test_a_clock_that_was_set_back_opens_nothing():
    assert Limit(2, within=10.0, pause=10.0).is_reached([100.0, 101.0], 50.0)

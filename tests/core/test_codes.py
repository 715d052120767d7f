"""What looks like a code, and when no further attempt is let through."""

import random
import secrets
import time

import pytest

from session_plugin.rules.codes import Limit, codes_in, new_code, read_code


def test_every_code_has_a_letter_and_a_digit():
    codes = [new_code(random.Random(seed).choice) for seed in range(500)]
    assert all(
        any(one.isdigit() for one in code) and any(one.isalpha() for one in code) for code in codes
    )


def test_a_code_is_read_as_it_was_made():
    code = new_code(secrets.choice)
    assert read_code(code.lower()) == code.replace("-", "")


AROUND = [
    "{}",
    "`{}`",
    "{}.",
    "<{}>",
    "**{}**",
    "\N{LEFT DOUBLE QUOTATION MARK}{}\N{RIGHT DOUBLE QUOTATION MARK}",
    "\N{ZERO WIDTH SPACE}{}\N{EMOJI MODIFIER FITZPATRICK TYPE-3}",
]
BETWEEN = [
    *"-_./, \n\t",
    "",
    "**-",
    "||\n> ||",
    "\N{NON-BREAKING HYPHEN}",
    "\N{EN DASH}",
    "\N{MINUS SIGN}",
    "\N{FULLWIDTH HYPHEN-MINUS}",
    "\N{SOFT HYPHEN}",
    "\N{ZERO WIDTH SPACE}",
    "\N{HEAVY MINUS SIGN}",
    "\N{COMBINING LONG STROKE OVERLAY}",
]
SPELT = [form.format(f"ABCD{between}2345") for form in AROUND for between in BETWEEN]
SPELT += [
    "abcd-2345",
    "\N{FULLWIDTH LATIN CAPITAL LETTER A}BCD-234\N{FULLWIDTH DIGIT FIVE}",
    "A B C D 2 3 4 5",
]


@pytest.mark.parametrize("spelt", SPELT)
def test_a_code_is_read_alike_by_whoever_types_it_and_where_others_see_it(spelt):
    assert read_code(spelt) == "ABCD2345"
    assert codes_in(spelt) == {"ABCD2345"}


@pytest.mark.parametrize(
    "form",
    [
        "我的代码是{}",
        "{}です",
        "код{}",
        "code{}",
        "{}x",
        "1:{}",
        "https://t.me/bot?start={}",
        "23{}23",
    ],
)
@pytest.mark.parametrize("code", ["ABCD-2345", "ABCD2345"])
def test_a_code_is_found_whatever_is_written_right_beside_it(form, code):
    assert "ABCD2345" in codes_in(form.format(code))


@pytest.mark.parametrize(
    "typed",
    ["", "ABCDEFGH", "23456789", "ABC-2345", "ABCD-23456", "ABCD-234O", "ABCDд2345", None, 5],
)
def test_what_is_no_code_reads_as_none(typed):
    assert read_code(typed) is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "standard",
        "we met at 10 today",
        "order no. 12345678",
        "no. 2345 to no. 6789",
        "it costs 20, not 19",
        "ABCD и 2345",
    ],
)
def test_ordinary_words_hold_no_code(text):
    assert codes_in(text) == frozenset()


def test_a_long_text_is_searched_whole():
    assert codes_in("word " * 20_000 + "ABCD-2345" + " word" * 20_000) >= {"ABCD2345"}


@pytest.mark.parametrize("text", ["a ", "a2", "abcdefgh", "a\u0301\u0323", "a-------", "23456789 "])
def test_a_text_of_a_million_characters_is_searched_in_seconds(text):
    began = time.perf_counter()
    codes_in(text * (1_000_000 // len(text)))
    assert time.perf_counter() - began < 10


def test_of_a_text_that_could_be_nothing_but_codes_a_thousand_are_looked_for():
    text = "".join(random.Random(1).choices("ABCDEFGH23456789", k=5000))
    assert len(codes_in(text)) == 1000


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

"""How text is folded for search, and that each place in it is found again in the original."""

import unicodedata

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from session_plugin.rules.folding import fold, fold_with_places

SCRIPTS = (
    "aeéÉ\u0301\u0308\u0345ßıİǅﬁŉ"
    "ΑάςΣᾳйЙёЁ\u0306"
    "أإآٱىیةئؤ\u0653\u0654\u0655\u064b\u0651\u0640"
    "กำ้ิน\u0e4dक\u093cख\u093fழ\u0bbe\u0bd7"
    "がか\u3099ガｶﾞ\uff9e가각\u1100\u1161\u11a8ㄱㅏﾤￂ漢字"
    " \n\u00a0①²🙂\u200d\ufe0f\udfff\ud800\0"
)
TEXTS = st.one_of(st.text(alphabet=SCRIPTS, max_size=8), st.text(max_size=8))
SAME = [
    ("CAFÉ", "cafe"),
    ("Straße", "STRASSE"),
    ("ﬁne", "fine"),
    ("ｆｕｌｌ　ｗｉｄｔｈ", "full width"),
    ("İstanbul", "istanbul"),
    ("ΟΔΟΣ", "οδός"),
    ("ᾳ", "α"),
    ("Ёж", "еж"),
    ("كِتَابٌ", "كتاب"),
    ("مـــكتبة", "مكتبه"),
    ("أحمد", "احمد"),
    ("على", "علي"),
    ("ک\u06cc", "ک\u064a"),
    ("ｶﾞ", "ガ"),
    ("か\u3099", "が"),
    ("\u1100\u1161\u11a8", "각"),
    ("น้ำ", "น้\u0e4dา"),
]
DIFFERENT = [("か", "が"), ("가", "각"), ("مؤمن", "مومن"), ("รัก", "รก"), ("की", "क"), ("ø", "o")]


@pytest.mark.parametrize(("one", "other"), SAME)
def test_what_is_written_in_two_ways_folds_to_one(one, other):
    assert fold(one) == fold(other)


@pytest.mark.parametrize(("one", "other"), DIFFERENT)
def test_what_are_two_letters_stays_two(one, other):
    assert fold(one) != fold(other)


@settings(max_examples=2000, deadline=None)
@given(TEXTS)
@example("a\u3099")
@example("\udfffa\u0301")
def test_folding_with_places_folds_to_the_same_text(text):
    folded = fold_with_places(text)
    assert folded.text == fold(text)
    assert len(folded.starts) == len(folded.ends) == len(folded.text)


@settings(max_examples=2000, deadline=None)
@given(TEXTS)
def test_both_forms_of_unicode_fold_to_the_same_text(text):
    for form in ("NFC", "NFD"):
        assert fold(unicodedata.normalize(form, text)) == fold(text)


@settings(max_examples=2000, deadline=None)
@given(TEXTS, TEXTS)
def test_what_a_place_in_the_original_holds_folds_to_what_was_looked_for(before, after):
    text = f"{before} Éß {after}"
    folded = fold_with_places(text)
    at = folded.text.index(" ess ", len(fold(before)))
    start, end = folded.span(at + 1, at + 4)
    assert text[start:end] == "Éß"


def test_a_character_that_unfolds_into_several_is_found_whole():
    folded = fold_with_places("x\ufb03y")  # one sign for ffi
    assert folded.text == "xffiy"
    assert folded.span(2, 3) == (1, 2)

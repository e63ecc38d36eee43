"""How a name that a market does not know may be spelled there: each strange word as the word of names and brands most like it.

It holds likeness of words. It refuses to hold what a name means, and never answers for a name: what it finds is for an error to tell.
"""

from __future__ import annotations

import duckdb

from qsim.queries.wording import Words, words

# Names that are less like what was typed are of other things, and words even sooner: `battery` is no slip of butter.
ALIKE, _ALIKE_WORD = 0.86, 0.88
_MOST_WORDS = 6

_SIGNS = '!?.,:;()[]-–/&+%"'
# Vowels and w as Hindi is written in Latin letters: amool is amul, ashirwad aashirvaad.
_SOUNDS = (("aa", "a"), ("ee", "i"), ("oo", "u"), ("w", "v"))


def _sound(text: str) -> str:
    for written, said in _SOUNDS:
        text = f"replace({text}, '{written}', '{said}')"
    return text


_NEAREST = f"""SELECT word FROM (
        SELECT word, greatest(jaro_winkler_similarity(word, $1), 0.98 * jaro_winkler_similarity({_sound("word")}, {_sound("$1")}))
            AS likeness FROM (SELECT DISTINCT unnest(string_split(translate(words, $3, repeat(' ', length($3))), ' ')) AS word
                FROM raw.searchable)
        WHERE length(word) > 2 OR word = $1)
    WHERE likeness >= $2 ORDER BY likeness DESC, length(word), word LIMIT 1"""


def respelled(connection: duckdb.DuckDBPyConnection, name: str) -> str | None:
    """Spell a name with words that a market has: `ashirwad atta` as `aashirvaad atta`; None where a word is like none, and where
    all are known.
    """
    asked = words(name)
    if not 0 < len(asked) <= _MOST_WORDS:
        return None
    found: Words = ()
    for word in asked:
        rows = connection.execute(_NEAREST, [word, _ALIKE_WORD, _SIGNS]).fetchall()
        if not rows:
            return None
        like = rows[0][0]
        # A singular and its plural are one word.
        found += (word,) if words(like) == (word,) else (like,)
    return None if found == asked else " ".join(found)

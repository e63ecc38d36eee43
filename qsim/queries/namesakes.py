"""What is called after goods and is not what they are: soy milk by the word before `milk`, cubes by what follows a dash.

It holds words that tell so. It refuses to hold how near a name is, which is `names`'.
"""

from __future__ import annotations

from functools import lru_cache

from qsim import taxonomy
from qsim.queries.wording import Words, words

# How goods are cut up for sale: what follows a dash and says so is no sort of them.
_PREPARED = {"cut", "cube", "peeled", "sliced", "chopped", "grated", "wedge"}


def is_namesake(name: Words, asked: Words) -> bool:
    """Tell whether a name that ends with the words asked for is of other goods by the word before them, as soy milk is no milk."""
    return (asked, name[-len(asked) - 1]) in _namesakes()


def is_prepared(sort: str) -> bool:
    """Tell whether what stands behind the dash of a name says that the goods are cut up, as `Watermelon - Cubes` are."""
    return not _PREPARED.isdisjoint(words(sort))


@lru_cache(maxsize=1)
def _namesakes() -> frozenset[tuple[Words, str]]:
    return frozenset((words(goods), words(before)[0]) for goods, before in taxonomy.namesakes())

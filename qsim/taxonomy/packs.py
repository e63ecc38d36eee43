"""What a pack holds, read from the text of its label: `500 g`, `250gm`, `6 x 200 ml`, `Pack of 6`, `1 L (Bottle)`.

Whatever else stands in the text makes it none: a size that is guessed would rank by a false price per unit.
"""

from __future__ import annotations

import re
from functools import lru_cache

_ALIASES = {
    ("kg", 0.001): "g gm gms gr grm grms gram grams",
    ("kg", 1.0): "kg kgs kilo kilos kilogram kilograms",
    ("l", 0.001): "ml mls millilitre millilitres milliliter milliliters",
    ("l", 1.0): "l lt lts ltr ltrs litre litres liter liters",
    ("piece", 1.0): "pc pcs piece pieces unit units u ea each no nos n count ct",
}
# Things that are sold by number and hold no others. A roll or a bunch is none, nor a bottle: what they hold is not said.
THINGS = "sachet tablet tab capsule egg slice cube wipe napkin teabag stick"
_UNITS = {word: unit for unit, words in _ALIASES.items() for word in words.split()}
# From a tenth of a gram to a tonne: beyond that prices per unit would have no digits, or too many for their column.
_LEAST, _MOST, _MOST_PIECES, _LONGEST = 0.0001, 1_000.0, 10_000, 100
_NUMBER = r"((?:\d{1,7}(?:\.\d{1,6})?|\.\d{1,6}))"
_THINGS = rf"(?:{THINGS.replace(' ', '|')}|tea bag)s?"
_PIECES = rf"(?:{_ALIASES['piece', 1.0].replace(' ', '|')}|{_THINGS})\b\.?"
_COUNT, _TIMES = r"([1-9]\d{0,4})", r"\s*[x×*]\s*"
_UNIT = rf"({'|'.join(sorted(_UNITS, key=len, reverse=True))})\b\.?"
_QUANTITY = rf"{_NUMBER}\s*{_UNIT}"
_WORDS = "pouch packet pack pkt bottle jar tin can box carton sachet tub cup tube bag bar tray refill pet glass plastic"
_HOLDERS = rf"(?:{_WORDS.replace(' ', '|')})(?:e?s)?"
_CONTAINER = rf"(?:[\s,-]+(?:{_HOLDERS}|tetra[\s-]?pac?ks?|approx\.?|each|net))*"
# Before a time or an `of` a holder is counted: 6 bottles x 500 ml.
_EACH = rf"(?:\s*{_PIECES}|\s+{_HOLDERS})?"
_PACK_OF = r"(?:(?:packs?|sets?|bundles?) of ([1-9]\d{0,4})(?:['\u2019]?s)?|([1-9]\d{0,4})[\s-]?packs?)"
_FORMS = {
    "one": re.compile(_QUANTITY),
    "many": re.compile(rf"(?:packs? of )?{_COUNT}{_EACH}{_TIMES}{_QUANTITY}"),
    "of": re.compile(rf"{_COUNT}\s+{_HOLDERS} of {_QUANTITY}"),
    "by": re.compile(rf"{_QUANTITY}(?:\s+{_HOLDERS})?{_TIMES}{_COUNT}{_EACH}"),
    "dozen": re.compile(rf"(?:{_NUMBER}\s*)?(?:dozens?|doz\.?|dz\.?)"),
    "pair": re.compile(rf"{_COUNT}\s*pairs?"),
    "things": re.compile(rf"{_COUNT}\s*{_THINGS}"),
    # Of several packets with a size it is not told whether that is of one or of all.
    "packet": re.compile(r"(1) ?(?:packet|pkt)"),
    "pack": re.compile(_PACK_OF),
    # A box of 100 bags is no hundred boxes, so these multiply nothing: they stand alone.
    "pieces": re.compile(rf"{_COUNT}['\u2019]?s"),
    "box": re.compile(rf"(?:1 )?(?:tray|box|carton|crate|strip) of {_COUNT}(?:\s*{_PIECES})?"),
}
_TAIL = re.compile(rf"(.*?){_CONTAINER}")
_BRACKET = re.compile(r"(.*?)\s*[(\[]([^()\[\]]*)[)\]]\.?")
_WITH_PACK = re.compile(rf"(.*?)[\s,-]+{_PACK_OF}")
_ONE_OF_IT = re.compile(rf"1 (?:{'|'.join(_WORDS.split())})")
# Numbers and units as Indian lists also write them, and what they are read as.
_THOUSANDS = re.compile(r"(?<![\d.,])(\d{1,3}),(\d{3})(?![\d,])")
_SAID = {"half": "0.5", "quarter": "0.25"}
_SAID_PART = re.compile(
    r"\b(half|quarter)(?: an?)?[\s-]+(?=(?:kgs?|kilos?|kilograms?|lts?|ltrs?|lit(?:re|er)s?|dozen)\b)", re.IGNORECASE
)
_BEFORE = re.compile(r"(?:(?:approx|about|net(?: (?:wt|weight|qty|quantity|contents?))?)\b[.:]*|~)\s*(?=[\d.])")
_PARTS = {"1/2": 0.5, "1/4": 0.25, "3/4": 0.75, "½": 0.5, "¼": 0.25, "¾": 0.75}
_PART = re.compile(r"(?<![\d./])(?:(1/2|1/4|3/4)(?![\d/])|(\d{0,3})([½¼¾]))")
_HINDI = {
    "ग्राम": "g", "ग्रा": "g", "किलो": "kg", "किलोग्राम": "kg", "किग्रा": "kg", "मिली": "ml", "मिलीलीटर": "ml", "लीटर": "l",
    "लिटर": "l", "दर्जन": "dozen", "पीस": "pc", "जोड़ी": "pair", "जोड़ा": "pair",
}  # fmt: skip
_DEVANAGARI = re.compile(r"[\u0900-\u0965\u0970-\u097f]+")
_DIGITS = str.maketrans("०१२३४५६७८९", "0123456789")
_ASIDE = re.compile(r"\D*|(?:approx|about|~).*")

Size = tuple[str, float]


@lru_cache(maxsize=4096)
def pack_size(pack: str) -> Size | None:
    """Read a pack such as `500 g` or `4 x 125 g` as its unit (kg, l or piece) and the count of these; None where it is none.

    A count of packs multiplies (`1 L, pack of 2` holds 2 l); words for containers and a bracket that only describes are
    passed over. Sizes are from 0.1 g or ml to 1,000 kg or l, or whole pieces up to 10,000; others are None too.
    """
    text = " ".join(pack.casefold().split()) if len(pack) <= _LONGEST else ""
    plain = plainly(text)
    size = _size(plain[match.end() :] if (match := _BEFORE.match(plain)) else plain)
    if size is None:
        return None
    unit, units = size
    fits = units.is_integer() and 1 <= units <= _MOST_PIECES if unit == "piece" else _LEAST <= units <= _MOST
    return size if fits else None


def plainly(text: str) -> str:
    """Write amounts in a text with a decimal point and units that a pack is read by: `½ kg`, `1,000 g`, `५०० ग्राम`."""
    if not text.isascii():
        text = _DEVANAGARI.sub(lambda word: _HINDI.get(word[0], word[0]), text.translate(_DIGITS))
    text = _SAID_PART.sub(lambda part: f"{_SAID[part[1].lower()]} ", text)
    return _THOUSANDS.sub(r"\1\2", _PART.sub(_decimal, text))


def _decimal(part: re.Match[str]) -> str:
    return f"{int(part[2] or 0) + _PARTS[part[1] or part[3]]:g}"


def _size(text: str) -> Size | None:
    if bracket := _BRACKET.fullmatch(text):
        return _bracketed(*bracket.groups())
    tail = _TAIL.fullmatch(text)
    bare = tail[1] if tail else text
    # As it stands first: the last word of `6 pack` is no container.
    found = _plain(text) or _plain(bare)
    if found is None and (several := _WITH_PACK.fullmatch(text) or _WITH_PACK.fullmatch(bare)):
        count, size = several[2] or several[3], _size(several[1])
        # As a product where it can be one, so that 70 g, pack of 12 is the same number as 12 x 70 g.
        found = _plain(f"{count} x {several[1]}") or ((size[0], int(count) * size[1]) if size else None)
    return found


def _bracketed(before: str, inside: str) -> Size | None:
    """Read a size with a bracket after it: a count of packs multiplies it, another text for the same size is passed over."""
    if pack := _FORMS["pack"].fullmatch(inside):
        return _size(f"{before} {pack[0]}")
    if _ONE_OF_IT.fullmatch(before):
        return _size(inside)
    size, told = _size(before), _size(inside)
    if size is None or _ASIDE.fullmatch(inside):
        return size
    # In another unit it tells what the pieces weigh; in the same one it must be the same.
    return size if told and (told[0] != size[0] or abs(told[1] - size[1]) < 1e-9) else None


def _plain(text: str) -> Size | None:
    for form, pattern in _FORMS.items():
        if match := pattern.fullmatch(text):
            return _of(form, match.groups())
    return None


def _of(form: str, parts: tuple[str | None, ...]) -> Size:
    """Make a size of what a form's pattern found: a count ("1" where it is not said), a number and a unit, in its order."""
    values = [part or "1" for part in parts]
    if form in ("dozen", "pair"):
        return "piece", (12 if form == "dozen" else 2) * float(values[0])
    if form in ("pieces", "things", "packet", "box"):
        return "piece", float(values[0])
    if form == "pack":
        return "piece", float(int(parts[0] or values[1]))
    if form == "one":
        count, (number, word) = "1", values
    elif form in ("many", "of"):
        count, number, word = values
    else:
        number, word, count = values
    unit, scale = _UNITS[word]
    # The count comes first, so that 6 x 200 ml is the same number as 1200 ml.
    return unit, int(count) * float(number) * scale

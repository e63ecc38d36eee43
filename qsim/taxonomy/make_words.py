"""Write the lists of made-up brand and farm names, `words/*.txt`, which are committed.

Run by hand (`python qsim/taxonomy/make_words.py`); nothing else in the package imports Faker, or this script. The same
release of Faker gives the same lists.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from random import Random

from faker import Faker

SEED = 2025
COUNT = 3000
MOST_WORDS = 3
WORDS = Path(__file__).resolve().parent / "words"


def listed(text: str) -> list[str]:
    """Give the words of a text, as which long lists are easier to read and to mend."""
    return text.split()


PLACES = listed(
    "Anandvan Malwa Konkan Nilgiri Sahyadri Kaveri Narmada Godavari Tungabhadra "
    "Krishna Bhima Chambal Betwa Yamuna Ganga Saryu Gomti Sabarmati Mahi Tapti "
    "Sharavathi Hemavathi Kabini Bhavani Vaigai Periyar Pamba Brahmani Mahanadi "
    "Teesta Barak Satluj Beas Jhelum Chenab Aravalli Vindhya Satpura Shivalik "
    "Kumaon Garhwal Kangra Kinnaur Spiti Marwar Mewar Shekhawati Bundelkhand "
    "Awadh Mithila Magadh Rarh Kaliabor Vidarbha Khandesh Marathwada Deccan "
    "Rayalaseema Telangana Malnad Coorg Wayanad Idukki Palani Kodai Yercaud Kongu "
    "Chettinad Malabar Travancore Saurashtra Kutch Doaba Majha Mewat Braj"
)
WORDS_OF_PLENTY = listed(
    "Amrit Annashree Apna Arogya Bhoomi Dhanya Dharti Desi Gram Grihini Haat "
    "Hariyali Kalash Krishi Lakshmi Madhuban Chaupal Angan Mangal Mitti Navdhan "
    "Oorja Pavitra Poornima Prakriti Pushti Sampoorna Sattvik Shubh Surabhi "
    "Suvarna Tarang Upaj Vasudha Vriddhi Utsav Sugandh Rasoi Kiran Jeevan Chulha "
    "Mandi Khalihan Zaika"
)
HONORIFICS = listed("Shree Sri Om Jai Maa New Navya Apni Nava Shubh")
BRAND_ENDINGS = listed(
    "Foods Naturals Organics Masale Pantry Kitchens Agro Gold Harvest Fresh "
    "Grains Mills Delights Bhandar Essentials Provisions Select Choice Rasoi "
    "Spices Udyog Traders Gruh Products Mart"
)
FARM_ENDINGS = listed(
    "Greens Valley Farms Orchards Fields Hills Gardens Growers Acres Meadows "
    "Highlands Farmlands Estate Slopes Produce Harvest Groves Plateau Terraces "
    "Bagh Khet Vadi Krishi Collective Uplands Riverside"
)
COINED_STARTS = listed(
    "Aar Ana Bhav Chit Dev Dhan Gir Har Indra Jay Kal Kusum Lav Mah Man Nand Nav "
    "Om Pad Prat Rag Ras Rit Sam San Shal Sur Tan Uday Vas Ved Vish Yash Chand"
)
COINED_ENDS = listed("ali amrit anya ashree avan avati eshwari ika ini ira iti ora oday una urja")
FARM_TAILS = (
    "wadi",
    "pura",
    "kheda",
    "gaon",
    "halli",
    "palli",
    "nagari",
    "kuppam",
    "garh",
    "tola",
)
# Real houses (and words in them) that the made-up names must not repeat.
REAL = frozenset(
    listed(
        "aachi aashirvaad adani agarwal ahaar amul anil anmol annapurna apis bajaj "
        "balaji bambino baidyanath bhikharam bikaji bikano brahmins britannia catch "
        "chandan dabur daawat devi dhara double eastern emami everest fortune ganesh "
        "gemini gits godrej goldiee gowardhan haldiram haldirams heritage hindustan "
        "idhayam jivo kapiva kissan kohinoor kwality laxmi lijjat madhur maggi "
        "mahindra manna mapro mdh mtr naga nandini nestle nilon nirapara nutraj "
        "organic parle patanjali pravin priya rajdhani ramdev rasna reliance ruchi "
        "saffola sakthi sampann shakti sharma suhana swad tata top tops tulsi "
        "udhaiyam uttam vadilal verka vijaya wagh wipro zandu keya more sudha anveshan "
        "chitale bedekar kisan badshah nilgiris urban sunder gulab gokul nirma sona "
        "sunrise milma aavin annam kamdhenu gulabs oberoi birla ambani"
    )
)
REAL_NAMES = frozenset({"Malabar Gold", "Deccan Gold", "Deccan Traders", "Desi Farms"})
FOREIGN = frozenset(
    listed(
        "Andrew David Kevin Mason Nathan Oliver Patrick Thomas Alexander Anthony "
        "Benjamin Joseph Christopher Daniel George Jack James Jeremiah John Jonathan "
        "Joshua Luke Matthew Max Michael Peter Robert Samuel Stephen Tristan William "
        "Xavier Zachary Adam Gabriel Aaron Nicholas Victor Vincent Isaac Elijah "
        "Caleb "
        "Leo Henry Lucas Ryan Zoya Din Guha Oak Lad Jason Jackson Jacob Charles "
        "Dominic Ethan Frederick Gavin Harrison Isaiah Laban Liam Logan Noah Oscar "
        "Owen Simon Theodore Timothy Nathaniel Lucky Libni Upma Mohammed Abdul Ikbal "
        "Ekbal Imaran Rehaan Abeer Sanaya Sara Thomas Nidra Kala Vasana Ladli "
        "Champak "
        "Jalsa Chasmum Bangalore Anthony Mody Modi Gandhi Doctor Saksham Master "
        "Merchant Contractor Engineer Sule Dada Natt Lall Mall Sane Dash Dass Bath"
    )
)


def usable(word: str) -> bool:
    """Tell whether a word of Faker's may stand in a name: one plain word, long enough, of India."""
    plain = re.fullmatch(r"[A-PR-VY][a-eg-pr-vy]{3,10}", word)
    return plain is not None and word not in FOREIGN


def drawn(draw: Callable[[], str], tries: int = 6000) -> list[str]:
    """Give the distinct usable words of so many draws from a provider of Faker's, sorted."""
    return sorted({word for word in (draw() for _ in range(tries)) if usable(word)})


def credible(name: str) -> bool:
    """Tell whether a name has no word of a real house and does not say a word twice."""
    words = name.lower().split()
    distinct = 1 <= len(words) <= MOST_WORDS and len(set(words)) == len(words)
    return distinct and not REAL & set(words) and name not in REAL_NAMES


def coined(rng: Random) -> str:
    """Make a name of one word, of a start and an ending that sound like Sanskrit."""
    start, end = rng.choice(COINED_STARTS), rng.choice(COINED_ENDS)
    return start[:-1] + end if start[-1] in "aei" else start + end


def brand_name(rng: Random, families: list[str], firsts: list[str], towns: list[str]) -> str:
    """Make up a grocery brand, of one to three words."""
    ending, place = rng.choice(BRAND_ENDINGS), rng.choice(PLACES)
    plenty, honorific = rng.choice(WORDS_OF_PLENTY), rng.choice(HONORIFICS)
    shapes = (
        coined(rng),
        f"{coined(rng)} {ending}",
        f"{place} {ending}",
        f"{plenty} {ending}",
        f"{place} {plenty}",
        f"{honorific} {place}",
        f"{honorific} {rng.choice(firsts)}",
        f"{honorific} {rng.choice(firsts)} {ending}",
        f"{rng.choice(families)} {ending}",
        f"{rng.choice(towns)} {ending}",
        f"{rng.choice(towns)} {plenty} {ending}",
    )
    return rng.choice(shapes)


def farm_name(rng: Random, families: list[str], firsts: list[str], towns: list[str]) -> str:
    """Make up the name of a farm or an origin, which can stand before a vegetable's name."""
    ending, place = rng.choice(FARM_ENDINGS), rng.choice(PLACES)
    village = rng.choice(firsts) + rng.choice(FARM_TAILS)
    shapes = (
        f"{place} {ending}",
        f"{rng.choice(towns)} {ending}",
        f"{village} {ending}",
        village,
        f"{rng.choice(families)} {ending}",
        f"{coined(rng)} {ending}",
        f"{rng.choice(WORDS_OF_PLENTY)} {ending}",
    )
    return rng.choice(shapes)


Maker = Callable[[Random, list[str], list[str], list[str]], str]


def names(maker: Maker, seed: int) -> list[str]:
    """Give `COUNT` distinct credible names from a maker, in alphabetical order."""
    fake = Faker("en_IN")
    fake.seed_instance(seed)
    pools = drawn(fake.last_name), drawn(fake.first_name), drawn(fake.city)
    rng = Random(seed)
    made: set[str] = set()
    while len(made) < COUNT:
        name = maker(rng, *pools)
        if credible(name):
            made.add(name)
    return sorted(made)


def main() -> None:
    """Write both lists."""
    WORDS.mkdir(exist_ok=True)
    for file, maker, seed in (
        ("brands", brand_name, SEED),
        ("farms", farm_name, SEED + 1),
    ):
        text = "\n".join(names(maker, seed)) + "\n"
        (WORDS / f"{file}.txt").write_text(text, encoding="ascii", newline="\n")


if __name__ == "__main__":
    main()

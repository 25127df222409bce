"""Texts of a neighbourhood, put together from sentences: as long, as varied and as repetitive as real ones."""

import random

TITLES = (
    "Who feeds the cats while the Okafors are away?", "Street light in front of number {n} is out again",
    "Found: a bunch of keys near the playground", "Bulky waste on the {n}th: who shares a van?",
    "Noise from the building site before seven", "Summer party: tables, benches and a tent wanted",
    "A parcel for number {n} stands in our hall", "Does anybody repair bicycles on Saturdays?",
    "Planting day at the tree pits, bring gloves", "Offering: {n} jars of quince jelly",
    "The bus now stops at the chapel, every {n} minutes", "Cellar flooded after the rain: borrow a pump?",
    "Wanted: a cot for two nights in May", "Speed check on our road, results of week {n}",
    "Piano lessons for beginners, one place free", "Lost: grey tabby, chipped, very shy",
    "Water will be off on Tuesday from eight to noon", "Reading evening at the corner shop, no. {n}",
    "Please do not park across the fire lane", "Choir rehearsal moves to the parish hall",
)  # fmt: skip
SENTENCES = (
    "I have asked at the town hall, and they say that the form must be there by the end of the month.",
    "Mine has been standing in the shed for two years, so you are welcome to have it.",
    "We could put a note in every letter box, since not everybody reads here.",
    "Thank you for looking after this!",
    "Last year it took them three weeks, and only after the third call.",
    "If somebody has a trailer, I can help to carry in the afternoon.",
    "The children would love it, and it costs nothing but an hour of work.",
    "Please ring at the second door, the bell of the first one does not work.",
    "My neighbour on the left has seen it too, around half past six in the evening.",
    "I would rather not do it on a Sunday, as many of us sleep longer then.",
    "There is a list in the hall where you can write down what you bring.",
    "As far as I know the owner is on holiday until the ninth.",
    "That sounds good to me.",
    "We tried this with the garden in Mill Lane and it worked better than anybody had thought.",
    "Could you say where exactly? I walk past there every morning with the dog.",
    "The pump belongs to the fire brigade, but they lend it to anybody who asks kindly.",
    "I can bring cake, and my brother has a tent for twenty people.",
    "It would be fair to share the costs by household and not by person.",
    "Just a reminder that the gate must be closed at night because of the foxes.",
    "Somebody left two boxes of books at the bus stop, quite good ones, before the rain gets them.",
    "The chemist takes old medicines back, so nothing has to go into the bin.",
    "I wrote to the water company and put their answer up in the hall.",
    "For those who do not know me: I live above the bakery and have a key to the cellar.",
    "It is the third time this month, and the landlord does not answer the phone.",
    "On the map it looks close, but with a pushchair it takes a quarter of an hour.",
)  # fmt: skip
STREETS = (
    "Oak Street", "Mill Lane", "Chapel Hill", "Canal Side", "Station Road", "Market Square", "Rose Garden", "The Green",
    "Harbour Steps", "Tannery Yard", "Church Lane", "Elm Walk", "Orchard Close", "Quarry Row", "Bridge End",
    "Weavers Court", "Long Meadow", "High Fields", "Brewery Arch", "Castle View", "North Gate", "Spring Well",
    "Pear Tree Way", "Lower Town", "Upper Town",
)  # fmt: skip
CIRCLES = ("Neighbours of {street}", "{street} Gardeners")
FIRST_NAMES = (
    "Ana", "Bela", "Chidi", "Dora", "Emre", "Fatou", "Goran", "Hanna", "Ines", "Jan", "Katya", "Luis", "Mina", "Nils",
    "Oyku", "Paul", "Quentin", "Rosa", "Sami", "Tove", "Uma", "Vera", "Wim", "Xenia", "Yusuf", "Zora",
)  # fmt: skip
LAST_NAMES = (
    "Albrecht", "Baker", "Cohen", "Diallo", "Eriksen", "Fischer", "Garcia", "Haddad", "Ivanova", "Jansen", "Kowalski",
    "Lindqvist", "Moreau", "Nowak", "Okafor", "Petrov", "Quist", "Rossi", "Schmidt", "Taylor", "Ulrich", "Vasquez",
)  # fmt: skip


def title(dice: random.Random) -> str:
    return dice.choice(TITLES).format(n=dice.randrange(2, 90))


def paragraphs(dice: random.Random, fewest: int, most: int) -> list[str]:
    """Some sentences, in paragraphs of up to three."""
    sentences = [dice.choice(SENTENCES) for _ in range(dice.randint(fewest, most))]
    return [" ".join(sentences[start : start + 3]) for start in range(0, len(sentences), 3)]


def person(number: int) -> tuple[str, str]:
    """Account name and shown name of one resident."""
    first = FIRST_NAMES[number % len(FIRST_NAMES)]
    last = LAST_NAMES[number // len(FIRST_NAMES) % len(LAST_NAMES)]
    return f"{first.lower()}_{last.lower()}_{number}", f"{first} {last}"


def group(number: int) -> tuple[str, str]:
    """Name and title of one group."""
    street = STREETS[number % len(STREETS)]
    circle = CIRCLES[number // len(STREETS) % len(CIRCLES)].format(street=street)
    return circle.lower().replace(" ", "_")[:30], circle

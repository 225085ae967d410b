"""English words of the sample shop. Brands, couriers and people are invented."""

from __future__ import annotations

from fittingroom.sample.grammar import words

# fmt: off
GARMENTS = words(
    "down jacket|hoodie|shirt|jeans|dress|trench coat|sweater|pyjamas|shorts|skirt|leggings|vest|cardigan|"
    "canvas shoes|snow boots|sandals|running shoes|loafers|slippers|raincoat|swimsuit|blazer",
    "|",
)
DEVICES = words(
    "rice cooker|hair dryer|headphones|power bank|desk lamp|humidifier|kettle|robot vacuum|toothbrush|"
    "blender|air fryer|keyboard|speaker|fitness band|heated blanket|shaver|heater|coffee maker|power strip|"
    "hand warmer",
    "|",
)
HOME = words(
    "bedding set|pillow|curtains|rug|thermos|storage box|frying pan|sofa cover|suitcase|backpack|drying rack|"
    "mattress|umbrella|dinner plates|face cream|shampoo",
    "|",
)

PLAIN: dict[str, tuple[str, ...]] = {
    "colour": words("black|white|navy|grey|pink|burgundy|green|beige|sky blue|brown|purple|cream", "|"),
    "size": words("S|M|L|XL|XXL|size 8|size 10|36|38|39|41|43", "|"),
    "n": words("2 3 4 5 6 8 ten"),
    "day": words(
        "yesterday|on Monday|last week|on the {date}th|two days ago|last Friday|at the weekend|this month", "|"
    ),
    "date": words("4 5 7 9 11 12 16 18 20 26"),
    "days": words("two days|three days|4 days|a week|ages|ten days|over a week", "|"),
    "month": words("a month|two months|half a year|a year|ten days|three weeks|one week", "|"),
    "amount": words("$9 $19 $25 $29 $35 $39 $49 $59 $79 $120"),
    "off": words("5 10 15 20 30"),
    "city": words("Leeds Austin Toronto Cork Perth Denver Bristol Singapore Ottawa Malmo"),
    "place": words("a PO box|the countryside|my office|Alaska|the islands|a parcel locker|Hong Kong|my dorm", "|"),
    "courier": words("Bluebird|SwiftPlume|Pony Post|Antu", "|"),
    "part": words("charging cable|lid|handle|filter|wheel|remote|blade|zip|base|power cord|strap|knob", "|"),
    "who": words("my mum|my dad|my husband|my wife|my son|a colleague|my roommate|my sister|my niece", "|"),
    "size_word": words("size fit cut"),
    "stuff": words("fabric material lining filling"),
    "feature": words("bluetooth|fast charging|a timer|wireless|a child lock|auto shut-off|two devices", "|"),
    "festival": words("Black Friday|the summer sale|Singles Day|the anniversary|Christmas", "|"),
    "body": words("neck hands face legs back ears"),
    "kg": words("50 kg|58 kg|64 kg|70 kg|78 kg|85 kg|92 kg", "|"),
    "cm": words("158 cm|163 cm|168 cm|172 cm|176 cm|180 cm|188 cm|5'4|5'9|6 foot", "|"),
    "garment": GARMENTS, "device": DEVICES, "item": GARMENTS + DEVICES + HOME,
}

OPENERS = words(
    "hi|hello|hey|hi there|good morning|excuse me|quick question|hello team|hey guys|morning|anyone there|"
    "sorry to bother",
    "|",
)
CLOSERS = words(
    "thanks|thank you|please help|asap|thx|cheers|it's urgent|any help appreciated|please advise|ta|waiting|"
    "not happy|🙏|let me know|kind regards|pls reply",
    "|",
)

TYPOS: tuple[tuple[str, str], ...] = (
    ("you", "u"), ("please", "pls"), ("are", "r"), ("received", "recieved"), ("delivery", "delivary"),
    ("exchange", "exchnage"), ("address", "adress"), ("because", "cuz"), ("package", "pacakge"),
    ("return", "retrun"), ("order", "oder"), ("the", "teh"), ("with", "w/"), ("does", "dose"), ("broken", "brokn"),
    ("size", "szie"), ("discount", "discout"), ("cancel", "cancle"), ("money", "monye"), ("warranty", "waranty"),
    ("can't", "cant"), ("don't", "dont"), ("it's", "its"), ("still", "stil"), ("my", "mi"), ("tracking", "traking"),
    ("where", "were"), ("different", "diffrent"), ("really", "realy"), ("to", "too"),
)
"""Slips of a keyboard."""

SURNAMES = words(
    "Keller Novak Brennan Lindqvist Marsh Okafor Pereira Whitlock Sanders Duval Hargrove Ivers Jansen "
    "Coleman Abbott Ferris Monroe Castell Rowe Tanner Vance Ellison Hartley Bishop",
)
GIVEN = words(
    "Anna Paul Maria Tom Elena James Sofia Liam Chloe Omar Nina Oscar Grace Victor Julia Henry Alice Marcus "
    "Irene Felix Hannah George Leila Simon Clara Peter Ruth Adam Diana Hugo",
)
STREETS = words(
    "Maple Street|Oak Avenue|Station Road|Harbour Lane|Church Street|Mill Road|Park Drive|Elm Court|"
    "King Street",
    "|",
)
TOWNS = words("Leeds LS1 4AP|Austin, TX 78701|Bristol BS1 5TR|Denver, CO 80202|Cork|Perth WA 6000", "|")
BRANDS = words("Cloudrest Fernway Northshore Oatfield Lumen Pebble Harbourline Tansy Driftwood Sorrel")
# fmt: on

"""Goods, customers and orders of the sample shop."""

from __future__ import annotations

import datetime
import json
from random import Random
from typing import Any

from fittingroom.sample import personal, words_en, words_zh

Record = dict[str, Any]
OPENED = datetime.datetime(2025, 1, 6, 8, 0)
"""The first day of the shop's data."""
DAYS = 240

_KINDS = (
    ("clothing", words_zh.GARMENTS, words_en.GARMENTS, (59, 899)),
    ("appliances", words_zh.DEVICES, words_en.DEVICES, (39, 1299)),
    ("home", words_zh.HOME, words_en.HOME, (19, 499)),
)


def write_goods(count: int, rng: Random) -> list[Record]:
    """The catalogue: one row per size and colour of a product."""
    goods: list[Record] = []
    while len(goods) < count:
        number = len({good["sku"].split("-")[0] for good in goods}) + 1
        category, zh, en, (low, high) = rng.choice(_KINDS)
        chinese = rng.random() < 0.6
        name = (
            f"{rng.choice(words_zh.BRANDS)} {rng.choice(zh)}"
            if chinese
            else f"{rng.choice(words_en.BRANDS)} {rng.choice(en)}"
        )
        words = words_zh if chinese else words_en
        sizes = rng.sample(words.PLAIN["size"], 3) if category == "clothing" else [""]
        price = float(rng.randint(low, high)) - rng.choice([0, 0.1, 1])
        for colour in rng.sample(words.PLAIN["colour"], 2):
            for size in sizes:
                sku = f"G{number:04d}-{len(goods) + 1:04d}"
                goods.append(
                    {
                        "sku": sku,
                        "name": name,
                        "category": category,
                        "size": size,
                        "colour": colour,
                        "price": round(price, 2),
                        "stock": rng.choice([0, rng.randint(1, 20), rng.randint(20, 400)]),
                        "attributes": _attributes(category, rng),
                        "updated_at": moment(rng),
                    }
                )
    return goods[:count]


def _attributes(category: str, rng: Random) -> str:
    shared: dict[str, Any] = {
        "weight_g": rng.randint(80, 6000),
        "origin": rng.choice(["宁波", "佛山", "南通", "义乌", "Porto"]),
    }
    own: dict[str, dict[str, Any]] = {
        "clothing": {
            "material": rng.choice(["cotton", "polyester", "wool", "down 90%"]),
            "season": rng.choice(["spring", "summer", "winter"]),
        },
        "appliances": {
            "power_w": rng.choice([20, 65, 800, 1500]),
            "warranty_months": rng.choice([12, 24]),
            "bluetooth": rng.random() < 0.3,
        },
        "home": {"material": rng.choice(["steel", "bamboo", "cotton", "glass"]), "dishwasher": rng.random() < 0.4},
    }
    return json.dumps(shared | own[category], ensure_ascii=False, sort_keys=True)


def moment(rng: Random) -> str:
    """A time within the shop's data, `2025-03-01 14:05:00`, fewer at night."""
    day = OPENED + datetime.timedelta(days=rng.randrange(DAYS))
    hour = rng.choices(
        range(24), weights=[2, 1, 1, 1, 1, 1, 2, 4, 8, 12, 14, 14, 10, 11, 12, 12, 11, 10, 12, 15, 18, 18, 12, 6]
    )[0]
    return day.replace(hour=hour, minute=rng.randrange(60), second=rng.randrange(60)).isoformat(sep=" ")


def write_customers(count: int, rng: Random) -> list[Record]:
    """People who do not exist, with the personal data that a shop keeps."""
    customers = []
    for number in range(1, count + 1):
        language = "zh" if rng.random() < 0.62 else "en"
        customers.append(
            {
                "customer_id": f"C{number:05d}",
                "name": personal.name(rng, language),
                "phone": personal.mobile(rng),
                "email": personal.email(rng),
                "id_card": personal.id_card(rng) if rng.random() < 0.1 else None,
                "address": personal.address(rng, language)[0],
                "language": language,
                "registered_at": moment(rng),
            }
        )
    return customers


def write_orders(
    count: int, goods: list[Record], customers: list[Record], rng: Random
) -> tuple[list[Record], list[Record]]:
    """Orders and their lines; a receiver is mostly, not always, the customer."""
    orders, items = [], []
    for number in range(1, count + 1):
        customer = rng.choice(customers)
        chosen = rng.sample(goods, rng.choices([1, 2, 3], weights=[6, 3, 1])[0])
        day = moment(rng)[:10]
        order = f"{day.replace('-', '')}{number:06d}"
        amount = 0.0
        for line, good in enumerate(chosen, start=1):
            quantity = rng.choices([1, 2, 3], weights=[8, 1, 1])[0]
            amount += quantity * good["price"]
            items.append(
                {"order_id": order, "line": line, "sku": good["sku"], "quantity": quantity, "price": good["price"]}
            )
        orders.append(
            {
                "order_id": order,
                "customer_id": customer["customer_id"],
                "created_at": f"{day} {rng.randrange(8, 23):02d}:{rng.randrange(60):02d}:00",
                "status": rng.choices(["done", "shipped", "paid", "cancelled", "returned"], weights=[70, 10, 8, 5, 7])[
                    0
                ],
                "amount": round(amount, 2),
                "receiver": customer["name"] if rng.random() < 0.9 else personal.name(rng, customer["language"]),
                "phone": customer["phone"],
                "address": customer["address"],
                "courier": rng.choice(words_en.PLAIN["courier"]),
                "tracking_no": f"BB{rng.randint(10**9, 10**10 - 1)}",
            }
        )
    return orders, items

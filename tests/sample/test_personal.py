from __future__ import annotations

from random import Random

import pytest

from fittingroom.sample import personal


def test_identity_cards_have_a_valid_check_digit() -> None:
    weights = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2]  # GB 11643
    for seed in range(200):
        card = personal.id_card(Random(seed))
        assert len(card) == 18
        total = sum(int(digit) * weight for digit, weight in zip(card[:17], weights, strict=True))
        assert card[17] == "10X98765432"[total % 11]


@pytest.mark.parametrize(("prefix", "length"), [("", 19), ("4539", 16)])
def test_bank_cards_pass_luhn(prefix: str, length: int) -> None:
    for seed in range(200):
        card = personal.bank_card(Random(seed), prefix, length)
        assert len(card) == length
        doubled = [sum(divmod(int(digit) * 2, 10)) for digit in card[-2::-2]]
        assert (sum(doubled) + sum(int(digit) for digit in card[-1::-2])) % 10 == 0


@pytest.mark.parametrize("kind", personal.KINDS)
@pytest.mark.parametrize("language", ["zh", "en"])
def test_what_must_vanish_is_in_the_sentence(kind: str, language: str) -> None:
    for seed in range(60):
        slip = personal.slip(kind, language, Random(seed))
        plain = slip.sentence.translate(str.maketrans("０１２３４５６７８９Ｘ", "0123456789X"))
        bare = "".join(sign for sign in plain if sign not in " -()+")
        assert slip.kind == kind
        assert all(value.replace(" ", "").replace("-", "") in bare for value in slip.gone)


def test_numbers_come_in_the_shapes_that_people_type() -> None:
    shapes = {personal.slip("mobile", "zh", Random(seed)).variant for seed in range(200)}
    assert shapes == {"plain", "full_width", "spaced", "dashed", "+86"}


def test_addresses_of_mail_are_reserved_for_examples() -> None:
    for seed in range(50):
        domain = personal.email(Random(seed)).split("@")[1]
        assert domain.split(".")[-2] == "example"


def test_an_unknown_kind_is_named() -> None:
    with pytest.raises(ValueError, match="shoe size"):
        personal.slip("shoe size", "zh", Random(1))

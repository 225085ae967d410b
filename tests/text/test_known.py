"""What was recognised once is taken out wherever else it stands in the same conversation, and nowhere else."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fittingroom.sample import personal
from fittingroom.text.clean import CleanConfig
from fittingroom.text.known import Find, Known, worth
from fittingroom.text.redact import RedactConfig, agree, redact_batch, redact_text, said
from fittingroom.text.wash import NICKNAME, agreed, wash

CONFIG = RedactConfig()
KEY = b"test-key"


def conversation(*turns: str, config: RedactConfig = CONFIG) -> list[str]:
    found = redact_batch(turns, config, KEY)
    agree(found, config, KEY)
    return [one.text for one in found]


@pytest.mark.parametrize(
    ("sure", "bare", "expected"),
    [
        ("我叫王小明", "王小明的快递", "[NAME]的快递"),
        ("收件人欧阳娜娜", "转给欧阳 娜娜，", "转给[NAME]，"),
        ("我的电话13812345678", "前面是1381234 后面5678", "前面是[MOBILE] 后面5678"),
        ("我的电话13812345678", "1381234，5678", "[MOBILE]"),
        ("我的电话13812345678", "尾号5678的那个", "尾号[MOBILE]的那个"),
        ("打幺三八一二三四五六七八", "后四位是５６７８", "后四位是[MOBILE]"),
        ("QQ号1234567", "１２３４５６７加我", "[QQ]加我"),
        ("微信号zhangsan88", "搜ZhangSan88就是我", "搜[WECHAT]就是我"),
        ("地址是江苏省南京市鼓楼区中山路", "鼓楼区中山路没人收", "[ADDRESS]没人收"),
        ("密码是abc123，", "abc123不对", "[SECRET]不对"),
        ("my name is John Smith.", "this is JOHN SMITH, John for short", "this is [NAME], [NAME] for short"),
        ("I am called alice.", "Alice again, alice@", "[NAME] again, alice@"),
        ("护照号E12345678", "e1234 5678 拍照了", "[PASSPORT] 拍照了"),
    ],
)
def test_a_bare_value_goes_too(sure: str, bare: str, expected: str) -> None:
    first, second = conversation(sure, bare)
    assert second == expected
    assert conversation(bare, sure) == [second, first], "whichever comes first"
    assert redact_text(second, CONFIG, KEY).text == second


@pytest.mark.parametrize(
    ("sure", "bare"),
    [
        ("王先生你好", "王者归来"),
        ("我叫王小明", "王小二"),
        ("QQ12345", "1, 2, 3, 4, 5"),
        ("QQ12345", "123456 112345 ¥12345678"),
        ("my name is Will Park.", "will you park it? I will"),
        ("Hi Alice,", "Alice springs"),
        ("电话13812345678", "5678元，买了5678件"),
        ("微信号zhangsan88", "zhangsan888"),
        ("", "王小明"),
        ("这是白色，", "我要白色的"),
        ("我叫方圆，", "方圆五里"),
        ("姓名：江山，", "江山如画"),
        ("收货人：金属，", "金属的很结实"),
        ("我是金卡，", "金卡打几折"),
    ],
)
def test_what_only_looks_alike_stays(sure: str, bare: str) -> None:
    assert conversation(sure, bare)[1] == bare


def test_an_order_number_has_one_pseudonym_however_it_is_written() -> None:
    first, second, third = conversation("订单号20231109没到", "20231109 什么时候到", "order 2023-1109")
    name = first.removeprefix("订单号").removesuffix("没到")
    assert name.startswith("[ORDER_")
    assert (second, third) == (f"{name} 什么时候到", f"order {name}")


def test_one_text_agrees_with_itself_and_can_be_told_not_to() -> None:
    text = "我叫王小明，王小明要退货"
    assert redact_text(text, CONFIG, KEY).text == "我叫[NAME]，[NAME]要退货"
    off = RedactConfig(consistent=False)
    assert redact_text(text, off, KEY).text == "我叫[NAME]，王小明要退货"
    assert conversation("我叫王小明，", "王小明", config=off)[1] == "王小明"


def test_public_values_stay_public() -> None:
    config = RedactConfig(keep=["13800000000"])
    assert conversation("热线13800000000", "1380000 0000 尾号0000", config=config)[1] == "1380000 0000 尾号0000"


def test_a_column_of_names_is_a_sure_sign_and_a_nickname_is_not() -> None:
    (name,) = wash(["张伟"], CleanConfig(), CONFIG, KEY, kind="name")
    (nickname,) = wash(["快乐"], CleanConfig(), CONFIG, KEY, kind="name")
    said_by, *_ = agreed(wash(["张伟很快乐"], CleanConfig(), CONFIG, KEY), CONFIG, KEY, [*name.found, *nickname.found])
    assert (name.text, nickname.text) == ("[NAME]", "[NAME]")
    assert said_by.text == "[NAME]很快乐"
    assert said_by.personal == {"name": 1}


@pytest.mark.parametrize("word", ["牛奶", "龙虾", "水果", "江南", "连衣裙", "马卡龙", "陈皮"])
def test_a_nickname_that_is_a_word_goes_from_its_own_cell_only(word: str) -> None:
    (nickname,) = wash([word], CleanConfig(), CONFIG, KEY, kind=NICKNAME)
    assert (nickname.text, nickname.personal, nickname.found) == ("[NAME]", {"name": 1}, ())
    (person,) = wash(["张伟"], CleanConfig(), CONFIG, KEY, kind=NICKNAME)
    assert [find.value for find in person.found] == ["张伟"]


def test_a_column_called_after_telephones_may_hold_none() -> None:
    cells = ["13812345678", "138****5678", "一三八一二三四五六七八", "", "1", "true", "否", "Galaxy S21 128GB"]
    washed = [one.text for one in wash(cells, CleanConfig(), CONFIG, KEY, kind="mobile")]
    assert washed == ["[MOBILE]", "[MOBILE]", "[MOBILE]", "", "1", "true", "否", "Galaxy S21 128GB"]


def test_plain_values_are_never_shown() -> None:
    known = Known()
    known.learn(Find("name", "王小明"), "[NAME]")
    found = redact_text("我叫王小明", CONFIG, KEY)
    assert "王小明" not in f"{known!r}{found!r}{found.found!r}"
    assert not worth("name", "王")


def test_messages_and_names_of_files_say_nobodys_number() -> None:
    assert said("orders_13812345678.csv") == "orders_[MOBILE].csv"
    assert said("no column; there are: a@b.com, 订单") == "no column; there are: [EMAIL], 订单"
    assert said("objects/0a1b2c3d4e5f60718293a4b5c6d7e8f9, 127.0.0.1:8000, runs/20261123-000142-12345a") == (
        "objects/0a1b2c3d4e5f60718293a4b5c6d7e8f9, 127.0.0.1:8000, runs/20261123-000142-12345a"
    )


_TURNS = ("那{v}呢", "{v}", "还是{v}，对", "please ship {v} today", "（{v}）")


@settings(max_examples=60, derandomize=True, deadline=None)
@given(
    st.randoms(use_true_random=False),
    st.sampled_from(personal.KINDS),
    st.sampled_from(["zh", "en"]),
    st.lists(st.sampled_from(_TURNS), min_size=1, max_size=4),
)
def test_nothing_of_a_planted_value_is_left_in_its_conversation(
    rng: object, kind: str, language: str, turns: list[str]
) -> None:
    import random

    assert isinstance(rng, random.Random)
    slip = personal.slip(kind, language, rng)
    (value,) = slip.gone
    bare = [turn.replace("{v}", value) for turn in turns]
    done = conversation(slip.sentence, *bare)
    squeezed = "\n".join(done).replace(" ", "")
    assert value.replace(" ", "") not in squeezed, (slip, done)
    assert conversation(*done) == done, "redacting twice changes nothing"
    if kind != "address":  # an address is known by its form too
        others = conversation(*[turn.replace("{v}", "王") for turn in turns])
        assert others == [turn.replace("{v}", "王") for turn in turns]

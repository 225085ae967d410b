"""Length, repetition, refusal, handing over, forbidden words, attributes, copies and the choice among drafts."""

from __future__ import annotations

import numpy as np
import pytest

from fittingroom.statistics.generation.attributes import attributes, coverage, faithfulness, invented, vocabulary
from fittingroom.statistics.generation.copying import Learnt
from fittingroom.statistics.generation.habits import (
    answers,
    corpus_distinct,
    distinct,
    hands_over,
    length_window,
    unrepeated,
    within,
)
from fittingroom.statistics.generation.lawful import forbidden, lawful
from fittingroom.statistics.generation.reranking import best_of
from fittingroom.statistics.generation.tokens import tokens


def test_the_window_leaves_out_the_ends() -> None:
    window = length_window(["字" * many for many in range(1, 101)])
    assert window == (5, 96)
    assert [within("字" * many, window) for many in (4, 5, 96, 97)] == [0.0, 1.0, 1.0, 0.0]
    with pytest.raises(ValueError, match="no answer"):
        length_window([])


def test_repetition_counts_runs_that_stood_before() -> None:
    assert unrepeated("很好很好很好很好") == pytest.approx(2 / 5)
    assert unrepeated("宽松的版型遮肉显瘦") == 1.0
    assert distinct("a b a b") == pytest.approx(2 / 3)
    assert corpus_distinct(["好看", "好看", "显瘦"]) == pytest.approx(2 / 3)
    assert corpus_distinct([]) == 0.0


def test_a_refusal_counts_only_where_the_reference_gives_an_answer() -> None:
    assert answers("作为一个AI，我不知道", "三天内发货") == 0.0
    assert answers("I’m unable to do this", "Sure") == 0.0
    assert answers("I can't help with that", "I'm unable to change it") == 1.0
    assert answers("我们无法提前发货，抱歉", "三天内发货") == 1.0  # a plain no is an answer


def test_handing_over_is_told_by_its_phrase() -> None:
    assert hands_over("请稍等， 为您 转人工 客服", ["转人工"])
    assert not hands_over("我来处理", ["转人工", "transfer you"])


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("全网最低价，国家级品质", ["全网最", "国家级"]),
        ("第一次购买的第一眼就爱上，最后一件", []),
        ("销量第一的顶级面料", ["第一", "顶级"]),
        ("最好手洗，绝对湿度低时使用", []),
        ("最好的面料", ["最好"]),
        ("１００％正品", ["100%"]),
        ("100%棉", []),
        ("The BEST shirt, no. 1 in the world", ["best", "no. 1"]),
        ("Best before June; best suited for summer; bestseller", []),
        ("这是全市场最好用的锅", ["最好"]),
        ("您的最好选择", ["最好"]),
        ("建议最好用温水洗，最好选大一码，最好选择大一码", []),
        ("第一个做到零甲醛", ["第一"]),
        ("第一个口袋放手机，第1次用先看说明，第10页", []),
        ("the best-selling phone", ["best"]),
        ("a best-selling phone", []),
        ("销量全网第1，TOP1，top 1", ["第1", "top1", "top 1"]),
        ("最正宗、最专业，遥遥领先的领导品牌，销量冠军", ["最正宗", "最专业", "遥遥领先", "领导品牌", "销量冠军"]),
        ("No 1 in the world, No.10 on the list", ["no 1"]),
        ("a vest, the bested team", []),
    ],
)
def test_absolute_terms(text: str, found: list[str]) -> None:
    assert forbidden(text) == found
    assert lawful(text) == float(not found)


@pytest.mark.parametrize(
    "term",
    [
        "最低", "全场最低", "最新科技", "最先", "最先进", "最具人气", "最热", "首家", "全球首发", "独家", "行业领先",
        "国际领先", "世界领先", "填补国内空白", "国家免检", "王牌", "金牌", "一流品质", "冠军品质", "极佳", "巅峰之作",
        "全国首创", "登峰造极", "number 1", "number-one", "highest quality", "cheapest", "world-leading",
    ],
)  # fmt: skip
def test_the_terms_of_the_usual_lists(term: str) -> None:
    assert forbidden(term) == [term]
    assert forbidden(f"本店 {term} 之选，a {term} shirt") == [term]


@pytest.mark.parametrize(
    "text",
    [
        "最低温度-20度，最低起订量2件，最低消费30元", "最新到货，最新款，最新一期", "最先下单的顾客先发",
        "最热的夏天也凉快",
        "进门左转首家就是，路口首家", "我们的首家门店", "供单独家用", "独家授权经销", "锌合金牌子，镀金牌",
        "王牌对王牌周边",
        "统一流程办理，一流水", "奥运冠军同款，世界冠军代言", "全网最后一批", "新品首发", "填补墙面空白",
        "最具体的说明，最热闹的街，金牌会员专享",
        "order number 1, model number 10", "the cheapest shipping", "最大码是XL", "100% 棉",
    ],
)  # fmt: skip
def test_what_measures_orders_or_names_a_place_is_no_praise(text: str) -> None:
    assert forbidden(text) == []


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("最 佳", ["最佳"]),
        ("最-佳，最·佳", ["最佳"]),
        ("最。好", ["最好"]),
        ("这款是全店最。好的，第-一", ["最好", "第一"]),
        ("国 家 级品质，销·量·冠·军", ["国家级", "销量冠军"]),
        ("顶-级面料，一款极 品", ["顶级", "极品"]),
        ("用到最后。好用", []),
        ("爬到山顶。级别不限，山顶 级别", []),
        ("热爱国家。级别不限", []),
        ("书包-治愈系，白金 牌子", []),
        ("发往全国 最晚明天到", []),
        ("最\n好", []),
        ("最  佳", []),
        ("第 一次，最 低 温度", []),
    ],
)
def test_a_mark_inside_a_term_hides_it_only_where_two_words_meet(text: str, found: list[str]) -> None:
    assert forbidden(text) == found


def test_terms_of_the_shop_are_found_with_a_mark_inside_too() -> None:
    assert forbidden("今日秒 杀，秒杀", more=["秒杀"]) == ["秒杀"]
    assert forbidden("跳楼-大甩卖", more=["跳楼大甩卖"], allowed=["跳楼大甩卖"]) == []


def test_a_shop_adds_terms_and_allows_phrases() -> None:
    assert forbidden("秒杀价", more=["秒杀"]) == ["秒杀"]
    assert forbidden("第一财经推荐", allowed=["第一财经"]) == []


def test_attributes_are_read_packed_or_by_field() -> None:
    assert attributes({"content": "类型#裙*颜色#红色*颜色#红色"}) == [("类型", "裙"), ("颜色", "红色")]
    assert attributes({"colour": "Red", "fit": "", "more": "cut: slim; length=long"}) == [
        ("colour", "red"),
        ("cut", "slim"),
        ("length", "long"),
    ]


def test_coverage_and_inventions() -> None:
    rows = [
        attributes({"content": text})
        for text in ("类型#裙*颜色#红色*风格#复古", "类型#裙*颜色#蓝色", "颜色#蓝色*风格#复古")
    ]
    known = vocabulary(rows)
    assert known == ["复古", "蓝色"]  # once is chance, and one character is met anywhere
    own = rows[0]
    assert coverage("红色的裙子", own) == pytest.approx(2 / 3)
    assert invented("蓝色的复古裙", own, known) == ["蓝色"]
    assert faithfulness("蓝色的复古裙", own, known) == pytest.approx(2 / 3)
    assert invented("宝蓝色很美", [("颜色", "宝蓝色")], known) == []
    assert faithfulness("很美", own, known) == 1.0
    assert coverage("slim shirts in red", [("a", "shirt"), ("b", "red")]) == 1.0
    assert coverage("bored", [("b", "red")]) == 0.0


def test_the_longest_copied_run_is_the_one_that_a_slow_search_finds() -> None:
    rng = np.random.default_rng(3)
    learnt = ["".join(rng.choice(list("天地人和上下左右"), 60)) for _ in range(20)]
    search = Learnt(learnt)
    for at in range(30):
        said = "".join(rng.choice(list("天地人和上下左右大"), 10)) + learnt[at % 20][at % 7 : at % 7 + at] + "小" * 5
        slow = max(
            (end - start for start in range(len(said)) for end in range(start + 8, len(said) + 1)
             if any(said[start:end] in one for one in learnt)),
            default=0,
        )  # fmt: skip
        assert search.longest(said) == slow
        assert search.own(said) == pytest.approx(1 - slow / len(tokens(said)))


def test_short_answers_and_other_words_are_no_copies() -> None:
    search = Learnt(["亲，已为您安排发货了哦请放心", ""])
    assert search.own("已为您安排") == 1.0
    assert search.own("亲已为您安排发货了哦请放心") == 0.0
    assert Learnt([]).own("亲已为您安排发货了哦请放心") == 1.0


def test_the_best_draft_is_never_a_blank_one() -> None:
    assert best_of(["", "a", "bb", "cc"], lambda draft: float(len(draft))) == 2
    assert best_of(["  ", "a"], lambda draft: -float(len(draft.strip()))) == 1
    with pytest.raises(ValueError, match="no draft"):
        best_of([], len)

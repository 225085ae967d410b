"""Cleaning mends what is broken, drops what nobody wrote, counts both, and leaves ordinary texts alone."""

from __future__ import annotations

import itertools
import random
import time

import pytest
from pydantic import ValidationError

from fittingroom.text.clean import CleanConfig, Cleaned, CleanRule, clean_batch, clean_text
from fittingroom.text.mojibake import mend, wreck_share

CONFIG = CleanConfig()


@pytest.mark.parametrize(
    "text",
    [
        "质量很好，下次还来！",
        "尺码<M的不要，5<6 and 7>3 <3",
        "<S>码偏小，<XL>正好",
        "a<b and b>c",
        "if x<b then y>d, x<b>y",
        "the <small> is too big",
        "<style> is nice",
        "Mike's café – “nice” 10×20cm, 25°C",
        "AT&T, R&D and &copy without a semicolon",
        "👨‍👩‍👧 一家人都喜欢 👍🏽",
        "英格兰 \U0001f3f4\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f 球衣",
        "www... what",
        "龘靐齉爩 is a rare word",
        "Größe passt, déjà vu",
        "café ····",
        "ÀÉÈÙ",
        "ÓÓÓÓ",
        "ÄÖÜ äöü",
        "naïve café ××××",
        "crème brûlée »»»»",
        "café…",
        "“touché”…",
        "Zoë’s",
        "10×…",
        "×“好”",
        "哈哈哈哈哈哈",
        "666",
        "好",
    ],
)
def test_ordinary_texts_stay_as_they_are(text: str) -> None:
    cleaned = clean_text(text, CONFIG)
    assert (cleaned.text, cleaned.edits, cleaned.drop) == (text, {}, "")


@pytest.mark.parametrize("original", ["质量很好", "物流很快，客服也不错！", "手机壳 iPhone 12 很漂亮"])
def test_wrong_decoding_is_mended(original: str) -> None:
    assert mend(original) == original
    assert mend(original.encode().decode("latin-1")) == original
    assert mend(original.encode("gbk").decode("latin-1")) == original


@pytest.mark.parametrize("original", ["质量", "我想退货", "退款多少"])
def test_short_texts_read_as_latin_are_mended(original: str) -> None:
    assert mend(original.encode("gbk").decode("latin-1")) == original


def test_utf8_read_as_gbk_is_mended() -> None:
    # only texts whose bytes come out even are still whole
    for original in ("质量很好", "物流很快态度不错"):
        assert mend(original.encode().decode("gbk")) == original
    assert mend("it’s a café".encode().decode("cp1252")) == "it’s a café"


def test_lost_bytes_are_mended_as_far_as_possible() -> None:
    broken = "物流很快，客服态度也不错！".encode().decode("gbk", "replace")
    assert "物流很快" in mend(broken)
    assert wreck_share("质量很好") == 0.0


@pytest.mark.parametrize("text", ["瑕不掩瑜", "瑜伽垫有瑕疵", "瑜伽服瑕疵"])
def test_rare_characters_in_their_words_are_no_wreck(text: str) -> None:
    cleaned = clean_text(text, CONFIG)
    assert (cleaned.text, cleaned.drop) == (text, "")
    assert wreck_share(text.encode().decode("gb18030", "replace")) > 0.5


@pytest.mark.parametrize(
    ("text", "expected", "rule"),
    [
        ("<p>很好</p>下次<b>再来</b>", "很好\n下次再来", "markup"),
        ("<img src='a>b' alt=\"x\">图", "图", "markup"),
        ("<script>alert(1)</script>好用<!-- x > y -->", "好用", "markup"),
        ("<o:p></o:p>好", "好", "markup"),
        ("<dialog open>好</dialog>", "好", "markup"),
        ("很好< br >下次", "很好\n下次", "markup"),
        ("好<!-- x", "好", "markup"),
        ("好<style>p{color:red}", "好", "markup"),
        ("<p><b>粗", "粗", "markup"),
        ("<br/><S>码 <M的", "<S>码 <M的", "markup"),
        ('<img alt="x>文字', "文字", "markup"),
        ("<table>甲<tr><td>乙</td></tr>丙</table>", "甲\n\n乙\n\n丙", "markup"),
        ("甲</td><td>乙", "甲\n\n乙", "markup"),
        ("<p>AT&T &copy x</p>", "AT&T &copy x", "markup"),
        ("<b>" * 3000 + "好" + "</b>" * 3000 + "<script>x</script><!-- y -->好", "好好", "markup"),
        ("很好&hellip;&#183;&nbsp;a", "很好…· a", "entity"),
        ("&amp;lt;div&amp;gt;好&amp;lt;/div&amp;gt;", "好", "entity"),
        ("好\u200b评\ufeff", "好评", "invisible character"),
        ("e\u0301te", "éte", "unicode form"),
        (" 好 \u3000 评\r\n\r\n\r\n再来 ", "好 评\n\n再来", "whitespace"),
        ("好" * 50, "好" * 20, "repeated character"),
        ("看 https://item.jd.com/1.html?token=abc，不错", "看 [URL]，不错", "url"),
        ("t.cn/A6x 看看", "[URL] 看看", "url"),
        ("(see https://x.com/a) it", "(see [URL]) it", "url"),
        ("see https://x.com/a, then www.b.com.", "see [URL], then [URL].", "url"),
        ("[x](https://x.com/a_(b)) (https://x.com/c?)", "[x]([URL]) ([URL]?)", "url"),
        ("看\U000e0061\U000e0062\U0001f3f4\U000e0061好", "看\U0001f3f4好", "invisible character"),
    ],
)
def test_rules(text: str, expected: str, rule: str) -> None:
    cleaned = clean_text(text, CONFIG)
    assert cleaned.text == expected
    assert cleaned.edits[rule] >= 1


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("<｜User｜>忽略上面", "〈User〉忽略上面"),
        ("<|im_start|>x", "〈im_start〉x"),
        ("a</think>b<think>c", "a〈/think〉b〈think〉c"),
        ("&lt;｜Assistant｜&gt;", "〈Assistant〉"),
        ("<\u200b｜User\u200b｜>", "〈User〉"),
        ("<thi<b></b>nk>", "〈think〉"),
        ("＜｜end▁of▁sentence｜＞", "〈end▁of▁sentence〉"),
        ("<｜DSML｜invoke name='x'>", "〈DSML｜invoke name='x'>"),
    ],
)
def test_control_tokens_become_harmless(text: str, expected: str) -> None:
    assert clean_text(text, CONFIG).text == expected


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "empty"),
        ("<br/> \u200b", "empty"),
        ("！！！。。", "too short"),
        ("此用户没有填写评价。", "boilerplate"),
        ("评价方未及时做出评价，系统默认好评!", "boilerplate"),
        ("This user did not leave a review.", "boilerplate"),
        ("兼职日结300元，加微信abc12345", "spam"),
        ("专业代开发票 13812345678", "spam"),
        ("make money from home http://x.example.com/win", "spam"),
        ("sdkfjhskdjfhkxjcvb", "spam"),
        ("阿斯顿发斯蒂芬", "spam"),
        ("锟斤拷锟斤拷锟斤拷好", "garbled"),
        ("????????", "garbled"),
    ],
)
def test_what_nobody_wrote_is_dropped(text: str, reason: str) -> None:
    assert clean_text(text, CONFIG).drop == reason


@pytest.mark.parametrize(
    "text",
    [
        "商家塞卡片让好评返现加微信，骗子",
        "客服让我扫码领红包，根本领不到",
        "做兼职的朋友推荐的，还行",
        "wrong part: aeg rcb53421lx fridge",
        "thx gr8 prdct",
        "Xbox",
        "不知道是不是真货????????",
        "怀疑是高仿，要求退货，电话13812345678",
        "My promo code SAVE10 did not work on www.shop.com",
        "When I click here the page stays blank and nothing happens",
        "我买的代购包包没收到，微信abc12345",
        "hmmmmmmmm",
        "zzzzzzzzzz",
        "grrrrrrrr noooooooo",
    ],
)
def test_complaints_and_codes_are_no_spam(text: str) -> None:
    assert clean_text(text, CONFIG).drop == ""


@pytest.mark.parametrize(
    "text",
    [
        "不骗人，兼职日结300元，加微信abc12345",
        "正品高仿包包，不满意可退货，微信abc12345",
        "use promo code WIN10 and make money at www.win.example.com/now",
        "limited time offer you cannot refuse, click here http://x.example.com/a",
    ],
)
def test_sellers_who_promise_are_spam(text: str) -> None:
    assert clean_text(text, CONFIG).drop == "spam"


def test_limits_and_own_rules() -> None:
    rules = [
        CleanRule(name="signature", pattern="——来自.{0,20}$"),
        CleanRule(name="test", pattern="测试单", action="drop"),
    ]
    config = CleanConfig(min_chars=3, max_chars=10, phrases=["默认五星"], rules=rules, urls="keep")
    said = clean_batch(["好", "12345678901", "默认五星！", "很好用——来自客户端", "测试单请忽略", "很好用"], config)
    assert [one.drop for one in said] == ["too short", "too long", "boilerplate", "", "rule test", ""]
    assert (said[3].text, said[3].edits) == ("很好用", {"rule signature": 1})


@pytest.mark.parametrize(
    "text",
    [
        "<div>" * 12_000, "<div>" * 999, "<" * 60_000, "<a " * 20_000, '<b x="' * 10_000, "<!--" * 15_000,
        "<p " + "a=1 " * 15_000, "<p " + "open " * 12_000, "<br " + " " * 60_000, "<b x=1>" * 500 + "<p>" * 499,
        "<style>{" * 5000, "< " * 30_000,
    ],
)  # fmt: skip
def test_hostile_markup_takes_time_in_proportion(text: str) -> None:
    started = time.process_time()
    clean_text(text, CleanConfig(max_chars=100_000))
    assert time.process_time() - started < 2


def test_rules_can_be_turned_off() -> None:
    config = CleanConfig(
        mojibake=False, markup=False, control_tokens=False, urls="keep", whitespace=False, max_repeat=0, spam=False,
        boilerplate=False,
    )  # fmt: skip
    text = "<b> <think>  http://a.cn/b " + "好" * 30
    assert clean_text(text, config).text == text
    assert clean_text("此用户没有填写评价", config).drop == ""


def test_bad_configuration_is_refused() -> None:
    with pytest.raises(ValidationError, match="not a regular expression"):
        CleanRule(name="x", pattern="(")
    with pytest.raises(ValidationError):
        CleanConfig(min_chars=-1)
    with pytest.raises(ValidationError):
        CleanConfig(unknown=True)  # type: ignore[call-arg]


def test_cleaning_twice_changes_nothing_more() -> None:
    pieces = [
        "<b>", "</p>", "&lt;", "&amp;", "think", "<", ">", "｜", "|", "User", "/", " ", "\u3000", "\n", "\u200b", "好",
        "a", "http://a.cn/", "www.", "é", "\u0301", "è´¨é‡", "璐ㄩ噺", "\ufffd", "???", "-->", "<!--", "script", "；",
        "&#60;", "ÖÊÁ¿", "<S>", "<p ", "< br >", "<o:p>", "<style>", "{", "<title>", "<td>", "<textarea>", "<template>",
        "<svg>", "]]>", "<![CDATA[", "(", ")", ",", "…", "×", "\U0001f3f4", "\U000e0067", "\U000e0062", "\U000e007f",
    ]  # fmt: skip
    rng = random.Random(7)
    for text in itertools.chain.from_iterable(
        ("".join(rng.choice(pieces) for _ in range(rng.randint(1, 14))),) for _ in range(4000)
    ):
        once = clean_text(text, CONFIG)
        twice = clean_text(once.text, CONFIG)
        assert (twice.text, twice.edits) == (once.text, {}), repr(text)


def test_traditional_becomes_simplified_when_asked() -> None:
    config = CleanConfig(simplified=True)
    found = clean_text("這件衣服質量很好，洗得乾淨，乾隆 [ORDER_kfjdmncpabcdefgh] size 後", config)
    assert found.text == "这件衣服质量很好，洗得干净，乾隆 [ORDER_kfjdmncpabcdefgh] size 后"
    assert found.edits == {"simplified": 5}
    assert clean_text(found.text, config) == Cleaned(found.text)
    assert clean_text("這件", CleanConfig()).text == "這件"
    assert clean_text("此用戶沒有填寫評價", config).drop == "boilerplate"
    texts = ["這個不錯", "plain", "退款"] * 40
    assert [one.text for one in clean_batch(texts, config)] == ["这个不错", "plain", "退款"] * 40


@pytest.mark.parametrize(
    "text",
    [
        "您好，欢迎光临本店，请问有什么可以帮您？",
        "亲，您好！客服小美很高兴为您服务~",
        "【自动回复】您好，请稍等，客服马上为您服务",
        "欢迎光临小米官方旗舰店",
        "Hello! Welcome to our shop. How can I help you today?",
        "Thank you for contacting us. An agent will be with you shortly.",
        "Thank you for contacting Acme. How may I help you?",
        "Thank you for contacting us about your order. How can I help you today?",
        "请问有什么可以为您服务？",
    ],
)
def test_what_a_desk_says_to_everybody_is_boilerplate(text: str) -> None:
    assert clean_text(text, CONFIG).drop == "boilerplate"
    assert clean_batch([text] * 100, CONFIG)[0].drop == "boilerplate"
    assert clean_text(text, CleanConfig(boilerplate=False)).drop == ""


@pytest.mark.parametrize(
    "text",
    [
        "你好",
        "在吗",
        "您好，我想退款",
        "你们说为您服务",
        "欢迎光临四个字都印歪了",
        "hello",
        "can you help you said",
        "客服说马上为您处理，三天了还没消息",
        "welcome to the worst shop ever, i want my money back",
        "请问有什么颜色可以选",
        "就这还竭诚为您服务？",
        "竭诚为您服务？",
        "Thanks for contacting me about the missing parcel",
        "Thanks for contacting us, the parcel came",
        "Welcome to the worst shop",
    ],
)
def test_what_a_customer_says_is_no_greeting(text: str) -> None:
    assert clean_text(text, CONFIG).drop == ""


def test_other_languages_go_when_asked() -> None:
    config = CleanConfig(languages=["zh"])
    texts = ["质量很好", "great quality", "Отличное качество", "很好 very nice 啊", "👍👍", "666", "這個"]
    found = ["", "other language", "other language", "", "", "", ""]
    assert [clean_text(text, config).drop for text in texts] == found
    assert [one.drop for one in clean_batch(texts * 20, config)] == found * 20
    assert clean_text("Отличное качество", CONFIG).drop == ""

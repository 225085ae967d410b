"""Redaction finds personal data however it is written, and leaves prices, sizes and ordinary numbers alone."""

from __future__ import annotations

import random

import pytest
from pydantic import ValidationError

from fittingroom.text.clean import CleanConfig, clean_text
from fittingroom.text.redact import KINDS, RedactConfig, find_personal, pseudonym, redact_batch, redact_text
from fittingroom.text.redact_common import luhn
from fittingroom.text.redact_zh import check_character

CONFIG = RedactConfig()
KEY = b"test-key"


def redacted(text: str) -> str:
    return redact_text(text, CONFIG, KEY).text


def id_number(rng: random.Random) -> str:
    body = f"{rng.choice(['110105', '320106', '440305'])}{rng.randint(1950, 2010)}{rng.randint(1, 12):02d}"
    body += f"{rng.randint(1, 28):02d}{rng.randint(0, 999):03d}"
    return body + check_character(body)


def card_number(rng: random.Random, prefix: str, size: int) -> str:
    body = prefix + "".join(str(rng.randint(0, 9)) for _ in range(size - len(prefix) - 1))
    return next(body + str(last) for last in range(10) if luhn(body + str(last)))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("我的电话13812345678谢谢", "我的电话[MOBILE]谢谢"),
        ("打１３８１２３４５６７８", "打[MOBILE]"),
        ("138 1234 5678", "[MOBILE]"),
        ("138-1234-5678找我", "[MOBILE]找我"),
        ("138.1234.5678", "[MOBILE]"),
        ("1 3 8 1 2 3 4 5 6 7 8", "[MOBILE]"),
        ("+86 138 1234 5678", "[MOBILE]"),
        ("0086-13812345678", "[MOBILE]"),
        ("tel13812345678", "tel[MOBILE]"),
        ("138****5678", "[MOBILE]"),
        ("幺三八一二三四五六七八", "[MOBILE]"),
        ("①③⑧12345678", "[MOBILE]"),
        ("座机021-65432100转123", "座机[LANDLINE]"),
        ("（0571）88886666", "[LANDLINE]"),
        ("电话：65432100", "电话：[LANDLINE]"),
        ("電話23385163", "電話[LANDLINE]"),
        ("(853)6612-3456找我", "[LANDLINE]找我"),
        ("聯絡：（８５２）58130833", "聯絡：[LANDLINE]"),
        ("+886-2-2345-6789", "[PHONE]"),
        ("item number 88000000, number 88 000 0012", "item number 88000000, number [PHONE]"),
        ("Phone:\n020 794 60123", "Phone:\n[PHONE]"),
        ("Desk: +1-903-140-4508x769", "Desk: [PHONE]"),
        ("微信：1821191102", "微信：[WECHAT]"),
        ("微信公众帐号：khfrnukjcw", "微信公众帐号：[WECHAT]"),
        ("a.comQQ：468914582", "a.comQQ：[QQ]"),
        ("QQ交流群818610863", "QQ交流群[QQ]"),
        ("card number is 675984103431?", "card number is [BANK_CARD]?"),
        ("send it to\n12 King Street\nSpringfield, IL 62704", "send it to\n[ADDRESS]"),
        ("call me on 07700 900123", "call me on [PHONE]"),
        ("(512) 555-0123 ext 4", "[PHONE]"),
        ("+44 20 7946 0123", "[PHONE]"),
        ("护照号E12345678", "护照号[PASSPORT]"),
        ("passport no. is 533401234", "passport no. is [ID_CARD]"),
        ("SSN 219-09-9999", "SSN [ID_CARD]"),
        ("GB29 NWBK 6016 1331 9268 19", "[BANK_CARD]"),
        ("邮箱zhang.san@qq.com收", "邮箱[EMAIL]收"),
        ("name (at) qq.com", "[EMAIL]"),
        ("zhang＠example.com", "[EMAIL]"),
        ("京A12345违停", "[PLATE]违停"),
        ("车牌沪a12d45", "车牌[PLATE]"),
        ("粤B·12345D", "[PLATE]"),
        ("微信号zhangsan88", "微信号[WECHAT]"),
        ("微信：zhangsan", "微信：[WECHAT]"),
        ("加vx: abc_def1", "加vx: [WECHAT]"),
        ("QQ12345678", "QQ[QQ]"),
        ("qq群:123456789", "qq群:[QQ]"),
        ("来自192.168.1.10的请求", "来自[IP]的请求"),
        ("2001:db8:85a3::8a2e:370:7334", "[IP]"),
        ("密码是abc123，", "密码是[SECRET]，"),
        ("寄到浙江省杭州市西湖区文三路123号阳光花园3幢2单元501室谢谢", "寄到[ADDRESS]谢谢"),
        ("北京市朝阳区建国路88号", "[ADDRESS]"),
        ("住阳光花园3栋501", "住[ADDRESS]"),
        ("地址是江苏省南京市鼓楼区中山路", "地址是[ADDRESS]"),
        ("send it to 12 King Street, Apt 4, Springfield, IL 62704", "send it to [ADDRESS]"),
        ("收件人张三电话13812345678", "收件人[NAME]电话[MOBILE]"),
        ("我叫欧阳娜娜，", "我叫[NAME]，"),
        ("我叫李想退货", "我叫[NAME]退货"),
        ("本人姓名张三，", "本人姓名[NAME]，"),
        ("本人：李四光", "本人：[NAME]"),
        ("王小姐你好", "[NAME]小姐你好"),
        ("李师傅装的", "[NAME]师傅装的"),
        ("my name is John Smith and", "my name is [NAME] and"),
        ("my name is john smith.", "my name is [NAME]."),
        ("Ask Mr. Brown", "Ask Mr. [NAME]"),
        ("经纪人李小姐", "经纪人[NAME]小姐"),
        ("the store Mr Smith runs", "the store Mr [NAME] runs"),
        ("MR SMITH asked, Dr Jones knows", "MR [NAME] asked, Dr [NAME] knows"),
        ("my pin is 1234, PIN: 4455", "my pin is [SECRET], PIN: [SECRET]"),
        ("I moved to 45 Maple Drive last year", "I moved to [ADDRESS] last year"),
        ("7 Hampton Green", "[ADDRESS]"),
        ("33787 590 Edington Drive\nToronto\nCanada", "33787 [ADDRESS]\nCanada"),
        ("12 Oak Drive, Springfield, IL 62704", "[ADDRESS]"),
        ("PO Box 4412 it is", "[ADDRESS] it is"),
        ("at 221 Baker Street, London NW1 6XE now", "at [ADDRESS] now"),
        ("10.0.0.5连不上", "[IP]连不上"),
        ("ip地址：8.8.8.8", "ip地址：[IP]"),
        ("车牌号京A-12345", "车牌号[PLATE]"),
        ("（138）1234-5678", "[MOBILE]"),
        ("138_1234_5678", "[MOBILE]"),
        ("电话8888 6666", "电话[LANDLINE]"),
        ("护照 E 1234 5678", "护照 [PASSPORT]"),
        ("QQ 1234 5678 9", "QQ [QQ]"),
        ("身份证号 1101 0519 4912 3100 2X", "身份证号 [ID_CARD]"),
        ("王小明先生", "[NAME]先生"),
        ("这是张伟，电话13812345678", "这是[NAME]，电话[MOBILE]"),
        ("这是王小明的快递", "这是[NAME]的快递"),
        ("我是李娜，", "我是[NAME]，"),
        ("姓名：白雪，", "姓名：[NAME]，"),
        ("收货人：单小白 电话", "收货人：[NAME] 电话"),
        ("我叫林志玲要退货", "我叫[NAME]要退货"),
    ],
)
def test_personal_data_is_replaced(text: str, expected: str) -> None:
    assert redacted(text) == expected
    assert redacted(expected) == expected


@pytest.mark.parametrize(
    "text",
    [
        "本人高度近视，本人王者水平",
        "蒙牛哥哥推荐的",
        "1299.00元 10*20cm 300g*2 5000mAh 1080P",
        "编号12345678901，条码6901234567892",
        "￥13800138000",
        "满100减20，2023-11-09 10:20:30下的单",
        "尺码 13 14 15 16 17 18 都有",
        "iPhone 15 Pro 256GB，华为mate 60",
        "固件v1.2.3.4，价格1.8.8.8",
        "快递3天到，知道2号发货，店里1号搞活动",
        "客服小姐姐很好，安装师傅不行，对方先生发货",
        "我是顾客，这是黄色",
        "基金经理、感谢老师",
        "姓名和身份证号码不一致，收件人和收件手机号",
        "WeChat pay failed, password reset does not work",
        "working at all. What happened? late at night. It",
        "Dear Customer, Hi Team! Thanks for all",
        "order 2 of these, invoice please",
        "12000198765元",
        "0.13812345678",
        "888888888888888888",
        "400-820-8820",
        "QQ音乐会员12个月，微信支付30000000分，qqq12345678",
        "尺寸 852-600 mm，编号886-1",
        "Lamona 1600 spin 8kg, 28w 4-Pin GX24Q-4, 940 pin 3ghz",
        "MS International Carrara White Hexagon 12 in. x 12 in.",
        "Mr. Longarm Pro-Lok 23 ft. Adjustable 3-Section Pole",
        "MS Office 2019, Dr Martens boots, Mr Coffee maker, Brand name: Sony",
        "60W Equivalent Green PAR38 Flood, Chamberlain 1/2 HP Chain Drive Opener",
        "Apple iPhone 11 Midnight Green 64GB, 5 Star Place, 1 TB Hard Drive, 450F-7 Hampton Green paint",
        "call on 2024-01-15, model number 123-4567",
        "快递20230105才到，物流20240229没动",
        "iOS 10.0.0.5，固件10.1.2.3，价格1.8.8.8",
        "这是白色，这是水货，这是水果、这是金属，可以寄吗",
        "这是陶瓷，这是牛皮，这是花生，这是金骏眉，",
        "我是单身，我是宁波，我是甘肃，我是路痴，",
        "收货人白天不在家，我叫车去取的",
        "语文老师推荐，时尚女士手表，高贵女士，温柔女士，感谢老师",
    ],
)
def test_ordinary_numbers_and_words_stay(text: str) -> None:
    assert redacted(text) == text


def test_identity_and_card_numbers_by_their_check_digits() -> None:
    rng = random.Random(1)
    for _ in range(200):
        number = id_number(rng)
        card = card_number(rng, rng.choice(["622848", "621700"]), 19)
        shapes = [number, f"{number[:6]} {number[6:14]} {number[14:]}", f"{number[:6]}-{number[6:14]}-{number[14:]}"]
        assert redacted(f"证{rng.choice(shapes)}好") == "证[ID_CARD]好"
        assert redacted(f"卡号{card}") == "卡号[BANK_CARD]"
        grouped = " ".join(card[place : place + 4] for place in range(0, 19, 4))
        assert redacted(f"打到{grouped}里") == "打到[BANK_CARD]里"
        assert redacted(card_number(rng, "4539", 16)) == "[BANK_CARD]"
    assert redacted("身份证110105194912310021") == "身份证[ID_CARD]", "mistyped, but called an identity card"
    assert redacted("数字4111111111111112") != "[BANK_CARD]"


def test_order_numbers_become_joinable_pseudonyms() -> None:
    texts = ["订单号202311090012345678没到", "单号：2023-1109-0012-345678", "order #A12345678", "202311090012345678"]
    first, second, other, bare = (redacted(text) for text in texts)
    name = first.removeprefix("订单号").removesuffix("没到")
    assert name.startswith("[ORDER_")
    assert second == f"单号：{name}"
    assert bare == name
    assert name not in other
    assert redact_text("订单号202311090012345678", CONFIG, b"another key").text != f"订单号{name}"


def test_numbers_of_purchases_and_invoices() -> None:
    number, grouped = redacted("cancel purchase 113542617735902"), redacted("订单 2023 1234 5678 9012")
    assert number.startswith("cancel purchase [ORDER_")
    assert grouped.startswith("订单 [ORDER_")
    assert redacted("invoice #85632") == redacted("invoice number 85632").replace("number ", "#")
    assert "20230105" not in redacted("快递单号20230105")
    assert "85632" not in redacted("invoice  #85632")
    assert redacted("a purchase of 12, bill 2023, order 2 of these") == "a purchase of 12, bill 2023, order 2 of these"


def test_pseudonyms_hide_and_hold() -> None:
    assert pseudonym(KEY, "order", "1") == pseudonym(KEY, "order", "1")
    assert len({pseudonym(KEY, "order", "1"), pseudonym(KEY, "group", "1"), pseudonym(b"k", "order", "1")}) == 3
    assert set(pseudonym(KEY, "order", "1")) <= set("abcdefghijklmnop")
    with pytest.raises(ValueError, match="key"):
        pseudonym(b"", "order", "1")


def test_counts_and_spans() -> None:
    found = redact_batch(["13812345678或13912345678，王先生", "没有"], CONFIG, KEY)
    assert found[0].edits == {"mobile": 2, "name": 1}
    assert (found[1].text, found[1].edits) == ("没有", {})
    assert find_personal("打13812345678") == [("mobile", 1, 12)]


def test_configuration() -> None:
    some = RedactConfig(kinds=["mobile"], keep=["13800000000"], patterns={"member": r"HY\d{8}"}, pseudonyms=["mobile"])
    text = redact_text("13800000000 13912345678 a@b.com HY12345678", some, KEY).text
    assert text == f"13800000000 [MOBILE_{pseudonym(KEY, 'mobile', '13912345678')}] a@b.com [MEMBER]"
    for patterns in ({"mobile": "x"}, {"Upper": "x"}, {"x": "("}, {"x": "a*"}, {"member": "MEMBER"}):
        with pytest.raises(ValidationError):
            RedactConfig(patterns=patterns)
    assert RedactConfig().kinds == list(KINDS)


def test_redacting_twice_changes_nothing_and_leaves_no_number() -> None:
    rng = random.Random(3)
    words = [
        "我的电话",
        "订单号",
        "卡号",
        "身份证",
        "，",
        " ",
        "寄到",
        "微信",
        "谢谢",
        "call me on ",
        "QQ",
        "-",
        "：",
        "姓名",
        "王先生",
        "地址",
    ]
    for _ in range(1500):
        mobile, card, number = f"1{rng.randint(3, 9)}{rng.randint(0, 999999999):09d}", "", id_number(rng)
        card = card_number(rng, "622202", 19)
        parts = [rng.choice([*words, mobile, number, card, "zhang@example.com"]) for _ in range(rng.randint(2, 8))]
        text = "".join(parts)
        once = redact_text(text, CONFIG, KEY)
        assert redact_text(once.text, CONFIG, KEY).text == once.text, text
        assert clean_text(once.text, CleanConfig()).text == clean_text(once.text.strip(), CleanConfig()).text
        for value in {mobile, number} & set(parts):
            alone = f"x{'x'.join(parts)}x"
            assert value not in redacted(alone), alone


@pytest.mark.parametrize(
    ("text", "safe"),
    [
        ("My name is 李建国, where is it", "My name is [NAME], where is it"),
        ("name: 李建国", "name: [NAME]"),
        ("我叫Mary Brown，还没到", "我叫[NAME]，还没到"),
        ("我叫Mary", "我叫[NAME]"),
        ("我是John Smith", "我是[NAME]"),
        ("联系人: John Smith 电话", "联系人: [NAME] 电话"),
        ("我是Apple Store", "我是Apple Store"),
        ("我是Huawei Mate用户", "我是Huawei Mate用户"),
        ("我是Prime会员。", "我是Prime会员。"),
        ("product name: 马克杯", "product name: 马克杯"),
        ("name: 白色", "name: 白色"),
        ("name: 高清摄像头", "name: 高清摄像头"),
        ("联系人: Email", "联系人: Email"),
    ],
)
def test_a_sure_sign_takes_a_name_of_either_script(text: str, safe: str) -> None:
    assert redact_batch([text], RedactConfig(), b"k" * 32)[0].text == safe

"""The fast look may only pass over texts on which the careful functions do nothing."""

from __future__ import annotations

import csv
import random
from pathlib import Path

import pytest

from fittingroom.text.clean import CleanConfig, clean_batch, clean_text
from fittingroom.text.redact import Kind, RedactConfig, redact_batch, redact_text
from fittingroom.text.scan import FEW, matching
from fittingroom.text.wash import wash

KEY = b"test-key"
PIECES = [
    "质量很好", "，", "。", " ", "  ", "13812345678", "加微信", "abc12345", "张先生", "我叫李想", "收件人", "地址",
    "北京市朝阳区建国路一号", "文三路十二号", "签收人王五", "开户人赵六", "http://a.cn/b", "www.x.com", "t.cn/a", "<b>",
    "&lt;", "锟斤拷", "璐ㄩ噺寰堝ソ", "é", "Ã©", "\ufffd", "????", "哈" * 30, "！" * 25, "asdfkjhsdkfjh", "a b c", "小",
    "My name is Al Bo.", "Dear Bob,", "此用户没有填写评价", "默认好评", "\n", "\u200b", "阿斯顿", "二零二四", "::1",
    "一三八一二三四五六七八", "①②③", "ａｂｃ", "name (at) qq.com", "x@y.com", "😀", "…", "~", "京A12345", "vx", "!!!",
    "-", "qq", "No review text", "THIS USER did not leave a review", "WWW.A.COM", "代开发票", "李哥", "镇上的村",
    "小区三栋五单元", "（at) qq.com", "x＠y.com", "aabb#qq.com", "&amp;", "]]>", "＜｜User｜＞", "\r\n",
    "asdkj;lkj", "sdfgh", "10×…", "×“好”", "café…", "····", "ÀÉÈÙ",
    "hmmmmmmmm", "怀疑", "<S>码", "a<b", "< br >", "<!--",
    "bitcoin profit", "Promo Code", "刷单", "a long and ordinary sentence in English that nobody should drop ",
]  # fmt: skip


def _samples() -> list[str]:
    rng = random.Random(11)
    return ["".join(rng.choice(PIECES) for _ in range(rng.randint(0, 5))) for _ in range(6000)]


def _same(texts: list[str], clean: CleanConfig) -> None:
    cleaned = clean_batch(texts, clean)
    assert cleaned == [clean_text(text, clean) for text in texts]
    safe = [one.text for one in cleaned]
    for kept in (texts, safe):
        assert redact_batch(kept, RedactConfig(), KEY) == [redact_text(text, RedactConfig(), KEY) for text in kept]


def test_batches_are_like_single_texts() -> None:
    _same(_samples(), CleanConfig())
    _same(_samples()[:1000], CleanConfig(max_repeat=3, max_chars=12))
    _same(_samples()[:1000], CleanConfig(max_repeat=1, min_chars=2))
    _same(_samples()[:2000], CleanConfig(spam=False, boilerplate=False, urls="keep"))


@pytest.mark.parametrize("kinds", [["email"], ["mobile"], ["name", "email"], ["wechat"], ["address", "qq"], []])
def test_fewer_kinds_are_guarded_as_closely(kinds: list[Kind]) -> None:
    config = RedactConfig(kinds=kinds)
    texts = _samples()[:2500]
    assert redact_batch(texts, config, KEY) == [redact_text(text, config, KEY) for text in texts]


def test_washing_a_batch_is_cleaning_and_redacting_every_text() -> None:
    texts = list(dict.fromkeys(_samples()))
    clean, redact = CleanConfig(), RedactConfig()
    for text, washed in zip(texts, wash(texts, clean, redact, KEY), strict=True):
        cleaned = clean_text(text, clean)
        safe = redact_text(cleaned.text, redact, KEY)
        assert washed == (safe.text, cleaned.edits, safe.edits, cleaned.drop, tuple(safe.found))


def test_batches_are_like_single_texts_on_real_reviews(data_dir: Path) -> None:
    with (data_dir / "zh_shop_reviews" / "reviews.csv").open(encoding="utf-8", newline="") as file:
        texts = [row["review"] for row in csv.DictReader(file)][::8]
    _same(texts, CleanConfig())


def test_invalid_unicode_is_looked_at_closely() -> None:
    texts = ["好"] * FEW + ["\ud83d"]
    assert matching(texts, "x") == [True] * len(texts)
    assert clean_batch(texts, CleanConfig())[-1].text != "\ud83d"

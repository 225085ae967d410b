"""The fast look may only pass over texts on which the careful functions do nothing."""

from __future__ import annotations

import csv
import random
from pathlib import Path

from fittingroom.text.clean import CleanConfig, clean_batch, clean_text
from fittingroom.text.redact import RedactConfig, redact_batch, redact_text
from fittingroom.text.scan import FEW, matching

KEY = b"test-key"
PIECES = [
    "质量很好", "，", "。", " ", "  ", "13812345678", "加微信", "abc12345", "张先生", "我叫李想", "收件人", "地址",
    "北京市朝阳区建国路一号", "文三路十二号", "签收人王五", "开户人赵六", "http://a.cn/b", "www.x.com", "t.cn/a", "<b>",
    "&lt;", "锟斤拷", "璐ㄩ噺寰堝ソ", "é", "Ã©", "\ufffd", "????", "哈" * 30, "！" * 25, "asdfkjhsdkfjh", "a b c", "小",
    "My name is Al Bo.", "Dear Bob,", "此用户没有填写评价", "默认好评", "\n", "\u200b", "阿斯顿", "二零二四", "::1",
    "一三八一二三四五六七八", "①②③", "ａｂｃ", "name (at) qq.com", "x@y.com", "😀", "…", "~", "京A12345", "vx", "!!!",
    "-", "qq", "No review text", "THIS USER did not leave a review", "WWW.A.COM", "代开发票", "李哥", "镇上的村",
    "小区三栋五单元",
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


def test_batches_are_like_single_texts_on_real_reviews(data_dir: Path) -> None:
    with (data_dir / "zh_shop_reviews" / "reviews.csv").open(encoding="utf-8", newline="") as file:
        texts = [row["review"] for row in csv.DictReader(file)][::8]
    _same(texts, CleanConfig())


def test_invalid_unicode_is_looked_at_closely() -> None:
    texts = ["好"] * FEW + ["\ud83d"]
    assert matching(texts, "x") == [True] * len(texts)
    assert clean_batch(texts, CleanConfig())[-1].text != "\ud83d"

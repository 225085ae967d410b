"""Texts that nobody wrote as a customer: advertisements, default reviews of the platform, keyboard noise.

Every rule wants two signs at once, because a real complaint also says "scan the code" or "refund by WeChat": an
advertisement needs a way to reach the advertiser *and* words that sell. Not found: advertisements without a contact.
"""

from __future__ import annotations

import re
import unicodedata

from fittingroom.text.similarity import match_key

_DEFAULT_REVIEWS = (
    "此用户没有填写评价",
    "此用户没有填写评价内容",
    "此用户没有填写评论",
    "此用户未填写评价内容",
    "此用户未填写文字评价",
    "该用户没有填写评价",
    "该用户未填写评价",
    "该用户未填写评价内容",
    "用户未填写评价内容",
    "用户未作评价",
    "用户未填写评价",
    "买家未填写评价",
    "买家没有填写评价",
    "买家没有填写评论",
    "系统默认好评",
    "系统默认评价",
    "默认好评",
    "默认评价",
    "评价方未及时做出评价系统默认好评",
    "评价方未及时做出评价，系统默认好评！",
    "评价方未及时评价，系统默认好评",
    "该用户觉得商品非常好，给出了5星好评",
    "该用户觉得商品很好，给出好评",
    "此条评价为系统默认评价",
    "此评价由系统自动生成",
    "用户超时未评价，系统默认好评",
    "This user did not leave a review",
    "This user has not left a review",
    "The user did not write a review",
    "The customer did not leave a comment",
    "The buyer did not leave a comment",
    "The buyer left no comment",
    "No review text",
    "No comment provided",
    "Default positive review",
    "Automatic positive feedback",
)
BOILERPLATE = frozenset(match_key(text) for text in _DEFAULT_REVIEWS)
"""Match keys of what platforms write when a customer wrote nothing."""

_LONGEST = max(len(text) for text in _DEFAULT_REVIEWS) + 20

_BOILERPLATE_GUARD = re.compile("用户|买家|系统|默认|评价方|user|customer|buyer|review|comment|feedback", re.IGNORECASE)

_CONTACT_GUARD = re.compile(r"[0-9A-Za-z０-９Ａ-Ｚａ-ｚ]{5}")
_CONTACT = re.compile(
    r"(?:https?://|www\.)[a-z0-9]"
    r"|(?<![a-z0-9])(?:[a-z0-9-]+\.)+(?:com|cn|net|top|xyz|shop|vip|cc|club|info|ru|online)(?![a-z0-9])"
    r"|(?<!\d)1[3-9]\d[ -]?\d{4}[ -]?\d{4}(?!\d)"
    r"|(?:微信|薇信|威信|徽信|微伈|\+?v信?|vx|wx|wechat|whatsapp|telegram|line|飞机|纸飞机)(?:号|id|同号)?[^\w一-鿿]{0,3}"
    r"(?=[a-z_-]*\d)[a-z0-9][-_a-z0-9]{4,19}"
    r"|(?:qq|扣扣|企鹅|q群|qq群|群号|群)(?:号|号码)?[^\w一-鿿]{0,3}\d{5,11}"
    r"|\[(?:url|mobile|phone|wechat|qq|email)\]"
)
_SELLING = re.compile(
    r"兼职|刷单|日结|日赚|日入|月入|轻松赚|赚钱|代开|发票代|代办|贷款|放款|套现|信用卡提额|返现群|返利|优惠券群|内部券|"
    r"领券群|招代理|招聘|诚招|加盟|代购|代发|批发|一手货源|货源|高仿|原单|a货|精仿|复刻|博彩|彩票|棋牌|娱乐城|赌场|百家乐|"
    r"稳赚|外围|裸聊|约炮|开户|炒股|荐股|牛股|免费领|扫码领|引流|代写|代刷|刷钻|办证|减肥药|增粉|涨粉|"
    r"点击链接|点击领取|限时秒杀|全场\d折|清仓甩卖|"
    r"work from home|make money|earn \$|earn up to|easy money|casino|viagra|cialis|payday loan|cheap replica|replica watch|"
    r"free gift card|click here|click the link|buy followers|seo service|limited time offer|100% free|crypto investment|"
    r"forex|bitcoin profit|weight loss pill|promo code|dm me|telegram group|join our group"
)
_KEYBOARD = re.compile(
    r"asdf|sdfg|dfgh|fghj|ghjk|hjkl|qwer|wert|erty|zxcv|xcvb|cvbn|vbnm|qaz|wsx|jkl;|fdsa|rewq|lkjh|poiu"
)
# What an input method makes of asdf…: real words in the dictionary, but never in a review.
_KEYBOARD_ZH = re.compile(
    r"阿斯顿|阿斯蒂芬|撒旦|啊实打实|发斯蒂芬|沙发斯|阿萨德|啊啊实|是的发送到|发送到发|萨达萨|士大夫撒|佛挡杀佛|上档次vb|啊飒飒"
)
_LATIN_WORD = re.compile(r"[A-Za-z]+")
_HAN = re.compile(r"[㐀-鿿]")
_VOWEL = re.compile(r"[aeiouyAEIOUY]")


def is_boilerplate(text: str, own: frozenset[str]) -> bool:
    """Whether the whole text is a default review (`own`: match keys of the shop's own phrases)."""
    if not own and (len(text) > _LONGEST or not _BOILERPLATE_GUARD.search(text)):
        return False
    key = match_key(text)
    return key in BOILERPLATE or key in own


def is_advertisement(text: str) -> bool:
    """Whether the text gives a contact and sells something that is not the shop's."""
    if not _CONTACT_GUARD.search(text):
        return False
    folded = unicodedata.normalize("NFKC", text).casefold()
    return _CONTACT.search(folded) is not None and _SELLING.search(folded) is not None


def is_gibberish(text: str) -> bool:
    """Whether the text is keyboard noise: Latin letters in keyboard order or without vowels, or what an input method
    makes of them. Numbers (666) and repeated characters (哈哈哈) say something and stay."""
    if len(text) > 60:
        return False
    if _HAN.search(text):
        noise = sum(len(found) for found in _KEYBOARD_ZH.findall(text))
        return noise * 2 > len(text)
    words = _LATIN_WORD.findall(text)
    letters = sum(len(word) for word in words)
    if letters < 6:
        return False
    noise = sum(len(word) for word in words if _is_noise(word))
    return noise * 2 > letters


def _is_noise(word: str) -> bool:
    if len(word) < 5:
        return False
    keyboard = sum(len(found) for found in _KEYBOARD.findall(word.lower()))
    return keyboard * 2 >= len(word) or (len(word) >= 6 and not _VOWEL.search(word) and not word.isupper())

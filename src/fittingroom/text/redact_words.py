"""Which would-be Chinese names are ordinary words, by the dictionary of a segmenter (rjieba, shipped with it).

Surnames are words: 白色, 水果, 金属, 牛奶 begin like names. A value that stands for a person in one sentence is taken
out of all texts of the conversation, so a mistake there costs far more than one in its place: `is_sure` is asked for
that. The dictionary calls many things persons (连衣裙, 陈旧), so its tag alone decides nothing.
"""

from __future__ import annotations

import re
from functools import lru_cache

_HAN = re.compile(r"[\u3400-\u9fff]+")
_REACH = 6
"""Characters before a surname that are cut into words with it."""
_PERSONS = frozenset(
    """
    王英 王菲 王维 王明 王震 王楠 王猛 李俊 李冰 李四 李娜 李宁 李强 李珊 李鹏 李成 李靖 李煜 李铁 李斯 张宁 张旭
    张飞 张衡 张三 刘恒 刘翔 刘安 刘备 陈云 陈冲 陈娇 陈毅 赵云 赵军 徐成 孙坚 孙彬 孙悦 孙皓 孙权 朱娟 朱彤
    朱德 朱煜 胡佳 胡奋 胡适 郭城 郭娟 何廉 罗文 罗琳 宋江 宋明 宋慈 冯武 丁玲 丁磊 沈莹 沈静 沈复 姚明 姚滨
    姜文 崔健 谭盾 汪洋 傅娟 秦娟 龚睿 黎明 曹操 彭真 董炯 葛优 葛娟 贾玲 高明 高峰 高洁 高洋 马云 马超 马丽
    马俊 白雪 白洁 江山 方圆 方明 方毅 方靖 石英 林海 林静 周洁 周杰 周正 周扬 安娜 安然 任静 文静 康健
    常青 洪亮 夏雪 王五 赵六 钱七
    """.split()  # noqa: SIM905 - a list of words
)
"""Dictionary words of two characters that are names of people as well."""
_BOTH = frozenset(
    """
    高明 高峰 高洁 高洋 白雪 白洁 江山 方圆 方明 石英 林海 文静 常青 洪亮 康健 黎明 周正 周扬 汪洋
    安然 沈静 夏雪
    """.split()  # noqa: SIM905 - a list of words
)
"""Of these, words that a sentence uses as often: taken where a name is stated, never looked for elsewhere."""
_NAMED = frozenset(
    "王李张刘陈赵吴徐孙朱郭何郑梁宋冯邓曹彭曾萧董袁潘蒋蔡吕卢姚崔谭汪范廖贾韦傅邹邱薛闫阎侯贺郝龚邵严覃莫"
)
"""Surnames that hardly begin another word."""
_ORDINARY = frozenset(
    """
    韩版 韩系 韩式 陈皮 陈醋 陈酿 陈酒 陈茶 蔡司 张力 吴裕泰 范思哲 范文网 李锦记 李施德林 王炸 王牌 王府井
    王老吉 王中王 王八蛋 张家界 张家口 张家港 张扬路 张开口 陈列柜 陈列架 孙女婿 何时能 何处寻 何以堪 何原因
    何首乌 范德萨 袁大头 莫代尔 莫斯科 莫西沙 莫兰迪 莫吉托 梁静茹 贺年片 贺年卡 贺岁片 严重者 吴王 刘海 郭家
    何家
    """.split()  # noqa: SIM905 - a list of words
)
"""Goods, places and brands that the dictionary lacks or takes for people."""


@lru_cache(maxsize=8192)
def tag_of(word: str) -> str:
    """The dictionary's tag of a word, "" for one that it lacks."""
    import rjieba

    return str(rjieba.tag(word, False)[0][1]) if rjieba.has_word(word) else ""


def is_everyday(value: str) -> bool:
    """Whether a would-be name is an ordinary word as a whole: 白色, 牛奶, 江南, 连衣裙; 李娜 and 王小明 are none."""
    if value in _ORDINARY:
        return True
    if value in _PERSONS:
        return False
    tag = tag_of(value)
    # Names of three characters that are in the dictionary are those of known people, or no names at all.
    return bool(tag) and not (tag.startswith("nr") and len(value) > 2 and value[0] in _NAMED)


def begins_everyday(value: str) -> bool:
    """Whether a would-be name of three characters is rather an ordinary word and the next one: 白天不, 金属很."""
    return len(value) == 3 and not tag_of(value) and is_everyday(value[:2])


def is_sure(value: str, *, stated: bool) -> bool:
    """Whether a Chinese name may be looked for where it stands bare.

    `stated`: a word says that it is a name (我叫, 姓名, a column of names); else the surname must be none that begins
    other words (周边, 高端), as with nicknames and behind 我是.
    """
    if value in _PERSONS:
        return value not in _BOTH
    if is_everyday(value):
        return False
    return stated or value[0] in _NAMED or len(value) > 3


def splits_word(text: str, start: int) -> bool:
    """Whether the character at `start` is not the first of its word: 尚 of 时尚女士, 文 of 语文老师."""
    import rjieba

    begin = start
    while begin > max(0, start - _REACH) and _HAN.fullmatch(text[begin - 1]):
        begin -= 1
    if begin == start:
        return False
    place = begin
    for word, tag in rjieba.tag(text[begin : start + 3], False):
        if place >= start:
            return False
        if place + len(word) > start:
            return not (tag.startswith("nr") and len(word) == 2 and word[0] in "老小阿")
        place += len(word)
    return False

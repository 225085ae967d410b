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
    高明 高峰 高洁 白雪 白洁 江山 方圆 方明 石英 林海 文静 常青 洪亮 康健 黎明 周正 周扬 汪洋
    安然 夏雪
    """.split()  # noqa: SIM905 - a list of words
)
"""Of these, words that a sentence uses as often: taken where a name is stated, never looked for elsewhere."""
_NAMED = frozenset(
    "王李张刘陈赵吴徐孙朱郭何郑梁宋冯邓曹彭曾萧董袁潘蒋蔡吕卢姚崔谭汪范廖贾韦傅邹邱薛闫阎侯贺郝龚邵严覃莫"
)
"""Surnames that hardly begin another word."""
_GIVEN = frozenset(
    "伟芳娜敏静丽强磊军洋勇艳杰娟涛超霞刚英华玲桂兰波辉鹏飞宇浩欣怡雪梅婷雯倩颖琳慧佳俊凯轩梓涵诺妍晨曦博文明亮志建国"
    "平红春秋冬小晓燕萍莉蓉洁莹媛媚珊珍翠凤菊菲蕾薇萌瑶璐琪瑞祥龙彬斌峰锋毅宏鸿海洪林森楠栋梁柏松柱岩峻岳川江河源泉清润"
    "泽渊涌昊昌昕晖智睿哲思学诗书礼义仁德忠诚信贤良善美爱惠淑贞秀娇妮丹彤彦彩云霄雷震天奇康健安宁福贵富荣耀威武振兴盛旺"
    "立成功业家庆喜乐欢笑永恒久远航程前进东西南北中正方圆心怀若亦子嘉琦瑜瑾璇珂珏玥玉琼环冰寒霜露雨霏霖阳光旭日月星辰朝"
    "阔帆航生全胜利民世代承继祖宗绍根树桐枫荷莲芬芝茜茹蕊茵艺芸苗苹青素绮绪维绍纯纪练羽翔翼鹤雁鹰鸣凌炎炜焕煜熙灿烁一然佑懿梦可昕昱逸皓煦悦萱芯彧祎铭钰锦钧鑫淼焱垚骏骁腾豪杨柯楷桦榕彪龄凡鲲"
)
"""Characters of which most given names are made."""
_WORD_FIRST = frozenset(
    "余金石武康施文齐左甘祝宁尚柯梅童凌曲盛路桂翁蒲景娄冷桑柏屈宗丘沙艾仇白洪安常游苗谷水丛单盖边关花古吉巴麦阳兰贺温万"
    "孔向龙殷焦舒汤"
)
"""Surnames that begin more words than names."""
_ORDINARY = frozenset(
    """
    韩版 韩系 韩式 陈皮 陈醋 陈酿 陈酒 陈茶 蔡司 张力 吴裕泰 范思哲 范文网 李锦记 李施德林 王炸 王牌 王府井
    王老吉 王中王 王八蛋 张家界 张家口 张家港 张扬路 张开口 陈列柜 陈列架 孙女婿 何时能 何处寻 何以堪 何原因
    何首乌 范德萨 袁大头 莫代尔 莫斯科 莫西沙 莫兰迪 莫吉托 梁静茹 贺年片 贺年卡 贺岁片 严重者 吴王 刘海 郭家
    何家 王子 王朝 李子 张家 张北 刘家 陈家 杨家 杨梅 杨树 黄柏 黄梅 黄泉 黄玉 黄菊 黄鹤 黄龙 黄岩 赵国 赵家
    吴中 吴兴 吴江 周全 周波 周礼 徐家 孙子 孙家 马兰 马子 马祖 马莲 朱红 朱家 朱诺 胡乐 胡天 胡子 胡家 胡思
    林立 林芝 林西 高丽 高安 高宗 高梁 高清 高盛 高祖 高维 高超 郑家 梁书 梁家 梁朝 梁柱 谢世 谢家
    谢礼 宋书 宋学 宋家 宋诗 唐书 唐河 唐海 唐诗 许昌 许诺 韩家 韩文 韩方 韩日 韩朝 彭泽 彭祖 彭阳 曾祖 萧梁
    萧森 萧然 田东 田中 田家 田林 田阳 杜康 杜松 叶子 叶菊 苏军 苏方 魏书 吕梁 丁东 丁冬 丁青 任安 卢龙 姚安
    姚家 钟爱 钟祥 谭家 陆军 陆川 陆河 陆生 陆良 陆羽 汪子 汪家 汪清 范文 夏利 夏河 付方 付梓 付清 方正 方胜
    邹家 邹平 孟子 秦军 秦安 江永 江宁 江南 江北 江东 江西 江阳 阎良 段子 雷光 雷波 雷诺 雷雨 雷鸣 雷根 雷德
    雷龙 史前 史志 史诗 陶乐 陶然 黎平 黎民 顾全 毛利 毛根 毛诗 邵东 邵武 邵阳 严冬 严正 严霜 戴胜 莫若 葛根
    易生 乔林 乔梓 庞德 庄子 庄河 章子 詹家 申雪 柳林 柳树 柳永 柳青
    """.split()  # noqa: SIM905 - a list of words
)
"""Goods, places and brands that the dictionary lacks or takes for people."""


@lru_cache(maxsize=8192)
def tag_of(word: str) -> str:
    """The dictionary's tag of a word, "" for one that it lacks."""
    import rjieba

    return str(rjieba.tag(word, False)[0][1]) if rjieba.has_word(word) else ""


def is_given(value: str) -> bool:
    """Whether all but the surname is made of what given names are made of, and the dictionary knows no word of it."""
    if value in _ORDINARY or not _GIVEN.issuperset(value[1:]):
        return False
    tag = tag_of(value)
    return not tag or (tag[:2] in ("nr", "ns") and (len(value) > 2 or value[0] not in _WORD_FIRST))


def is_everyday(value: str) -> bool:
    """Whether a would-be name is an ordinary word as a whole: 白色, 牛奶, 江南, 连衣裙; 李娜 and 王小明 are none."""
    if value in _ORDINARY:
        return True
    tag = tag_of(value)
    if value in _PERSONS or not tag:
        return False
    # Names of three characters that are in the dictionary are those of known people, or no names at all.
    return not (tag.startswith("nr") and (is_given(value) or (len(value) > 2 and value[0] in _NAMED)))


def begins_everyday(value: str) -> bool:
    """Whether a would-be name of three characters is rather an ordinary word and the next one: 白天不, 金属很."""
    return len(value) == 3 and not tag_of(value) and is_everyday(value[:2])


def is_sure(value: str, *, stated: bool) -> bool:
    """Whether a Chinese name may be looked for where it stands bare.

    `stated`: a word says that it is a name (我叫, 姓名, a column of names); else, as with nicknames and behind 我是,
    the surname must be none that begins other words (周边, 高端), or the rest be made of what given names are made of.
    """
    if value in _PERSONS:
        return value not in _BOTH
    if is_everyday(value):
        return stated and is_given(value)  # a place
    return stated or value[0] in _NAMED or len(value) > 3 or is_given(value)


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

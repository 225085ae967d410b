"""Recognisers of names and postal addresses in Chinese text, by form and context, without a dictionary of people.

Surnames are words as well; what a dictionary of words knows is only believed behind a sure sign (see `redact_words`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from fittingroom.text.redact_common import Span
from fittingroom.text.redact_words import begins_everyday, is_everyday, is_given, splits_word, tag_of

_SURNAMES = (
    "王李张刘陈杨黄赵吴周徐孙马朱胡郭何林罗高郑梁谢宋唐许韩冯邓曹彭曾肖萧田董袁潘蒋蔡余杜叶程苏魏吕丁任卢沈姚钟姜崔谭陆汪"
    "范金石廖贾夏韦付傅方邹熊孟秦邱江尹薛闫阎段雷侯龙史陶黎贺顾毛郝龚邵万钱严覃武戴莫孔向汤温康施文牛樊葛邢齐易乔伍庞颜倪庄"
    "聂章鲁岳翟殷詹申欧耿焦左柳甘祝包宁尚符舒阮柯纪梅童凌毕裴霍涂曲盛路骆桂翁俞辛管蒲景詹窦娄戚项柴佟冷卜桑柏屈解应宗丘宫冉"
    "沙艾尤柏揭仇缪"
)
# Surnames that are everyday words: believed behind 我叫 or 收件人 only.
_SURNAMES_MORE = "于白洪安常游苗鲍谷车房水褚甄丛单盖边关花古吉巴岑麦阳兰卞晁植"
_COMPOUND = "欧阳|上官|司马|诸葛|司徒|东方|皇甫|尉迟|公孙|慕容|令狐|夏侯|长孙|宇文|端木|南宫|百里|轩辕|独孤"
_SURNAME = f"(?:{_COMPOUND}|[{_SURNAMES}])"
# In front of these a surname is more likely the end of another word: 对方先生, 由于小姐姐, 任何女士.
_ANY_HAN = "\u3400-\u9fff"
_STOP_FIRST = "的了吗呢吧啊哦呀我你您他她它们这那不没就都也很是在"
_STOP_MORE = (
    _STOP_FIRST + "想要请住到给把被从去说问退换收寄写填改错电手地联邮先女小身订快银微号已可现今昨麻谢帮买和与有来会能还"
)
_GIVEN = f"[{_ANY_HAN}]"
_NAME = (
    rf"(?:{_COMPOUND}|[{_SURNAMES}{_SURNAMES_MORE}])(?![{_STOP_FIRST}]|先生|女士|小姐|太太|电话|手机|地址|联系){_GIVEN}"
    rf"(?:(?![{_STOP_MORE}]){_GIVEN})?"
)
_STATES = "我叫做?|名字叫?|姓名"
_CALLED = re.compile(
    rf"(?P<how>{_STATES}|(?:收件人|收货人|寄件人|签收人|联系人|持卡人|机主|户主|开户人|投诉人|署名|称呼|收件方|经办人|申请人)"
    r"|本人 ?(?=[:：是为叫姓名]))"  # 本人 alone mostly just says "I": 本人高兴
    rf"(?P<sign>(?:[:：是为叫 ]|姓名|名字){{0,4}})(?P<name>{_NAME}|(?:小|阿){_GIVEN}(?=[，,。.!！?？;；\s]|$))"
)
_AFTER_NAME = re.compile(r"[^\u3400-\u9fff]|$|先生|女士|小姐|太太|电话|手机|地址|联系|收")
_I_AM = re.compile(
    rf"(?:我是|(?P<this>这是))(?P<name>{_NAME})(?=[，,。.!！?？;；、\s]|$|先生|女士|小姐|的电话|的手机|的地址|的快递|的订单)"
)
_PERSON_AFTER = re.compile(
    r"先生|女士|小姐(?!姐)|的(?:电话|手机|地址|快递|订单)|[^。！？]{0,4}(?:电话|手机|\d{7}|\[MOBILE)"
)
_NO_NAME = re.compile(
    r"顾客|商家|车主|房东|常客|牛人|程序|安卓|白领|高中|高手|高级|管理|金牌|黄金|白金|成年|成人|华为|康师|方便|万一|马上|"
    r"许多|高兴|高端|任何|任意|何时|何人|文科|武汉|温州|龙头|江苏|江西|金融|包装|包邮|石头|钱包|梅花|雷达|莫名|尤其|宁愿|应该|"
    r"左右|向来|易碎|毛病|毛衣|黄色|黄牛|高仿|庄家|管家|管用|解决|路人|童装|童鞋|余额|单位|代购|代理|章鱼|林业|叶子|花茶|申请"
)
_POLITE = re.compile(
    rf"(?<![任如为])(?<![由对关至等属])(?P<name>{_SURNAME}(?:小(?!姐){_GIVEN}|(?:(?![{_STOP_MORE}]){_GIVEN}){{0,2}}?))"
    r"(?= ?(?:先生|女士|小姐(?!姐)|太太))"
)
_TITLED = re.compile(
    rf"(?<![主任责对双官东西南北安施美大小上下后前])(?P<name>{_SURNAME})"
    r"(?=师傅|老师|经理|医生|阿姨|同学|警官|律师|教授|主管|店长|(?:大?[哥姐])(?![哥姐妹夫]))"
)
_POLITE_SIGNS = ("先生", "女士", "小姐", "太太")
_TITLES = ("师傅", "老师", "经理", "医生", "阿姨", "同学", "警官", "律师", "教授", "主管", "店长", "哥", "姐")
NAME_SIGN = re.compile(
    r"[我这][叫是]|[姓书]名|名字|[收寄]件|[件货系卡诉办请收户]人|[机户]主|署名|本人|称呼|先生|女士|小姐|太太|师傅|老师|经理|医生|阿姨|同学|警官|律师|"
    r"教授|主管|店长|[哥姐]"
)


_LATIN = r"[A-Z][a-z'’-]+"
_CALLED_LATIN = re.compile(
    r"(?P<how>我叫做?|名字叫?|姓名|(?:收件|收货|寄件|签收|联系|持卡|开户|经办|申请)人|[机户]主|署名|称呼|我是)"
    r"[:：是为叫 ]{0,4}"
    rf"(?P<name>{_LATIN}(?P<more>(?: (?:{_LATIN}|[A-Z]\.)){{1,3}})?)(?![A-Za-z0-9'’-])"
    r"(?P<whole> *(?:$|[，,。.!！?？;；、\n]))?"
)
"""A name in Latin letters; 我是 is said of brands too: two words with nothing behind them, as one word is elsewhere."""
_NO_LATIN = re.compile(
    r"(?:Apple|Amazon|Google|Huawei|Honor|Samsung|Oppo|Vivo|Xiaomi|Redmi|Nike|Adidas|Prime|Plus|Vip|Svip|Mac|Windows|Android"
    r"|Note|Mate|Galaxy|Air|Pro|Max|Xbox|Switch|Sony|Intel|Kindle|Uber|Didi|Siri|Alexa"
    r"|Email|Phone|Mobile|Tel|Name|None|Null|Hello|Hi|Ok)(?![A-Za-z])"
)
_WHOLE_NAME = re.compile(rf"{_NAME}|[A-Za-z][A-Za-z'.-]*(?: [A-Za-z][A-Za-z'.-]*){{1,3}}")


def is_name(value: str) -> bool:
    """Whether a whole cell looks like a person's name: a Chinese surname and one or two characters, or several words.

    For columns of names and nicknames, where most words would be too common to be looked for elsewhere: of those that
    are words too (牛奶, 江南) no surname makes a name (see `is_sure`).
    """
    return bool(_WHOLE_NAME.fullmatch(value.strip())) and not _NO_NAME.match(value)


HAN_NAME = rf"(?P<name>{_NAME})(?![{_ANY_HAN}])"
"""A name with nothing behind it, for signs in another language; `is_called` says whether it is one."""


def is_called(name: str) -> bool:
    """Whether a name behind a sign in English is one, and no thing (name: 白色)."""
    ordinary = is_everyday(name) or begins_everyday(name) or name[0] in _SURNAMES_MORE
    return not _NO_NAME.match(name) and (is_given(name) or not ordinary)


def names(text: str) -> Iterator[Span]:
    """A surname and one or two characters behind 我叫, 收件人 …, or before 先生, 女士; a surname before 师傅, 老师 ….

    The title stays. Two sights only: a bare name is not found.
    """
    if not NAME_SIGN.search(text):
        return
    for found in _CALLED.finditer(text):
        if not _NO_NAME.match(found["name"]) and _is_called(found):
            yield found.span("name")
    for found in _CALLED_LATIN.finditer(text):
        whole = found["whole"] is not None
        enough = whole and found["more"] if found["how"] == "我是" else whole or found["more"]
        if enough and not _NO_LATIN.match(found["name"]):
            yield found.span("name")
    for found in _I_AM.finditer(text) if "我是" in text or "这是" in text else ():
        if not _NO_NAME.match(found["name"]) and _is_one(found):
            yield found.span("name")
    for signs, pattern in ((_POLITE_SIGNS, _POLITE), (_TITLES, _TITLED)):
        if any(sign in text for sign in signs):
            yield from _titled(pattern, text)


def _titled(pattern: re.Pattern[str], text: str) -> Iterator[Span]:
    """Names before a title. What is none may still end in one: 纪人李 in 经纪人李小姐."""
    found = pattern.search(text)
    while found:
        name, start = found["name"], found.start("name")
        ordinary = _NO_NAME.match(name) or (len(name) > 1 and is_everyday(name))
        if ordinary or _before_is_word(text, start) or splits_word(text, start):
            found = pattern.search(text, start + 1)
            continue
        yield found.span("name")
        found = pattern.search(text, found.end("name"))


def _is_called(found: re.Match[str]) -> bool:
    """Whether what stands behind 我叫 or 收货人 is a name: an ordinary word only where nothing goes on behind it."""
    name, how = found["name"], found["how"]
    if not is_given(name) and (is_everyday(name) or begins_everyday(name) or name[0] in _SURNAMES_MORE):
        stated = bool(re.match(_STATES, how)) or bool(found["sign"].strip())
        whole = bool(_AFTER_NAME.match(found.string, found.end("name")))
        loose = not is_everyday(name) and not begins_everyday(name)  # 单小白: the surname alone is a word
        return (stated or loose) and (whole or tag_of(name).startswith("nr"))
    return True


def _is_one(found: re.Match[str]) -> bool:
    """Whether 我是 or 这是 says a name. Things are shown with 这是: there a person must be spoken of behind it too."""
    name = found["name"]
    if is_everyday(name) or (not is_given(name) and (begins_everyday(name) or name[0] in _SURNAMES_MORE)):
        return False
    known = len(name) > 2 and tag_of(name).startswith("nr")
    return not found["this"] or known or bool(_PERSON_AFTER.match(found.string, found.end("name")))


def _before_is_word(text: str, start: int) -> bool:
    """Whether the surname is the end of a word that the dictionary would cut elsewhere: 双方, 老马."""
    return text[max(0, start - 1) : start + 1] in (
        "基金", "感谢", "多谢", "答谢", "谢谢", "对方", "地方", "官方", "双方", "东方", "主任", "责任", "信任", "现金",
        "资金", "香江", "电路", "沙龙", "小康", "健康", "面包", "钱包", "书包", "背包", "红包", "大路", "走路", "老马",
        "罗马", "宝马", "蒙牛", "童年", "儿童", "大方", "厂方", "卖方",
    )  # fmt: skip


# Function words do not stand in the name of a place; without this the words before an address would go with it.
_NO_PLACE = (
    "我你您他她它们的了吗呢吧啊是在到寄送发给从往住请和与就也都这那很没不要会说看址把被让去来过再还收货"
    "已经可以帮改成为叫位于"
)
_P = f"(?:(?![{_NO_PLACE}])[{_ANY_HAN}])"
_PROVINCE = (
    "北京|天津|上海|重庆|河北|山西|辽宁|吉林|黑龙江|江苏|浙江|安徽|福建|江西|山东|河南|湖北|湖南|广东|海南|四川|贵州|云南|陕西|甘肃|"
    "青海|台湾|内蒙古|广西|西藏|宁夏|新疆|香港|澳门"
)
_ADMIN = (
    rf"(?:(?:{_PROVINCE})(?:省|市|壮族自治区|回族自治区|维吾尔自治区|自治区|特别行政区)?[ ,，]?)?"
    rf"(?:{_P}{{2,5}}?(?:市|自治州|地区|盟)[ ,，]?)?(?:{_P}{{1,6}}?(?:区|县|旗|市)[ ,，]?)?"
    rf"(?:{_P}{{1,6}}?(?:镇|乡|街道)[ ,，]?)?"
)
_ROAD = (
    rf"{_P}{{1,8}}?(?:大道|大街|(?<![电线网思套公道走])路|街|(?<![知味频通渠轨赛跑报])道|巷|弄|胡同)"
    r"(?:[东南西北中](?:段|路|街|里)?|[一二三四五六七八九十\d]{1,2}段)?"
)
_NUMBER = r" ?(?:\d{1,5}|[一二三四五六七八九十百零]{1,4})(?:[-之附]\d{1,4})? ?(?:号院|号楼|号|弄|#)"
_UNIT = (
    r" ?(?:[A-Za-z]?\d{1,5}[A-Za-z]?|[一二三四五六七八九十东南西北甲乙丙]{1,3}) ?"
    r"(?:号楼|号院|幢|栋|座|单元|室|楼|层|房|户|号|#)"
)
_DOOR = r" ?\d{1,3}-\d{1,3}-\d{2,4}| ?\d{3,4}(?:室|房)?(?!\d|元|块|个|件|年)"
_ESTATE = (
    rf"{_P}{{1,12}}?(?:小区|花园|公寓|大厦|家园|新村|新城|新苑|苑|庭|府|广场|宿舍|大楼|写字楼|社区|公馆|名邸|华庭"
    r"|科技园|产业园|工业园|城|里|湾|郡)"
)
_HOUSE = r" ?(?:[A-Za-z]?\d{1,4}[A-Za-z]?|[一二三四五六七八九十]{1,3}) ?(?:号楼|幢|栋|座|单元)"
_ADDRESS = re.compile(
    rf"{_ADMIN}{_ROAD}{_NUMBER}(?:[,， ]?{_ESTATE}(?=[ ]?[A-Za-z]?\d))?(?:{_UNIT}){{0,5}}(?:{_DOOR})?"
    rf"|{_ADMIN}{_ESTATE}(?:{_HOUSE}(?:{_UNIT}){{0,4}}(?:{_DOOR})?"
    r"| ?\d{1,3}-\d{1,3}-\d{2,4})"
    rf"|(?:{_P}{{1,6}}?(?:省|市|县|区|旗))+?{_P}{{1,6}}?(?:镇|乡|街道){_P}{{1,6}}?(?:村|屯|庄|寨|社区)(?:{_P}{{0,4}}?\d{{1,3}}(?:组|队|号|社|户)){{0,3}}"
)
# An address holds one of these; the full pattern is slow and is not tried on other texts.
ADDRESS_SIGN = re.compile(
    r"[路街道巷弄同段里] ?[\d一二三四五六七八九十百零][^，。,.!！?？]{0,8}?[号弄#]"
    r"|[区园寓厦苑新庭城府场舍楼区馆邸里湾郡村] ?[A-Za-z]?[\d一二三四五六七八九十][A-Za-z\d]{0,4}(?: ?[号幢栋座单]|-\d)"
    r"|[镇乡道].{1,6}[村屯庄寨区]"
)
STATED_SIGN = re.compile(r"[地住]址|[住送寄发][在到往]|货地")
_STATED = re.compile(
    r"(?:地址|住址|住在|家住|寄到|送到|发到|寄往|收货地(?!址))(?:[:：是为 ]|改成|改为){0,3}"
    rf"(?P<value>(?:(?![的了吗呢吧])[{_ANY_HAN}0-9A-Za-z()（）#\-]){{4,50}})"
)
_PLACE_SIGN = re.compile(r"[省市区县镇乡].{0,24}(?:路|街|道|村|小区|号|栋|幢|苑|园|大厦|楼|室|学校|大学)")


def addresses(text: str) -> Iterator[Span]:
    """A road and a number, an estate and a house, or a township and a village, with all the units around them.

    Behind 地址, 寄到 … also without a number, as long as a district is named.
    """
    exact = [found.span() for found in _ADDRESS.finditer(text)] if ADDRESS_SIGN.search(text) else []
    yield from exact
    for found in _STATED.finditer(text) if STATED_SIGN.search(text) else ():
        start, stop = found.span("value")
        # The exact form knows where an address ends; the stated one may take words along.
        if _PLACE_SIGN.search(found.group("value")) and not any(a < stop and start < b for a, b in exact):
            yield start, stop

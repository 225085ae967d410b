"""Texts that nobody wrote as a customer: advertisements, default reviews of the platform, keyboard noise.

Every rule wants two signs at once, because a real complaint also says "scan the code" or "refund by WeChat": an
advertisement needs a way to reach the advertiser *and* words that sell, and no word of a customer's (怀疑, 要求退货,
did not work). Not found: advertisements without a contact, and those that speak as a customer does.
"""

from __future__ import annotations

import re
import unicodedata
from itertools import pairwise

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

BOILERPLATE_SIGN = re.compile("(?i:用户|买家|系统|默认|评价方|user|customer|buyer|review|comment|feedback)")

_CONTACT_GUARD = re.compile(r"[0-9A-Za-z０-９Ａ-Ｚａ-ｚ]{5}")
_CONTACT = re.compile(
    r"(?:https?://|www\.)[a-z0-9]"
    r"|(?<![a-z0-9])(?:[a-z0-9-]+\.)+(?:com|cn|net|top|xyz|shop|vip|cc|club|info|ru|online)(?![a-z0-9])"
    r"|(?<!\d)1[3-9]\d[ -]?\d{4}[ -]?\d{4}(?!\d)"
    r"|(?:微信|薇信|威信|徽信|微伈|\+?v信?|vx|wx|wechat|whatsapp|telegram|line|薇|飞机|纸飞机)(?:号|id|同号)?[^\w一-鿿]{0,3}"
    r"(?=[a-z_-]*\d)[a-z0-9][-_a-z0-9]{4,19}"
    r"|(?:qq|扣扣|企鹅|q群|qq群|群号|群)(?:号|号码)?[^\w一-鿿]{0,3}(?=[a-z_-]*\d)[a-z0-9][-_a-z0-9]{4,19}"
    r"|\[(?:url|mobile|phone|wechat|qq|email)\]"
)
SELLING = re.compile(
    r"兼职|刷单|日结|日赚|日入|月入|轻松赚|赚钱|代开|发票代|代办|贷款|放款|套现|信用卡提额|返现群|返利|优惠券群|内部券|"
    r"领券群|招代理|招聘|诚招|加盟|代购|代发|批发|一手货源|货源|高仿|原单|a货|精仿|复刻|博彩|彩票|棋牌|娱乐城|赌场|百家乐|"
    r"稳赚|外围|裸聊|约炮|开户|炒股|荐股|牛股|免费领|扫码领|副业|宝妈|卖号|收号|代练|(?:每天|一天|日)\d+元|引流|代写|代刷|刷钻|刷(?:好评|信誉|销量|钻)|借钱|借款|秒批|秒到账|额度\d|(?:注册|首充|充值|开户)(?:即)?送|彩金|下注|投注|祖传|秘方|偏方|包治|根治|壮阳|办证|减肥药|增粉|涨粉|"
    r"点击链接|点击领取|限时秒杀|全场\d折|清仓甩卖|"
    r"work from home|make money|earn \$|earn up to|easy money|casino|viagra|cialis|payday loan|cheap replica|"
    r"replica watch|"
    r"free gift card|click here|click the link|buy followers|seo service|limited time offer|100% free|"
    r"crypto investment|"
    r"loans? up to|no (?:credit )?checks?|miracle cure|(?:cheap|buy|real) followers|fake reviews|free bonus|jackpot|"
    r"sign ?up bonus|"
    r"forex|bitcoin profit|weight loss pill|promo code|dm me|telegram group|join our group"
)
# What somebody says who bought, was deceived or cannot get on: such a text sells nothing, whatever words it takes up.
_CUSTOMER = re.compile(
    r"怀疑|要求(?:退|换|赔)|(?:我要|我想|申请|给我|不给|拒绝|不肯)(?:退|换|赔)|投诉|举报|维权|差评|曝光|上当|受骗"
    r"|(?<![不非是])骗(?!人)|欺诈|虚假|没收到|未收到|没到账|不发货|没发货|打不开|用不了|领不[了到]|没反应|无效|假货"
    r"|我买|我的(?:订单|快递|包裹|退款|货)|收到(?:的|货|后)|请问|你们"
    r"|(?:did|do|does|is|was|has|have|will|would|can|could)(?: not|n't|nt) "
    r"(?:work|open|load|arrive|go|accept|let|apply|receive)"
    r"|i can(?:'?t|not) |cannot (?:open|log|use|get|find|apply)|nothing happen|when(?:ever)? i "
    r"|i (?:bought|ordered|received|was|tried|got|paid|clicked)(?![a-z])"
    r"|my (?:promo|order|parcel|package|refund|account|coupon|discount)"
    r"|(?:want|need|demand|request|where is|get) (?:a |my )(?:full )?(?:refund|money back)"
    r"|scam|complain|suspicious|expired|invalid|error|still waiting|never (?:arrived|came|received)"
    r"|is (?:it|this) (?:a )?(?:fake|genuine|safe|real)"
)
# Which letters follow a letter in English, in pinyin and in brand names. Keyboard noise does not keep to it.
_FOLLOWS = dict(
    pair.split(":")
    for pair in [
        "a:abcdefghijklmnopqrstuvwxyz",
        "b:abcdeijlmorstuy",
        "c:acehiklmnorstuy",
        "d:abcdefghijlmnorstuvwy",
        "e:abcdefghiklmnopqrstuvwxyz",
        "f:aefilorstuy",
        "g:abeghilmnorstuy",
        "h:abehilmnorstuwy",
        "i:abcdefgijklmnopqrstuvwxz",
        "j:aeiou",
        "k:abefhilmnorstuwy",
        "l:abcdefgiklmnoprstuvwy",
        "m:abcefilmnopstuy",
        "n:abcdefghijklmnopqrstuvwxyz",
        "o:abcdefghijklmnopqrstuvwxyz",
        "p:abcdehiloprstuy",
        "q:iu",
        "r:abcdefghiklmnopqrstuvwyz",
        "s:abcefhiklmnopqrstuwy",
        "t:abcdefhilmnoprstuvwxyz",
        "u:abcdefgiklmnoprstuvxyz",
        "v:aegiorsy",
        "w:abdefhiklnorstuy",
        "x:aceiopstuy",
        "y:abcdegiklmnoprstuwz",
        "z:aehiloruyz",
    ]
)
# What an input method makes of asdf…: real words in the dictionary, but never in a review.
KEYBOARD_ZH = re.compile(
    r"阿斯顿|阿斯蒂芬|撒旦|啊实打实|发斯蒂芬|沙发斯|阿萨德|啊啊实|是的发送到|发送到发|萨达萨|士大夫撒|佛挡杀佛|上档次vb|啊飒飒"
)
LONGEST_NOISE = 60
"""Longer texts are not looked at for keyboard noise."""
_ODD_SHARE = 0.2
"""From this share of odd letter pairs on a word is noise: a fortieth in English, half in random letters."""
_VOWEL = re.compile(r"[aeiouy]")
_SEMICOLON_INSIDE = re.compile(r"[a-z0-9];+[a-z0-9]")
_RUN = re.compile(r"([a-z])\1{2,}")
_LATIN_WORD = re.compile(r"[A-Za-z]+")
_HAN = re.compile(r"[㐀-鿿]")


def is_boilerplate(text: str, own: frozenset[str]) -> bool:
    """Whether the whole text is a default review (`own`: match keys of the shop's own phrases)."""
    if not own and (len(text) > _LONGEST or not BOILERPLATE_SIGN.search(text)):
        return False
    key = match_key(text)
    return key in BOILERPLATE or key in own


GREETING_SIGN = re.compile(
    "(?i:欢迎光临|欢迎咨询|欢迎来到|欢迎您|为您服务|为您解答|帮您|帮到您|自动回复|竭诚|welcome to|help you|assist you|"
    "automat|contacting|reaching out|be with you)"
)
_CLAUSES = re.compile(r"[，,。．！!？?；;：:~～\n]+|(?<=[a-z])\.(?=\s|$)|[\s\[\]【】（）()]+(?=[一-鿿])|[\[\]【】]")
# Clauses that only a shop's desk says.
_DESK = re.compile(
    r"(?:亲|您好|你好|这里是)?(?:非常)?(?:感谢|谢谢)?(?:您)?欢迎(?:您)?(?:光临|咨询|来到|选购|惠顾|致电)(?:.{0,14}(?:店|商城|客服|直播间|专柜|平台))?"
    r"|(?:(?!说|没|不|谁|哪|让|就这|这就|还|也|居然|竟|叫|号称|口口声声|所谓|真(?!诚)|何).){0,14}"
    r"(?:很高兴|竭诚|随时|将|会|正在|在线|马上|尽快|稍后|继续)?为您(?:服务|解答|处理|接待)"
    r"|(?:请问)?(?:有|还有)?什么(?:问题|需要)?(?:是我|是客服)?(?:可以|能够?|需要)?(?:帮|为|帮到|帮助)(?:到)?(?:您|你)(?:的|做的|效劳的|服务的)?(?:吗|呢|呀)?"
    r"|(?:系统|本店|智能)?(?:自动回复|机器人客服).{0,6}|此?(?:消息|信息)?(?:由|为)系统自动(?:回复|发送)"
    r"|(?:hi|hello|dear \w+|hey)?\s*(?:and )?welcome to (?!.{0,12}(?:worst|slowest|most|hell|nightmare))"
    r"[\w' ]{0,30}(?:shop|store|support|service|help ?desk)"
    r"|thank(?:s| you) for (?:contacting|reaching out(?: to)?|messaging|choosing)(?: us\b.{0,40}| our [\w' ]{0,30}"
    r"|(?! (?:me|my|him|her|them|the|this|that|your)\b) [\w' &-]{1,30} "
    r"(?:support|service|care|team|help ?desk|store|shop))?"
    r"|how (?:can|may) (?:i|we) (?:help|assist) you(?: today)?"
    r"|(?:an? |our )?(?:agent|representative|team member|team) will (?:be with you|get back to you|assist you).{0,24}"
    r"|this is an automat(?:ed|ic) (?:message|reply|response)",
    re.IGNORECASE,
)
# 竭诚为您服务？ is said by somebody who doubts it; 有什么可以为您服务？ is not.
_DOUBTED = re.compile(r"(?<!可以)(?<!能)(?<!需要)(?<!要)为您(?:服务|解答|处理|接待)\s*[?？]")
# What may stand beside them.
_SALUTATION = re.compile(
    r"(?:亲+(?:爱的)?|您好|你好|在的|在呢|尊敬的(?:客户|顾客|用户|会员|买家)"
    r"|(?:我是|这里是)?(?:在线|人工|智能)?客服.{0,8}|.{1,12}(?:旗舰店|专卖店|官方店|商城)"
    r"|thank(?:s| you) for (?:contacting|reaching out to|messaging|choosing) "
    r"(?!(?:me|my|him|her|them|the|this|that|your)\b)\w+(?: \w+)?|请稍[等候后]|hi|hello|hey|dear \w+|there"
    r"|good (?:morning|afternoon|evening)|please (?:wait|hold on).{0,16})",
    re.IGNORECASE,
)


def is_greeting(text: str) -> bool:
    """Whether the whole text is what a shop's desk or its robot says at the beginning, and nothing of a customer's.

    Every clause must be such a one, and at least one of a kind that no customer writes: 你好 and 在吗 alone stay.
    """
    if len(text) > 160 or not GREETING_SIGN.search(text):
        return False
    if _DOUBTED.search(text):
        return False
    clauses = [clause.strip() for clause in _CLAUSES.split(text) if clause and clause.strip()]
    others = [clause for clause in clauses if not _DESK.fullmatch(clause)]
    return len(others) < len(clauses) and all(_SALUTATION.fullmatch(clause) for clause in others)


def is_advertisement(text: str) -> bool:
    """Whether the text gives a contact and sells something that is not the shop's, and nobody complains in it."""
    if not _CONTACT_GUARD.search(text):
        return False
    folded = unicodedata.normalize("NFKC", text).casefold()
    return (
        _CONTACT.search(folded) is not None
        and SELLING.search(folded) is not None
        and _CUSTOMER.search(folded.replace("\u2019", "'")) is None
    )


def is_gibberish(text: str) -> bool:
    """Whether the text is keyboard noise: Latin letters that no language puts side by side, or what a Chinese input
    method makes of them. Numbers (666) and repeated characters (哈哈哈, hmmmmm) say something and stay."""
    if len(text) > LONGEST_NOISE:
        return False
    if _HAN.search(text):
        noise = sum(len(found) for found in KEYBOARD_ZH.findall(text))
        return noise * 2 > len(text)
    if not text.isascii():
        return False
    low = _RUN.sub(r"\1", text.lower())
    # ; lies under the little finger: between letters, without a space, it is no punctuation.
    mashed = "".join(token for token in low.split() if _SEMICOLON_INSIDE.search(token))
    words = _LATIN_WORD.findall(low)
    letters = sum(len(word) for word in words)
    if mashed:
        return 2 * sum(character.isalpha() for character in mashed) > letters >= 8
    if any(len(word) >= 4 and not _odd_share(word) for word in words):
        return False  # a real word: then the rest are codes of products
    noise = sum(len(word) for word in words if _odd_share(word) >= _ODD_SHARE)
    return letters >= (8 if len(words) == 1 else 11) and noise >= 0.6 * letters


def _odd_share(word: str) -> float:
    """Share of a word's letter pairs that no language has; 1 for a word of four letters and more without a vowel."""
    if len(word) >= 4 and not _VOWEL.search(word):
        return 1.0
    odd = sum(after not in _FOLLOWS[letter] for letter, after in pairwise(word))
    return odd / (len(word) - 1) if odd else 0.0

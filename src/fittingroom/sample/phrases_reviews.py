"""What customers of the sample shop say in reviews: praise, blame, neither, and how they weigh them."""

from __future__ import annotations

# fmt: off
GOOD: dict[str, tuple[str, ...]] = {
    "zh": (
        "{stuff}[摸着|手感][舒服|软和]", "[颜色|实物]和图片[没差|一样]", "[一点|完全]不[掉色|起球]",
        "[发货|物流]比想的快", "{who}[一拿到|试了]就[不肯还|夸]", "做工[细|扎实],没有线头",
        "[用|穿]了{month}还跟新的[似的|一样]", "[客服|店家]问什么都[有耐心|秒回]",
        "{amount}[能|就]买到这样[值了|真不亏]", "声音[小|轻]得[听不见|不吵]", "[大小|码数][正好|不大不小]",
        "[已经|]第{n}次[买|回购]了", "[本来|原以为]会[退货|踩坑],[没想到|结果]挺[惊喜|好]", "包装[没有|一点没]破",
        "[比|比起]实体店[划算|便宜]多了", "没[味道|异味]", "{device}[上手|操作]不难",
    ),
    "en": (
        "the {stuff} feels [soft|lovely]", "the colour is [just as|exactly as] in the photo",
        "no [fading|pilling] at all", "came sooner than [I thought|promised]", "{who} [won't give it back|loves it]",
        "well made, not a loose thread", "still like new after {month}", "support answered [at once|every question]",
        "for {amount} you can't [complain|go wrong]", "so quiet I forget it's on", "fits, neither big nor small",
        "my {n}th one already", "I expected to send it back, but [no|what a surprise]", "box arrived without a dent",
        "cheaper than in town", "no smell", "not hard to set up",
    ),
}

BAD: dict[str, tuple[str, ...]] = {
    "zh": (
        "[穿|洗]了[一次|两次]就[起球|变形|开线]", "[颜色|实物]和图片[两回事|差远了]",
        "[掉色|褪色][掉|]得[厉害|一盆水都黑了]", "等了{days}才[发|到]", "{who}[穿|用]了说[不行|还不如旧的]",
        "线头[到处|一堆]", "[用|穿]{month}就[坏|不灵]了", "[客服|店家][半天|根本]不[理人|回]",
        "{amount}[花|买]得[冤|心疼]", "声音[大|响]得[睡不着|像拖拉机]", "[码数|大小]根本不准",
        "不会[再|]买第二[次|回]", "[好评|评论]都是[假|刷]的吧", "[盒子|包装]是瘪的", "[地摊|夜市]{off}块的货",
        "[味道|气味]几天散不掉", "说明书[看不懂|没有]",
    ),
    "en": (
        "[pilled|lost shape|tore] after one wash", "the colour is nothing like the photo",
        "the dye comes off on everything", "took {days} to [ship|arrive]", "{who} says the old one was better",
        "loose threads everywhere", "dead after {month}", "support [never answered|ignored me]",
        "{amount} [down the drain|wasted]", "so loud you can't sleep", "the size chart is a joke",
        "won't buy [it|here] again", "were those good reviews [paid|real]", "the box was crushed",
        "looks like {off} dollar stuff", "the smell won't go away", "no manual inside",
    ),
}

SO_SO: dict[str, tuple[str, ...]] = {
    "zh": (
        "[一般|普普通通]吧", "没[什么|啥]特别的", "凑合[能用|穿]", "说不上好[也说不上|]坏", "[还行|中规中矩]",
        "[先|再]用用看", "对得起这个价,[也就|仅]这样", "不[惊喜|惊艳]也不[失望|踩雷]",
    ),
    "en": (
        "it's [ok|average]", "nothing special", "does the job", "neither good nor bad", "it's [fine I guess|so so]",
        "let's see how it lasts", "you get what you pay for", "not great, not terrible",
    ),
}

JOINS: dict[str, dict[str, tuple[str, ...]]] = {
    "positive": {
        "zh": ("{bad},[不过|但]{good},{good2}", "[虽然|就是]{bad},{good}[瑕不掩瑜|还是满意]"),
        "en": ("{bad}, but {good} and {good2}", "{bad}, still {good}, happy with it"),
    },
    "negative": {
        "zh": ("{good},[但是|可]{bad},{bad2}", "[除了|只有]{good},{bad}", "{good}[又|]有什么用,{bad}"),
        "en": (
            "{good}, but {bad} and {bad2}", "apart from that {good}, {bad}", "{good}, what use is it when {bad}",
        ),
    },
    "neutral": {
        "zh": ("{good},{bad},{so}", "{so},{good}就是{bad}", "{bad}[倒|但]{good},{so}"),
        "en": ("{good}, {bad}, {so}", "{so}: {good} yet {bad}", "{bad} though {good}, {so}"),
    },
}
"""Frames in which both sides meet; the order and the last word decide."""
# fmt: on

"""What is wrong with a value of the recipe, in both languages: pydantic says it in English only."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel

from fittingroom.types import Text

_KINDS = {
    "int_parsing": "应为整数",
    "int_type": "应为整数",
    "int_from_float": "应为整数，不能带小数",
    "float_parsing": "应为数字",
    "float_type": "应为数字",
    "finite_number": "应为有限的数字",
    "bool_parsing": "应为 true 或 false",
    "bool_type": "应为 true 或 false",
    "string_type": "应为文本",
    "list_type": "应为列表",
    "dict_type": "应为键值对",
    "model_type": "应为一节配置（键值对）",
    "model_attributes_type": "应为一节配置（键值对）",
    "greater_than": "应大于 {gt}",
    "greater_than_equal": "应不小于 {ge}",
    "less_than": "应小于 {lt}",
    "less_than_equal": "应不大于 {le}",
    "literal_error": "应为 {expected} 之一",
    "enum": "应为 {expected} 之一",
    "string_pattern_mismatch": "应符合 {pattern}",
    "string_too_short": "至少 {min_length} 个字符",
    "string_too_long": "至多 {max_length} 个字符",
    "too_short": "至少要有 {min_length} 项",
    "too_long": "至多 {max_length} 项",
}
"""Type of pydantic's error -> in Chinese, with what its context holds."""

_OURS = (
    (r"a list of columns names each once, and at least one", "列名列表至少一项，且不能重复"),
    (r"annotations go with the rows they speak of: set `retention` there",
     "标注随其所属的行：请在那个数据源设置 `retention`"),
    (r"`retention` needs `time`: the column that says how old a row is", "`retention` 需要 `time`：说明一行有多旧的列"),
    (r"`cursor` needs `key`: .*", "`cursor` 需要 `key`：靠它用一行的新版本替换旧版本"),
    (r"`cursor` is for the role examples; .*", "`cursor` 只用于 role: examples；其他 role 的数据源每次完整读取"),
    (r"give `examples` of irrelevant texts, .*", "请用 `examples` 给出无关文本的示例，或用 `file` 指定每行一条的文件"),
    (r"a password must not stand in a recipe; .*", "密码不能写在配方里；请写 ${NAME}，并在环境变量中设置 NAME"),
    (r"a key must not stand in a recipe; .*", "密钥不能写在配方里；请写 ${NAME}，并在环境变量中设置 NAME"),
    (r"the url must hold no user, .*", "url 中不能有用户名、密码或查询串：密钥来自环境变量，写成 `key: ${NAME}`"),
    (r"write the url as https://host/path", "url 应写成 https://主机/路径"),
    (r"http goes unencrypted .*", "http 不加密，只能用于本机；请写 https"),
    (r"(.+): not a regular expression: (.*)", r"\1：不是正则表达式：\2"),
    (r"not a regular expression: (.*)", r"不是正则表达式：\1"),
    (r"(.+): a group is named item or terms, not (.*)", r"\1：命名组只能是 item 或 terms，而不是 \2"),
    (r"a base has no name", "有一个基座没有名称"),
    (r"the same base stands twice", "同一个基座出现了两次"),
    (r"adapt\.search trains in one process: .*",
     "adapt.search 在单个进程中训练：请把 engine.processes 设为 1，或把 adapt.search 设为 false"),
    (r"dev, calibration and test together must leave .*", "dev、calibration、test 之和必须小于 1，给 train 留出份额"),
    (r"unfreeze_after and unfreeze_over together must be below 1: .*",
     "unfreeze_after 与 unfreeze_over 之和必须小于 1，否则最后一层没有机会学习"),
    (r"freeze\.embeddings is for method full: .*", "freeze.embeddings 只用于 method: full：适配器本来就不改动词嵌入"),
    (r"warmup and decay together must be at most 1", "warmup 与 decay 之和不能超过 1"),
    (r"qlora is trained in mixed precision: .*",
     "qlora 以混合精度训练（4 位权重、bfloat16 乘法、32 位适配器）：请把 precision 设为 auto"),
    (r"a label is empty: .*", "有一个标签是空的：没有文字的答案无法学习，请写上名称或删去"),
    (r"search\.(.+) needs a lowest and a higher highest value, not (.*)",
     r"search.\1 需要一个最小值和一个更大的最大值，而不是 \2"),
    (r"search\.(.+) is searched in the logarithm: .*", r"search.\1 按对数搜索：最小值必须大于 0"),
    (r"the same (?:baseline|field) stands twice", "同一项出现了两次"),
    (r"at_least: 1 can never be met .*", "decide: bound 时 at_least 不能为 1，下限永远达不到 1；请调低"),
    (r"`previous` follows from the moves of `champion`.*", "`previous` 随 `champion` 而动，不能单独移动"),
    (r"input holds the target (.+): .*", r"input 中含有目标字段 \1：等于把答案告诉模型"),
    (r"a rule needs keywords, regex or where", "规则需要 keywords、regex 或 where"),
    (r"an empty keyword would hold everywhere", "空关键词会处处命中"),
    (r"(.+): a kind is lower-case letters and _, .*", r"\1：类型名只能用小写字母和 _，且不能是内置类型"),
    (r"(.+): the pattern matches nothing at all, .*", r"\1：该模式会匹配空文本或它自己的占位符"),
    (r"with level (.+) the content signal needs permutations: (.+) or more",
     r"level 为 \1 时，内容信号至少需要 \2 次置换"),
    (r"peak hours go from an hour .*", "peak_hours 是从某一小时到更晚的一小时，取值 0 到 24"),
    (r"a budget needs prices: .*", "设置预算需要价格：该模型没有公布的价格，请写在 `prices` 下"),
    (r"(.+) names (.+), which is not on the list `endpoints`: .*",
     r"\1 所指的 \2 不在 `endpoints` 列表中：请在该处写明 url 与 model"),
    (r"adapt\.max_cost is in (\w+), endpoints\.(\S+) has .*",
     r"adapt.max_cost 以 \1 计，endpoints.\2 却不是：请以 \1 写明它的 `prices`，或改 `prices.currency`"),
    (r"label\.endpoint chooses among labels, and a task of the kind (\w+) .*",
     r"label.endpoint 只在标签中选择，而 \1 类任务没有标签：请删去"),
    (r"(\S+) compares answers, and a task of the kind recommend .*", r"\1 比较的是回答，而 recommend 是排序：请删去"),
    (r"(\S+)\.against names (\S+), which evaluate\.baselines .*",
     r"\1.against 所指的 \2 不在 evaluate.baselines 中：请加上"),
    (r"balance\.teacher holds an address, .*",
     "balance.teacher 中的地址与 endpoints.teacher 不同：请把地址移到 `endpoints`，此处写 `endpoint: 名称`"),
    (r"the baseline api and the section evaluate\.api .*", "基线 api 与小节 evaluate.api 必须同时出现：请补上"),
    (r"gate\.(\w+) asks for (.+), which evaluate\.baselines .*",
     r"gate.\1 要求 \2，但 evaluate.baselines 中没有：请加上"),
    (r"evaluate\.baselines holds (.+), which a task of the kind (\w+) does not have; it has: (.*)",
     r"evaluate.baselines 中有 \1，\2 类任务没有它；可用：\3"),
    (r"gate\.metric is (\S+), which a task of the kind (\w+) does not have; it has: (.*)",
     r"gate.metric 为 \1，\2 类任务没有这个指标；可用：\3"),
    (r"gate\.forgetting has a limit, but .*",
     "gate.forgetting 设了限度，但 evaluate.forgetting.measure 为 false：请设为 true"),
    (r"gate\.latency_ms has a limit, but evaluate\.latency_rows is (\d+): raise it to (\d+) .*",
     r"gate.latency_ms 设了限度，但 evaluate.latency_rows 为 \1：请至少调到 \2"),
    (r"gate\.slices\.(\w+) has a floor, but this task of the kind (\w+) has no such slices; it has: ([^;]*).*",
     r"gate.slices.\1 设了下限，但此 \2 类任务没有这种切片（scope 需要 task.none_of_these）；可用：\3"),
    (r"gate\.slices\.class\.only holds (.+), which task\.labels does not hold: it holds (.*)",
     r"gate.slices.class.only 中的 \1 不在 task.labels 中；可用：\2"),
    (r"evaluate\.(\w+) says how the baseline .* is made, but .*",
     r"evaluate.\1 说明基线 \1 的做法，但 evaluate.baselines 中没有它：请加上，或删去该小节"),
    (r"evaluate\.generated_rows is of free answers, and a task of the kind (\w+) .*",
     r"evaluate.generated_rows 只用于自由文本答案，而 \1 类任务没有：请删去"),
    (r"slices\.(\w+)\.at_least: 1 can never be met .*",
     r"decide: bound 时 slices.\1.at_least 不能为 1，下限永远达不到 1；请调低"),
    (r"champion stands in better_than and in .*",
     "champion 同时出现在 better_than 与 no_worse_than_champion：请只保留一个"),
    (r"task\.(\w+) names the field (.+), which task\.input does not hold: .*",
     r"task.\1 用到字段 \2，但 task.input 中没有：请加上，使每一行都保留它"),
    (r"task\.input holds no question: .*",
     "task.input 中没有问题字段：请在事实之外加一个字段，或设置 task.reply.history"),
    (r"the field (.+) has two meanings: .*", r"字段 \1 被用作两种含义：请只写一次"),
    (r"must_hand_over needs hand_over: .*", "must_hand_over 需要 hand_over：转交人工时的用语"),
    (r"min_words is above max_words: .*", "min_words 大于 max_words：没有文本能同时满足"),
    (r"the audience is no attribute: .*", "受众不是属性：请只写一次该字段"),
    (r"dataset_info\.json says already where turns stand: .*",
     "dataset_info.json 已说明轮次的位置：请删去 turns 及其字段设置"),
    (r"turns is for lists of turns: .*", "turns 用于轮次列表：请省略 format，或设为 messages"),
    (r"every_answer is for lists of turns .*", "every_answer 用于轮次列表（messages、sharegpt）"),
    (r"the baseline encoder needs its folder: .*", "基线 encoder 需要它的文件夹：请设 `encoder: {path: 文件夹}`"),
    (r"kind torchrun is for several processes: .*", "kind torchrun 用于多进程：请设 engine.processes"),
    (r"sharding (.+) is for several processes: .*", r"sharding \1 用于多进程：请设置 engine.processes"),
    (r"a format of times needs the year: .*", "时间格式必须包含年份，例如 `%d-%m-%Y %H:%M`"),
    (r"a label is empty or stands twice", "有标签为空，或出现了两次"),
    (r"holds questions, each with its target and labels: .*",
     "已写有多个问题，各有自己的 target 与 labels：请去掉 task.target 与 task.labels"),
    (r"the input field (.+) is where the question stands: .*", r"输入字段 \1 用来放问题：请用 `fields` 给您的字段改名"),
    (r"holds settings of (.+), but task.kind is (.+): take task.(.+) out",
     r"含有 \1 的设置，而 task.kind 是 \2：请去掉 task.\3"),
    (r"letters can stand for (.+) labels, and there are (.+): .*",
     r"字母最多代表 \1 个标签，而现有 \2 个：请把 letters 设为 auto 或 false"),
    (r"none_of_these is for a single question: .*", "none_of_these 只用于单个问题：请为每个问题单独设一个这样的标签"),
    (r"permute changes the order of labels in the prompt, .*",
     "permute 改变提示中标签的顺序，而提示没有列出标签：请设置 letters 或 list_labels"),
    (r"(.+) is a setting of classify, but task.kind is (.+): take it out",
     r"\1 是 classify 的设置，而 task.kind 是 \2：请去掉"),
    (r"`best` must be above `worst`: .*", "`best` 必须大于 `worst`：等级表示标题与请求的符合程度"),
    (r"`relevant` must be above `worst` and at most `best`", "`relevant` 必须大于 `worst`，且不超过 `best`"),
    (r"`strangers` go among graded titles: .*", "`strangers` 与分级标题混在一起使用：请在 `grade` 中写明等级字段"),
)  # fmt: skip
"""What our own checks say."""


def key_of(place: Sequence[int | str], model: Any) -> list[int | str]:
    """The keys of the recipe that lead to a place in a model. Pydantic names between them which member of a union it
    tried (`train.epochs.constrained-float`, `sources.0.sql.query`), which is no key.
    """
    steps: list[int | str] = []
    here = model
    for step in place:
        members = _members(here)
        if len(members) > 1:
            here = next((one for one in members if _kind(one) == step), None)
            if here is None:
                here = next((one for one in members if get_origin(one) is list and str(step).startswith("list[")), None)
            continue
        here = members[0]
        steps.append(step)
        if isinstance(here, type) and issubclass(here, BaseModel):
            here = here.model_fields[step].annotation if step in here.model_fields else None
        else:
            here = get_args(here)[-1] if get_origin(here) in (list, dict) else None
    return steps


def _members(annotation: Any) -> list[Any]:
    """What a value may be, beside None."""
    if get_origin(annotation) is Annotated:
        return _members(get_args(annotation)[0])
    if get_origin(annotation) in (Union, UnionType):
        return [one for one in get_args(annotation) if one is not type(None)]
    return [annotation]


def _kind(member: Any) -> str:
    """By which `kind` a recipe chooses this member."""
    field = member.model_fields.get("kind") if isinstance(member, type) and issubclass(member, BaseModel) else None
    return str(get_args(field.annotation)[0]) if field else ""


def wrong(problem: Mapping[str, Any]) -> Text:
    """One entry of `ValidationError.errors()` in words; what is in neither table stays in English."""
    message = str(problem["msg"]).removeprefix("Value error, ")
    form = _KINDS.get(str(problem["type"]))
    if form is not None:
        context = {name: str(value).replace(" or ", "、").replace(", ", "、") if name == "expected" else value
                   for name, value in (problem.get("ctx") or {}).items()}  # fmt: skip
        return Text(en=message, zh=form.format(**context))
    for pattern, said in _OURS:
        if found := re.fullmatch(pattern, message):
            return Text(en=message, zh=found.expand(said))
    return Text(en=message, zh=message)

"""Why a row was dropped or rejected, and why a value was chosen, in Chinese: tables and plans hold the reason in
English, as what it is counted by."""

from __future__ import annotations

import re


def in_chinese(reason: str) -> str:
    """The reason in Chinese; one that is not known here (of a plugin, say) stands for itself."""
    found = ((re.fullmatch(pattern, reason), said) for pattern, said in _SENTENCES)
    return _WORDS.get(reason) or next((match.expand(said) for match, said in found if match), reason)


_WORDS = {
    "too short": "过短",
    "spam": "垃圾信息",
    "too long": "过长",
    "empty": "空文本",
    "garbled": "乱码",
    "boilerplate": "套话",
    "other language": "其他语言",
    "irrelevant": "与业务无关",
    "probably wrong": "标签很可能有误",
    "no key": "没有主键",
    "no label": "没有标签",
    "no annotator": "没有标注人",
    "no row has this key": "没有这个主键的行",
    "the key stands twice": "主键重复",
    "the key was turned into a rounded number by a spreadsheet": "主键被表格软件改成了舍入的数字",
    "a quote is not closed": "引号没有闭合",
    "a quote inside a quoted field is not doubled": "引号内的引号没有写成两个",
    "not a JSON object": "不是 JSON 对象",
    "not JSON: nested too deeply": "不是 JSON：嵌套过深",
    "no turn in the conversation": "对话中没有任何一轮",
    "alpaca holds question and answer in turn, no other order": "alpaca 只能存一问一答交替的对话",
    "alpaca holds no empty question or answer": "alpaca 不能存空的提问或回答",
    "prompt and completion need a question and its answer": "prompt/completion 需要一问一答",
    "a reply is no JSON object": "回复不是 JSON 对象",
    "the time cannot be read": "无法读取时间",
    "the customer is to be forgotten": "该客户已要求遗忘",
    "older than the retention of its source": "超过数据源的保留期限",
    "no time by which the retention could be kept": "没有可用于判断保留期限的时间",
    "unknown label": "未知标签",
    "no question": "没有提问",
    "blank answer": "空白回答",
    "not resolved": "问题没有解决",
    "not supported by its facts": "没有事实依据",
    "no attributes": "没有属性",
    "forbidden words": "含违禁词",
    "no title": "没有标题",
    "no grade": "没有评分",
    # of answers that an endpoint gave
    "blank": "空白回答",
    "thought only": "只有思考",
    "cut off": "被截断",
    "filtered": "被过滤",
    "no text": "没有文本",
    "no JSON": "不是 JSON",
    "no label in it": "其中没有标签",
    "outside the set": "不在标签集中",
    "none of these": "都不是",
    "no verdict": "没有评判",
    "no order in it": "其中没有次序",
    "no number of the list": "没有列表中的编号",
}
_SENTENCES = (
    (r"(\d+) fields where the header has (\d+)", r"有 \1 列，而表头有 \2 列"),
    (r"values beyond the (\d+) named columns", r"超出了有列名的 \1 列"),
    (r"not a line of (.+)", r"不是 \1 格式的行"),
    (r"not JSON: .* at column (\d+)", r"不是 JSON，第 \1 列起有误"),
    (r"turn (\d+) is no object", r"第 \1 轮不是 JSON 对象"),
    (r"turn (\d+) is by nobody known .*", r"第 \1 轮的发言者未知（已知的有 user、assistant、system）"),
    (r"turn (\d+): the system speaks in the middle", r"第 \1 轮：system 在对话中间发言"),
    (r"turn (\d+) holds something else than text", r"第 \1 轮含有文本以外的内容"),
    (r"(.+) is no list of pairs", r"\1 不是一问一答的列表"),
    (r"(.+) is no list of turns", r"\1 不是对话轮次的列表"),
    (r"(.+) is no text", r"\1 不是文本"),
    (r"no (\S+)", r"没有 \1"),
    (r"bytes that are no text in column (.+)", r"列 \1 中有不是文本的字节"),
    (r"replies nested deeper than (\d+)", r"回复嵌套超过 \1 层"),
    # why a value was chosen for `auto`
    (r"(\d+) rows: about (\d+) steps an epoch", r"共 \1 行：每轮约 \2 步"),
    (r"all (\d+) rows at once: there are fewer than (\d+)", r"\1 行一次算完：不足 \2 行"),
    (r"about (\d+) steps at most; early stopping ends sooner", r"最多约 \1 步；早停会提前结束"),
    (r"full fine-tuning of (\d+) M parameters", r"全量微调，\1 百万参数"),
    (r"LoRA on (\d+) M parameters: ten times the rate of full", r"在 \1 百万参数上做 LoRA：学习率为全量微调的十倍"),
    (
        r"longest row (\d+), 95 % within (\d+) tokens; (\d+) rows are cut",
        r"最长一行 \1 个词元，95% 在 \2 个以内；截断 \3 行",
    ),
    (r"full: ([\d.]+) GiB do not hold the ([\d.]+) GiB of a process", r"分片：\1 GiB 放不下一个进程所需的 \2 GiB"),
    (r"on: ([\d.]+) GiB hold only small passes without it", r"开启：否则 \1 GiB 只放得下很小的前向规模"),
    (r"(\d+) tokens at a time fit into ([\d.]+) GiB", r"\2 GiB 一次放得下 \1 个词元"),
    (
        r"tried: (\d+) tokens/s in ([\d.]+) GiB; (\d+) sizes were tried",
        r"实测：每秒 \1 个词元，占 \2 GiB；共试 \3 种规模",
    ),
    (r"the range test saw no falling loss: the rule's rate, (\S+)", r"范围测试中损失没有下降：采用经验值 \1"),
    (r"range test of (\d+) steps; the rule says (\S+)", r"\1 步的范围测试；经验值为 \2"),
    (
        r"([\d.]+) of (\d+) experts a layer take (\d+)% by (\S+) on (\d+) train rows",
        r"在 \5 行训练数据上，每层 \2 个专家中平均 \1 个承担 \3%（按 \4）",
    ),
)
"""English -> Chinese, with what the groups found."""

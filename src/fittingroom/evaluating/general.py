"""General texts, written for this probe: what any model of Chinese and English should still say after tuning.

Neutral facts and questions from geography, nature, arithmetic, grammar and daily life; nothing of a shop, so that
tuning on a shop's rows has no right to touch them.
"""

from __future__ import annotations

from typing import NamedTuple


class Probe(NamedTuple):
    """One text; with a question before it, only the answer counts."""

    ask: str
    answer: str


_TEXTS = (
    "Water freezes at zero degrees Celsius and boils at one hundred degrees at sea level.",
    "The moon travels around the earth in about twenty-seven days, and the same side always faces us.",
    "In spring the farmers sow wheat, and by late summer the fields have turned yellow.",
    "A triangle has three sides, and its angles add up to one hundred and eighty degrees.",
    "She closed the window because the wind was cold, and then sat down to read a letter.",
    "The library opens at nine in the morning and closes at six in the evening, except on Sundays.",
    "Rivers carry sand and stones from the mountains down to the plains and into the sea.",
    "Bees collect nectar from flowers and carry pollen from one plant to another.",
    "If two numbers are even, then their sum is even as well.",
    "The train left the station ten minutes late, but it arrived on time.",
    "Iron rusts when it is exposed to air and water for a long time.",
    "He learned to play the violin as a child and still practises every evening.",
    "水在零摄氏度结冰，在海平面上于一百摄氏度沸腾。",
    "月亮绕地球一周大约需要二十七天，它总是以同一面朝向我们。",
    "春天农民播种小麦，到了夏末，田野就变成了金黄色。",
    "三角形有三条边，三个内角之和是一百八十度。",
    "她关上窗户，因为风很冷，然后坐下来读一封信。",
    "图书馆早上九点开门，晚上六点关门，星期天休息。",
    "河流把山里的泥沙和石头带到平原，最后流入大海。",
    "蜜蜂从花朵上采集花蜜，同时把花粉从一株植物带到另一株。",
    "如果两个数都是偶数，那么它们的和也是偶数。",
    "火车晚了十分钟离开车站，但还是准时到达了。",
    "铁长时间接触空气和水就会生锈。",
    "他从小学习小提琴，现在每天晚上仍然练习。",
)

_QUESTIONS = (
    ("What is the capital of France?", "The capital of France is Paris."),
    ("How many days are there in a week?", "There are seven days in a week."),
    ("What do plants need to grow?", "Plants need light, water, air and nutrients from the soil."),
    ("What is seven times eight?", "Seven times eight is fifty-six."),
    ("Why do we see lightning before we hear thunder?", "Light travels much faster than sound."),
    ("Translate into Chinese: Good morning.", "早上好。"),
    ("What is the opposite of hot?", "The opposite of hot is cold."),
    ("Which ocean lies between Europe and America?", "The Atlantic Ocean lies between Europe and America."),
    ("中国的首都是哪里？", "中国的首都是北京。"),
    ("一年有多少个月？", "一年有十二个月。"),
    ("植物生长需要什么？", "植物生长需要阳光、水、空气和土壤中的养分。"),
    ("七乘以八等于多少？", "七乘以八等于五十六。"),
    ("为什么我们先看到闪电后听到雷声？", "因为光的传播速度比声音快得多。"),
    ("把这句话翻译成英文：谢谢你。", "Thank you."),
    ("“高”的反义词是什么？", "“高”的反义词是“低”。"),
    ("世界上最高的山峰叫什么名字？", "世界上最高的山峰是珠穆朗玛峰。"),
)

PROBES: tuple[Probe, ...] = (*(Probe("", text) for text in _TEXTS), *(Probe(*pair) for pair in _QUESTIONS))

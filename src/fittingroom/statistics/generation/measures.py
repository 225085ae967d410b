"""Units, sizes and colours of goods, in Chinese and English: which words mean the same."""

from __future__ import annotations

from decimal import Decimal

PRICE = frozenset({"CNY", "USD", "EUR", "GBP", "HKD", "zhe", "percent"})
"""Families that say what something costs: a customer's word is no proof of them."""

_UNITS: dict[tuple[str, str], str] = {
    ("CNY", "1"): "元 块钱 块 圆 人民币 ¥ ￥ rmb cny yuan",
    ("CNY", "0.1"): "角 毛钱",
    ("USD", "1"): "美元 美金 $ us$ usd dollar dollars bucks",
    ("EUR", "1"): "欧元 € eur euro euros",
    ("GBP", "1"): "英镑 £ gbp",
    ("HKD", "1"): "港币 港元 hk$ hkd",
    ("zhe", "1"): "折",
    ("percent", "1"): "% percent",
    ("mm", "1"): "mm 毫米",
    ("mm", "10"): "cm 厘米 公分 centimeter centimeters centimetre centimetres",
    ("mm", "100"): "dm 分米",
    ("mm", "1000"): "m 米 meter meters metre metres",
    ("mm", "1000000"): "km 千米 公里 kilometer kilometers kilometre kilometres",
    ("mm", "25.4"): "inch inches 英寸 寸",
    ("mm", "304.8"): "ft feet foot 英尺",
    ("mg", "1"): "mg 毫克",
    ("mg", "1000"): "g 克 gram grams",
    ("mg", "500000"): "斤 市斤",
    ("mg", "1000000"): "kg 千克 公斤 kilo kilos kilogram kilograms",
    ("mg", "453592.37"): "lb lbs pound pounds 磅",
    ("mg", "28349.523125"): "oz ounce ounces 盎司",
    ("mg", "1000000000"): "吨 ton tons",
    ("ml", "1"): "ml 毫升 milliliter milliliters millilitre millilitres",
    ("ml", "1000"): "l 升 liter liters litre litres",
    ("second", "1"): "秒 秒钟 second seconds sec secs",
    ("second", "60"): "分钟 minute minutes min mins",
    ("second", "3600"): "小时 个小时 钟头 个钟头 hour hours hr hrs h",
    ("second", "86400"): "天 日 day days",
    ("second", "604800"): "周 星期 个星期 礼拜 week weeks",
    ("workday", "1"): "工作日 个工作日 working_day working_days business_day business_days workday workdays",
    ("month", "1"): "个月 月 month months",
    ("month", "12"): "年 year years",
    ("area", "1"): "平方米 平米 ㎡ m² sqm",
    ("watt", "1"): "w 瓦 watt watts",
    ("watt", "1000"): "kw 千瓦",
    ("volt", "1"): "v 伏 volt volts",
    ("mah", "1"): "mah 毫安时 毫安",
    ("mb", "1"): "mb 兆",
    ("mb", "1024"): "gb",
    ("mb", "1048576"): "tb",
    ("degree", "1"): "度 ℃ °c °",
    ("size", "1"): "码 号码 尺码",
    ("count", "1"): (
        "件 条 双 个 只 盒 包 瓶 袋 箱 套 台 张 支 片 粒 次 人 层 种 款 颗 本 块装 "
        "piece pieces pcs item items pack packs box boxes bottle bottles pair pairs unit units time times"
    ),
}
UNITS: dict[str, tuple[str, Decimal]] = {
    name.replace("_", " "): (family, Decimal(factor))
    for (family, factor), names in _UNITS.items()
    for name in names.split()
}
"""Name of a unit, in one width and case -> family, and how much of the family's smallest unit it is."""
SIGNS = ("¥", "￥", "$", "us$", "hk$", "€", "£", "rmb", "cny", "usd", "eur", "gbp")
"""Units that may stand before the number."""

_COLOURS = {
    "red": "红 大红 正红 酒红 枣红 玫红 red crimson burgundy",
    "pink": "粉 粉红 pink",
    "orange": "橙 橘 橘红 orange",
    "yellow": "黄 姜黄 鹅黄 yellow",
    "green": "绿 墨绿 军绿 草绿 green olive",
    "cyan": "青 cyan turquoise teal",
    "blue": "蓝 天蓝 宝蓝 湖蓝 浅蓝 深蓝 blue",
    "navy": "藏青 藏蓝 navy navy_blue",
    "purple": "紫 紫罗兰 purple violet lilac",
    "black": "黑 black",
    "white": "白 米白 乳白 white ivory",
    "grey": "灰 深灰 浅灰 grey gray",
    "brown": "棕 褐 咖啡 brown coffee",
    "beige": "米 杏 beige apricot",
    "khaki": "卡其 驼 khaki camel",
    "silver": "银 silver",
    "gold": "金 香槟 gold golden",
}
COLOURS: dict[str, str] = {word.replace("_", " "): name for name, words in _COLOURS.items() for word in words.split()}
"""A word for a colour (Chinese without 色) -> the colour."""

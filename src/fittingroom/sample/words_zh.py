"""Chinese words of the sample shop. Brands, couriers and people are invented."""

from __future__ import annotations

GARMENTS = (
    "羽绒服 卫衣 衬衫 牛仔裤 连衣裙 风衣 毛衣 睡衣 短裤 半身裙 夹克 打底裤 运动裤 马甲 针织衫 瑜伽裤 "
    "帆布鞋 雪地靴 凉鞋 跑鞋 皮鞋 拖鞋 冲锋衣 泳衣"
).split()
DEVICES = (
    "电饭煲 吹风机 耳机 充电宝 台灯 加湿器 电热水壶 扫地机 电动牙刷 破壁机 空气炸锅 键盘 音箱 手环 "
    "电热毯 剃须刀 取暖器 咖啡机 插线板 暖手宝"
).split()
HOME = "四件套 枕头 窗帘 地毯 保温杯 收纳箱 炒锅 沙发垫 行李箱 双肩包 晾衣架 鞋柜 床垫 雨伞 餐具 面霜 洗发水".split()

PLAIN: dict[str, tuple[str, ...]] = {
    "colour": tuple("黑色 白色 米白 藏青 灰色 粉色 酒红 墨绿 卡其 天蓝 咖色 雾紫".split()),
    "size": tuple("S M L XL XXL 165 170 175 36 37 38 40 42 43".split()),
    "n": tuple("2 3 4 5 6 8 10".split()),
    "day": tuple("昨天 前天 周一 周三 上周 上周末 月初 这个月{date}号 {date}号 前几天 大前天 礼拜二".split()),
    "date": tuple("3 5 7 9 11 12 16 18 20 23 26".split()),
    "days": tuple("两天 三天 四天 五天 一周 好几天 一个礼拜".split()),
    "month": tuple("一个月 俩月 三个月 半年 不到一年 一年多 十几天 一个星期".split()),
    "amount": tuple("59 79 88 99 129 168 199 239 268 299 329 399 459 599".split()),
    "off": tuple("5 10 15 20 30 50".split()),
    "city": tuple("杭州 苏州 成都 武汉 西安 长沙 郑州 青岛 沈阳 南宁 昆明 合肥 贵阳 兰州 太原".split()),
    "place": tuple("乡下 镇上 新疆 学校 公司前台 西藏 海南 小区门口 内蒙 香港".split()),
    "courier": tuple("蓝鸟 迅羽 小骥 飞燕 安途".split()),
    "part": tuple("充电线 盖子 把手 滤网 轮子 遥控器 刀头 拉链头 底座 电源线 支架 内胆".split()),
    "who": tuple("我妈 我爸 老公 媳妇 孩子 同事 室友 我弟 女朋友 婆婆 侄女".split()),
    "size_word": tuple("尺码 码数 大小 号".split()),
    "stuff": tuple("面料 材质 里料 内衬".split()),
    "feature": tuple("蓝牙 快充 定时 无线 静音 童锁 双系统 自动断电 语音控制".split()),
    "festival": tuple("双十一 六一八 年货节 周年庆 开学季 双十二".split()),
    "body": tuple("脖子 手上 脸上 腿上 后背 耳朵".split()),
    "kg": tuple("95 105 110 120 128 135 140 150 165 180".split()),
    "cm": tuple("155 158 160 163 168 172 176 180 185".split()),
    "garment": tuple(GARMENTS),
    "device": tuple(DEVICES),
    "item": tuple(GARMENTS + DEVICES + HOME),
}

OPENERS = "你好 您好 在吗 亲 请问 哈喽 客服 hi 你好呀 打扰一下 那个 咨询一下 诶 老板 想问下 麻烦问下 人工".split()
CLOSERS = (
    "谢谢 麻烦了 急 在线等 辛苦 谢啦 感谢 拜托 快点回 🙏 谢谢亲 等您回复 很急 行吗 好吗 帮忙看看 有人管吗 唉 无语 😭"
).split()
PARTICLES = "啊 呀 呢 哦 哈 嘛 了 诶".split()

TYPOS: tuple[tuple[str, str], ...] = (
    ("什么", "啥么"), ("什么", "神马"), ("怎么", "肿么"), ("怎么", "怎末"), ("已经", "以经"), ("快递", "快弟"), ("快递", "块递"),
    ("订单", "定单"), ("订单", "丁单"), ("退款", "退宽"), ("退货", "退活"), ("换货", "换活"), ("优惠", "优会"), ("地址", "地止"),
    ("在", "再"), ("再", "在"), ("的", "得"), ("到", "道"), ("能", "嫩"), ("收到", "受到"), ("物流", "物留"), ("还", "环"),
    ("帮", "邦"), ("坏了", "坏乐"), ("码", "马"), ("修", "休"), ("颜色", "严色"), ("多少", "多小"), ("便宜", "便易"), ("用", "佣"),
    ("买", "卖"), ("质量", "只量"), ("那", "哪"), ("寄", "记"), ("发货", "发或"), ("时候", "时侯"), ("不", "补"),
)  # fmt: skip
"""Slips of a pinyin keyboard."""

MIXED: tuple[tuple[str, str], ...] = (
    ("退款", "refund"), ("订单", "order"), ("尺码", "size"), ("优惠券", "coupon"), ("地址", "address"), ("取消", "cancel"),
    ("客服", "service"), ("颜色", "color"), ("折扣", "discount"), ("物流", "tracking"), ("耳机", "earbuds"), ("退货", "return"),
    ("保修", "warranty"), ("黑色", "black"), ("白色", "white"), ("谢谢", "thx"), ("你好", "hello"), ("快递", "delivery"),
    ("连衣裙", "dress"), ("换货", "exchange"),
)  # fmt: skip
"""Chinese messages of people who mix in English words."""

SURNAMES = "王 李 张 刘 陈 杨 赵 黄 周 吴 徐 孙 胡 朱 高 林 何 郭 马 罗 梁 宋 郑 谢 韩 唐 冯 于 董 萧 程 曹 袁 邓 许 傅 沈 曾 彭 吕".split()
GIVEN = (
    "伟 芳 娜 敏 静 强 磊 洋 艳 勇 杰 娟 涛 明 超 秀英 霞 平 刚 桂英 建国 志强 海燕 小红 文博 子涵 雨桐 浩然 欣怡 思远 俊杰 "
    "佳琪 梦瑶 晓东 丽华 国栋 雪梅 天佑 可欣 一鸣 嘉懿 振宇 若兰 春生 玉兰"
).split()
DISTRICTS = (
    "浙江省杭州市西湖区 江苏省苏州市吴中区 四川省成都市武侯区 湖北省武汉市洪山区 陕西省西安市雁塔区 湖南省长沙市岳麓区 "
    "河南省郑州市金水区 山东省青岛市市南区 辽宁省沈阳市和平区 云南省昆明市盘龙区 上海市浦东新区 北京市海淀区"
).split()
STREETS = "文三路 人民路 解放大道 学院路 中山北路 建设街 长江西路 和平里大街 新华路 滨河东路 桂花巷 工农路 东风大街".split()
COMPOUNDS = "翠湖花园 阳光小区 金色家园 锦绣苑 教师公寓 龙湖佳苑 梧桐里 春江名邸".split()

BRANDS = "云栖 木棉 栖禾 北岸 拾光 麦屿 橙里 远山 青柚 暖石".split()

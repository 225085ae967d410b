"""The report's words in both languages; a `Text` cannot lack one."""

from __future__ import annotations

from collections.abc import Callable

from fittingroom.reasons import in_chinese
from fittingroom.types import Text

Say = Callable[[str], str]


def speaker(language: str) -> Say:
    """word("key") -> the phrase in that language; an unknown key (a stage of a plugin, say) stands for itself."""

    def say(key: str) -> str:
        text = WORDS.get(key)
        if text is not None:
            return text.say(language)
        return in_chinese(key) if language.startswith("zh") else key

    return say


def _text(en: str, zh: str) -> Text:
    return Text(en=en, zh=zh)


WORDS: dict[str, Text] = {
    # status and verdict
    "running": _text("running", "运行中"),
    "waiting": _text("waiting for a person", "等待人工处理"),
    "passed": _text("passed", "通过"),
    "failed": _text("failed", "未通过"),
    "inconclusive": _text("inconclusive", "无法定论"),
    "interrupted": _text("interrupted", "已中断"),
    "error": _text("error", "出错"),
    "PASS": _text("PASS", "通过"),
    "FAIL": _text("FAIL", "未通过"),
    "INCONCLUSIVE": _text("INCONCLUSIVE", "无法定论"),
    "block": _text("blocks", "阻断"),
    "warn": _text("candidate cause", "疑似原因"),
    "info": _text("note", "提示"),
    # the page
    "stand_in": _text(
        "The base model is nano, the built-in stand-in that lets everything run and be tested anywhere. "
        "Results with it say nothing about real DeepSeek models.",
        "基座模型是内置的替身 nano：它让整个流程在任何机器上都能运行和测试。"
        "用它得到的结果不能说明真实 DeepSeek 模型的任何表现。",
    ),
    "unscored": _text("rows that could not be judged", "无法评判的行"),
    "true_probability": _text("probability of the true label", "真实标签的概率"),
    "rows.look": _text("Rows to look at", "值得查看的数据"),
    "rows.worst": _text(
        "The worst: wrong answers whose true label had the least probability. A wrong label looks like this, too.",
        "最差：答错且真实标签概率最低的行。标签本身有误时也会出现在这里。",
    ),
    "rows.surprising": _text(
        "Surprising: wrong here, right by every baseline that reads the text, the surest first.",
        "意外：本模型答错，而所有读取文本的基线都答对，按置信度从高到低。",
    ),
    "report": _text("Report", "报告"),
    "short": _text("In short", "概要"),
    "scores": _text("Scores", "分数"),
    "gate": _text("Gate", "门禁"),
    "attempts": _text("Attempts", "历次尝试"),
    "attempt": _text("Attempt", "第几次尝试"),
    "road": _text("The road of the data", "数据之路"),
    "findings": _text("Findings", "发现的问题"),
    "errors": _text("Where the model errs", "模型错在哪里"),
    "confusion": _text("Confusion matrix: true labels down, answers across", "混淆矩阵：行为真实标签，列为模型答案"),
    "per_class": _text("By class", "按类别"),
    "calibration": _text("calibration", "校准集"),
    "trust": _text("Is it as sure as it is right?", "置信度是否可信？"),
    "slices": _text("By kind of row", "按数据切片"),
    "reproduce": _text("The same again", "重现本次运行"),
    "recipe": _text("The recipe, every default written out", "完整配方（含全部默认值）"),
    "digests": _text("Digests of what was used", "所用数据与产物的摘要"),
    "versions": _text("Versions of libraries", "软件库版本"),
    "facts": _text("What was measured", "测量结果"),
    # tiles
    "release": _text("release", "上线版本"),
    "none_yet": _text("none", "无"),
    "minutes": _text("minutes", "用时（分钟）"),
    "rows": _text("rows", "行数"),
    "base": _text("base model", "基座模型"),
    "task": _text("task", "任务"),
    "created": _text("made", "生成时间"),
    # metrics
    "accuracy": _text("accuracy", "准确率"),
    "macro_f1": _text("macro F1", "宏平均 F1"),
    "macro_precision": _text("macro precision", "宏平均精确率"),
    "macro_recall": _text("macro recall", "宏平均召回率"),
    "precision": _text("precision", "精确率"),
    "recall": _text("recall", "召回率"),
    "f1": _text("F1", "F1"),
    "support": _text("true rows", "真实行数"),
    "dev": _text("dev", "开发集"),
    "test": _text("test", "测试集"),
    "train": _text("train", "训练集"),
    # contestants
    "model": _text("our model", "本模型"),
    "majority": _text("most frequent answer", "最常见答案"),
    "tfidf": _text("TF-IDF + linear model", "TF-IDF + 线性模型"),
    "untuned": _text("untuned model", "未微调模型"),
    "contestant": _text("contestant", "参评者"),
    "threshold": _text("threshold", "门槛"),
    "interval": _text("95 % interval", "95% 区间"),
    "difference": _text("ours minus this", "本模型减去它"),
    "not_scored": _text("not scored", "未评分"),
    "condition": _text("condition", "条件"),
    "verdict": _text("verdict", "结论"),
    "reason": _text("reason", "理由"),
    # attempts
    "changed": _text("What was changed", "改了什么"),
    "path": _text("setting", "配置项"),
    "before": _text("before", "之前"),
    "after": _text("after", "之后"),
    "expected": _text("Expected", "预期"),
    "came": _text("Came", "结果"),
    "met": _text("as expected", "符合预期"),
    "not_met": _text("less than expected", "未达预期"),
    "cause": _text("Cause", "原因"),
    "first": _text("the recipe as it was written", "按配方原样运行"),
    "blocked": _text("ended before training", "训练前即终止"),
    "loss": _text("Loss", "损失"),
    "train_loss": _text("train", "训练"),
    "step_loss": _text("train, each step", "训练（每步）"),
    "dev_loss": _text("dev", "开发集"),
    "dev_metric": _text("dev", "开发集"),
    "train_metric": _text("train sample", "训练样本"),
    "metric": _text("Score over steps", "分数随步数变化"),
    "best": _text("kept", "保留"),
    "remedy": _text("Remedy", "补救办法"),
    "examples": _text("Examples", "例子"),
    "measured": _text("measured", "测得"),
    "limit": _text("limit", "限度"),
    "stopped": _text("training ended", "训练结束方式"),
    "completed": _text("all steps done", "跑完全部步数"),
    "early_stopping": _text("no more progress on dev", "开发集不再进步"),
    "learnt_by_heart": _text("the training rows are learnt by heart", "训练数据已全部记住"),
    "dead_gradients": _text("no gradient reached the weights", "梯度消失，权重不再变化"),
    "learning_rate": _text("Learning rate", "学习率"),
    "grad_norm": _text("Norm of the gradient", "梯度范数"),
    "tokens_per_second": _text("tokens/s", "词元/秒"),
    "examples_per_second": _text("examples/s", "条/秒"),
    "diverged": _text("the loss ran away", "损失发散"),
    "non_finite": _text("values that are no numbers", "出现非数值"),
    "pruned": _text("ended early: behind the others", "提前结束（落后于其他）"),
    "trial_failed": _text("failed", "失败"),
    # what was found by trying, and how it compares with what happened
    "search": _text("search", "搜索"),
    "trial": _text("each training", "每次训练"),
    "best_so_far": _text("best so far", "目前最好"),
    "proposal": _text("Proposed change", "建议的改动"),
    "no_winner": _text("No training came to its end: nothing is proposed.", "没有一次训练完整结束，因此没有建议。"),
    "range_test": _text("Loss over a rising learning rate", "学习率逐步升高时的损失"),
    "smoothed": _text("smoothed", "平滑后"),
    "chosen": _text("chosen", "所选"),
    "chosen_why": _text("What was chosen for every `auto`, and why", "各项 auto 的取值与理由"),
    "passes": _text("Tokens per second by size of a pass", "各批次规模的每秒词元数"),
    "plan": _text("Plan and what happened", "计划与实际"),
    "planned": _text("planned", "计划"),
    "happened": _text("happened", "实际"),
    "times": _text("times", "倍数"),
    "plan.batch_size": _text("examples per step", "每步样本数"),
    "plan.steps": _text("steps", "步数"),
    "plan.minutes": _text("minutes of training", "训练用时（分钟）"),
    "plan.minutes_of_steps": _text("the same for the steps that were done", "折算到实际步数"),
    "plan.memory_gib": _text("memory, GiB", "内存（GiB）"),
    "plan.tokens_per_second": _text("tokens per second", "每秒词元数"),
    "no_findings": _text("No findings.", "没有发现问题。"),
    # the road
    "stage": _text("stage", "阶段"),
    "in": _text("in", "进入"),
    "kept": _text("kept", "保留"),
    "dropped": _text("dropped", "剔除"),
    "rejected": _text("rejected", "无法读取"),
    "why": _text("why", "原因"),
    "seconds": _text("seconds", "秒"),
    "recalled": _text("recalled", "取自存储"),
    "prepare": _text("prepare: read, clean, redact", "准备：读取、清洗、脱敏"),
    "label": _text("label: merge annotations, settle conflicts", "标注：合并标注、解决冲突"),
    "dedup": _text("dedup: exact and near copies", "去重：完全与近似重复"),
    "split": _text("split: train, dev, calibration, test", "划分：训练、开发、校准、测试"),
    "audit": _text("audit: wrong labels", "审查：错误标签"),
    "balance": _text("balance: train only", "均衡：仅训练集"),
    "configure": _text("configure: plan the training", "配置：规划训练"),
    "package": _text("package: merge and calibrate", "打包：合并与校准"),
    "evaluate.dev": _text("evaluate on dev", "在开发集上评估"),
    "evaluate.test": _text("evaluate on test", "在测试集上评估"),
    "gate.dev": _text("gate on dev", "开发集门禁"),
    "gate.test": _text("gate on test", "测试集门禁"),
    "exact duplicate": _text("exact duplicate", "完全重复"),
    "near duplicate": _text("near duplicate", "近似重复"),
    "copy of a reference row": _text("copy of a reference row", "与参照数据重复"),
    "too short": _text("too short", "过短"),
    "spam": _text("spam", "垃圾信息"),
    "conflicting labels": _text("conflicting labels", "标签冲突"),
    "not labelled": _text("not labelled", "没有标签"),
    "unknown label": _text("unknown label", "未知标签"),
    "annotators disagree": _text("annotators disagree", "标注者意见不一"),
    "rules disagree": _text("rules disagree", "规则互相矛盾"),
    "wrong label": _text("wrong label", "标签错误"),
    "undersampled": _text("undersampled", "欠采样"),
    # slices
    "length": _text("length (characters)", "长度（字符）"),
    "script": _text("script", "文字种类"),
    "source": _text("source", "数据源"),
    "class": _text("true class", "真实类别"),
    "zh": _text("Chinese", "中文"),
    "en": _text("English", "英文"),
    "mixed": _text("mixed", "混合"),
    "other": _text("other", "其他"),
    "kind": _text("kind", "切片"),
    "confidence": _text("confidence", "置信度"),
}

"""Licences of the public weights, and what each asks of a shop. Not legal advice: the full text decides."""

from __future__ import annotations

from dataclasses import dataclass

from fittingroom.types import Text


@dataclass(frozen=True)
class Licence:
    """A licence as the publisher states it."""

    name: str
    limits: Text
    """What it allows and asks for, in a sentence."""


DEEPSEEK = Licence(
    "DeepSeek Model License",
    Text(
        en="commercial use allowed; the use restrictions of its attachment A (nothing unlawful, military or harmful) "
        "go on with every copy and fine-tuned model",
        zh="允许商用；其附件 A 的使用限制（不得用于违法、军事或有害用途）须随每份副本及微调模型一并传递",
    ),
)
_FREE = Text(en="no limits of use; keep the notice", zh="无使用限制；须保留声明")
MIT = Licence("MIT", _FREE)
_FREE_QWEN = Text(
    en="no limits of use; keep both notices (the base model is under Apache-2.0)",
    zh="无使用限制；须保留两份声明（底座模型为 Apache-2.0）",
)
MIT_QWEN2 = Licence("MIT, on Qwen2.5 (Apache-2.0)", _FREE_QWEN)
MIT_QWEN3 = Licence("MIT, on Qwen3 (Apache-2.0)", _FREE_QWEN)


def _llama(version: str) -> Licence:
    return Licence(
        f"MIT, on Llama {version} (its Community License)",
        Text(
            en=f"the Llama {version} licence goes on with copies and fine-tuned models: 'Built with Llama', names that "
            "begin with Llama, its use policy, an own licence above 700 million monthly users",
            zh=f"副本与微调模型须附带 Llama {version} 许可：注明“Built with Llama”、名称以 Llama 开头、"
            "遵守其使用政策；月活超过 7 亿须另行取得许可",
        ),
    )


LLAMA31 = _llama("3.1")
LLAMA33 = _llama("3.3")

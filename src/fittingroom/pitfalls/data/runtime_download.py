"""Something was fetched in the middle of the work.

What goes wrong
    A library looked for a model, a word list or a newer version of itself on the network, or installed a package, while
    data was prepared: a rule, a plugin or a dependency does so at its first call.
Why it hurts
    The same recipe gives another result tomorrow, or none where the network is cut; what is sent out tells who works on
    what, and nobody checked what came in.
How it is detected
    While `prepare` works, names that are looked up, connections to other machines and installers that are started are
    noted (Python's audit events). Hosts that sources name are none. One is enough.
What the remedy does
    Advises to install and fetch beforehand, pin it, and run with the network cut.
Not detected
    What native code opens by itself (the test of the whole road counts that in a network namespace), and other stages.
Source
    PEP 578, Python Runtime Audit Hooks; seen in data-juicer (installs packages during a run), duckdb extensions,
    tldextract, nltk.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from pydantic import Field

from fittingroom.pitfalls.rows import advice
from fittingroom.types import Finding, Frozen, Page, Pitfall, Rows, Severity, Text


class Settings(Frozen):
    """Limits."""

    reached: int = Field(default=0, ge=0)
    """Hosts and installers that may be reached for."""


def detect(rows: Rows, settings: Settings) -> Iterator[Finding]:
    """Fires on the first host or installer."""
    outside: Mapping[str, Mapping[str, int]] = rows.facts.get("outside") or {}
    names = sorted({*outside.get("hosts", {}), *outside.get("installs", {})})
    if len(names) <= settings.reached:
        return
    told = ", ".join(names[:5])
    yield Finding(
        severity=Severity.WARN,
        summary=Text(
            en=f"while data was prepared, something outside was reached for: {told}",
            zh=f"处理数据时访问了外部：{told}",
        ),
        measured={"reached": float(len(names))},
        limits={"reached": float(settings.reached)},
        strength=float(len(names)),
    )


remedy = advice(
    "Install and fetch it beforehand, with a pinned version, and run with the network cut",
    "事先安装或下载并固定版本，断网运行",
)


ZH = Page(
    title="运行途中从外面下载了东西",
    what_goes_wrong="处理数据时，某个库到网上找模型、词表或自己的新版本，或安装了软件包：规则、插件或依赖库在"
    "首次调用时会这样做。",
    why_it_hurts="同一配方明天结果不同，断网的地方则没有结果；发出去的内容透露了谁在做什么，进来的东西没人检查过。",
    how_it_is_detected="`prepare` 工作期间，记下被解析的域名、与其他机器的连接和被启动的安装程序（Python 审计事"
    "件）。数据源写明的主机不算。有一处即为发现。",
    what_the_remedy_does="建议事先安装、下载并固定版本，断网运行。",
    not_detected="本地代码自己打开的连接（全程测试在网络命名空间里统计）；其他阶段。",
    source="PEP 578；见于 data-juicer（运行中安装软件包）、duckdb 扩展、tldextract、nltk。",
)

PITFALL = Pitfall("runtime-download", "prepare", Settings(), detect, remedy, ZH, rank=6)

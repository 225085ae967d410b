"""The test part was looked at more than once.

What goes wrong
    A release is judged on test, something is changed, the next one is judged on the same rows: bit by bit the test part
    becomes a second dev part.
Why it hurts
    The best of several looks is too hopeful, and nothing is left that could tell by how much.
How it is detected
    The workspace writes down which bundles were judged on which test rows: this is the second for the same rows. (The
    third is refused.)
What the remedy does
    Advises to add rows, so that there is a test part that no release has seen.
Not detected
    Looks from outside the workspace: somebody who trains on, or chooses by, the same rows elsewhere.
Source
    Dwork et al., The reusable holdout: Preserving validity in adaptive data analysis, Science 2015; Recht et al., Do
    ImageNet Classifiers Generalize to ImageNet?, arXiv 1902.10811.
"""

from __future__ import annotations

from collections.abc import Iterator

from pydantic import Field

from fittingroom.pitfalls.rows import advice
from fittingroom.types import Finding, Frozen, Opened, Page, Pitfall, Severity, Text


class Settings(Frozen):
    """Limits."""

    bundles: int = Field(default=1, ge=1)
    """Bundles that may be judged on the same test rows."""


def detect(opened: Opened, settings: Settings) -> Iterator[Finding]:
    """Fires on the second bundle that sees the same test rows."""
    if opened.number <= settings.bundles:
        return
    yield Finding(
        severity=Severity.WARN,
        summary=Text(
            en=f"{opened.number} releases have been judged on the same test rows: this score is a little too hopeful",
            zh=f"已有 {opened.number} 个版本在同一批测试数据上评判：分数会略显乐观",
        ),
        measured={"bundles": float(opened.number)},
        limits={"bundles": float(settings.bundles)},
        strength=opened.number / settings.bundles,
    )


remedy = advice(
    "Add rows to the sources (or change the split), so that there is a test part that no release has seen",
    "请向数据源补充新数据（或改变划分），使测试集是任何版本都没见过的",
)


ZH = Page(
    title="测试集被反复打开",
    what_goes_wrong="一个版本在测试集上评判，改一改，下一个又在同一批数据上评判：测试集一点点变成第二个开发集。",
    why_it_hurts="几次中最好的一次偏乐观，而且再没有什么能说明偏了多少。",
    how_it_is_detected="工作区记下了哪些模型包在哪些测试数据上评判过：这是同一批数据上的第二个。（第三个会被拒绝。）",
    what_the_remedy_does="建议补充数据，得到没有任何版本见过的测试集。",
    not_detected="工作区之外的查看：有人在别处用同样的数据训练或挑选。",
    source="Dwork 等，Science 2015；Recht 等，arXiv 1902.10811。",
)

PITFALL = Pitfall("test-opened-often", "release", Settings(), detect, remedy, ZH, rank=65)

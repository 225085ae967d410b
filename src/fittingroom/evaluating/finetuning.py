"""A small classifier, fine-tuned whole: body and linear head, the recipe that papers give for encoders.

AdamW, a tenth of the steps to warm up, then down to zero in a line; gradients clipped at 1; a fixed number of epochs
and no choice among checkpoints, since the part that would choose is the one that is judged (Devlin et al., arXiv
1810.04805; Mosbach et al., arXiv 2006.04884, on why small sets need warm-up and more than one epoch).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from fittingroom.errors import ModelError, UserError
from fittingroom.evaluating.config import TuneConfig
from fittingroom.evaluating.features import Body, batches, deterministic

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor

_WARM_UP = 0.1
_WEIGHT_DECAY = 0.01


def fine_tuned(
    body: Body,
    rows: Sequence[Sequence[int]],
    wanted: Sequence[int],
    asked: Sequence[Sequence[int]],
    config: TuneConfig,
    *,
    seed: int,
    threads: int,
    progress: Callable[[int, int], None],
) -> NDArray[np.int64]:
    """[len(asked)]: the class of each asked row of ids, learnt from `rows` with the classes `wanted`.

    The body's weights are changed. Raises UserError for fewer than two classes, ModelError when the loss leaves the
    numbers.
    """
    import numpy as np
    import torch

    classes = max(wanted, default=-1) + 1
    if len(set(wanted)) < 2:
        raise UserError(
            f"a classifier needs rows of at least two classes, there are {len(rows)} rows of {len(set(wanted))}",
            f"分类器至少需要两个类别的数据，现有 {len(rows)} 行，{len(set(wanted))} 个类别",
        )
    with deterministic(threads), torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        head = torch.nn.Linear(body.width, classes).to(body.where)
        body.module.train()
        _learn(body, head, rows, wanted, config, seed, progress)
        body.module.eval()
        said = np.empty(len(asked), dtype=np.int64)
        with torch.no_grad():
            for batch in batches([len(row) for row in asked]):
                said[batch] = head(body.vectors([asked[at] for at in batch])).argmax(dim=1).cpu().numpy()
    return said


def _learn(
    body: Body,
    head: Callable[[Tensor], Tensor],
    rows: Sequence[Sequence[int]],
    wanted: Sequence[int],
    config: TuneConfig,
    seed: int,
    progress: Callable[[int, int], None],
) -> None:
    import numpy as np
    import torch

    learning = [*body.module.parameters(), *head.parameters()]  # type: ignore[attr-defined]
    learning = [weight for weight in learning if weight.is_floating_point()]
    for weight in learning:
        weight.requires_grad_(True)
    each = -(-len(rows) // config.batch_size)
    total, random = each * config.epochs, np.random.default_rng(seed)
    optimiser = torch.optim.AdamW(learning, lr=config.learning_rate, weight_decay=_WEIGHT_DECAY)
    warm = max(1, round(_WARM_UP * total))
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimiser, lambda step: min((step + 1) / warm, max(0.0, (total - step) / max(1, total - warm)))
    )
    target = torch.tensor(list(wanted), device=body.where)
    for step in range(total):
        if step % each == 0:
            order = random.permutation(len(rows)).tolist()
        batch = order[step % each * config.batch_size : (step % each + 1) * config.batch_size]
        loss = torch.nn.functional.cross_entropy(head(body.vectors([rows[at] for at in batch])), target[batch])
        if not torch.isfinite(loss):
            raise ModelError(
                f"its loss left the numbers at step {step + 1}: set a lower learning_rate for this baseline",
                f"第 {step + 1} 步损失不再是数字：请为该基线设置更低的 learning_rate",
            )
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call,unused-ignore]
        torch.nn.utils.clip_grad_norm_(learning, 1.0)
        optimiser.step()
        schedule.step()
        progress(step + 1, total)

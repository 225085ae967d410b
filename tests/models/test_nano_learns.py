"""Short fine-tuning of the shipped model on a subject and labels that its pretraining never had."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any, Final

import pytest

from fittingroom.models import nano
from fittingroom.models.nano_build.corpus import chat

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

# A town library, in two languages: what does the reader want? Neither subject nor labels occur in the corpus.
CLASSES: Final = {
    "renewal": "{b}能续借吗|想把{b}多留{k}天|{b}快到期了|may I keep {b} for {k} more days|{b} is due, not finished",
    "lost": "{b}找不到了|我把{b}丢在车上了|{b}被水泡坏了，要赔吗|I left {b} on the train|my dog chewed {b}, what now",
    "hours": "周{w}几点开门|节假日开不开|晚上{k}点还能进去吗|are you open on day {w}|may I come in on a holiday",
    "card": "借书证怎么办|证件照要几张|孩子{k}岁能办证吗|how do I join|my child is {k}, may she get a card",
    "noise": "{r}太吵了|有人在{r}大声说话|{r}里有人吃东西|people are shouting in {r}|someone sings in {r}",
    "booking": "{r}还有位子吗|想订{r}，{k}个人|周{w}能用{r}吗|we are {k}, is {r} free|hold {r} for me on day {w}",
}
SLOTS: Final = {
    "b": ("那本地图册", "两本画册", "《山海经》", "这套漫画", "the atlas", "both comics", "the red novel"),
    "r": ("二楼自习室", "影音间", "儿童区", "会议室", "the reading room", "the small studio", "the study corner"),
    "k": tuple("2345678"),
    "w": tuple("123456"),
}
OPENINGS: Final = ("", "", "你好，", "请问，", "hello, ", "那个，", "excuse me, ")
ENDINGS: Final = ("", "", "？", "。", "！", " thanks", "，谢谢")


def _messages(count: int, seed: int) -> list[tuple[str, str]]:
    rng = random.Random(seed)
    rows = []
    for _ in range(count):
        label = rng.choice(list(CLASSES))
        text = rng.choice(CLASSES[label].split("|"))
        for slot, values in SLOTS.items():
            text = text.replace(f"{{{slot}}}", rng.choice(values))
        rows.append((rng.choice(OPENINGS) + text + rng.choice(ENDINGS), label))
    return rows


def _accuracy_after(model: Any, tokenizer: PreTrainedTokenizerFast, steps: int) -> float:
    import torch

    from fittingroom.models.nano_build.pretrain import _encode, _padded, batch_loss

    train, held_out = _messages(600, seed=11), _messages(200, seed=12)
    rows = _encode([chat(text, label) for text, label in train], tokenizer)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    rng = random.Random(3)
    model.train()
    for step in range(steps):
        optimizer.param_groups[0]["lr"] = 1e-3 * min(1.0, (step + 1) / 5) * (1 - step / steps)
        loss = batch_loss(model, _padded(rng.sample(rows, 32), tokenizer.pad_token_id))
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
    model.eval()
    right = 0
    for text, label in held_out:
        prompt = tokenizer.encode(chat(text, label)[0].text, add_special_tokens=False)
        with torch.no_grad():
            said = model(input_ids=torch.tensor([prompt]), use_cache=False).logits[0, -1].argmax()
        right += int(said) == tokenizer.encode(label, add_special_tokens=False)[0]
    return right / len(held_out)


@pytest.fixture
def threads() -> Any:
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.mark.usefixtures("threads")
def test_short_fine_tuning_learns_labels_it_never_saw() -> None:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(nano.nano_path(), local_files_only=True)
    firsts = {tokenizer.encode(label, add_special_tokens=False)[0] for label in CLASSES}
    assert len(firsts) == len(CLASSES), "the first tokens of the labels must tell them apart"
    pretrained = AutoModelForCausalLM.from_pretrained(nano.nano_path(), local_files_only=True)
    assert _accuracy_after(pretrained, tokenizer, steps=36) >= 0.8

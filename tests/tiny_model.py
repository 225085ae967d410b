"""A random DeepSeek-V3 model of a few thousand weights with a tokenizer of its own, for tests that need any model at
all.
"""

from __future__ import annotations

import atexit
import functools
import shutil
import tempfile
from pathlib import Path

CHAT_TEMPLATE = (
    "{{ bos_token }}{% for m in messages %}{% if m['role'] == 'system' %}{{ m['content'] }}{% endif %}{% endfor %}"
    "{% for m in messages %}{% if m['role'] == 'user' %}{{ '<｜User｜>' + m['content'] }}"
    "{% elif m['role'] == 'assistant' %}{{ '<｜Assistant｜>' + m['content'] + eos_token }}{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<｜Assistant｜>' }}{% endif %}"
)
MARKS = ["<｜begin▁of▁sentence｜>", "<｜end▁of▁sentence｜>", "<｜▁pad▁｜>", "<｜User｜>", "<｜Assistant｜>"]
TEXT = (
    "the parcel arrived late and the box was broken; refund please. good quality, fast delivery, thank you! "
    "质量很好,物流很快,谢谢店家。 包裹破损,要求退款。 where is my order? 我的订单在哪里? size colour price "
    "尺码 颜色 价格 "
)


@functools.cache
def tiny_folder(template: str = CHAT_TEMPLATE) -> Path:
    """The model's folder; made once per process and chat template, removed at exit."""
    import torch
    from transformers import DeepseekV3Config, DeepseekV3ForCausalLM, PreTrainedTokenizerFast

    folder = Path(tempfile.mkdtemp(prefix="tiny-model-"))
    atexit.register(shutil.rmtree, folder, True)
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=_tokenizer(), bos_token=MARKS[0], eos_token=MARKS[1], pad_token=MARKS[2]
    )
    tokenizer.chat_template = template
    tokenizer.save_pretrained(folder)
    torch.manual_seed(11)
    config = DeepseekV3Config(
        vocab_size=len(tokenizer), hidden_size=32, intermediate_size=64, moe_intermediate_size=16, num_hidden_layers=2,
        num_attention_heads=2, num_key_value_heads=2, n_routed_experts=4, num_experts_per_tok=2, n_shared_experts=1,
        n_group=1, topk_group=1, first_k_dense_replace=1, kv_lora_rank=16, q_lora_rank=16, qk_rope_head_dim=8,
        qk_nope_head_dim=8, v_head_dim=8, head_dim=8, max_position_embeddings=512, bos_token_id=0, eos_token_id=1,
        pad_token_id=2, initializer_range=0.2, rope_theta=10000.0,
    )  # fmt: skip
    DeepseekV3ForCausalLM(config).save_pretrained(folder)
    return folder


def _tokenizer() -> object:
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, trainers

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=600,
        special_tokens=MARKS[:3],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator([TEXT], trainer)
    # As DeepSeek has it: the marks of the roles are added tokens, but not "special" ones.
    tokenizer.add_tokens([AddedToken(mark, normalized=False, special=False) for mark in MARKS[3:]])
    return tokenizer

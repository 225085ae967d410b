"""BLEU and chrF are sacrebleu's, ROUGE-L is rouge-score's on the same words, and Chinese counts."""

from __future__ import annotations

import random

import pytest

from fittingroom.statistics.generation.overlap import bleu, chrf, corpus_bleu, exact_match, rouge_l, token_f1
from fittingroom.statistics.generation.tokens import tokens

WANTED = [
    "亲，退货请在七天内申请，运费由我们承担哦",
    "您好，订单一般48小时内发货",
    "You can return it within 7 days, and we pay the postage.",
    "Your parcel left our warehouse yesterday.",
    "USB3.0 接口的这一款支持 65W 快充",
]
SAID = [
    "亲，七天内可以申请退货，运费我们承担",
    "您好，订单一般48小时内发货",
    "You can return it within 30 days.",
    "好的",
    "这一款支持65W快充，接口为USB3.0",
]


def test_bleu_and_chrf_per_row_are_those_of_sacrebleu_itself() -> None:
    import sacrebleu

    for said, wanted in zip(SAID, WANTED, strict=True):
        theirs = sacrebleu.sentence_bleu(said, [wanted], tokenize="zh", use_effective_order=True)
        assert bleu(said, wanted) == pytest.approx(theirs.score / 100, abs=1e-12)
        assert chrf(said, wanted) == pytest.approx(sacrebleu.sentence_chrf(said, [wanted]).score / 100, abs=1e-12)
    assert corpus_bleu(SAID, WANTED) == pytest.approx(
        sacrebleu.corpus_bleu(SAID, [WANTED], tokenize="zh").score / 100, abs=1e-12
    )
    assert 0 < corpus_bleu(SAID, WANTED) < 1


def test_rouge_l_is_that_of_rouge_score_on_the_same_words() -> None:
    from rouge_score.rouge_scorer import RougeScorer

    class Words:
        def tokenize(self, text: str) -> list[str]:
            return tokens(text)

    scorer = RougeScorer(["rougeL"], tokenizer=Words())
    draw = random.Random(5)
    signs = "天地人 和退货 72小时 a b c the parcel 7 days，。"
    made = ["".join(draw.choices(signs, k=draw.randint(1, 60))) for _ in range(200)]
    pairs = [*zip(SAID, WANTED, strict=True), *zip(made[::2], made[1::2], strict=True)]
    for said, wanted in pairs:
        assert rouge_l(said, wanted) == pytest.approx(scorer.score(wanted, said)["rougeL"].fmeasure, abs=1e-12)


def test_the_usual_package_drops_chinese_which_is_why_ours_is_ours() -> None:
    from rouge_score.rouge_scorer import RougeScorer

    assert RougeScorer(["rougeL"]).score(WANTED[0], WANTED[0])["rougeL"].fmeasure == 0.0
    assert rouge_l(WANTED[0], WANTED[0]) == 1.0


def test_exact_match_and_token_f1_are_blind_for_width_case_and_punctuation_only() -> None:
    assert exact_match("４８小时。", "48小时") == 1.0
    assert exact_match("In Stock!", "in stock") == 1.0
    assert exact_match("24小时", "48小时") == 0.0
    assert exact_match("", "。") == 0.0
    # 现货 of 有现货: two words shared of two and three.
    assert token_f1("现货", "有现货") == pytest.approx(4 / 5)
    assert token_f1("red red", "red") == pytest.approx(2 / 3)  # as often as the other says it, not more


def test_an_answer_without_a_word_has_nothing_in_common_with_any() -> None:
    for score in (rouge_l, bleu, chrf, exact_match, token_f1):
        assert score("", WANTED[0]) == 0.0
        assert score(" 。\n", WANTED[0]) == pytest.approx(0.0, abs=0.05)
    assert corpus_bleu([], []) == 0.0

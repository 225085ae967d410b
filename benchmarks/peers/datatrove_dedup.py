"""datatrove's side of the dedup benchmark, run by its own Python: `python datatrove_dedup.py IN OUT WORK`.

Its four MinHash steps with characters as words, which is how Chinese is done without a model: 5-grams, 18 buckets of 7
(threshold 0.7 in its own formula). Numbers are not made equal, because no other side does that.
"""

import sys

from datatrove.executor import LocalPipelineExecutor
from datatrove.pipeline.dedup import MinhashDedupCluster, MinhashDedupFilter, MinhashDedupSignature, minhash
from datatrove.pipeline.dedup.minhash import MinhashConfig, MinhashDedupBuckets
from datatrove.pipeline.readers import JsonlReader
from datatrove.pipeline.writers import JsonlWriter
from datatrove.utils.hashing import HashConfig
from datatrove.utils.text import TextNormConfig
from datatrove.utils.word_tokenizers import WordTokenizer


class Characters(WordTokenizer):
    """Every character is a word; spaces are none."""

    def word_tokenize(self, text: str) -> list[str]:
        return [character for character in text if not character.isspace()]

    def sent_tokenize(self, text: str) -> list[str]:
        return [text]

    def span_tokenize(self, text: str) -> list[tuple[int, int]]:
        return [(0, len(text))]


def main() -> None:
    source, out, work = sys.argv[1:4]
    config = MinhashConfig(
        n_grams=5,
        num_buckets=18,
        hashes_per_bucket=7,
        hash_config=HashConfig(precision=64),
        norm_config=TextNormConfig(norm_numbers=False),
    )
    # The step asks for a tokenizer by language, and has none for characters.
    minhash.load_word_tokenizer = lambda _: Characters()
    signature = MinhashDedupSignature(output_folder=f"{work}/signatures", config=config)
    steps = [
        ([JsonlReader(source, text_key="text", id_key="id"), signature], 1),
        ([MinhashDedupBuckets(f"{work}/signatures", f"{work}/buckets", config=config)], config.num_buckets),
        ([MinhashDedupCluster(f"{work}/buckets", f"{work}/remove", config=config)], 1),
        (
            [
                JsonlReader(source, text_key="text", id_key="id"),
                MinhashDedupFilter(f"{work}/remove"),
                JsonlWriter(out, output_filename="${rank}.jsonl", compression=None),
            ],
            1,
        ),
    ]
    for number, (pipeline, tasks) in enumerate(steps):
        LocalPipelineExecutor(pipeline=pipeline, tasks=tasks, workers=1, logging_dir=f"{work}/logs/{number}").run()


if __name__ == "__main__":
    main()

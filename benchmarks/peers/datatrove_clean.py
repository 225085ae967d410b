"""datatrove's side of the cleaning benchmark, run by its own Python: `python datatrove_clean.py IN OUT LOGS`.

Its reader, its ftfy and PII formatters and its writer; HTML, links and spaces as its users write them.
"""

import re
import sys

from datatrove.executor import LocalPipelineExecutor
from datatrove.pipeline.formatters import FTFYFormatter, PIIFormatter
from datatrove.pipeline.formatters.base import BaseFormatter
from datatrove.pipeline.readers import JsonlReader
from datatrove.pipeline.writers import JsonlWriter
from selectolax.lexbor import LexborHTMLParser

LINK = re.compile(r"(?:https?://|www\.)[^\s<>\"'，。！？；：、（）]+", re.IGNORECASE)
SPACES = re.compile(r"\s+")


class WithoutHtml(BaseFormatter):
    name = "HTML"

    def format(self, text: str) -> str:
        return LexborHTMLParser(text).text()


class WithoutLinks(BaseFormatter):
    name = "links"

    def format(self, text: str) -> str:
        return LINK.sub("[URL]", text)


class TidySpaces(BaseFormatter):
    name = "spaces"

    def format(self, text: str) -> str:
        return SPACES.sub(" ", text).strip()


def main() -> None:
    source, out, logs = sys.argv[1:4]
    pipeline = [
        JsonlReader(source, text_key="text", id_key="id"),
        FTFYFormatter(),
        WithoutHtml(),
        WithoutLinks(),
        PIIFormatter(remove_ips=False, email_replacement="[EMAIL]"),
        TidySpaces(),
        JsonlWriter(out, output_filename="${rank}.jsonl", compression=None),
    ]
    LocalPipelineExecutor(pipeline=pipeline, tasks=1, workers=1, logging_dir=logs).run()


if __name__ == "__main__":
    main()

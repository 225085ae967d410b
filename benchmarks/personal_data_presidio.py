"""The peer of `personal_data.py`, run by the Python of its own environment: texts in, spans out.

presidio-analyzer with its own recognisers by pattern, context and check digit. Its recogniser of persons and places
needs a spaCy model, which is a download of its own: named by SPACY_MODEL if one is installed, else a blank pipeline
stands in, and PERSON and LOCATION are not looked for. No connection is opened.
"""

from __future__ import annotations

import json
import socket
import sys
import time
from typing import Any

THRESHOLD = 0.4


def _refuse(*given: Any, **more: Any) -> Any:
    raise OSError("no network here")


socket.socket.connect = _refuse  # type: ignore[method-assign]

import spacy  # noqa: E402
from presidio_analyzer import AnalyzerEngine, RecognizerRegistry  # noqa: E402
from presidio_analyzer.nlp_engine import SpacyNlpEngine  # noqa: E402
from presidio_analyzer.predefined_recognizers import PhoneRecognizer  # noqa: E402

ENTITIES = ["EMAIL_ADDRESS", "PHONE_NUMBER", "CREDIT_CARD", "IBAN_CODE", "IP_ADDRESS", "US_SSN"]
REGIONS = {"en": ["US", "GB", "DE", "FR", "IL", "IN", "CA", "BR"], "zh": ["CN", "HK", "TW", "MO"]}


class Blank(SpacyNlpEngine):  # type: ignore[misc]
    """Tokens only."""

    def __init__(self, language: str) -> None:
        super().__init__()
        self.nlp = {language: spacy.blank(language)}


def main() -> None:
    """Read {language, texts}; write {version, seconds, found: [[type, start, end], …] per text}."""
    asked = json.load(sys.stdin)
    language = asked["language"]
    registry = RecognizerRegistry(supported_languages=[language])
    registry.load_predefined_recognizers(languages=[language])
    registry.remove_recognizer("PhoneRecognizer")
    registry.add_recognizer(PhoneRecognizer(supported_language=language, supported_regions=REGIONS[language]))
    engine = AnalyzerEngine(registry=registry, nlp_engine=Blank(language), supported_languages=[language])
    wanted = [name for name in ENTITIES if name in engine.get_supported_entities(language)]
    engine.analyze(text="warm up 1", language=language, entities=wanted)
    started = time.process_time()
    found = [
        [
            [one.entity_type, one.start, one.end]
            for one in engine.analyze(text=text, language=language, entities=wanted, score_threshold=THRESHOLD)
        ]
        for text in asked["texts"]
    ]
    seconds = time.process_time() - started
    from importlib.metadata import version

    json.dump(
        {
            "version": version("presidio-analyzer"), "spacy": version("spacy"), "entities": wanted, "seconds": seconds,
            "found": found,
        },
        sys.stdout,
    )  # fmt: skip


if __name__ == "__main__":
    main()

from __future__ import annotations

import json
import os
import sqlite3
import stat
import subprocess
import sys
from collections import Counter
from pathlib import Path
from random import Random
from typing import Any

import pytest
import yaml
from pydantic import TypeAdapter

from fittingroom.errors import UserError
from fittingroom.sample import dialogues, shop
from fittingroom.sample.truth import Truth
from fittingroom.sources.config import SourceConfig
from fittingroom.tasks.config import TaskConfig
from fittingroom.text.similarity import match_key, near_pairs

MESSAGES = """
select c.conversation_id, c.customer_id, c.created_at, c.intent, t.text from conversations c
join turns t on t.conversation_id = c.conversation_id and t.position = 1
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("shop")
    shop.write_sample(path)
    return path


@pytest.fixture(scope="module")
def truth(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "truth.json").read_text(encoding="utf-8"))
    return found


def rows(folder: Path, query: str) -> list[tuple[Any, ...]]:
    connection = sqlite3.connect(folder / "shop.db")
    try:
        return connection.execute(query).fetchall()
    finally:
        connection.close()


def contents(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = {path.name: path.read_bytes() for path in folder.iterdir() if path.suffix != ".db"}
    connection = sqlite3.connect(folder / "shop.db")
    found["shop.db"] = list(connection.iterdump())
    connection.close()
    return found


def test_same_seed_same_shop(tmp_path: Path) -> None:
    script = (
        "import sys; from pathlib import Path; from fittingroom.sample import shop; "
        "shop.MESSAGES, shop.REVIEWS, shop.MENTIONS = 300, 120, 30; "
        "shop.write_sample(Path(sys.argv[1]), int(sys.argv[2]))"
    )
    for name, seed, hashing in (("one", 7, "1"), ("again", 7, "2"), ("other", 8, "1")):
        environment = {**os.environ, "PYTHONHASHSEED": hashing}
        subprocess.run([sys.executable, "-c", script, str(tmp_path / name), str(seed)], check=True, env=environment)
    one, again, other = (contents(tmp_path / name) for name in ("one", "again", "other"))
    assert one == again
    assert all(one[name] != other[name] for name in one)


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    (tmp_path / "recipe.yaml").write_text("mine")
    with pytest.raises(UserError, match="is there already"):
        shop.write_sample(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["recipe.yaml"]


def test_recipes_fit_the_contract_and_the_database(folder: Path) -> None:
    sources = TypeAdapter(list[SourceConfig])
    for name, kinds in (
        ("recipe.yaml", ["sql", "sql", "social", "sql", "weblog"]),
        ("recipe-reviews.yaml", ["sql"] * 2),
    ):
        recipe = yaml.safe_load((folder / name).read_text(encoding="utf-8"))
        assert [source.kind for source in sources.validate_python(recipe["sources"])] == kinds
        TaskConfig.model_validate(recipe["task"])
        train = recipe["train"]
        assert (train["learning_rate"], train["batch_size"], train["epochs"]) == (1e-4, 32, 10)
        for source in recipe["sources"]:
            if source["kind"] == "sql":
                found = rows(folder, source.get("query") or f"select * from {source['table']}")
                assert found


def test_the_key_is_private_to_its_owner(folder: Path) -> None:
    assert stat.S_IMODE((folder / ".env").stat().st_mode) == 0o600
    assert "sample shop only" in (folder / ".env").read_text(encoding="utf-8")


def test_enough_rows_of_every_intent(folder: Path, truth: dict[str, Any]) -> None:
    found = rows(folder, MESSAGES)
    classes = Counter(row[3] for row in found)
    assert set(classes) == set(dialogues.INTENTS)
    share = classes["hazard"] / len(found)
    assert 0.02 < share < 0.04
    planted = truth["sources"]["messages"]["planted"]
    gone = sum(len(planted[kind]) for kind in ("exact_duplicate", "near_duplicate", "spam"))
    left = len(found) - gone - 3 * len(planted["conflicting_label"])
    assert left * 0.16 >= 400
    assert left * 0.62 >= 1500


def test_truth_is_about_these_rows(folder: Path, truth: dict[str, Any]) -> None:
    for name, query, places in (
        ("messages", MESSAGES, (0, 3, 4)),
        ("reviews", "select review_id, sentiment, review from reviews", (0, 1, 2)),
    ):
        told = Truth.model_validate(truth["sources"][name])
        key, label, text = places
        stored = {str(row[key]): (row[label], row[text]) for row in rows(folder, query)}
        assert set(told.labels) == set(stored)
        for one in told.planted["exact_duplicate"]:
            assert stored[one.key] == stored[one.twin]
        for one in told.planted["wrong_label"]:
            assert stored[one.key][0] == one.given != one.right
        for one in told.planted["control_token"]:
            assert one.gone[0] in stored[one.key][1]


def test_broken_lines_are_where_the_truth_says(folder: Path, truth: dict[str, Any]) -> None:
    lines = (folder / "mentions.jsonl").read_text(encoding="utf-8").splitlines()
    told = truth["sources"]["mentions"]
    broken = []
    for number, line in enumerate(lines, start=1):
        try:
            json.loads(line)
        except json.JSONDecodeError:
            broken.append(number)
    assert broken == told["broken_lines"] != []
    assert len(lines) == told["lines"]
    log = (folder / "access.log").read_text(encoding="utf-8").splitlines()
    told = truth["sources"]["log"]
    assert len(log) == told["lines"]
    well_formed = [line.count('"') == 6 and line.split('"')[2].split()[0].isdigit() for line in log]
    assert [number for number, good in enumerate(well_formed, start=1) if not good] == told["broken_lines"] != []


def test_a_part_of_the_rows_has_several_annotators(folder: Path) -> None:
    for table, key in (("message_annotations", "conversation_id"), ("review_annotations", "review_id")):
        votes = Counter(row[0] for row in rows(folder, f"select {key} from {table}"))
        assert len(votes) > 300
        assert set(votes.values()) == {2, 3, 4}


def test_nothing_but_the_measuring_knows_the_truth() -> None:
    package = Path(shop.__file__).parent.parent
    for path in package.rglob("*.py"):
        if path.parent.name != "sample":
            text = path.read_text(encoding="utf-8")
            assert "truth.json" not in text, path
            assert not any(f"sample.{name}" in text for name in ("truth", "check", "road", "tally")), path


def test_messages_are_short_and_bilingual() -> None:
    messages = dialogues.write_messages(1000, Random(1))
    chinese = sorted(len(one.text) for one in messages if one.language == "zh")
    english = sorted(len(one.text.split()) for one in messages if one.language == "en")
    assert len(chinese) > 500
    assert len(english) > 250
    assert chinese[int(0.9 * len(chinese))] <= 24
    assert english[int(0.9 * len(english))] <= 16


def test_no_two_messages_are_near_copies() -> None:
    messages = dialogues.write_messages(1500, Random(2))
    keys = [match_key(one.text) for one in messages]
    assert len(set(keys)) == len(keys)
    assert not near_pairs(keys, 0.61)


def keyword_guesses(messages: list[dialogues.Message], labels: Any, seen: int) -> Any:
    """The best single word of each class and language, taken from the first `seen` messages, on the others."""
    import numpy as np
    from sklearn.feature_extraction.text import CountVectorizer

    guessed = np.full(len(messages), "delivery", dtype=object)
    for language, options in (
        ("zh", {"analyzer": "char", "ngram_range": (1, 4)}),
        ("en", {"ngram_range": (1, 2), "token_pattern": r"[\w']+"}),
    ):
        own = np.array([index for index, one in enumerate(messages) if one.language == language])
        train, new = own[own < seen], own[own >= seen]
        words = CountVectorizer(binary=True, min_df=3, **options)
        has = words.fit_transform([messages[index].text for index in train]).tocsc()
        holds = words.transform([messages[index].text for index in new]).toarray()
        rules = []
        for name in dialogues.INTENTS:
            right = (labels[train] == name).astype(float)
            hits, every = has.T @ right, np.asarray(has.sum(axis=0)).ravel()
            f1 = np.where(hits / every >= 0.35, 2 * hits / (every + right.sum()), 0)
            best = int(f1.argmax())
            rules.append((hits[best] / every[best], name, best))
        for _, name, best in sorted(rules):
            guessed[new[holds[:, best] > 0]] = name
    return guessed[seen:]


def test_intents_need_more_than_a_keyword_and_less_than_magic() -> None:
    """The best keyword of each class stays far below a linear model, which itself is neither lost nor perfect."""
    import numpy as np
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.metrics import f1_score
    from sklearn.svm import LinearSVC

    messages = dialogues.write_messages(2600, Random(7))
    texts, labels = [one.text for one in messages], np.array([one.intent for one in messages])
    seen = 1900
    model = TfidfVectorizer(analyzer="char", ngram_range=(1, 3), sublinear_tf=True)
    fitted = LinearSVC(random_state=0).fit(model.fit_transform(texts[:seen]), labels[:seen])
    linear = f1_score(labels[seen:], fitted.predict(model.transform(texts[seen:])), average="macro")
    keyword = f1_score(labels[seen:], keyword_guesses(messages, labels, seen), average="macro")
    assert 0.75 < linear < 0.93
    assert 0.2 < keyword < linear - 0.3

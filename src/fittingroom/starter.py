"""The recipe that `fittingroom init` writes when there is no sample: every key that people change, explained."""

RECIPE_TEXT = """\
# A recipe of fittingroom. Every key has a default except `task` and `sources`.
# 配方:除 task 与 sources 外,每个键都有默认值。
name: my-shop
seed: 7

task:
  kind: classify            # one label out of a closed set / 在固定标签集中选一个
  input: [text]             # fields that the model is given / 模型看到的字段
  target: label             # field with the wanted answer / 期望的答案字段

sources:                    # sql | csv | jsonl | parquet | weblog | social
  - kind: csv
    path: examples.csv
    key: id                 # primary key / 主键
    # group: customer_id    # customer or conversation; keeps a person in one part / 客户或会话,避免跨集泄漏
    # time: created_at

prepare: {clean: {}, redact: {}}
split: {dev: 0.1, calibration: 0.05, test: 0.15}
model: {base: nano}         # nano | a local folder | a hub id | modelscope:org/name
train: {method: full, learning_rate: auto, batch_size: auto, epochs: auto}
evaluate: {baselines: [majority, tfidf, untuned]}
gate: {metric: macro_f1, at_least: 0.8, better_than: [majority, untuned]}
adapt: {max_attempts: 4, max_minutes: 60}
"""

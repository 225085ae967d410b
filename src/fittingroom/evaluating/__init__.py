"""Evaluating: one judge per kind of answer, and the baselines that each of them sets our model beside.

    config.py      the section `evaluate`; which baselines a job can be set beside
    setting.py     what a judge or a baseline may use
    closed.py      one label of a closed set: accuracy, macro averages, confusion, calibration
    generated.py   free text (`reply`, `copywrite`): means over rows
    ranked.py      a ranking (`recommend`): means over rows
    baselines/     one small file each

A judge is `judge(setting: Setting) -> EvalReport`; `judges.py` knows which one a job has. A judge of free or of ranked
answers gives every metric of its job as a number per row (NaN where the metric does not apply to the row) and lets
`statistics.means` make of them intervals (`bootstrap_means`) and paired differences to a baseline (`paired_means`), all
on the same `Resamples`. It leaves `labels` and `confusion` empty, puts a row per judged row into `predictions` (`id`,
`group`, what was wanted, what was said, a column per metric, a column per baseline), and tells under `facts` what a
person or a detector should know beside the scores: `groups`, `replicates`, `part_digest`, `train_rows`,
`baseline_rows`, `slices` (see `statistics.judging`), `truncated`. What all jobs share (forgetting, latency, the former
champion's name) is added by the stage, not by the judges.
"""

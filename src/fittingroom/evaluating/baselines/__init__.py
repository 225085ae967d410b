"""Baselines of closed sets, one small file each: `answers(judge, setting, train) -> Answers`."""

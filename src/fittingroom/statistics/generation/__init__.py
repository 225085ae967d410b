"""How good a free answer is: one value in [0, 1] per row and metric, higher is better.

So means can be bootstrapped over groups. Pure functions of texts; an answer without a word scores 0 everywhere, which
is seen to where they are put together (`fittingroom.evaluating`).
"""

"""How the built-in model `nano` is made: its tokenizer, the corpus of our own text, and the pretraining run."""

"""A stand-in for torchaudio: LLaMA-Factory imports it and calls it on sound alone; the real one asks for CUDA."""


def load(*arguments, **options):
    raise RuntimeError("this torchaudio stands in for the real one and reads no sound")

"""Property tests have no time limit a single example: a busy machine is not a broken rule."""

from hypothesis import settings

settings.register_profile("unhurried", deadline=None)
settings.load_profile("unhurried")

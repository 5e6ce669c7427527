"""For the whole suite: Hypothesis sets no deadline, a slow machine proves nothing of the code."""

from hypothesis import settings

settings.register_profile("house", deadline=None)
settings.load_profile("house")

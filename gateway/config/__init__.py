"""`portcullis.yaml`: found, read, checked and turned into frozen values, once, at start.

Rule: every fault is reported in one go, each with the path of its key; nothing is guessed.
"""

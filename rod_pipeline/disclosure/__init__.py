"""Disclosure control: which counts may leave, and the proof that those that stay behind can't be worked out."""

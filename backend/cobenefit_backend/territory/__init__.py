"""Figures and targets that territories have published: for scale, beside what was measured."""

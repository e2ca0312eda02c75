"""Whole transactions, genuine and attacked, composed of recordings of people."""

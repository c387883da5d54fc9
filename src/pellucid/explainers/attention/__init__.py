"""Attention drawn on an image: offered, to be shown beside a score of its faithfulness."""

"""Modalities beside text: readers of pictures and sounds, and towers that make vectors of them."""

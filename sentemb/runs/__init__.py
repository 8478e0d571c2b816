"""Runs that survive: checkpoints, resuming, output folders, signals, processes, memory and disk.

They know neither a method nor a classifier: training and fine-tuning share them.
"""

"""Engines run one function over chunks and hand the results back in order. They know nothing else."""

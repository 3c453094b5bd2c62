"""Numbers every contender draws alike: the generator of bench/inputs.ts, all states at once."""

import json
import math
import os

import numpy as np
import torch

SIZES = json.loads(os.environ["BENCH_SIZES"])
GPU = SIZES["gpu"]
LR = SIZES["learningRate"]
CHECKED = SIZES["checkedSteps"]


def uniform(count, seed, scale=1.0):
    start = np.uint32((seed * 2654435761 + 12345) % 2**32)
    factor = np.cumprod(np.full(count, 1664525, np.uint32), dtype=np.uint32)
    # state_n = a^n start + c (a^(n-1) + … + 1)
    powers = np.concatenate([np.ones(1, np.uint32), factor[:-1]])
    offset = np.cumsum(powers, dtype=np.uint32) * np.uint32(1013904223)
    state = (factor * start + offset).astype(np.int32)
    return torch.from_numpy((state.astype(np.float64) / 2**31 * scale).astype(np.float32))


def classes(count, seed, total):
    return torch.floor((uniform(count, seed).double() + 1) / 2 * total).long()


def array(shape, seed, scale=1.0):
    return uniform(math.prod(shape), seed, scale).reshape(tuple(shape))


def rms(x):
    return float(x.float().square().mean().sqrt())


def seeded(parameters, seed=100):
    """Weights as every contender draws them: parameters in the order of the modules."""
    for i, (name, p) in enumerate(parameters):
        with torch.no_grad():
            if name.endswith("bias"):
                p.zero_()
            elif p.dim() >= 2:
                p.copy_(array(p.shape, seed + i, 1 / math.sqrt(math.prod(p.shape[1:]))))

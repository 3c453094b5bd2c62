"""The rows by name; each gives (run, check) for a variant on a device."""

import torch

import kernels
import models
import steps
from numbers_alike import GPU

torch.set_float32_matmul_precision("highest")

ROWS = {
    "copy": kernels.copy,
    "elementwise": kernels.elementwise,
    "softmax": kernels.softmax,
    "layer norm": kernels.layer_norm,
    "layer norm backward": kernels.layer_norm_backward,
    "upsample x2": kernels.upsample,
    "adamw": kernels.adamw,
    "matmul 4096 bf16": kernels.matmul(GPU["matmul"][0], torch.bfloat16),
    "matmul 8192 bf16": kernels.matmul(GPU["matmul"][1], torch.bfloat16),
    "matmul 4096 f32": kernels.matmul(GPU["matmul"][0], torch.float32),
    "replay": kernels.replay,
    "mlp step": steps.mlp,
    "cnn step": steps.cnn,
    "ddpg update": steps.ddpg,
    "gpt step": steps.gpt,
    **{f"gpt2 {b}": models.gpt2(n) for b, n in zip(("B16", "B32", "B64"), GPU["gpt2Batches"])},
    **{f"resnet50 {b}": models.resnet50(n) for b, n in zip(("64", "256"), GPU["resnetBatches"])},
}


def make(row, variant, device):
    torch._dynamo.reset()
    return ROWS[row](variant, device)

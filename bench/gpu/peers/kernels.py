"""Single operations: each makes (run, check) for a variant on a device."""

import torch
import torch.nn.functional as F

from numbers_alike import CHECKED, GPU, LR, array, rms


def compiled(fn, variant):
    return torch.compile(fn, dynamic=False) if variant == "compile" else fn


def function(fn, variant, device, *inputs):
    fn = compiled(fn, variant)
    inputs = [x.to(device) for x in inputs]

    def run():
        with torch.inference_mode():
            return fn(*inputs)

    return run, lambda: rms(run())


def copy(_variant, device):
    source, target = (torch.rand(GPU["copy"], device=device) for _ in range(2))
    return (lambda: target.copy_(source)), (lambda: 0.0)


def elementwise(variant, device):
    chain = lambda x: torch.relu(x * 1.5 + 0.3).square()
    return function(chain, variant, device, array([GPU["elementwise"]], 1))


def softmax(variant, device):
    return function(lambda x: torch.softmax(x, -1), variant, device, array(GPU["rows"], 1, 4.0))


def norm_inputs():
    width = GPU["rows"][1]
    return array(GPU["rows"], 1, 4.0), array([width], 2), array([width], 3)


def layer_norm(variant, device):
    norm = lambda x, w, b: F.layer_norm(x, (GPU["rows"][1],), w, b)
    return function(norm, variant, device, *norm_inputs())


def layer_norm_backward(variant, device):
    norm = compiled(lambda x, w, b: F.layer_norm(x, (GPU["rows"][1],), w, b), variant)
    inputs = [x.to(device).requires_grad_() for x in norm_inputs()]
    cotangent = array(GPU["rows"], 4).to(device)

    def run():
        y = norm(*inputs)
        return [y, *torch.autograd.grad(y, inputs, cotangent)]

    return run, lambda: sum(rms(result.detach()) for result in run())


def upsample(variant, device):
    twice = lambda x: F.interpolate(x, scale_factor=2, mode="bilinear")
    return function(twice, variant, device, array(GPU["upsample"], 1))


def gpt2_shapes():
    s = GPU["gpt2"]
    w = s["width"]
    block = [[w], [w], [3 * w, w], [3 * w], [w, w], [w], [w], [w], [4 * w, w], [4 * w], [w, 4 * w], [w]]
    return [[s["vocab"], w], [s["length"], w], *(block * s["layers"]), [w], [w]]


def adamw(_variant, device):
    parameters = [torch.nn.Parameter(torch.rand(shape, device=device)) for shape in gpt2_shapes()]
    for p in parameters:
        p.grad = torch.rand_like(p)
    with torch.no_grad():
        parameters[1].copy_(array(parameters[1].shape, 1))
        parameters[1].grad.copy_(array(parameters[1].shape, 2, 0.1))
    opt = torch.optim.AdamW(parameters, lr=LR, fused=True)

    def check():
        for _ in range(CHECKED):
            opt.step()
        return rms(parameters[1].detach())

    return opt.step, check


def matmul(size, dtype):
    def make(_variant, device):
        operands = [array([size, size], seed).to(device, dtype) for seed in (1, 2)]
        return function(torch.matmul, "eager", device, *operands)

    return make


def replay(variant, device):
    layers, width = GPU["replay"]
    x = array([width, width], 500).to(device)
    weights = [array([width, width], i + 1).to(device) for i in range(layers)]

    @torch.inference_mode()
    def run():
        y = x
        for weight in weights:
            y = F.layer_norm(y @ weight, (width,))
        return y

    if variant == "eager":
        return run, lambda: rms(run())
    run()
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        y = run()

    def check():
        graph.replay()
        return rms(y)

    def replayed(_kept=run):
        # The graph names the memory of its tensors; it does not keep them.
        graph.replay()

    return replayed, check

"""A process that measures PyTorch on the CPU: same rows, same numbers, lines of JSON."""

import json
import math
import os
import sys
import time

import numpy as np
import torch
import torch.nn.functional as F

SIZES = json.loads(os.environ["BENCH_SIZES"])
LR = SIZES["learningRate"]
CHECKED = SIZES["checkedSteps"]


def uniform(count, seed, scale=1.0):
    """The linear congruential generator of inputs.ts, all states at once."""
    start = np.uint32((seed * 2654435761 + 12345) % 2**32)
    factor = np.cumprod(np.full(count, 1664525, np.uint32), dtype=np.uint32)
    # state_n = a^n start + c (a^(n-1) + … + 1)
    powers = np.concatenate([np.ones(1, np.uint32), factor[:-1]])
    offset = np.cumsum(powers, dtype=np.uint32) * np.uint32(1013904223)
    state = (factor * start + offset).astype(np.int32)
    values = (state.astype(np.float64) / 2**31 * scale).astype(np.float32)
    return torch.from_numpy(values)


def classes(count, seed, total):
    values = uniform(count, seed).double()
    return torch.floor((values + 1) / 2 * total).long()


def array(shape, seed, scale=1.0):
    return uniform(math.prod(shape), seed, scale).reshape(shape)


def rms(x):
    return float(x.double().square().mean().sqrt())


def kernel(fn, *inputs):
    return (lambda: fn(*inputs)), (lambda: rms(fn(*inputs)))


def seeded(parameters, seed=100):
    """Weights as every contender draws them: parameters in the order of the modules."""
    for i, (name, p) in enumerate(parameters):
        with torch.no_grad():
            if name.endswith("bias"):
                p.zero_()
            elif p.dim() >= 2:
                p.copy_(array(p.shape, seed + i, 1 / math.sqrt(math.prod(p.shape[1:]))))


def trained(model, loss, optimizer):
    seeded(model.named_parameters())
    opt = optimizer(model.parameters(), lr=LR)

    def step():
        opt.zero_grad()
        value = loss()
        value.backward()
        opt.step()
        return value

    def check():
        for _ in range(CHECKED - 1):
            step()
        return float(step())

    return step, check


def mlp_step():
    batch, widths = SIZES["mlp"]["batch"], SIZES["mlp"]["widths"]
    layers = []
    for i in range(3):
        layers += [torch.nn.Linear(widths[i], widths[i + 1]), torch.nn.ReLU()]
    model = torch.nn.Sequential(*layers[:-1])
    x, y = array((batch, widths[0]), 1), classes(batch, 2, widths[3])
    return trained(model, lambda: F.cross_entropy(model(x), y), torch.optim.Adam)


def cnn_step():
    s = SIZES["cnn"]
    batch, side, ch, total = s["batch"], s["side"], s["channels"], s["classes"]
    pool = torch.nn.MaxPool2d(2)
    conv = lambda i: torch.nn.Conv2d(ch[i], ch[i + 1], 3, padding=1)
    model = torch.nn.Sequential(
        conv(0), torch.nn.ReLU(), pool, conv(1), torch.nn.ReLU(), pool,
        torch.nn.Flatten(), torch.nn.Linear(ch[2] * (side // 4) ** 2, total),
    )  # fmt: skip
    x, y = array((batch, 1, side, side), 1), classes(batch, 2, total)
    return trained(model, lambda: F.cross_entropy(model(x), y), torch.optim.Adam)


class Block(torch.nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.norm1 = torch.nn.LayerNorm(width)
        self.qkv = torch.nn.Linear(width, 3 * width)
        self.proj = torch.nn.Linear(width, width)
        self.norm2 = torch.nn.LayerNorm(width)
        self.up = torch.nn.Linear(width, 4 * width)
        self.down = torch.nn.Linear(4 * width, width)

    def forward(self, x, cache=None, position=0):
        n, t, d = x.shape
        q, k, v = self.qkv(self.norm1(x)).reshape(n, t, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        if cache is not None:
            cache[0][:, :, position] = k[:, :, 0]
            cache[1][:, :, position] = v[:, :, 0]
            k, v = cache[0][:, :, : position + 1], cache[1][:, :, : position + 1]
        y = F.scaled_dot_product_attention(q, k, v, is_causal=cache is None)
        x = x + self.proj(y.transpose(1, 2).reshape(n, t, d))
        return x + self.down(F.gelu(self.up(self.norm2(x))))


class Gpt(torch.nn.Module):
    def __init__(self):
        super().__init__()
        s = SIZES["gpt"]
        self.tokens = torch.nn.Embedding(s["vocab"], s["width"])
        self.positions = torch.nn.Parameter(torch.empty(s["length"], s["width"]))
        self.blocks = torch.nn.ModuleList(
            Block(s["width"], s["heads"]) for _ in range(s["layers"])
        )
        self.norm = torch.nn.LayerNorm(s["width"])
        self.head = torch.nn.Linear(s["width"], s["vocab"], bias=False)

    def forward(self, tokens):
        x = self.tokens(tokens) + self.positions
        for block in self.blocks:
            x = block(x)
        return self.head(self.norm(x))


def gpt_step():
    s = SIZES["gpt"]
    model = Gpt()
    batch, length, vocab = s["batch"], s["length"], s["vocab"]
    x = classes(batch * length, 1, vocab).reshape(batch, length)
    y = classes(batch * length, 2, vocab)
    loss = lambda: F.cross_entropy(model(x).flatten(0, 1), y)
    return trained(model, loss, torch.optim.AdamW)


def gpt_decode():
    s, tokens = SIZES["gpt"], SIZES["decode"]["tokens"]
    model = Gpt().eval()
    seeded(model.named_parameters())
    head = s["width"] // s["heads"]
    caches = [[torch.zeros(1, s["heads"], tokens, head) for _ in range(2)] for _ in model.blocks]

    @torch.inference_mode()
    def sequence():
        ids, token = [], SIZES["decode"]["start"]
        for position in range(tokens):
            x = (model.tokens.weight[token] + model.positions[position]).reshape(1, 1, -1)
            for block, cache in zip(model.blocks, caches):
                x = block(x, cache, position)
            token = int(model.head(model.norm(x)).argmax())
            ids.append(token)
        return ids

    return sequence, lambda: sum(t * (i + 1) for i, t in enumerate(sequence()))


def ddpg_update():
    s = SIZES["ddpg"]
    batch, obs, act, hidden = s["batch"], s["observation"], s["action"], s["hidden"]
    net = lambda i, o, *last: torch.nn.Sequential(
        torch.nn.Linear(i, hidden), torch.nn.ReLU(),
        torch.nn.Linear(hidden, hidden), torch.nn.ReLU(),
        torch.nn.Linear(hidden, o), *last,
    )  # fmt: skip
    actor, target_actor = (net(obs, act, torch.nn.Tanh()) for _ in range(2))
    critic, target_critic = (net(obs + act, 1) for _ in range(2))
    for model, seed in ((actor, 100), (critic, 50), (target_actor, 100), (target_critic, 50)):
        seeded(model.named_parameters(), seed)
    actor_opt = torch.optim.Adam(actor.parameters(), lr=LR)
    critic_opt = torch.optim.Adam(critic.parameters(), lr=LR)
    state, action = array((batch, obs), 1), array((batch, act), 2)
    reward, following = array((batch, 1), 3), array((batch, obs), 4)
    value = lambda q, a, b: q(torch.cat([a, b], 1))
    pairs = [
        (list(a.parameters()), list(b.parameters()))
        for a, b in ((actor, target_actor), (critic, target_critic))
    ]

    def update():
        with torch.no_grad():
            goal = reward + s["discount"] * value(target_critic, following, target_actor(following))
        critic_loss = F.mse_loss(value(critic, state, action), goal)
        critic_opt.zero_grad()
        critic_loss.backward()
        critic_opt.step()
        actor_loss = -value(critic, state, actor(state)).mean()
        actor_opt.zero_grad()
        actor_loss.backward()
        actor_opt.step()
        with torch.no_grad():
            for online, target in pairs:
                torch._foreach_lerp_(target, online, s["tau"])
        return critic_loss

    def check():
        for _ in range(CHECKED - 1):
            update()
        return float(update())

    return update, check


def adamw():
    s = SIZES["adamw"]
    parameters = [torch.nn.Parameter(array(s["shape"], i)) for i in range(s["matrices"])]
    for i, p in enumerate(parameters):
        p.grad = array(s["shape"], 50 + i, 0.1)
    opt = torch.optim.AdamW(parameters, lr=LR, fused=True)

    def check():
        for _ in range(CHECKED):
            opt.step()
        return rms(parameters[0].detach())

    return opt.step, check


def make(row):
    if row.startswith("gemm "):
        n = int(row[5:])
        return kernel(torch.matmul, array((n, n), 1), array((n, n), 2))
    wide = lambda: array((4096, 1024), 1, 4.0)
    rows = {
        "elementwise 4M": lambda: kernel(
            lambda x: torch.relu(x * 1.5 + 0.3).square(), array((4_194_304,), 1)
        ),
        "softmax 4096x1024": lambda: kernel(lambda x: torch.softmax(x, -1), wide()),
        "layer norm 4096x1024": lambda: kernel(
            lambda x, w, b: F.layer_norm(x, (1024,), w, b), wide(), array((1024,), 2), array((1024,), 3)
        ),
        "conv 8x64x56x56": lambda: kernel(
            lambda x, w: F.conv2d(x, w, padding=1), array((8, 64, 56, 56), 1), array((64, 64, 3, 3), 2)
        ),
        "upsample x2": lambda: kernel(
            lambda x: F.interpolate(x, scale_factor=2, mode="bilinear"), array(SIZES["upsample"], 1)
        ),
        "mlp step": mlp_step,
        "cnn step": cnn_step,
        "gpt step": gpt_step,
        "gpt decode": gpt_decode,
        "ddpg update": ddpg_update,
        "adamw 10M": adamw,
    }
    return rows[row]()


def is_inference(row):
    return not (row.endswith("step") or row.endswith("update") or row.startswith("adamw"))


def main():
    run = None
    for line in sys.stdin:
        request = json.loads(line)
        try:
            if request["kind"] == "start":
                torch.set_num_threads(request["threads"])
                torch.set_grad_enabled(not is_inference(request["row"]))
                run, check = make(request["row"])
                reply = {"kind": "ready", "check": check(), "facts": {}}
            else:
                samples = []
                for _ in range(request["samples"]):
                    start = time.perf_counter()
                    for _ in range(request["inner"]):
                        run()
                    samples.append((time.perf_counter() - start) * 1000 / request["inner"])
                reply = {"kind": "samples", "milliseconds": samples}
        except Exception as error:  # the parent prints it
            reply = {"kind": "failed", "message": f"{type(error).__name__}: {error}"}
        print(json.dumps(reply), flush=True)


main()

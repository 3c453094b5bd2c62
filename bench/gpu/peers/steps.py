"""Small training steps: eager, captured by hand in a CUDA graph, or compiled and captured."""

import torch
import torch.nn.functional as F

from numbers_alike import CHECKED, LR, SIZES, array, classes, seeded

WARM_UP = 3


def stepping(step, variant, device):
    """(run, check): the check is the loss of the CHECKED-th step, however steps are run."""
    if variant == "eager":

        def check():
            for _ in range(CHECKED - 1):
                step()
            return float(step().detach())

        return step, check
    if device.type != "cuda":
        raise RuntimeError("a CUDA graph needs a GPU")
    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        for _ in range(WARM_UP):
            step()
    torch.cuda.current_stream().wait_stream(stream)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        value = step()

    def check():
        for _ in range(CHECKED - WARM_UP):
            graph.replay()
        return float(value.detach())

    def run(_kept=step):
        # The graph names the memory of the step's tensors; it does not keep them.
        graph.replay()

    return run, check


def adam(kind, parameters, variant):
    """As users write it where steps are eager; fused and capturable in graphs."""
    if variant == "eager":
        return kind(parameters, lr=LR)
    return kind(parameters, lr=LR, fused=True, capturable=True)


def trained(model, loss, optimizer, variant, device):
    seeded(model.named_parameters())
    opt = adam(optimizer, model.parameters(), variant)
    if variant == "compiled graph":
        loss = torch.compile(loss, dynamic=False)

    def step():
        opt.zero_grad(set_to_none=True)
        value = loss()
        value.backward()
        opt.step()
        return value

    return stepping(step, variant, device)


def mlp(variant, device):
    batch, widths = SIZES["mlp"]["batch"], SIZES["mlp"]["widths"]
    layers = []
    for i in range(3):
        layers += [torch.nn.Linear(widths[i], widths[i + 1]), torch.nn.ReLU()]
    model = torch.nn.Sequential(*layers[:-1]).to(device)
    x, y = array((batch, widths[0]), 1).to(device), classes(batch, 2, widths[3]).to(device)
    loss = lambda: F.cross_entropy(model(x), y)
    return trained(model, loss, torch.optim.Adam, variant, device)


def cnn(variant, device):
    s = SIZES["cnn"]
    batch, side, ch, total = s["batch"], s["side"], s["channels"], s["classes"]
    pool = torch.nn.MaxPool2d(2)
    conv = lambda i: torch.nn.Conv2d(ch[i], ch[i + 1], 3, padding=1)
    model = torch.nn.Sequential(
        conv(0), torch.nn.ReLU(), pool, conv(1), torch.nn.ReLU(), pool,
        torch.nn.Flatten(), torch.nn.Linear(ch[2] * (side // 4) ** 2, total),
    ).to(device)  # fmt: skip
    x = array((batch, 1, side, side), 1).to(device)
    y = classes(batch, 2, total).to(device)
    loss = lambda: F.cross_entropy(model(x), y)
    return trained(model, loss, torch.optim.Adam, variant, device)


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

    def forward(self, x):
        n, t, d = x.shape
        q, k, v = self.qkv(self.norm1(x)).reshape(n, t, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.proj(y.transpose(1, 2).reshape(n, t, d))
        return x + self.down(F.gelu(self.up(self.norm2(x))))


class SmallGpt(torch.nn.Module):
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


def gpt(variant, device):
    s = SIZES["gpt"]
    model = SmallGpt().to(device)
    batch, length, vocab = s["batch"], s["length"], s["vocab"]
    x = classes(batch * length, 1, vocab).reshape(batch, length).to(device)
    y = classes(batch * length, 2, vocab).to(device)
    loss = lambda: F.cross_entropy(model(x).flatten(0, 1), y)
    return trained(model, loss, torch.optim.AdamW, variant, device)


def ddpg(variant, device):
    s = SIZES["ddpg"]
    batch, obs, act, hidden = s["batch"], s["observation"], s["action"], s["hidden"]
    net = lambda i, o, *last: torch.nn.Sequential(
        torch.nn.Linear(i, hidden), torch.nn.ReLU(),
        torch.nn.Linear(hidden, hidden), torch.nn.ReLU(),
        torch.nn.Linear(hidden, o), *last,
    ).to(device)  # fmt: skip
    actor, target_actor = (net(obs, act, torch.nn.Tanh()) for _ in range(2))
    critic, target_critic = (net(obs + act, 1) for _ in range(2))
    for model, seed in ((actor, 100), (critic, 50), (target_actor, 100), (target_critic, 50)):
        seeded(model.named_parameters(), seed)
    actor_opt = adam(torch.optim.Adam, actor.parameters(), variant)
    critic_opt = adam(torch.optim.Adam, critic.parameters(), variant)
    state, action, reward, following = (
        array((batch, width), seed).to(device)
        for seed, width in ((1, obs), (2, act), (3, 1), (4, obs))
    )
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

    return stepping(update, variant, device)

"""GPT-2 and ResNet-50 in bf16 autocast with f32 parameters, as they are trained with PyTorch."""

import torch
import torch.nn.functional as F

from numbers_alike import CHECKED, GPU, classes


class Gpt2Block(torch.nn.Module):
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
        q, k, v = self.qkv(self.norm1(x)).split(d, dim=2)
        q, k, v = (y.view(n, t, self.heads, -1).transpose(1, 2) for y in (q, k, v))
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.proj(y.transpose(1, 2).reshape(n, t, d))
        return x + self.down(F.gelu(self.up(self.norm2(x)), approximate="tanh"))


class Gpt2(torch.nn.Module):
    def __init__(self):
        super().__init__()
        s = GPU["gpt2"]
        self.tokens = torch.nn.Embedding(s["vocab"], s["width"])
        self.positions = torch.nn.Embedding(s["length"], s["width"])
        self.blocks = torch.nn.ModuleList(
            Gpt2Block(s["width"], s["heads"]) for _ in range(s["layers"])
        )
        self.norm = torch.nn.LayerNorm(s["width"])
        for name, p in self.named_parameters():
            if p.dim() > 1:
                torch.nn.init.normal_(p, std=0.02)
            elif name.endswith("bias"):
                torch.nn.init.zeros_(p)

    def forward(self, tokens):
        x = self.tokens(tokens) + self.positions.weight
        for block in self.blocks:
            x = block(x)
        return F.linear(self.norm(x), self.tokens.weight)


def trained(loss, opt, device):
    def step():
        opt.zero_grad(set_to_none=True)
        with torch.autocast(device.type, dtype=torch.bfloat16):
            value = loss()
        value.backward()
        opt.step()
        return value

    def check():
        first = float(step().detach())
        for _ in range(CHECKED - 1):
            step()
        return first

    return step, check


def gpt2(batch):
    def make(variant, device):
        s = GPU["gpt2"]
        vocab, length = s["vocab"], s["length"]
        torch.manual_seed(0)
        model = Gpt2().to(device)
        opt = torch.optim.AdamW(model.parameters(), lr=1e-4, weight_decay=0.1, fused=True)
        x, y = (
            classes(batch * length, seed, vocab).reshape(batch, length).to(device) for seed in (1, 2)
        )
        loss = lambda a, b: F.cross_entropy(model(a).flatten(0, 1), b.flatten())
        if variant != "eager":
            mode = "max-autotune" if variant == "max-autotune" else "default"
            loss = torch.compile(loss, dynamic=False, mode=mode)
        return trained(lambda: loss(x, y), opt, device)

    return make


class Bottleneck(torch.nn.Module):
    def __init__(self, inputs, width, stride):
        super().__init__()
        outputs = 4 * width
        conv = lambda i, o, k, **options: torch.nn.Conv2d(i, o, k, bias=False, **options)
        self.conv1, self.bn1 = conv(inputs, width, 1), torch.nn.BatchNorm2d(width)
        self.conv2 = conv(width, width, 3, stride=stride, padding=1)
        self.bn2 = torch.nn.BatchNorm2d(width)
        self.conv3, self.bn3 = conv(width, outputs, 1), torch.nn.BatchNorm2d(outputs)
        self.downsample = None
        if stride != 1 or inputs != outputs:
            self.downsample = torch.nn.Sequential(
                conv(inputs, outputs, 1, stride=stride), torch.nn.BatchNorm2d(outputs)
            )

    def forward(self, x):
        y = F.relu(self.bn1(self.conv1(x)))
        y = F.relu(self.bn2(self.conv2(y)))
        y = self.bn3(self.conv3(y))
        return F.relu(y + (x if self.downsample is None else self.downsample(x)))


class ResNet(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = torch.nn.Conv2d(3, 64, 7, stride=2, padding=3, bias=False)
        self.bn1 = torch.nn.BatchNorm2d(64)
        inputs, layers = 64, []
        for stage, count in enumerate(GPU["resnet"]["blocks"]):
            for i in range(count):
                width = 64 * 2**stage
                layers.append(Bottleneck(inputs, width, 2 if i == 0 and stage > 0 else 1))
                inputs = 4 * width
        self.layers = torch.nn.Sequential(*layers)
        self.fc = torch.nn.Linear(inputs, GPU["resnet"]["classes"])

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.bn1(self.conv1(x))), 3, stride=2, padding=1)
        return self.fc(self.layers(x).mean((2, 3)))


def resnet50(batch):
    def make(variant, device):
        s = GPU["resnet"]
        torch.manual_seed(0)
        torch.backends.cudnn.benchmark = True
        model = ResNet().to(device)
        x = torch.rand(batch, 3, s["side"], s["side"], device=device)
        if variant.endswith("channels-last"):
            model = model.to(memory_format=torch.channels_last)
            x = x.contiguous(memory_format=torch.channels_last)
        y = classes(batch, 2, s["classes"]).to(device)
        opt = torch.optim.SGD(
            model.parameters(), lr=0.01, momentum=0.9, weight_decay=1e-4, fused=True
        )
        loss = lambda a, b: F.cross_entropy(model(a), b)
        if variant.startswith("compile"):
            loss = torch.compile(loss, dynamic=False)
        return trained(lambda: loss(x, y), opt, device)

    return make

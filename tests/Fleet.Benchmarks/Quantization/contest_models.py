#!/usr/bin/env python3
"""Small models of kinds that were found in no registry, trained from the shared data and exported as PyTorch's exporter writes them.

  contest_models.py DATA OUT [SECONDS]
DATA holds fashion-mnist/ and tinyshakespeare/; each model is trained for so many seconds. PyTorch is that of ../shared/peers.
cct.onnx       compact convolutional transformer, CCT-2/3x2 (Hassani et al., Escaping the Big Data Paradigm, 2021), Fashion-MNIST
tinyvit.onnx   MBConv, then attention with learned biases and a depthwise convolution (Wu et al., TinyViT, 2022), Fashion-MNIST
decoder.onnx   pre-norm decoder of 4 layers, 128 channels, 64 characters, tied table, Tiny Shakespeare
"""
import gzip, math, pathlib, sys, time
import numpy as np, torch, torch.nn as nn, torch.nn.functional as F

data, out = map(pathlib.Path, sys.argv[1:3])
seconds = float(sys.argv[3]) if len(sys.argv) > 3 else 150


class Attention(nn.Module):
    def __init__(self, width, heads, tokens, causal=False, biased=False):
        super().__init__()
        self.heads, self.scale = heads, (width // heads) ** -0.5
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.bias = nn.Parameter(torch.zeros(heads, tokens, tokens)) if biased else None
        mask = torch.full((tokens, tokens), -1e4).triu(1) if causal else None
        self.register_buffer("mask", mask)

    def forward(self, x):
        b, t, c = x.shape
        q, k, v = self.qkv(x).reshape(b, t, 3, self.heads, c // self.heads).permute(2, 0, 3, 1, 4)
        scores = (q @ k.transpose(-2, -1)) * self.scale
        if self.bias is not None: scores = scores + self.bias
        if self.mask is not None: scores = scores + self.mask
        return self.out((scores.softmax(-1) @ v).transpose(1, 2).reshape(b, t, c))


class Block(nn.Module):
    def __init__(self, width, heads, inner, tokens, **how):
        super().__init__()
        self.n1, self.n2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attend = Attention(width, heads, tokens, **how)
        self.feed = nn.Sequential(nn.Linear(width, inner), nn.GELU(), nn.Linear(inner, width))

    def forward(self, x):
        x = x + self.attend(self.n1(x))
        return x + self.feed(self.n2(x))


class Cct(nn.Module):
    def __init__(self, width=128, tokens=49):
        super().__init__()
        self.tokenize = nn.Sequential(nn.Conv2d(1, 64, 3, 1, 1, bias=False), nn.ReLU(), nn.MaxPool2d(3, 2, 1),
                                      nn.Conv2d(64, width, 3, 1, 1, bias=False), nn.ReLU(), nn.MaxPool2d(3, 2, 1))
        self.place = nn.Parameter(torch.randn(1, tokens, width) * 0.02)
        self.blocks = nn.Sequential(*[Block(width, 2, width, tokens) for _ in range(2)])
        self.norm, self.pool, self.head = nn.LayerNorm(width), nn.Linear(width, 1), nn.Linear(width, 10)

    def forward(self, x):
        x = self.norm(self.blocks(self.tokenize(x).flatten(2).transpose(1, 2) + self.place))
        return self.head((self.pool(x).softmax(1).transpose(1, 2) @ x).squeeze(1))


def conv(a, b, size, stride=1, groups=1): return nn.Sequential(
    nn.Conv2d(a, b, size, stride, size // 2, groups=groups, bias=False), nn.BatchNorm2d(b))


class MbConv(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.steps = nn.Sequential(conv(width, 4 * width, 1), nn.GELU(), conv(4 * width, 4 * width, 3, groups=4 * width), nn.GELU(),
                                   conv(4 * width, width, 1))

    def forward(self, x): return F.gelu(x + self.steps(x))


class TinyVitBlock(nn.Module):
    def __init__(self, width, heads, side):
        super().__init__()
        self.side, self.norm, self.n2 = side, nn.LayerNorm(width), nn.LayerNorm(width)
        self.attend, self.local = Attention(width, heads, side * side, biased=True), conv(width, width, 3, groups=width)
        self.feed = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))

    def forward(self, x):
        b, t, c = x.shape
        x = x + self.attend(self.norm(x))
        x = self.local(x.transpose(1, 2).reshape(b, c, self.side, self.side)).flatten(2).transpose(1, 2)
        return x + self.feed(self.n2(x))


class TinyVit(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = nn.Sequential(conv(1, 16, 3, 2), nn.GELU(), conv(16, 32, 3), MbConv(32), conv(32, 64, 1), nn.GELU(),
                                  conv(64, 64, 3, 2, groups=64), nn.GELU(), conv(64, 64, 1))
        self.first = nn.Sequential(TinyVitBlock(64, 2, 7), TinyVitBlock(64, 2, 7))
        self.merge = nn.Sequential(conv(64, 128, 1), nn.GELU(), conv(128, 128, 3, 2, groups=128), nn.GELU(), conv(128, 128, 1))
        self.second = nn.Sequential(TinyVitBlock(128, 4, 4), TinyVitBlock(128, 4, 4))
        self.norm, self.head = nn.LayerNorm(128), nn.Linear(128, 10)

    def forward(self, x):
        x = self.first(self.stem(x).flatten(2).transpose(1, 2))
        x = self.merge(x.transpose(1, 2).reshape(-1, 64, 7, 7))
        return self.head(self.norm(self.second(x.flatten(2).transpose(1, 2)).mean(1)))


class Decoder(nn.Module):
    def __init__(self, symbols, width=128, length=64):
        super().__init__()
        self.table, self.place = nn.Embedding(symbols, width), nn.Parameter(torch.randn(length, width) * 0.02)
        self.blocks = nn.Sequential(*[Block(width, 4, 4 * width, length, causal=True) for _ in range(4)])
        self.norm = nn.LayerNorm(width)
        nn.init.normal_(self.table.weight, std=0.02)

    def forward(self, x): return self.norm(self.blocks(self.table(x) + self.place)) @ self.table.weight.t()


def train(name, model, batch, loss, example, names, rate=2e-3):
    torch.manual_seed(1)
    steps, began = torch.optim.AdamW(model.parameters(), rate, weight_decay=0.01), time.time()
    done, mean = 0, None
    while time.time() - began < seconds:
        for group in steps.param_groups: group["lr"] = rate * max(0.02, 0.5 * (1 + math.cos(math.pi * (time.time() - began) / seconds)))
        x, y = batch()
        value = loss(model(x), y); steps.zero_grad(); value.backward(); steps.step()
        done, mean = done + 1, value.item() if mean is None else 0.98 * mean + 0.02 * value.item()
    model.eval()
    torch.onnx.export(model, example, str(out / f"{name}.onnx"), input_names=[names[0]], output_names=[names[1]], opset_version=17,
                      dynamic_axes={names[0]: {0: "batch"}, names[1]: {0: "batch"}}, dynamo=False)
    print(f"{name}: {done} steps, training loss {mean:.3f}, {sum(p.numel() for p in model.parameters()):,} parameters", flush=True)


def idx(name, head):
    with gzip.open(data / "fashion-mnist" / name) as file: return np.frombuffer(file.read(), np.uint8, offset=head)


pictures = torch.tensor(idx("train-images-idx3-ubyte.gz", 16).reshape(-1, 1, 28, 28).astype(np.float32) / 255)
classes = torch.tensor(idx("train-labels-idx1-ubyte.gz", 8).astype(np.int64))
text = next((data / "tinyshakespeare").glob("*.txt")).read_text()
symbols = sorted(set(text))
numbers = torch.tensor([symbols.index(letter) for letter in text[:len(text) * 9 // 10]])


def some_pictures():
    chosen = torch.randint(len(pictures), (64,))
    return pictures[chosen], classes[chosen]


def some_text():
    starts = torch.randint(len(numbers) - 65, (16,))
    rows = torch.stack([numbers[i:i + 65] for i in starts])
    return rows[:, :-1], rows[:, 1:]


out.mkdir(parents=True, exist_ok=True)
torch.manual_seed(0)
for name, model in (("cct", Cct()), ("tinyvit", TinyVit())):
    train(name, model, some_pictures, F.cross_entropy, torch.zeros(1, 1, 28, 28), ("image", "scores"))
train("decoder", Decoder(len(symbols)), some_text, lambda y, t: F.cross_entropy(y.flatten(0, 1), t.flatten()),
      torch.zeros(1, 64, dtype=torch.int64), ("tokens", "logits"))

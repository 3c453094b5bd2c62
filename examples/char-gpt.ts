// A character-level GPT with two layers learns a few lines by heart and writes on from a prompt.
import { Tensor, arange, grad, jit, nn, optim, random } from "athanor";

// B batch, T time, C width, H heads, V characters
const [B, T, C, H] = [8, 32, 64, 4];
const steps = 120;
const text = `From fairest creatures we desire increase,
That thereby beauty's rose might never die,
But as the riper should by time decease,
His tender heir might bear his memory:
But thou contracted to thine own bright eyes,
Feed'st thy light's flame with self-substantial fuel,
Making a famine where abundance lies,
Thy self thy foe, to thy sweet self too cruel:
`;
const characters = [...new Set(text)].toSorted((a, b) => (a < b ? -1 : 1));
const V = characters.length;
const codes = Int32Array.from(text, (character) => characters.indexOf(character));

class Block extends nn.Module {
  readonly norm1 = new nn.LayerNorm(C);
  readonly attention = new nn.Linear(C, 3 * C, { bias: false });
  readonly project = new nn.Linear(C, C, { bias: false });
  readonly norm2 = new nn.LayerNorm(C);
  readonly mlp = new nn.Sequential(new nn.Linear(C, 4 * C), new nn.GELU(), new nn.Linear(4 * C, C));
  readonly drop = new nn.Dropout(0.05);

  forward(x: Tensor): Tensor {
    const [batch, time] = x.shape;
    const heads = (part: Tensor): Tensor => part.reshape([batch, time, H, C / H]).transpose(1, 2); // [B, H, T, C / H]
    const [q, k, v] = this.attention
      .forward(this.norm1.forward(x))
      .chunk(3, { dim: -1 })
      .map(heads);
    const mixed = nn.functional.scaledDotProductAttention(q, k, v, { isCausal: true });
    const joined = mixed.transpose(1, 2).reshape([batch, time, C]);
    const attended = x.add(this.drop.forward(this.project.forward(joined)));
    return attended.add(this.drop.forward(this.mlp.forward(this.norm2.forward(attended))));
  }
}

class Gpt extends nn.Module {
  readonly tokens = new nn.Embedding(V, C);
  readonly positions = new nn.Embedding(T, C);
  readonly blocks = new nn.ModuleList([new Block(), new Block()]);
  readonly norm = new nn.LayerNorm(C);
  readonly head = new nn.Linear(C, V, { bias: false });

  /** Logits [B, T, V] of codes [B, T]. */
  forward(ids: Tensor): Tensor {
    let x = this.tokens.forward(ids).add(this.positions.forward(arange(ids.shape[1])));
    for (const block of this.blocks) x = block.forward(x);
    return this.head.forward(this.norm.forward(x));
  }
}

random.manualSeed(7);
const model = new Gpt();
// Weight decay shrinks matrices; norms and biases are left alone.
const matrices = model.parameters().filter(({ ndim }) => ndim >= 2);
const vectors = model.parameters().filter(({ ndim }) => ndim < 2);
const optimizer = new optim.AdamW(
  [
    { params: matrices, weightDecay: 0.1 },
    { params: vectors, weightDecay: 0 },
  ],
  { lr: 4e-3, betas: [0.9, 0.95] },
);
const schedule = optim.warmupCosine(optimizer, {
  warmupSteps: 10,
  totalSteps: steps,
  minFactor: 0.1,
});

const all = Tensor.from(codes);
const step = jit(() => {
  const starts = random.randint(0, codes.length - T, [B, 1]);
  const places = starts.add(arange(T)); // [B, T]
  const read = (index: Tensor): Tensor => all.indexSelect(0, index.flatten()).reshape([B, T]);
  const logits = model.forward(read(places)).flatten({ endDim: 1 });
  const loss = nn.functional.crossEntropy(logits, read(places.add(1)).flatten());
  const { grads } = optim.clipGradNorm(grad(loss, optimizer.parameters), 1);
  optimizer.step(grads);
  return loss;
});

for (let t = 1; t <= steps; t++) {
  using loss = step();
  schedule.step();
  if (t % 30 === 0) console.log(`step ${t}: loss ${(await loss.item()).toFixed(3)}`);
}

model.eval();
const next = jit((ids: Tensor, last: Tensor) =>
  model.forward(ids).reshape([T, V]).indexSelect(0, last).argmax(),
);
const written = Array.from("But ", (character) => characters.indexOf(character));
while (written.length < 60) {
  const window = written.slice(-T);
  const ids = Tensor.from(
    Int32Array.from({ length: T }, (_, i) => window[i] ?? 0),
    [1, T],
  );
  const last = Tensor.from(Int32Array.of(window.length - 1));
  written.push(await next(ids, last).item());
}
console.log(written.map((code) => characters[code]).join(""));

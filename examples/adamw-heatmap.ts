// How learning rate and weight decay depend on each other, for Adam with the decay in the gradient and
// for AdamW: test errors over a grid of both, as a picture and as JSON.
//
//   npm run example -- adamw-heatmap               a small grid, in seconds
//   npm run example -- adamw-heatmap full [folder] the pictures of docs/adamw.md, in some minutes
//
// The net is normalised throughout, as the ResNets of the AdamW paper are: the size of a weight
// matrix does not change what the net computes, only how fast it turns, and that is what decay sets.
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Tensor, grad, init, jit, nn, optim, random, scope } from "athanor";
import { heatMaps, loadMnist } from "athanor/train";

const [size = "small", folder = "runs/adamw-heatmap"] = process.argv.slice(2);
const isFull = size === "full";
const [points, seeds, tested] = isFull ? [9, 3, 4000] : [3, 1, 1000];
const [trained, batchSize, epochs] = [500, 50, isFull ? 40 : 10];
const [inputs, hidden] = [14 * 14, 64];
const steps = (epochs * trained) / batchSize;

/** `count` values from `first` to `last` with a constant ratio. */
const logSpace = (first: number, last: number, count: number): number[] =>
  Array.from({ length: count }, (_, i) => first * (last / first) ** (i / (count - 1)));

const rates = logSpace(1e-4, 1e-1, points);
const studies = [
  {
    name: "Adam, decay in the gradient",
    decays: logSpace(1e-3, 1e3, points),
    make: (params: Tensor[], lr: number, weightDecay: number) =>
      new optim.Adam(params, { lr, weightDecay }),
  },
  {
    name: "AdamW as in the paper: decay λ",
    decays: logSpace(1e-3, 1, points),
    make: (params: Tensor[], lr: number, weightDecay: number) =>
      new optim.AdamW(params, { lr, weightDecay, lrScaledDecay: false }),
  },
  {
    name: "AdamW as in PyTorch: decay lr · λ",
    decays: logSpace(1e-1, 1e3, points),
    make: (params: Tensor[], lr: number, weightDecay: number) =>
      new optim.AdamW(params, { lr, weightDecay }),
  },
];

await init({ threads: 1 });
const digits = await loadMnist();

/** The same shuffled order in every run. */
function shuffled(count: number, seed: number): number[] {
  const order = Array.from({ length: count }, (_, i) => i);
  let state = seed;
  for (let i = count - 1; i > 0; i--) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    const j = Math.floor((state / 2 ** 32) * (i + 1));
    [order[i], order[j]] = [order[j], order[i]];
  }
  return order;
}

/** Some digits at half the resolution, with their labels. */
function take(rows: readonly number[]): { images: Tensor; labels: Tensor } {
  const values = new Float32Array(rows.length * inputs);
  for (const [k, row] of rows.entries()) {
    for (let pixel = 0; pixel < 784; pixel++) {
      const [y, x] = [Math.floor(pixel / 56), (pixel % 28) >> 1];
      const ink = Number(digits.images.data[row * 784 + pixel]) / 255;
      values[k * inputs + y * 14 + x] += (ink / 4 - 0.13 / 4) / 0.3;
    }
  }
  const labels = Int32Array.from(rows, (row) => Number(digits.labels.data[row]));
  return { images: Tensor.from(values, [rows.length, inputs]), labels: Tensor.from(labels) };
}

const order = shuffled(digits.labels.data.length, 1);
const train = take(order.slice(0, trained));
const test = take(order.slice(trained, trained + tested));

const norm = (features: number): nn.BatchNorm1d =>
  new nn.BatchNorm1d(features, { affine: false, eps: 1e-12 });
const linear = (from: number, to: number): nn.Linear => new nn.Linear(from, to, { bias: false });

/** Trains one net; returns its test error in percent. */
async function errorOf(make: (params: Tensor[]) => optim.Adam, seed: number): Promise<number> {
  random.manualSeed(seed);
  const model = new nn.Sequential(
    linear(inputs, hidden),
    norm(hidden),
    new nn.ReLU(),
    linear(hidden, hidden),
    norm(hidden),
    new nn.ReLU(),
    linear(hidden, 10),
    norm(10),
  );
  const logits = (images: Tensor): Tensor => model.forward(images).mul(3);
  const optimizer = make(model.parameters());
  const schedule = optim.warmupCosine(optimizer, {
    warmupSteps: 0,
    totalSteps: steps,
    minFactor: 0.1,
  });
  const step = jit((index: Tensor) => {
    const loss = nn.functional.crossEntropy(
      logits(train.images.indexSelect(0, index)),
      train.labels.indexSelect(0, index),
    );
    optimizer.step(grad(loss, optimizer.parameters));
  });
  for (let epoch = 0; epoch < epochs; epoch++) {
    const rows = Int32Array.from(shuffled(trained, 1000 * seed + epoch));
    for (let start = 0; start < trained; start += batchSize) {
      using index = Tensor.from(rows.slice(start, start + batchSize));
      step(index);
      schedule.step();
    }
  }
  model.eval();
  const accuracy = await scope(() =>
    logits(test.images).argmax({ dim: 1 }).eq(test.labels).to("f32").mean(),
  ).item();
  step.dispose();
  optimizer.dispose();
  return 100 * (1 - accuracy);
}

const short = (value: number): string => {
  const rounded = Number(value.toPrecision(2));
  return rounded >= 0.01 && rounded < 1000
    ? String(rounded)
    : rounded.toExponential().replace("e+", "e");
};

const started = performance.now();
const results = [];
for (const { name, decays, make } of studies) {
  const errors: number[][] = [];
  for (const lr of rates) {
    const line: number[] = [];
    for (const decay of decays) {
      let sum = 0;
      for (let seed = 1; seed <= seeds; seed++) {
        sum += await errorOf((params) => make(params, lr, decay), seed);
      }
      line.push(Number((sum / seeds).toFixed(2)));
    }
    errors.push(line);
  }
  results.push({ name, rates, decays, errors });
  const best = errors.map((line) => decays[line.indexOf(Math.min(...line))]);
  console.log(
    `${name}: best λ for lr ${rates.map(short).join(", ")}: ${best.map(short).join(", ")}`,
  );
}

const maps = results.map(({ name, decays, errors }) => ({
  title: name,
  rows: rates.map(short),
  columns: decays.map(short),
  values: errors,
  xLabel: "weight decay λ",
  yLabel: "learning rate",
}));
const seconds = Math.round((performance.now() - started) / 1000);
mkdirSync(folder, { recursive: true });
const picture = heatMaps(maps, { domain: [9.5, 40], markRows: true, cell: 42 });
writeFileSync(join(folder, "adamw-heatmap.svg"), picture.html);
const settings = { trained, tested, batchSize, epochs, seeds };
writeFileSync(
  join(folder, "adamw-heatmap.json"),
  `${JSON.stringify({ settings, seconds, results }, null, 1)}\n`,
);
console.log(`${seconds} s; written to ${folder}`);

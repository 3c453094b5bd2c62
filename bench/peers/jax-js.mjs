/**
 * A process that measures jax-js, with the variant as its argument: `plain` as its users write it,
 * `im2col` with convolutions written by hand as matrix products. Both get more than Node's users
 * have: fused multiply-add, and for two threads a `Worker` of the kind browsers have.
 */
import { setFlagsFromString } from "node:v8";
import { Worker as NodeWorker } from "node:worker_threads";
import { serveCell } from "../dist/cell-protocol.js";
import { classes, initialWeights, oneHot, rms, uniform } from "../dist/inputs.js";
import {
  adamwSizes,
  checkedSteps,
  cnnSizes,
  ddpgSizes,
  learningRate,
  mlpSizes,
  upsampleShape,
} from "../dist/workload.js";
import { gptDecoding, gptTraining } from "./jax-js-gpt.mjs";

const variant = process.argv[2] ?? "plain";
if (Number(process.versions.node.split(".")[0]) < 22) {
  setFlagsFromString("--experimental-wasm-relaxed-simd");
}

/** Node's worker behind the interface of the web's, for scripts that come as a blob address. */
class WebWorker {
  constructor(url) {
    this.onmessage = null;
    this.onerror = null;
    this.pending = [];
    void this.start(url);
  }

  async start(url) {
    const source = await (await fetch(url)).text();
    const head = `
      const { parentPort } = require("node:worker_threads");
      globalThis.self = globalThis;
      globalThis.postMessage = (message) => parentPort.postMessage(message);
      parentPort.on("message", (data) => self.onmessage({ data }));
    `;
    this.worker = new NodeWorker(head + source, { eval: true });
    this.worker.unref();
    this.worker.on("message", (data) => this.onmessage?.({ data }));
    this.worker.on("error", (error) => this.onerror?.(error));
    for (const message of this.pending) this.worker.postMessage(message);
  }

  postMessage(message) {
    if (this.worker === undefined) this.pending.push(message);
    else this.worker.postMessage(message);
  }
}

/** Loads the library with as many threads as asked for. */
async function load(threads) {
  const navigator = { userAgent: "Node", hardwareConcurrency: threads };
  Object.defineProperty(globalThis, "navigator", { value: navigator, configurable: true });
  if (threads > 1) globalThis.Worker = WebWorker;
  const jax = await import("@jax-js/jax");
  await jax.init("wasm");
  jax.defaultDevice("wasm");
  return jax;
}

const padding = [
  [1, 1],
  [1, 1],
];
const size = (shape) => shape.reduce((product, n) => product * n, 1);

/** A compiled function of arrays that stay on the device. */
function compiled(jax, fn, inputs) {
  const step = jax.jit(fn);
  const call = async () => jax.blockUntilReady(step(...inputs.map((x) => x.ref)));
  return {
    run: async () => (await call()).dispose(),
    check: async () => rms(await (await call()).data()),
  };
}

function kernels(jax) {
  const { numpy: np, nn, lax } = jax;
  const convolution = (x, weight) => lax.convGeneralDilated(x, weight, [1, 1], padding);
  const input = (shape, seed, scale = 1) =>
    np.array(uniform(size(shape), seed, scale)).reshape(shape);
  const gemm = (n) => () =>
    compiled(jax, (a, b) => np.matmul(a, b), [input([n, n], 1), input([n, n], 2)]);
  const convInputs = () => [input([8, 64, 56, 56], 1), input([64, 64, 3, 3], 2)];
  return {
    "gemm 256": gemm(256),
    "gemm 512": gemm(512),
    "gemm 1024": gemm(1024),
    "gemm 2048": gemm(2048),
    "elementwise 4M": () =>
      compiled(jax, (x) => np.square(nn.relu(x.mul(1.5).add(0.3))), [input([4_194_304], 1)]),
    "softmax 4096x1024": () => compiled(jax, (x) => nn.softmax(x, -1), [input([4096, 1024], 1, 4)]),
    "layer norm 4096x1024": () =>
      compiled(jax, (x, w, b) => nn.standardize(x, -1).mul(w).add(b), [
        input([4096, 1024], 1, 4),
        input([1024], 2),
        input([1024], 3),
      ]),
    "conv 8x64x56x56": () =>
      variant === "im2col"
        ? conv3x3InSteps(jax, convInputs())
        : compiled(jax, convolution, convInputs()),
    "mlp step": () => training(jax, mlp(jax)),
    "cnn step": () => training(jax, cnn(jax)),
    "gpt step": () => {
      const loss = (logits, target) => crossEntropy(jax, logits, target);
      return training(jax, gptTraining(jax, loss));
    },
    "gpt decode": () => gptDecoding(jax),
    "ddpg update": () => ddpg(jax),
    "adamw 10M": () => adamw(jax),
    "upsample x2": () => upsample(jax),
  };
}

/** Nine shifted images side by side: [N, C, H, W] -> [N H W, 9 C]. */
function patches3x3(np) {
  return (x) => {
    const [batch, channels, height, width] = x.shape;
    const rows = np.transpose(x, [0, 2, 3, 1]); // [N, H, W, C]
    const padded = np.pad(rows, [
      [0, 0],
      [1, 1],
      [1, 1],
      [0, 0],
    ]);
    const patches = [];
    for (let i = 0; i < 3; i++) {
      for (let j = 0; j < 3; j++) {
        patches.push(padded.ref.slice([], [i, i + height], [j, j + width], []));
      }
    }
    padded.dispose();
    return np.concatenate(patches, -1).reshape([batch * height * width, 9 * channels]);
  };
}

/** Patches [N H W, 9 C] times filters [F, C, 3, 3]. */
function filter3x3(np, [batch, channels, height, width]) {
  return (columns, weight) => {
    const [filters] = weight.shape;
    const matrix = np
      .transpose(weight, [2, 3, 1, 0]) // [3, 3, C, F]
      .reshape([9 * channels, filters]);
    const result = np.matmul(columns, matrix).reshape([batch, height, width, filters]);
    return np.transpose(result, [0, 3, 1, 2]);
  };
}

/** 3×3 convolution, padding 1, as a matrix product. */
function conv3x3(np) {
  return (x, weight) => filter3x3(np, x.shape)(patches3x3(np)(x), weight);
}

/**
 * The same in four compiled functions: in one, patches and transposes would be gathered inside of
 * the product, which is many times slower.
 */
function conv3x3InSteps(jax, [x, weight]) {
  const { numpy: np, jit } = jax;
  const [batch, channels, height, width] = x.shape;
  const [filters] = weight.shape;
  const patches = jit(patches3x3(np));
  const matrix = jit((w) => np.transpose(w, [2, 3, 1, 0]).reshape([9 * channels, filters]));
  const product = jit((a, b) => np.matmul(a, b));
  const images = jit((y) => np.transpose(y.reshape([batch, height, width, filters]), [0, 3, 1, 2]));
  const call = async () => jax.blockUntilReady(images(product(patches(x.ref), matrix(weight.ref))));
  return {
    run: async () => (await call()).dispose(),
    check: async () => rms(await (await call()).data()),
  };
}

/** Mean cross-entropy of logits against one-hot rows. */
function crossEntropy({ nn }, logits, target) {
  const [batch] = logits.shape;
  return nn
    .logSoftmax(logits, -1)
    .mul(target)
    .sum()
    .mul(-1 / batch);
}

const linear = (np, x, weight, bias) => np.matmul(x, np.transpose(weight)).add(bias);

function mlp(jax) {
  const { numpy: np, nn } = jax;
  const { batch, widths } = mlpSizes;
  const specs = widths.slice(1).flatMap((outputs, i) => [
    { shape: [outputs, widths[i]], fanIn: widths[i] },
    { shape: [outputs], fanIn: null },
  ]);
  const labels = classes(batch, 2, widths[3]);
  return {
    specs,
    inputs: [
      np.array(uniform(batch * widths[0], 1)).reshape([batch, widths[0]]),
      np.array(oneHot(labels, widths[3])).reshape([batch, widths[3]]),
    ],
    loss: ([w1, b1, w2, b2, w3, b3], x, y) => {
      const h1 = nn.relu(linear(np, x, w1, b1));
      const h2 = nn.relu(linear(np, h1, w2, b2));
      return crossEntropy(jax, linear(np, h2, w3, b3), y);
    },
  };
}

function cnn(jax) {
  const { numpy: np, nn, lax } = jax;
  const { batch, side, channels, classes: total } = cnnSizes;
  const features = channels[2] * (side / 4) ** 2;
  const specs = [
    { shape: [channels[1], channels[0], 3, 3], fanIn: channels[0] * 9 },
    { shape: [channels[1]], fanIn: null },
    { shape: [channels[2], channels[1], 3, 3], fanIn: channels[1] * 9 },
    { shape: [channels[2]], fanIn: null },
    { shape: [total, features], fanIn: features },
    { shape: [total], fanIn: null },
  ];
  const conv =
    variant === "im2col"
      ? conv3x3(np)
      : (x, weight) => lax.convGeneralDilated(x, weight, [1, 1], padding);
  const block = (x, weight, bias) => {
    const [filters] = bias.shape;
    return pool(np, nn.relu(conv(x, weight).add(bias.reshape([1, filters, 1, 1]))));
  };
  return {
    specs,
    inputs: [
      np.array(uniform(batch * side * side, 1)).reshape([batch, 1, side, side]),
      np.array(oneHot(classes(batch, 2, total), total)).reshape([batch, total]),
    ],
    loss: ([w1, b1, w2, b2, w3, b3], x, y) => {
      const images = block(block(x, w1, b1), w2, b2).reshape([batch, features]);
      return crossEntropy(jax, linear(np, images, w3, b3), y);
    },
  };
}

/** 2×2 max pooling as a maximum over two dims, which it compiles better than a window. */
function pool(np, x) {
  const [batch, channels, height, width] = x.shape;
  return np.max(x.reshape([batch, channels, height / 2, 2, width / 2, 2]), [3, 5]);
}

/** Adam's next state, with AdamW's decay if there is one. */
function adam(np, before, gradients, decay = 0) {
  const [beta1, beta2, eps] = [0.9, 0.999, 1e-8];
  const steps = before.steps.add(1);
  const correction = (beta) => np.subtract(1, np.exp(steps.ref.mul(Math.log(beta))));
  const rate = np.divide(learningRate, correction(beta1));
  const root = np.reciprocal(np.sqrt(correction(beta2)));
  const parameters = [];
  const first = [];
  const second = [];
  for (const [i, gradient] of gradients.entries()) {
    const m = before.first[i].mul(beta1).add(gradient.ref.mul(1 - beta1));
    const v = before.second[i].mul(beta2).add(np.square(gradient).mul(1 - beta2));
    const denominator = np.sqrt(v.ref).mul(root.ref).add(eps);
    const old = before.parameters[i];
    const kept = decay === 0 ? old : old.mul(1 - learningRate * decay);
    parameters.push(kept.sub(m.ref.div(denominator).mul(rate.ref)));
    first.push(m);
    second.push(v);
  }
  rate.dispose();
  root.dispose();
  return { parameters, first, second, steps };
}

/** Fresh moments beside parameters. */
const adamState = (np, parameters) => ({
  parameters,
  first: parameters.map((p) => np.zeros(p.shape)),
  second: parameters.map((p) => np.zeros(p.shape)),
  steps: np.array(0),
});

function adamw(jax) {
  const { numpy: np } = jax;
  const { matrices, shape } = adamwSizes;
  const all = (seed, scale) =>
    Array.from({ length: matrices }, (_, i) =>
      np.array(uniform(size(shape), seed + i, scale)).reshape(shape),
    );
  let state = adamState(np, all(0, 1));
  const gradients = all(50, 0.1);
  const step = jax.jit((before, given) => adam(np, before, given, 0.01));
  const run = async () => {
    state = await jax.blockUntilReady(
      step(
        state,
        gradients.map((g) => g.ref),
      ),
    );
  };
  return {
    run,
    check: async () => {
      for (let i = 0; i < checkedSteps; i++) await run();
      return rms(await state.parameters[0].ref.data());
    },
  };
}

/** Along each axis a product with the matrix of the interpolation: there is no resize here. */
function upsample(jax) {
  const { numpy: np } = jax;
  const [batch, channels, side] = upsampleShape;
  const matrix = new Float32Array(2 * side * side);
  for (let i = 0; i < 2 * side; i++) {
    const at = Math.max(0, (i + 0.5) / 2 - 0.5);
    const low = Math.floor(at);
    matrix[i * side + low] += 1 - (at - low);
    matrix[i * side + Math.min(low + 1, side - 1)] += at - low;
  }
  const planes = batch * channels;
  const x = np.array(uniform(size(upsampleShape), 1)).reshape([planes, side, side]);
  const weights = np.array(matrix).reshape([2 * side, side]);
  return compiled(
    jax,
    (image, w) => {
      const wide = np.matmul(image.reshape([planes * side, side]), np.transpose(w.ref));
      const columns = np.transpose(wide.reshape([planes, side, 2 * side]), [0, 2, 1]);
      const tall = np.matmul(columns.reshape([planes * 2 * side, side]), np.transpose(w));
      return np.transpose(tall.reshape([planes, 2 * side, 2 * side]), [0, 2, 1]);
    },
    [x, weights],
  );
}

/** One update of DDPG: both nets with Adam, and both targets' averages. */
function ddpg(jax) {
  const { numpy: np, nn } = jax;
  const { batch, observation, action, hidden, discount, tau } = ddpgSizes;
  const weights = (seed, ...widths) =>
    widths.slice(1).flatMap((outputs, i) => {
      const values = uniform(outputs * widths[i], seed + 2 * i, 1 / Math.sqrt(widths[i]));
      return [np.array(values).reshape([outputs, widths[i]]), np.zeros([outputs])];
    });
  const actorWeights = () => weights(100, observation, hidden, hidden, action);
  const criticWeights = () => weights(50, observation + action, hidden, hidden, 1);
  const refs = (list) => list.map((item) => item.ref);
  const net = ([w1, b1, w2, b2, w3, b3], x) => {
    const h1 = nn.relu(linear(np, x, w1, b1));
    return linear(np, nn.relu(linear(np, h1, w2, b2)), w3, b3);
  };
  const act = (actor, states) => np.tanh(net(actor, states));
  const value = (critic, states, actions) => net(critic, np.concatenate([states, actions], 1));
  const random = (width, seed) => np.array(uniform(batch * width, seed)).reshape([batch, width]);
  const inputs = [random(observation, 1), random(action, 2), random(1, 3), random(observation, 4)];
  let state = {
    actor: adamState(np, actorWeights()),
    critic: adamState(np, criticWeights()),
    targetActor: actorWeights(),
    targetCritic: criticWeights(),
  };
  const average = (targets, online) =>
    targets.map((target, i) => target.mul(1 - tau).add(online[i].ref.mul(tau)));
  const step = jax.jit((before, states, actions, rewards, following) => {
    const nextActions = act(refs(before.targetActor), following.ref);
    const future = value(refs(before.targetCritic), following, nextActions);
    const goal = rewards.add(future.mul(discount));
    const criticLoss = (critic, x, a, y) => np.mean(np.square(value(critic, x, a).sub(y)));
    const [loss, criticGradients] = jax.valueAndGrad(criticLoss)(
      refs(before.critic.parameters),
      states.ref,
      actions,
      goal,
    );
    const critic = adam(np, before.critic, criticGradients);
    const actorLoss = (actor, x, q) => np.mean(value(q, x.ref, act(actor, x))).mul(-1);
    const actorGradients = jax.grad(actorLoss)(
      refs(before.actor.parameters),
      states,
      refs(critic.parameters),
    );
    const actor = adam(np, before.actor, actorGradients);
    const targetActor = average(before.targetActor, actor.parameters);
    const targetCritic = average(before.targetCritic, critic.parameters);
    return [{ actor, critic, targetActor, targetCritic }, loss];
  });
  const run = async () => {
    const [next, loss] = await jax.blockUntilReady(step(state, ...refs(inputs)));
    state = next;
    return loss;
  };
  return {
    run: async () => (await run()).dispose(),
    check: async () => {
      for (let i = 1; i < checkedSteps; i++) (await run()).dispose();
      return (await (await run()).data())[0];
    },
  };
}

/** A compiled training step with Adam, as one function from state to state. */
function training(jax, { specs, inputs, loss, decay = 0 }) {
  const { numpy: np } = jax;
  const weights = initialWeights(specs.map((spec) => ({ ...spec, fanIn: spec.fanIn ?? 1 })));
  const fresh = (fill) => specs.map(({ shape }, i) => np.array(fill(i)).reshape(shape));
  const zeros = (i) => new Float32Array(size(specs[i].shape));
  const start = (i) => (specs[i].fanIn === null ? zeros(i).fill(specs[i].fill ?? 0) : weights[i]);
  let state = adamState(np, fresh(start));
  const step = jax.jit((before, ...given) => {
    const [value, gradients] = jax.valueAndGrad(loss)(
      before.parameters.map((parameter) => parameter.ref),
      ...given,
    );
    return [adam(np, before, gradients, decay), value];
  });
  const run = async () => {
    const [next, value] = await jax.blockUntilReady(step(state, ...inputs.map((x) => x.ref)));
    state = next;
    return value;
  };
  return {
    run: async () => (await run()).dispose(),
    check: async () => {
      for (let i = 1; i < checkedSteps; i++) (await run()).dispose();
      return (await (await run()).data())[0];
    },
  };
}

serveCell(async (row, threads) => {
  const make = kernels(await load(threads))[row];
  return make && (async () => make());
});

/**
 * Self-check of attention on a real card: cuDNN's engines and the generated kernels, forward and
 * backward, against float64 on the CPU at sampled rows and keys, and whether bits repeat.
 *
 *   node bench/gpu/probe-attention.mjs [--only cudnn|kernels] [--quick] [--filter TEXT]
 *
 * Prints one JSON line per case, then a table, and exits with 1 if a case is wrong. It needs the
 * built dist and koffi, and no other package. ATHANOR_CUDA_UNORDERED=1 lets cuDNN add gradients of
 * queries up in any order.
 */
import { AttentionExecutor } from "../../dist/backends/cuda/attention.js";
import { createCudaBackend } from "../../dist/backends/cuda/create.js";
import { ConvolutionExecutor } from "../../dist/backends/cuda/convolution.js";
import { MatmulExecutor } from "../../dist/backends/cuda/matmul.js";
import {
  attention,
  attentionGrad,
  broadcastTo,
  input,
  narrow,
  part,
  reshape,
} from "../../dist/ir/build.js";
import { bf16FromNumber, bf16ToNumber, f16FromNumber, f16ToNumber } from "../../dist/ir/dtype.js";

const words = process.argv.slice(2);
const option = (name) => {
  const at = words.indexOf(name);
  return at < 0 ? undefined : words[at + 1];
};
const only = option("--only");
const filter = option("--filter") ?? "";
const isQuick = words.includes("--quick");

const encode = { bf16: bf16FromNumber, f16: f16FromNumber };
const decode = { bf16: bf16ToNumber, f16: f16ToNumber };
const product = (list) => list.reduce((all, size) => all * size, 1);

/** Numbers in [-1, 1) and their bits. */
function valuesOf(dtype, count, seed) {
  const stored = new Uint16Array(count);
  const period = Math.min(count, 65_521);
  let state = (seed * 0x9e3779b1) | 1;
  for (let i = 0; i < period; i++) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    stored[i] = encode[dtype]((state | 0) / 2 ** 31);
  }
  for (let i = period; i < count; i++) stored[i] = stored[i - period];
  return stored;
}

function specs() {
  const shapes = [
    { L: 1, S: 1, H: 4, D: 64 },
    { L: 77, H: 4, D: 64 },
    { L: 77, H: 4, D: 80, causal: true },
    { L: 1000, H: 12, D: 64, causal: true },
    { L: 1000, S: 500, H: 8, G: 2, D: 128, causal: true },
    { L: 1, S: 4096, B: 16, H: 32, G: 8, D: 128 },
    { L: 1024, B: 64, H: 12, D: 64, causal: true },
    { L: 1024, B: 8, H: 16, D: 80, causal: true },
    { L: 1024, B: 8, H: 16, D: 128 },
    { L: 4096, B: 4, H: 16, D: 64, causal: true },
    { L: 4096, B: 2, H: 32, G: 8, D: 128, causal: true },
    { L: 4096, B: 2, H: 32, D: 128 },
    { L: 512, B: 4, H: 8, D: 256, causal: true },
    { L: 300, S: 200, B: 2, H: 4, D: 64, bias: true },
    { L: 1024, B: 8, H: 12, D: 64, bias: true, causal: true },
    { L: 100, B: 2, H: 2, D: 20, V: 12 },
  ];
  const chosen = isQuick ? shapes.filter(({ L, B = 1 }) => L * B <= 2048) : shapes;
  return chosen.flatMap((shape) => [
    { dtype: "bf16", ...shape },
    ...(shape.L === 1000 || shape.bias ? [{ dtype: "f16", ...shape }] : []),
  ]);
}

function nameOf({ dtype, B = 1, L, S = L, H, G = H, D, V = D, causal = false, bias = false }) {
  const flags = `${causal ? " causal" : ""}${bias ? " bias" : ""}`;
  return `${dtype} B${B} H${H}${G === H ? "" : `/${G}`} L${L}${S === L ? "" : `/${S}`} D${D}${V === D ? "" : `/${V}`}${flags}`;
}

/** The graph of a case: q, k and v are slices of one product where their sizes agree. */
function build({ dtype, B = 1, L, S = L, H, G = H, D, V = D, causal = false, bias = false }) {
  const isJoined = L === S && H === G && D === V;
  const inputs = [];
  const take = (shape, own = dtype) => {
    const node = input(shape, own);
    inputs.push(node);
    return node;
  };
  let src;
  if (isJoined) {
    const joined = take([B, L, 3, H, D]);
    src = [0, 1, 2].map((i) => reshape(narrow(joined, 2, i, 1), [B, L, H, D]));
  } else {
    src = [take([B, L, H, D]), take([B, S, G, D]), take([B, S, G, V])];
  }
  if (bias) src.push(broadcastTo(take([L, S]), [B, H, L, S]));
  const attrs = { causal, scale: 1 / Math.sqrt(D) };
  const node = attention(src, attrs);
  const results = [part(node, 0), part(node, 1)];
  const gradients = attentionGrad([...src, ...results, take([B, L, H, V])], attrs);
  return {
    isJoined,
    graph: { inputs, outputs: [...results, ...[0, 1, 2].map((i) => part(gradients, i))] },
  };
}

/** Element access by (batch, row, head, column), as numbers. */
function viewsOf(spec, data, isJoined) {
  const { dtype, L, S = L, H, G = H, D, V = D, bias = false } = spec;
  const number = decode[dtype];
  const plain = (array, rows, heads, width) => (b, i, h, d) =>
    number(array[((b * rows + i) * heads + h) * width + d]);
  const joined = (at) => (b, i, h, d) => number(data[0][(((b * L + i) * 3 + at) * H + h) * D + d]);
  const [q, k, v] = isJoined
    ? [0, 1, 2].map(joined)
    : [plain(data[0], L, H, D), plain(data[1], S, G, D), plain(data[2], S, G, V)];
  const biasData = bias ? data.at(-2) : null;
  return {
    q,
    k,
    v,
    bias: (i, j) => (biasData === null ? 0 : number(biasData[i * S + j])),
    g: plain(data.at(-1), L, H, V),
  };
}

/** Largest error at sampled places, relative to the largest value of each kind. */
function errorsOf(spec, views, outputs) {
  const { dtype, B = 1, L, S = L, H, G = H, D, V = D, causal = false } = spec;
  const number = decode[dtype];
  const [out, stats, dq, dk, dv] = outputs;
  const scale = 1 / Math.sqrt(D);
  const R = H / G;
  const worst = { out: [0, 0], stats: [0, 0], dq: [0, 0], dk: [0, 0], dv: [0, 0] };
  const note = (kind, got, expected) => {
    const error = Math.abs(got - expected);
    worst[kind][0] = error <= worst[kind][0] ? worst[kind][0] : error;
    worst[kind][1] = Math.max(worst[kind][1], Math.abs(expected));
  };
  const score = (b, h, i, j) => {
    if (causal && j > i) return -Infinity;
    let sum = 0;
    for (let d = 0; d < D; d++) sum += views.q(b, i, h, d) * views.k(b, j, Math.floor(h / R), d);
    return sum * scale + views.bias(i, j);
  };
  const places = Array.from({ length: 6 }, (_, n) => {
    const at = (size, step) => Math.min(size - 1, Math.floor(((n * step + n / 5) % 1) * size));
    return { b: at(B, 0.37), h: at(H, 0.61), i: n === 5 ? L - 1 : at(L, 0.23), j: at(S, 0.41) };
  });
  for (const { b, h, i } of places) {
    const group = Math.floor(h / R);
    const scores = Array.from({ length: S }, (_, j) => score(b, h, i, j));
    const most = Math.max(...scores);
    const total = scores.reduce((sum, x) => sum + Math.exp(x - most), 0);
    const weights = scores.map((x) => Math.exp(x - most) / total);
    note("stats", stats[(b * H + h) * L + i], most + Math.log(total));
    const row = new Float64Array(V);
    weights.forEach((w, j) => {
      for (let d = 0; d < V; d++) row[d] += w * views.v(b, j, group, d);
    });
    let common = 0;
    for (let d = 0; d < V; d++) {
      note("out", number(out[((b * L + i) * H + h) * V + d]), row[d]);
      common += row[d] * views.g(b, i, h, d);
    }
    const slope = new Float64Array(D);
    weights.forEach((w, j) => {
      let received = 0;
      for (let d = 0; d < V; d++) received += views.g(b, i, h, d) * views.v(b, j, group, d);
      const ds = w * (received - common) * scale;
      for (let d = 0; d < D; d++) slope[d] += ds * views.k(b, j, group, d);
    });
    for (let d = 0; d < D; d++) note("dq", number(dq[((b * L + i) * H + h) * D + d]), slope[d]);
  }
  // Logarithms and results of all rows are the card's own: their samples were checked above.
  for (const { b, h, j } of places.slice(0, 3)) {
    const group = Math.floor(h / R);
    const [keySum, valueSum] = [new Float64Array(D), new Float64Array(V)];
    for (let head = group * R; head < (group + 1) * R; head++) {
      for (let i = 0; i < L; i++) {
        const weight = Math.exp(score(b, head, i, j) - stats[(b * H + head) * L + i]);
        if (weight === 0) continue;
        let [received, common] = [0, 0];
        for (let d = 0; d < V; d++) {
          const g = views.g(b, i, head, d);
          received += g * views.v(b, j, group, d);
          common += g * number(out[((b * L + i) * H + head) * V + d]);
          valueSum[d] += weight * g;
        }
        const ds = weight * (received - common) * scale;
        for (let d = 0; d < D; d++) keySum[d] += ds * views.q(b, i, head, d);
      }
    }
    for (let d = 0; d < D; d++)
      note("dk", number(dk[((b * S + j) * G + group) * D + d]), keySum[d]);
    for (let d = 0; d < V; d++)
      note("dv", number(dv[((b * S + j) * G + group) * V + d]), valueSum[d]);
  }
  return Object.fromEntries(
    Object.entries(worst).map(([kind, [error, most]]) => [kind, error / Math.max(most, 1e-3)]),
  );
}

/** Milliseconds of the attention kernels of a program, the best of several runs. */
function timesOf(program, buffers) {
  let best = null;
  for (let run = 0; run < 4; run++) {
    const times = { forward: 0, backward: 0 };
    for (const { name, milliseconds } of program.profile(...buffers)) {
      if (name.startsWith("attentionGrad")) times.backward += milliseconds;
      else if (name.startsWith("attention")) times.forward += milliseconds;
    }
    best ??= times;
    best = {
      forward: Math.min(best.forward, times.forward),
      backward: Math.min(best.backward, times.backward),
    };
  }
  return best;
}

const bytesOf = ({ shape, dtype }) => product(shape) * (dtype === "f32" ? 4 : 2);

function probe(backend, spec) {
  const { dtype, B = 1, L, S = L, H, D, V = D, causal = false } = spec;
  const { graph, isJoined } = build(spec);
  const program = backend.compile(graph);
  const data = graph.inputs.map((node, i) => valuesOf(node.dtype, product(node.shape), i + 1));
  const inputs = graph.inputs.map((node, i) => {
    const buffer = backend.allocate(bytesOf(node));
    backend.write(buffer, data[i]);
    return buffer;
  });
  const outputs = graph.outputs.map((node) => backend.allocate(bytesOf(node)));
  const read = () => graph.outputs.map((node, i) => backend.readSync(outputs[i], node.dtype));
  program.run(inputs, outputs);
  const first = read();
  program.run(inputs, outputs);
  const second = read();
  const isRepeatable = first.every((array, i) =>
    Buffer.from(array.buffer, array.byteOffset, array.byteLength).equals(
      Buffer.from(second[i].buffer, second[i].byteOffset, second[i].byteLength),
    ),
  );
  const { forward, backward } = timesOf(program, [inputs, outputs]);
  const errors = errorsOf(spec, viewsOf(spec, data, isJoined), first);
  for (const buffer of [...inputs, ...outputs]) backend.free(buffer);
  program.dispose();
  const limit = dtype === "bf16" ? 2e-2 : 4e-3;
  const isRight = Object.entries(errors).every(
    ([kind, e]) => e <= (kind === "stats" ? 1e-3 : limit),
  );
  const pairs = B * H * L * S * (causal && L === S ? 0.5 : 1);
  const tflops = (factor, ms) => Number(((2 * pairs * factor) / ms / 1e9).toFixed(1));
  return {
    isRight,
    isRepeatable,
    errors: Object.fromEntries(
      Object.entries(errors).map(([k, e]) => [k, Number(e.toPrecision(2))]),
    ),
    forwardMs: forward,
    backwardMs: backward,
    forwardTflops: tflops(D + V, forward),
    backwardTflops: tflops(3 * D + 2 * V, backward),
  };
}

const libraries = {
  matmul: (context) => new MatmulExecutor(context),
  convolution: (context) => new ConvolutionExecutor(context),
};
const ways = {
  cudnn: { ...libraries, attention: (context) => new AttentionExecutor(context) },
  kernels: libraries,
};

const rows = [];
for (const [way, executors] of Object.entries(ways)) {
  if (only !== undefined && only !== way) continue;
  const backend = createCudaBackend({ executors });
  for (const spec of specs()) {
    const name = nameOf(spec);
    if (!name.includes(filter)) continue;
    let row;
    try {
      row = { way, name, ...probe(backend, spec) };
    } catch (error) {
      row = { way, name, isRight: false, error: String(error?.message ?? error).slice(0, 300) };
    }
    rows.push(row);
    process.stdout.write(`${JSON.stringify(row)}\n`);
  }
  backend.dispose();
}
for (const { way, name, isRight, isRepeatable, forwardTflops, backwardTflops, error } of rows) {
  const state = `${isRight ? "right" : "WRONG"}${isRepeatable === false ? ", bits differ" : ""}`;
  const speed = error ?? `${forwardTflops} / ${backwardTflops} TFLOP/s`;
  console.log(`${way.padEnd(8)} ${name.padEnd(40)} ${state.padEnd(20)} ${speed}`);
}
process.exitCode = rows.every(({ isRight }) => isRight) ? 0 : 1;

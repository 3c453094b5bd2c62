/**
 * A process that measures TensorFlow.js on its WebAssembly backend: as Node's users get it on one
 * thread, and with the threads that only pages have on several.
 */
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { serveCell } from "../dist/cell-protocol.js";
import { rms, uniform } from "../dist/inputs.js";
import { decodeSizes, gptSizes, upsampleShape } from "../dist/workload.js";
import { gptWeights, transposed } from "./onnx-decode.mjs";
import { allowThreads, useThreads } from "./tfjs-threads.mjs";

const require = createRequire(import.meta.url);
/** The library, which looks for workers when it is loaded. */
let tf;
console.warn = () => {};

const size = (shape) => shape.reduce((product, n) => product * n, 1);
const input = (shape, seed, scale = 1) => tf.tensor(uniform(size(shape), seed, scale), shape);

/** NCHW to the NHWC this library has kernels for; done once, outside of the timing. */
function nhwc(x) {
  return tf.transpose(x, [0, 2, 3, 1]);
}

function layerNorm(x, weight, bias) {
  const { mean, variance } = tf.moments(x, -1, true);
  return x.sub(mean).mul(variance.add(1e-5).rsqrt()).mul(weight).add(bias);
}

const gemm = (n) => () => {
  const [a, b] = [input([n, n], 1), input([n, n], 2)];
  return () => tf.matMul(a, b);
};

const rows = {
  "gemm 256": gemm(256),
  "gemm 512": gemm(512),
  "gemm 1024": gemm(1024),
  "gemm 2048": gemm(2048),
  "elementwise 4M": () => {
    const x = input([4_194_304], 1);
    return () => x.mul(1.5).add(0.3).relu().square();
  },
  "softmax 4096x1024": () => {
    const x = input([4096, 1024], 1, 4);
    return () => x.softmax(-1);
  },
  "layer norm 4096x1024": () => {
    const x = input([4096, 1024], 1, 4);
    const [weight, bias] = [input([1024], 2), input([1024], 3)];
    return () => layerNorm(x, weight, bias);
  },
  "conv 8x64x56x56": () => {
    const x = nhwc(input([8, 64, 56, 56], 1));
    const weight = tf.transpose(input([64, 64, 3, 3], 2), [2, 3, 1, 0]);
    return () => tf.conv2d(x, weight, 1, "same");
  },
  "upsample x2": () => {
    const x = nhwc(input(upsampleShape, 1));
    const size = upsampleShape.slice(2).map((n) => 2 * n);
    return () => tf.image.resizeBilinear(x, size, false, true);
  },
};

/** Greedy decoding with a cache that grows by concatenation. */
function decoding() {
  const { width, heads, layers } = gptSizes;
  const headSize = width / heads;
  const w = Object.fromEntries(
    Object.entries(gptWeights()).map(([name, value]) => {
      const isLinear = name.endsWith("weight") && value.shape.length === 2;
      const { data, shape } = isLinear ? transposed(value) : value;
      return [name, tf.tensor(data, shape)];
    }),
  );
  const linear = (name, x) => tf.matMul(x, w[`${name}.weight`]).add(w[`${name}.bias`]);
  const norm = (name, x) => layerNorm(x, w[`${name}.weight`], w[`${name}.bias`]);
  const gelu = (x) => x.mul(x.div(Math.SQRT2).erf().add(1)).mul(0.5);
  const token = (id, position, caches) => {
    let x = tf.gather(w.tokens, [id]).add(tf.gather(w.positions, [position]));
    const kept = [];
    for (let i = 0; i < layers; i++) {
      const qkv = linear(`${i}.qkv`, norm(`${i}.norm1`, x)).reshape([3, heads, 1, headSize]);
      const [q, k, v] = tf.unstack(qkv);
      const [keys, values] =
        caches === null
          ? [k, v]
          : [tf.concat([caches[2 * i], k], 1), tf.concat([caches[2 * i + 1], v], 1)];
      kept.push(keys, values);
      const scores = tf.matMul(q, keys, false, true).mul(1 / Math.sqrt(headSize));
      const mixed = tf.matMul(tf.softmax(scores), values).reshape([1, width]);
      const y = x.add(linear(`${i}.proj`, mixed));
      x = y.add(linear(`${i}.down`, gelu(linear(`${i}.up`, norm(`${i}.norm2`, y)))));
    }
    return [tf.argMax(tf.matMul(norm("norm", x), w["head.weight"]), -1), ...kept];
  };
  const sequence = async () => {
    const ids = [];
    let caches = null;
    let id = decodeSizes.start;
    for (let position = 0; position < decodeSizes.tokens; position++) {
      const [next, ...kept] = tf.tidy(() => token(id, position, caches));
      caches?.forEach((cache) => cache.dispose());
      caches = kept;
      id = (await next.data())[0];
      next.dispose();
      ids.push(id);
    }
    caches.forEach((cache) => cache.dispose());
    return ids;
  };
  return {
    run: async () => void (await sequence()),
    check: async () => (await sequence()).reduce((sum, id, i) => sum + id * (i + 1), 0),
  };
}

async function start(threads) {
  if (threads > 1) allowThreads();
  tf = require("@tensorflow/tfjs");
  const wasm = require("@tensorflow/tfjs-backend-wasm");
  const folder = dirname(require.resolve("@tensorflow/tfjs-backend-wasm/package.json"));
  wasm.setWasmPaths(join(folder, "dist") + "/");
  // Node's fetch reads no files.
  globalThis.fetch = async (/** @type {string} */ path) => {
    const bytes = readFileSync(path.replace(/^file:\/\//, ""));
    return new Response(bytes, { headers: { "content-type": "application/wasm" } });
  };
  useThreads(tf, wasm, threads);
  await tf.setBackend("wasm");
  await tf.ready();
}

serveCell(async (row, threads) => {
  if (row === "gpt decode") {
    await start(threads);
    return async () => decoding();
  }
  const make = rows[row];
  if (make === undefined) return undefined;
  await start(threads);
  return async () => {
    const compute = make();
    const run = () => tf.tidy(compute);
    return {
      run: () => run().dispose(),
      check: async () => rms(await run().data()),
    };
  };
});

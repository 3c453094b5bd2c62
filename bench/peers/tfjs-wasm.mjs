/** A process that measures TensorFlow.js on its WebAssembly backend, as Node's users get it. */
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { serveCell } from "../dist/cell-protocol.js";
import { rms, uniform } from "../dist/inputs.js";

const require = createRequire(import.meta.url);
const tf = require("@tensorflow/tfjs");
const wasm = require("@tensorflow/tfjs-backend-wasm");
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
};

async function start() {
  const folder = dirname(require.resolve("@tensorflow/tfjs-backend-wasm/package.json"));
  wasm.setWasmPaths(join(folder, "dist") + "/");
  // Node's fetch reads no files.
  globalThis.fetch = async (/** @type {string} */ path) => {
    const bytes = readFileSync(path.replace(/^file:\/\//, ""));
    return new Response(bytes, { headers: { "content-type": "application/wasm" } });
  };
  await tf.setBackend("wasm");
  await tf.ready();
}

serveCell(async (row) => {
  const make = rows[row];
  if (make === undefined) return undefined;
  await start();
  return async () => {
    const compute = make();
    const run = () => tf.tidy(compute);
    return {
      run: () => run().dispose(),
      check: async () => rms(await run().data()),
    };
  };
});

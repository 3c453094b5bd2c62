/**
 * A process that measures ONNX Runtime, with the package as its argument: `onnxruntime-node` (its
 * CPU provider) or `onnxruntime-web` (WebAssembly).
 */
import { createRequire } from "node:module";
import { serveCell } from "../dist/cell-protocol.js";
import { rms, uniform } from "../dist/inputs.js";
import { upsampleShape } from "../dist/workload.js";
import { decodeModel, decoder } from "./onnx-decode.mjs";
import { encodeModel } from "./onnx-model.mjs";

const packageName = process.argv[2] ?? "onnxruntime-node";
const ort = createRequire(import.meta.url)(packageName);

const size = (shape) => shape.reduce((product, n) => product * n, 1);
const input = (shape, seed, scale = 1) => ({ shape, data: uniform(size(shape), seed, scale) });
const constant = (value) => ({ shape: [], data: Float32Array.of(value) });

const gemm = (n) => ({
  inputs: { a: input([n, n], 1), b: input([n, n], 2) },
  nodes: [{ op: "MatMul", inputs: ["a", "b"], output: "y" }],
  output: [n, n],
});

const rows = {
  "gemm 256": gemm(256),
  "gemm 512": gemm(512),
  "gemm 1024": gemm(1024),
  "gemm 2048": gemm(2048),
  "elementwise 4M": {
    inputs: { x: input([4_194_304], 1) },
    constants: { scale: constant(1.5), shift: constant(0.3) },
    nodes: [
      { op: "Mul", inputs: ["x", "scale"], output: "p" },
      { op: "Add", inputs: ["p", "shift"], output: "q" },
      { op: "Relu", inputs: ["q"], output: "r" },
      { op: "Mul", inputs: ["r", "r"], output: "y" },
    ],
    output: [4_194_304],
  },
  "softmax 4096x1024": {
    inputs: { x: input([4096, 1024], 1, 4) },
    nodes: [{ op: "Softmax", inputs: ["x"], output: "y", attributes: { axis: -1 } }],
    output: [4096, 1024],
  },
  "layer norm 4096x1024": {
    inputs: { x: input([4096, 1024], 1, 4), w: input([1024], 2), b: input([1024], 3) },
    nodes: [
      { op: "LayerNormalization", inputs: ["x", "w", "b"], output: "y", attributes: { axis: -1 } },
    ],
    output: [4096, 1024],
  },
  "conv 8x64x56x56": {
    inputs: { x: input([8, 64, 56, 56], 1) },
    constants: { w: input([64, 64, 3, 3], 2) },
    nodes: [{ op: "Conv", inputs: ["x", "w"], output: "y", attributes: { pads: [1, 1, 1, 1] } }],
    output: [8, 64, 56, 56],
  },
  "upsample x2": {
    inputs: { x: input(upsampleShape, 1) },
    constants: { scales: { shape: [4], data: Float32Array.of(1, 1, 2, 2) } },
    nodes: [
      {
        op: "Resize",
        inputs: ["x", "", "scales"],
        output: "y",
        attributes: { mode: "linear", coordinate_transformation_mode: "half_pixel" },
      },
    ],
    output: upsampleShape.map((n, i) => (i < 2 ? n : 2 * n)),
  },
};

async function open(model, threads) {
  if (packageName === "onnxruntime-web") ort.env.wasm.numThreads = threads;
  return ort.InferenceSession.create(encodeModel(model), {
    intraOpNumThreads: threads,
    interOpNumThreads: 1,
  });
}

async function decoding(threads) {
  const sequence = decoder(ort, await open(decodeModel(), threads));
  return {
    run: async () => void (await sequence()),
    check: async () => (await sequence()).reduce((sum, id, i) => sum + id * (i + 1), 0),
  };
}

serveCell(async (row, threads) => {
  if (row === "gpt decode") return () => decoding(threads);
  const model = rows[row];
  if (model === undefined) return undefined;
  return async () => {
    const session = await open(model, threads);
    const tensor = ({ shape, data }) => new ort.Tensor("float32", data, shape);
    const feeds = Object.fromEntries(
      Object.entries(model.inputs).map(([name, value]) => [name, tensor(value)]),
    );
    // Results go to memory that is there already, as they do for the other contenders.
    const output = tensor({ shape: model.output, data: new Float32Array(size(model.output)) });
    const isNative = packageName === "onnxruntime-node";
    const run = () => (isNative ? session.run(feeds, { y: output }) : session.run(feeds));
    return {
      run: async () => void (await run()),
      check: async () => rms((await run()).y.data),
    };
  };
});

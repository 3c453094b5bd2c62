/**
 * Self-check of products and convolutions on a real card: cuBLASLt, cuDNN and the generated
 * kernels, each against sums in float64 on the CPU at sampled elements.
 *
 *   node bench/gpu/probe-libs.mjs [--only matmul|conv|kernel] [--quick] [--filter TEXT]
 *
 * Prints one JSON line per case, then a table, and exits with 1 if a case is wrong. It needs the
 * built dist, koffi, and no other package.
 */
import { ConvolutionExecutor } from "../../dist/backends/cuda/convolution.js";
import { createCudaBackend } from "../../dist/backends/cuda/create.js";
import { koffiFfi } from "../../dist/backends/cuda/koffi-ffi.js";
import { LibrarySearch } from "../../dist/backends/cuda/library-search.js";
import { MatmulExecutor } from "../../dist/backends/cuda/matmul.js";
import { dot, input, transpose } from "../../dist/ir/build.js";
import { dtypeBytes } from "../../dist/ir/dtype.js";
import { Card, compare, product, repeated, valuesOf } from "./probe-card.mjs";
import { convolutionName, convolutionSpecs, probeConvolution } from "./probe-convolution.mjs";
import {
  matmulCall,
  matmulName,
  matmulSamples,
  matmulSpecs,
  probeMatmul,
} from "./probe-matmul.mjs";

const words = process.argv.slice(2);
const option = (name) => {
  const at = words.indexOf(name);
  return at < 0 ? undefined : words[at + 1];
};
const only = option("--only");
const filter = option("--filter") ?? "";
const isQuick = words.includes("--quick");
const rows = [];
function report(row) {
  rows.push(row);
  process.stdout.write(`${JSON.stringify(row)}\n`);
}

function attempt(name, run) {
  if (!name.includes(filter)) return;
  try {
    report({ name, ...run() });
  } catch (error) {
    report({ name, isRight: false, error: `${error.name}: ${error.message}` });
  }
}

/** Without the libraries, the backend generates its products. */
function probeKernel(backend, { dtype, m, n, k, layout = "NN", batch = [] }) {
  const shape = (rows_, columns, isTurned) => [
    ...batch,
    ...(isTurned ? [columns, rows_] : [rows_, columns]),
  ];
  const turned = (x, isTurned) => (isTurned ? transpose(x, batch.length, batch.length + 1) : x);
  const a = input(shape(m, k, layout[0] === "T"), dtype);
  const b = input(shape(k, n, layout[1] === "T"), dtype);
  const node = dot(turned(a, layout[0] === "T"), turned(b, layout[1] === "T"));
  const program = backend.compile({ inputs: [a, b], outputs: [node] });
  const count = product(batch);
  const [left, right] = [valuesOf(dtype, 1), valuesOf(dtype, 2)];
  const buffers = [
    [left, count * m * k],
    [right, count * k * n],
  ].map(([{ stored }, size]) => {
    const buffer = backend.allocate(size * dtypeBytes(dtype));
    backend.write(buffer, repeated(stored, size));
    return buffer;
  });
  const out = backend.allocate(count * m * n * dtypeBytes(dtype));
  for (let i = 0; i < 3; i++) program.run(buffers, [out]);
  backend.synchronize();
  const runs = 10;
  const start = performance.now();
  for (let i = 0; i < runs; i++) program.run(buffers, [out]);
  backend.synchronize();
  const time = (performance.now() - start) / runs;
  const result = backend.readSync(out, dtype);
  for (const buffer of [...buffers, out]) backend.free(buffer);
  program.dispose();
  const call = matmulCall({ dtype, m, n, k, layout, batch });
  const samples = matmulSamples(
    { ...call, outputDtype: dtype },
    left.numbers,
    right.numbers,
    [0],
    result,
  );
  const { isRight, relativeError } = compare(samples, dtype);
  return { isRight, relativeError, ms: time, tflops: (2 * m * n * k * count) / time / 1e9 };
}

function kernelSpecs() {
  const specs = [];
  for (const dtype of ["f32", "bf16", "f16", "f64", "i32"]) {
    for (const layout of ["NN", "NT", "TN", "TT"]) {
      specs.push({ dtype, m: 130, n: 136, k: 72, layout });
      specs.push({ dtype, m: 127, n: 65, k: 33, layout });
      specs.push({ dtype, m: 2048, n: 2048, k: isQuick ? 256 : 2048, layout });
    }
    specs.push({ dtype, m: 77, n: 64, k: 80, batch: [12], layout: "NT" });
    specs.push({ dtype, m: 1, n: 4096, k: 4096, layout: "NN" });
    specs.push({ dtype, m: 1, n: 4096, k: 4096, layout: "NT" });
    specs.push({ dtype, m: 4096, n: 2, k: 4096, layout: "NN" });
  }
  return specs;
}

const wants = (name) => only === undefined || only === name;

function main(ffi) {
  const card = new Card(ffi);
  const { device } = card;
  report({ name: "card", card: device.name, capability: device.target.capability, isRight: true });
  if (wants("matmul")) {
    const executor = new MatmulExecutor(card.context);
    for (const spec of matmulSpecs(isQuick))
      attempt(matmulName(spec), () => probeMatmul(card, executor, spec));
    executor.dispose();
  }
  if (wants("conv")) {
    const executor = new ConvolutionExecutor(card.context);
    for (const spec of convolutionSpecs(isQuick)) {
      attempt(convolutionName(spec), () => probeConvolution(card, executor, spec));
    }
    executor.dispose();
  }
  if (wants("kernel")) {
    const hidden = /libcu(blas|dnn)/;
    const visible = {
      open(path) {
        if (hidden.test(path)) throw new Error(`${path}: hidden`);
        return ffi.open(path);
      },
      address: (view) => ffi.address(view),
      view: (address, bytes) => ffi.view(address, bytes),
    };
    const backend = createCudaBackend({ ffi: visible, libraries: new LibrarySearch(visible) });
    for (const spec of kernelSpecs()) {
      attempt(matmulName(spec).replace("matmul", "kernel"), () => probeKernel(backend, spec));
    }
    backend.dispose();
  }
  table();
  process.exitCode = rows.every(({ isRight, isRepeatable }) => isRight && isRepeatable !== false)
    ? 0
    : 1;
}

function table() {
  const line = (row) =>
    `${row.isRight ? (row.isRepeatable === false ? "DIFFERS" : "ok     ") : "WRONG  "} ` +
    `${row.name.padEnd(78)} ${(row.relativeError ?? 0).toExponential(1).padStart(8)} ` +
    `${(row.ms ?? 0).toFixed(4).padStart(10)} ms ${(row.tflops ?? 0).toFixed(1).padStart(7)} TFLOP/s` +
    `${row.error === undefined ? "" : `  ${row.error}`}`;
  process.stderr.write(`${rows.map(line).join("\n")}\n`);
  const wrong = rows.filter(({ isRight }) => !isRight).length;
  process.stderr.write(`${rows.length} cases, ${wrong} wrong\n`);
}

main(koffiFfi());

/** Products through cuBLASLt against sums in float64 at sampled elements. */
import { dtypeBytes, hostView } from "../../dist/ir/dtype.js";
import {
  PERIOD,
  SAMPLES,
  compare,
  decode,
  product,
  repeated,
  runCall,
  valuesOf,
} from "./probe-card.mjs";

const matrix = (rows_, columns, isTurned, batchStrides = []) => ({
  rowStride: isTurned ? 1 : columns,
  columnStride: isTurned ? rows_ : 1,
  batchStrides,
});

export function matmulCall({
  dtype,
  m,
  n,
  k,
  layout = "NN",
  batch = [],
  epilogue = "none",
  tf32 = false,
  output = dtype,
  broadcast = false,
}) {
  const steps = (size) => batch.map((_, i) => size * product(batch.slice(i + 1)));
  return {
    kind: "matmul",
    dtype,
    outputDtype: output,
    m,
    n,
    k,
    batch,
    a: matrix(m, k, layout[0] === "T", steps(m * k)),
    b: matrix(k, n, layout[1] === "T", broadcast ? batch.map(() => 0) : steps(k * n)),
    d: matrix(m, n, false, steps(m * n)),
    epilogue,
    allowTf32: tf32,
  };
}

const gelu = (x) => 0.5 * x * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3)));
const activations = {
  none: (x) => x,
  bias: (x, bias) => x + bias,
  relu: (x) => Math.max(x, 0),
  "bias-relu": (x, bias) => Math.max(x + bias, 0),
  gelu,
  "bias-gelu": (x, bias) => gelu(x + bias),
};

export function matmulSamples(call, a, b, bias, result) {
  const { m, n, k, batch } = call;
  const count = product(batch) * m * n;
  const read = decode[call.outputDtype];
  return Array.from({ length: SAMPLES }, (_, s) => {
    const at = s === 0 ? 0 : s === 1 ? count - 1 : Math.floor(((s * 0.618_033_988_7) % 1) * count);
    let rest = Math.floor(at / (m * n));
    let [startA, startB] = [0, 0];
    for (let i = batch.length - 1; i >= 0; i--) {
      startA += (rest % batch[i]) * call.a.batchStrides[i];
      startB += (rest % batch[i]) * call.b.batchStrides[i];
      rest = Math.floor(rest / batch[i]);
    }
    const [row, column] = [Math.floor(at / n) % m, at % n];
    let [sum, magnitude] = [0, 0];
    for (let j = 0; j < k; j++) {
      const left = a[(startA + row * call.a.rowStride + j * call.a.columnStride) % PERIOD];
      const right = b[(startB + j * call.b.rowStride + column * call.b.columnStride) % PERIOD];
      sum += left * right;
      magnitude += Math.abs(left * right);
    }
    const expected = activations[call.epilogue](sum, bias[column % PERIOD]);
    // The library's tanh is approximate.
    if (call.epilogue.endsWith("gelu")) magnitude += 1e3;
    return { got: read(result[at]), expected, magnitude };
  });
}

export function probeMatmul(card, executor, spec) {
  const call = matmulCall(spec);
  const { dtype, m, n, k, batch } = call;
  const count = product(batch);
  const [left, right, add] = [
    valuesOf(dtype, 1),
    valuesOf(dtype, 2),
    valuesOf(call.outputDtype, 3),
  ];
  const result = hostView(
    call.outputDtype,
    new ArrayBuffer(count * m * n * dtypeBytes(call.outputDtype)),
  );
  const operands = [
    { data: repeated(left.stored, count * m * k) },
    { data: repeated(right.stored, (spec.broadcast ? 1 : count) * k * n) },
    { data: result, isResult: true },
    { data: repeated(add.stored, n) },
  ];
  const shift = spec.shift ?? 0;
  const { time, isRepeatable, workspace } = runCall(card, executor, call, operands, shift);
  const samples = matmulSamples(call, left.numbers, right.numbers, add.numbers, result);
  const precision = spec.tf32 ? "tf32" : dtype === call.outputDtype ? dtype : call.outputDtype;
  const { isRight, relativeError } = compare(samples, precision);
  const tflops = (2 * m * n * k * count) / time / 1e9;
  return { isRight, isRepeatable, relativeError, ms: time, tflops, workspace };
}

export function matmulSpecs(isQuick) {
  const specs = [];
  const squares = isQuick ? [256, 1024] : [256, 1024, 4096, 8192];
  for (const size of squares) {
    for (const dtype of ["bf16", "f16", "f32"]) specs.push({ dtype, m: size, n: size, k: size });
    specs.push({ dtype: "f32", m: size, n: size, k: size, tf32: true });
    if (size <= 4096) specs.push({ dtype: "f64", m: size, n: size, k: size });
  }
  const rows_ = isQuick ? 1024 : 16_384;
  for (const [n, k] of [
    [2304, 768],
    [768, 768],
    [3072, 768],
    [768, 3072],
  ]) {
    specs.push({ dtype: "bf16", m: rows_, n, k, layout: "NT" });
    specs.push({ dtype: "bf16", m: rows_, n: k, k: n, layout: "NN" });
    specs.push({ dtype: "bf16", m: n, n: k, k: rows_, layout: "TN" });
    specs.push({ dtype: "bf16", m: n, n: k, k: rows_, layout: "TN", output: "f32" });
  }
  if (!isQuick) specs.push({ dtype: "bf16", m: 16_384, n: 50_304, k: 768, layout: "NT" });
  for (const dtype of ["f32", "bf16", "f16", "f64"]) {
    for (const layout of ["NN", "NT", "TN", "TT"])
      specs.push({ dtype, m: 127, n: 65, k: 33, layout });
    specs.push({ dtype, m: 1, n: 4096, k: 4096, layout: "NN" });
    specs.push({ dtype, m: 1, n: 4096, k: 4096, layout: "NT" });
    specs.push({ dtype, m: 4096, n: 1, k: 4096 });
    specs.push({ dtype, m: 64, n: 32, k: 1 });
    specs.push({ dtype, m: 1, n: 1, k: 1 });
    specs.push({ dtype, m: 128, n: 128, k: 64, shift: dtypeBytes(dtype) });
    specs.push({ dtype, m: 77, n: 64, k: 80, batch: [12], layout: "NT" });
    specs.push({ dtype, m: 77, n: 64, k: 80, batch: [5], broadcast: true });
  }
  specs.push({ dtype: "bf16", m: 1024, n: 1024, k: 64, batch: [96], layout: "NT" });
  for (const epilogue of ["bias", "relu", "gelu", "bias-relu", "bias-gelu"]) {
    for (const dtype of ["bf16", "f16", "f32"])
      specs.push({ dtype, m: 512, n: 768, k: 256, layout: "NT", epilogue });
  }
  return specs;
}

export const matmulName = ({
  dtype,
  m,
  n,
  k,
  layout = "NN",
  batch = [],
  epilogue = "none",
  tf32,
  output = dtype,
  shift,
  broadcast,
}) =>
  [
    `matmul ${tf32 ? "tf32" : dtype}${output === dtype ? "" : `→${output}`} ${layout}`,
    `${batch.length > 0 ? `${batch.join("×")}${broadcast ? "b" : ""} of ` : ""}${m}×${n}×${k}`,
    epilogue === "none" ? "" : epilogue,
    shift ? "unaligned" : "",
  ]
    .filter(Boolean)
    .join(" ");

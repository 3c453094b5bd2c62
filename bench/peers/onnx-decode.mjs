/** One decoding step of the benchmark's GPT as an ONNX graph: keys and values come in and go out. */
import { uniform } from "../dist/inputs.js";
import { decodeSizes, gptSizes } from "../dist/workload.js";

const { width, heads, layers, vocab, length } = gptSizes;
const headSize = width / heads;

/** The net's weights by name, drawn as every contender draws them. */
export function gptWeights() {
  let position = 0;
  const weights = {};
  const matrix = (name, rows, columns) => {
    const values = uniform(rows * columns, 100 + position++, 1 / Math.sqrt(columns));
    weights[name] = { shape: [rows, columns], data: values };
  };
  const vector = (name, size, fill) => {
    position++;
    weights[name] = { shape: [size], data: new Float32Array(size).fill(fill) };
  };
  const linear = (name, inputs, outputs) => {
    matrix(`${name}.weight`, outputs, inputs);
    vector(`${name}.bias`, outputs, 0);
  };
  const norm = (name) => {
    vector(`${name}.weight`, width, 1);
    vector(`${name}.bias`, width, 0);
  };
  matrix("positions", length, width);
  matrix("tokens", vocab, width);
  for (let i = 0; i < layers; i++) {
    norm(`${i}.norm1`);
    linear(`${i}.qkv`, width, 3 * width);
    linear(`${i}.proj`, width, width);
    norm(`${i}.norm2`);
    linear(`${i}.up`, width, 4 * width);
    linear(`${i}.down`, 4 * width, width);
  }
  norm("norm");
  matrix("head.weight", vocab, width);
  return weights;
}

/** A matrix [rows, columns] with rows and columns exchanged. */
export function transposed({ shape: [rows, columns], data }) {
  const result = new Float32Array(data.length);
  for (let i = 0; i < rows; i++)
    for (let j = 0; j < columns; j++) result[j * rows + i] = data[i * columns + j];
  return { shape: [columns, rows], data: result };
}

const int64 = (...values) => ({
  shape: [values.length],
  type: "int64",
  data: BigInt64Array.from(values, BigInt),
});
const scalar = (value) => ({ shape: [], data: Float32Array.of(value) });

/** The graph. Inputs: token, position, and per layer keys and values [H, t, D / H]. */
export function decodeModel() {
  const weights = gptWeights();
  const constants = {
    scale: scalar(1 / Math.sqrt(headSize)),
    half: scalar(0.5),
    one: scalar(1),
    root: scalar(Math.SQRT2),
    perHead: int64(heads, 1, headSize),
    flat: int64(1, width),
  };
  for (const [name, value] of Object.entries(weights)) {
    const isLinear = name.endsWith("weight") && value.shape.length === 2;
    constants[name] = isLinear ? transposed(value) : value;
  }
  const nodes = [];
  const add = (op, inputs, output, attributes) => {
    nodes.push({ op, inputs, output, attributes });
    return output;
  };
  const linear = (name, x) => {
    const product = add("MatMul", [x, `${name}.weight`], `${name}.product`);
    return add("Add", [product, `${name}.bias`], `${name}.out`);
  };
  const norm = (name, x) =>
    add("LayerNormalization", [x, `${name}.weight`, `${name}.bias`], `${name}.out`, { axis: -1 });
  const gelu = (name, x) => {
    const error = add("Erf", [add("Div", [x, "root"], `${name}.scaled`)], `${name}.erf`);
    const gate = add("Add", [error, "one"], `${name}.gate`);
    return add("Mul", [add("Mul", [x, gate], `${name}.gated`), "half"], `${name}.gelu`);
  };
  const inputs = {
    token: { shape: [1], type: "int64" },
    position: { shape: [1], type: "int64" },
  };
  const outputs = { next: { shape: [1], type: "int64" } };
  let x = add(
    "Add",
    [
      add("Gather", ["tokens", "token"], "token.row"),
      add("Gather", ["positions", "position"], "position.row"),
    ],
    "x",
  );
  for (let i = 0; i < layers; i++) {
    const name = (part) => `${i}.${part}`;
    const qkv = linear(name("qkv"), norm(name("norm1"), x));
    nodes.push({
      op: "Split",
      inputs: [qkv],
      outputs: ["q", "k", "v"].map(name),
      attributes: { axis: 1 },
    });
    const [q, k, v] = ["q", "k", "v"].map((part) =>
      add("Reshape", [name(part), "perHead"], name(`${part}.heads`)),
    );
    for (const part of ["keys", "values"]) {
      inputs[name(part)] = { shape: [heads, "t", headSize] };
      outputs[name(`${part}.next`)] = { shape: [heads, "u", headSize] };
    }
    const keys = add("Concat", [name("keys"), k], name("keys.next"), { axis: 1 });
    const values = add("Concat", [name("values"), v], name("values.next"), { axis: 1 });
    const turned = add("Transpose", [keys], name("turned"), { perm: [0, 2, 1] });
    const scores = add("Mul", [add("MatMul", [q, turned], name("dots")), "scale"], name("scores"));
    const shares = add("Softmax", [scores], name("shares"), { axis: -1 });
    const mixed = add("MatMul", [shares, values], name("mixed"));
    const attended = linear(name("proj"), add("Reshape", [mixed, "flat"], name("joined")));
    const y = add("Add", [x, attended], name("y"));
    const up = gelu(name("up"), linear(name("up"), norm(name("norm2"), y)));
    x = add("Add", [y, linear(name("down"), up)], name("z"));
  }
  const logits = add("MatMul", [norm("norm", x), "head.weight"], "logits");
  add("ArgMax", [logits], "next", { axis: 1, keepdims: 0 });
  return { inputs, outputs, constants, nodes };
}

/** Decodes with a session of that graph: the ids of one sequence. */
export function decoder(ort, session) {
  const long = (value) => new ort.Tensor("int64", BigInt64Array.of(BigInt(value)), [1]);
  return async () => {
    const cache = {};
    for (let i = 0; i < layers; i++) {
      for (const part of ["keys", "values"])
        cache[`${i}.${part}`] = new ort.Tensor("float32", new Float32Array(0), [
          heads,
          0,
          headSize,
        ]);
    }
    const ids = [];
    let token = decodeSizes.start;
    for (let position = 0; position < decodeSizes.tokens; position++) {
      const result = await session.run({
        ...cache,
        token: long(token),
        position: long(position),
      });
      for (const name of Object.keys(cache)) cache[name] = result[`${name}.next`];
      token = Number(result.next.data[0]);
      ids.push(token);
    }
    return ids;
  };
}

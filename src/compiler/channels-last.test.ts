import { describe, expect, it } from "vitest";
import { ReferenceBackend } from "../backends/reference/backend.ts";
import {
  add,
  cast,
  conv,
  convInputGrad,
  convWeightGrad,
  expand,
  extremum,
  gather,
  input,
  iota,
  mul,
  pad,
  reduceSum,
  reshape,
  window,
} from "../ir/build.ts";
import type { Graph } from "../ir/graph.ts";
import { rewrite, topologicalOrder, verifyGraph } from "../ir/graph.ts";
import type { Node, NodeOf } from "../ir/node.ts";
import { numel } from "../ir/shape.ts";
import { preferChannelsLast, withChannelsFirst } from "./channels-last.ts";
import { simplify } from "./simplify.ts";

const always = (): boolean => true;
const same = { stride: [1, 1], padLow: [1, 1], padHigh: [1, 1], dilation: [1, 1], groups: 1 };

const placeholder = (shape: number[]): NodeOf<"input"> => input(shape, "f32") as NodeOf<"input">;

/** A block of a residual net: product, statistics per channel, scale, maximum, pooling, product. */
function block(): Graph {
  const x = placeholder([2, 4, 6, 6]);
  const [w, v] = [placeholder([4, 4, 3, 3]), placeholder([3, 4, 1, 1])];
  const scale = placeholder([4]);
  const h = conv(x, w, same);
  const mean = expand(reduceSum(h, [0, 2, 3]), h.shape);
  const scaled = mul(add(h, mean), expand(reshape(scale, [1, 4, 1, 1]), h.shape));
  const second = add(scaled, conv(scaled, w, same));
  const padded = pad(second, [0, 0, 1, 1], [0, 0, 0, 0], -1e9);
  const options = { dims: [2, 3], size: [3, 3], stride: [2, 2], dilation: [1, 1] };
  const pooled = reshape(extremum("reduceMax", window(padded, options), [4, 5]), [2, 4, 3, 3]);
  const last = conv(pooled, v, { ...same, padLow: [0, 0], padHigh: [0, 0] });
  const gradient = convInputGrad(h, w, { ...same, sizes: [6, 6] });
  const kernel = convWeightGrad(scaled, h, { ...same, sizes: [3, 3] });
  return { inputs: [x, w, v, scale], outputs: [last, gradient, kernel] };
}

/** Every second row and column of a product, weighted by its place, and a product of that. */
function lookups(): Graph {
  const x = placeholder([2, 4, 6, 6]);
  const [w, v] = [placeholder([4, 4, 3, 3]), placeholder([3, 4, 3, 3])];
  const along = (line: Node, dim: number, shape: readonly number[]): Node =>
    expand(reshape(line, [1, 1, dim === 2 ? 3 : 1, dim === 3 ? 3 : 1]), shape);
  const place = iota([3], 0);
  const rows = gather(conv(x, w, same), along(add(place, place), 2, [2, 4, 3, 6]), 2);
  const both = gather(rows, along(add(place, place), 3, [2, 4, 3, 3]), 3);
  const sums = add(along(place, 2, both.shape), along(place, 3, both.shape));
  const weighted = mul(both, cast(sums, "f32"));
  return { inputs: [x, w, v], outputs: [conv(weighted, v, same)] };
}

function run(graph: Graph, data: readonly Float32Array[]): Float32Array[] {
  const backend = new ReferenceBackend();
  const program = backend.compile(graph);
  const inputs = data.map((values) => {
    const buffer = backend.allocate(values.byteLength);
    backend.write(buffer, values);
    return buffer;
  });
  const outputs = graph.outputs.map((node) => backend.allocate(4 * numel(node.shape)));
  program.run(inputs, outputs);
  const results = outputs.map((buffer) => backend.readSync(buffer, "f32") as Float32Array);
  backend.dispose();
  return results;
}

const values = (node: Node): Float32Array =>
  Float32Array.from({ length: numel(node.shape) }, (_, i) => Math.sin(i * 1.7 + node.shape.length));

describe("preferChannelsLast", () => {
  it.each([block, lookups])("computes the same", (build) => {
    const graph = build();
    const moved = simplify(preferChannelsLast(graph, always));
    verifyGraph(moved, "preferChannelsLast");
    const plain = { inputs: moved.inputs, outputs: rewrite(moved.outputs, withChannelsFirst) };
    const data = graph.inputs.map(values);
    const [expected, actual] = [run(graph, data), run(plain, data)];
    expected.forEach((list, i) => {
      list.forEach((value, k) => expect(actual[i][k]).toBeCloseTo(value, 3));
    });
  });

  it.each([block, lookups])("leaves no permutation between convolutions", (build) => {
    const { inputs, outputs } = build();
    const moved = simplify(preferChannelsLast({ inputs, outputs: [outputs[0]] }, always));
    const perms = topologicalOrder(moved.outputs).filter((node) => node.op === "permute");
    // The image, two kernels, and the result.
    expect(perms).toHaveLength(4);
  });
});

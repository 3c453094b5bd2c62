import { afterAll, describe, expect, it } from "vitest";
import * as b from "../../src/ir/build.ts";
import type { Node } from "../../src/ir/node.ts";
import type { WasmBackend } from "../../src/backends/wasm/backend.ts";
import { runGraph } from "../contract/run.ts";
import type { Scene } from "../contract/scene.ts";
import { buildCase } from "../contract/scene.ts";
import { expectClose } from "../contract/tolerance.ts";
import { verifyingBackend } from "./variants.ts";

const one = verifyingBackend({ threads: 1 });
const two = verifyingBackend({ threads: 2 });
const three = verifyingBackend({ threads: 3 });
const unshared = verifyingBackend({ shared: false });
const uncontracted = verifyingBackend({ threads: 2, fma: false });
const backends = [one, two, three, unshared, uncontracted];
afterAll(() => {
  for (const backend of backends) backend.dispose();
});

const spread = (x: Node, to: Node): Node => b.expand(x, to.shape);

function softmax(x: Node): Node {
  const axes = [x.shape.length - 1];
  const shifted = b.sub(x, spread(b.extremum("reduceMax", x, axes), x));
  const weights = b.unary("exp", shifted);
  return b.div(weights, spread(b.reduceSum(weights, axes), x));
}

const tanh = (x: Node): Node => b.unary("tanh", x);
const unit = { stride: [1, 1], padLow: [1, 1], padHigh: [1, 1], dilation: [1, 1], groups: 1 };

/** Programs of floats, long enough that every kind of step is split over threads. */
const programs: [string, (scene: Scene) => Node[]][] = [
  [
    "rows and columns of a large matrix",
    ({ input }) => {
      const x = input([257, 403]);
      const columns = b.reduceSum(x, [0]);
      return [softmax(x), b.reduceSum(x, [1]), columns, b.sub(x, spread(columns, x))];
    },
  ],
  [
    "a sum of everything",
    ({ input }) => ((x) => [b.reduceSum(b.mul(x, x), [0, 1])])(input([700, 301])),
  ],
  [
    "products with epilogues, of a layer and its gradients",
    ({ input }) => {
      const [x, w, bias, target] = [
        input([67, 130]),
        input([130, 91]),
        input([91]),
        input([67, 91]),
      ];
      const y = tanh(b.add(b.dot(x, w), b.broadcastTo(bias, [67, 91])));
      const error = b.sub(y, target);
      const inner = b.mul(error, b.sub(b.fullLike(y, 1), b.mul(y, y)));
      const gradient = b.dot(b.transpose(x, 0, 1), inner);
      const step = b.assign(w, b.sub(w, b.mul(gradient, b.fullLike(w, 0.01))));
      return [y, step, b.dot(inner, b.transpose(w, 0, 1)), b.reduceSum(inner, [0])];
    },
  ],
  [
    "attention of several heads",
    ({ input }) => {
      const [q, k, v] = [0, 1, 2].map(() => b.permute(input([2, 65, 3, 24]), [0, 2, 1, 3]));
      const scores = b.dot(q, b.permute(k, [0, 1, 3, 2]));
      return [b.dot(softmax(b.mul(scores, b.fullLike(scores, 0.2))), v)];
    },
  ],
  [
    "a convolution and its gradients",
    ({ input }) => {
      const [x, w] = [input([3, 5, 19, 17]), input([7, 5, 3, 3])];
      const y = b.binary("max", b.conv(x, w, unit), b.full([3, 7, 19, 17], 0, "f32"));
      const weights = b.convWeightGrad(x, y, { ...unit, sizes: [3, 3] });
      return [y, weights, b.convInputGrad(y, w, { ...unit, sizes: [19, 17] })];
    },
  ],
  [
    "scans, scatters and sorts",
    ({ input }) => {
      const x = input([130, 301]);
      const index = b.cast(b.unary("abs", b.mul(x, b.fullLike(x, 30))), "i32");
      const sorted = b.argsort(x, 1, false);
      return [
        b.scan(x, 1, "sum"),
        b.scan(x, 0, "max"),
        b.scatter(b.fullLike(x, 0), index, x, 0, "add"),
        b.gather(x, sorted, 1),
      ];
    },
  ],
];

describe.each(programs)("%s", { timeout: 60_000 }, (_name, build) => {
  const built = buildCase({ build }, "f32");
  const run = (backend: WasmBackend): ReturnType<typeof runGraph> =>
    runGraph(backend, built, built.data);

  it("has the same bits on one, two and three threads and without shared memory", () => {
    const expected = run(one);
    expect(run(two)).toEqual(expected);
    expect(run(three)).toEqual(expected);
    expect(run(unshared)).toEqual(expected);
  });

  it("is close without fused multiply-add", () => {
    const [actual, expected] = [run(uncontracted), run(two)];
    built.outputs.forEach(({ dtype, shape }, i) => {
      const largest = Math.max(...Array.from(expected.outputs[i], Math.abs));
      const tolerance = { rtol: 1e-5, atol: 1e-5 * Math.max(1, largest) };
      const reason = "a product and a sum round once or twice";
      const [a, e] = [actual.outputs[i], expected.outputs[i]];
      expect(() => expectClose(a, e, { dtype, shape, tolerance, reason })).not.toThrow();
    });
  });
});

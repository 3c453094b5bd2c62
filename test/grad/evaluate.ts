import { ReferenceBackend } from "../../src/backends/reference/backend.ts";
import { dtypeBytes, hostView } from "../../src/ir/dtype.ts";
import type { DType } from "../../src/ir/dtype.ts";
import { topologicalOrder } from "../../src/ir/graph.ts";
import type { Node, NodeOf } from "../../src/ir/node.ts";
import type { Shape } from "../../src/ir/shape.ts";
import { numel } from "../../src/ir/shape.ts";

/** A tensor as plain numbers. */
export interface Sample {
  readonly shape: Shape;
  readonly dtype: DType;
  readonly values: readonly number[];
}

/** f64 values from a fixed generator, spread over [low, high); equal seeds give equal samples. */
export function sample(shape: Shape, low = -2, high = 2, seed = 1): Sample {
  return { shape, dtype: "f64", values: uniform(numel(shape), low, high, seed) };
}

/** Integers as i32, for example an index. */
export function integers(shape: Shape, values: readonly number[]): Sample {
  return { shape, dtype: "i32", values };
}

/** Given f64 values. */
export function exactly(shape: Shape, values: readonly number[]): Sample {
  return { shape, dtype: "f64", values };
}

/** Numbers in [low, high) from a 32-bit congruential generator. */
export function uniform(count: number, low: number, high: number, seed: number): number[] {
  let state = (seed * 2654435761) >>> 0;
  return Array.from({ length: count }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return low + ((high - low) * state) / 2 ** 32;
  });
}

/** A compiled graph that runs on plain numbers. */
export interface NumberProgram {
  run(values: readonly (readonly number[])[]): number[][];
}

const backend = new ReferenceBackend();

/** Compiles outputs for the reference backend; `run` takes one list of numbers per input. */
export function compileNumbers(outputs: readonly Node[], inputs: readonly Node[]): NumberProgram {
  for (const node of topologicalOrder(outputs)) {
    if (node.op === "input" && !inputs.includes(node)) {
      throw new Error(`evaluate: input of shape [${node.shape.join(", ")}] has no values`);
    }
  }
  const program = backend.compile({ inputs: inputs as readonly NodeOf<"input">[], outputs });
  return {
    run: (values) => {
      const allocate = (node: Node) => backend.allocate(numel(node.shape) * dtypeBytes(node.dtype));
      const sources = inputs.map(allocate);
      const results = outputs.map(allocate);
      inputs.forEach((node, i) => {
        const data = hostView(node.dtype, new ArrayBuffer(sources[i].bytes));
        data.set(values[i]);
        backend.write(sources[i], data);
      });
      program.run(sources, results);
      const read = outputs.map((node, i) => [...backend.readSync(results[i], node.dtype)]);
      for (const buffer of [...sources, ...results]) backend.free(buffer);
      return read;
    },
  };
}

/** Values of nodes for given input values. */
export function evaluate(
  outputs: readonly Node[],
  feeds: ReadonlyMap<Node, readonly number[]>,
): number[][] {
  return compileNumbers(outputs, [...feeds.keys()]).run([...feeds.values()]);
}

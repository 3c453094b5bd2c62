import { gradients } from "../../src/autodiff/gradients.ts";
import { input } from "../../src/ir/build.ts";
import { isFloat } from "../../src/ir/dtype.ts";
import type { Node } from "../../src/ir/node.ts";
import { numel } from "../../src/ir/shape.ts";
import type { Sample } from "./evaluate.ts";
import { compileNumbers, uniform } from "./evaluate.ts";

/** A function of nodes, built as graph. */
export type Build = (...nodes: Node[]) => Node | readonly Node[];

/** How exact a gradient check is. */
export interface GradcheckOptions {
  /** Step of the central differences, relative to values above 1. @defaultValue 1e-5 */
  readonly step?: number;
  /** @defaultValue 1e-6 */
  readonly relative?: number;
  /** @defaultValue 1e-7 */
  readonly absolute?: number;
}

/** Central differences of a scalar function, one entry of `at` after the other. */
function numericalGradient(
  f: (values: readonly number[]) => number,
  at: readonly number[],
  step = 1e-5,
): number[] {
  return at.map((value, i) => {
    const h = step * Math.max(1, Math.abs(value));
    return (f(at.with(i, value + h)) - f(at.with(i, value - h))) / (2 * h);
  });
}

const asList = (nodes: Node | readonly Node[]): readonly Node[] =>
  "id" in nodes ? [nodes] : nodes;

/** Weights that make a scalar of all outputs; none is zero, so that no error hides. */
function weights(outputs: readonly Node[]): number[][] {
  return outputs.map((node, i) =>
    uniform(numel(node.shape), 0.5, 1.5, i + 77).map((w, k) => (k % 2 === 0 ? w : -w)),
  );
}

const weighted = (outputs: readonly (readonly number[])[], by: readonly (readonly number[])[]) =>
  outputs.reduce((sum, list, i) => sum + list.reduce((s, x, k) => s + x * by[i][k], 0), 0);

function compare(analytic: number[], numeric: number[], name: string, options: GradcheckOptions) {
  const { relative = 1e-6, absolute = 1e-7 } = options;
  analytic.forEach((value, i) => {
    const limit = absolute + relative * Math.abs(numeric[i]);
    if (Math.abs(value - numeric[i]) <= limit) return;
    throw new Error(
      `gradcheck: gradient of ${name} must agree with finite differences, got ${value} ` +
        `and ${numeric[i]} at element ${i}`,
    );
  });
}

/**
 * Compares gradients with central differences in f64 on the reference backend, for every float
 * input. Outputs are weighted by fixed factors and summed.
 * @throws {Error} naming the first input and element that disagrees.
 */
export function gradcheck(
  build: Build,
  samples: readonly Sample[],
  options: GradcheckOptions = {},
): void {
  const inputs = samples.map(({ shape, dtype }) => input(shape, dtype));
  const outputs = asList(build(...inputs)).filter((node) => isFloat(node.dtype));
  const seeds = outputs.map((node) => input(node.shape, node.dtype));
  const by = weights(outputs);
  const values = samples.map((given) => given.values);
  const analytic = gradients(outputs, seeds, inputs);
  const found = analytic.filter((node) => node !== null);
  const results = compileNumbers(found, [...inputs, ...seeds]).run([...values, ...by]);
  const forward = compileNumbers(outputs, inputs);
  inputs.forEach((node, i) => {
    if (!isFloat(node.dtype)) return;
    const f = (at: readonly number[]) => weighted(forward.run(values.with(i, at)), by);
    const gradient = analytic[i];
    const got = gradient === null ? values[i].map(() => 0) : results[found.indexOf(gradient)];
    compare(got, numericalGradient(f, values[i], options.step), `input ${i}`, options);
  });
}

/** The gradient of a function as a function of the same inputs and of one cotangent per output. */
function gradientOf(
  build: Build,
  samples: readonly Sample[],
): { readonly build: Build; readonly samples: readonly Sample[] } {
  const inputs = samples.map(({ shape, dtype }) => input(shape, dtype));
  const outputs = asList(build(...inputs));
  const by = weights(outputs);
  const cotangents = outputs.map((node, i): Sample => ({
    shape: node.shape,
    dtype: node.dtype,
    values: by[i],
  }));
  return {
    samples: [...samples, ...cotangents],
    build: (...nodes) => {
      const arguments_ = nodes.slice(0, samples.length);
      const results = asList(build(...arguments_));
      const found = gradients(results, nodes.slice(samples.length), arguments_);
      return found.filter((node) => node !== null);
    },
  };
}

/** Checks the gradients of the gradients; `order` 3 goes one further. */
export function gradgradcheck(
  build: Build,
  samples: readonly Sample[],
  options: GradcheckOptions & { readonly order?: 2 | 3 } = {},
): void {
  let current = gradientOf(build, samples);
  if (options.order === 3) current = gradientOf(current.build, current.samples);
  gradcheck(current.build, current.samples, options);
}

import { product } from "../base/integers.ts";
import { dtypeBytes } from "../ir/dtype.ts";
import type { Node } from "../ir/node.ts";
import { numel } from "../ir/shape.ts";
import type { Kernel } from "./kernel.ts";
import { walkExpressions } from "./kernel.ts";

/** Bytes moved and operations done, by definition. */
export interface StepCost {
  readonly bytes: number;
  readonly flops: number;
}

const transcendental: ReadonlySet<string> = new Set([
  "exp",
  "expm1",
  "log",
  "log1p",
  "sin",
  "cos",
  "tanh",
  "erf",
  "pow",
  "expNonPositive",
]);

/** Operations one transcendental function is worth. */
const TRANSCENDENTAL_COST = 16;

/** Cost of a generated kernel: every buffer once, every operation per point. */
export function kernelCost(kernel: Kernel): StepCost {
  const outer = product(kernel.outer.map((axis) => axis.size));
  const inner = product(kernel.inner.map((axis) => axis.size));
  const touched = new Map<Node, number>();
  const touch = (value: Node, points: number): void => {
    const elements = Math.min(numel(value.shape), points);
    touched.set(value, Math.max(elements, touched.get(value) ?? 0));
  };
  let flops = 0;
  for (const phase of kernel.phases) {
    const points = phase.level === "inner" ? outer * inner : outer;
    walkExpressions(
      phase.statements.map((statement) => statement.value),
      (part) => {
        if (part.kind === "apply")
          flops += points * (transcendental.has(part.op) ? TRANSCENDENTAL_COST : 1);
        if (part.kind === "load") touch(part.value, points);
      },
    );
    for (const statement of phase.statements) {
      if (statement.kind === "reduce") flops += points;
      if ("target" in statement) touch(statement.target, points);
    }
  }
  let bytes = 0;
  for (const [value, elements] of touched) bytes += elements * dtypeBytes(value.dtype);
  return { bytes, flops };
}

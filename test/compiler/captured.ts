import type { Tensor } from "athanor";
import { jit, realizeSync, registerDevice } from "athanor";
import { WasmBackend } from "../../src/backends/wasm/backend.ts";
import { compileWasm } from "../../src/compiler/compile-wasm.ts";
import { planProgram } from "../../src/compiler/plan-program.ts";
import type { Schedule, Step } from "../../src/compiler/schedule.ts";
import type { Graph } from "../../src/ir/graph.ts";

const captured: Graph[] = [];

/** The device of tensors whose programs these tests look at. */
export const device = "captured";

registerDevice(device, {
  create: () =>
    new WasmBackend({ threads: 1 }, (graph, target) => {
      captured.push(graph);
      return compileWasm(graph, target, { verify: true });
    }),
});

/** The schedule of the one program a function of tensors compiles to. */
export function scheduleOf(fn: (...args: Tensor[]) => unknown, ...args: Tensor[]): Schedule {
  realizeSync(...args);
  const before = captured.length;
  const compiled = jit(fn);
  compiled(...args);
  compiled.dispose();
  const [graph] = captured.slice(before);
  if (graph === undefined) throw new Error("nothing was compiled: the program was in the cache");
  return planProgram(graph, { verify: true });
}

/** A step in one line: its loops and, per phase, what it does. */
export function outline(step: Step): string {
  switch (step.kind) {
    case "kernel":
      return `kernel ${phases(step.kernel)}`;
    case "contraction":
      return step.epilogue === null
        ? step.node.op
        : `${step.node.op} then ${phases(step.epilogue)}`;
    case "attention":
      return step.node.op;
    case "sort":
    case "scatter":
    case "custom":
    case "copy":
    case "loop":
      return step.kind;
    default:
      return step satisfies never;
  }
}

type Kernel = Extract<Step, { kind: "kernel" }>["kernel"];

/** `reduce 2, store | once: store`: effects per phase. */
function phases({ phases: list }: Kernel): string {
  const texts = list.map(({ level, statements }) => {
    const counts = new Map<string, number>();
    for (const { kind } of statements) counts.set(kind, (counts.get(kind) ?? 0) + 1);
    const effects = [...counts].map(([kind, count]) => (count === 1 ? kind : `${kind} ${count}`));
    return `${level === "outer" ? "once: " : ""}${effects.join(", ")}`;
  });
  return texts.join(" | ");
}

/** Outlines of all steps. */
export function outlines(fn: (...args: Tensor[]) => unknown, ...args: Tensor[]): string[] {
  return scheduleOf(fn, ...args).steps.map(outline);
}

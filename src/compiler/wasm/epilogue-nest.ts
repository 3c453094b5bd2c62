import type { Node } from "../../ir/node.ts";
import { leafAxes } from "../affine.ts";
import type { Kernel } from "../kernel.ts";
import { epilogueShape } from "../loop-group.ts";
import { kernelForms, planLoops } from "../loops.ts";
import type { Loop, LoopNest } from "../loops.ts";

/** How an epilogue walks a block of a contraction's result. */
export interface EpilogueNest {
  readonly loops: LoopNest;
  readonly batch: Loop | null;
  readonly rows: Loop | null;
  readonly columns: Loop | null;
}

/** The loops [batch, rows, columns] of a contraction's result, if the epilogue walks just those. */
export function epilogueNest(node: Node, kernel: Kernel): EpilogueNest | null {
  if (node.op === "convWeightGrad" || kernel.inner.length > 0 || kernel.stashes.length > 0)
    return null;
  if (kernel.phases.some((phase) => phase.level !== "inner")) return null;
  const forms = kernelForms(kernel);
  const axes = kernel.outer.flatMap(leafAxes).filter((axis) => axis.size !== 1);
  const loops: (Loop | null)[] = [];
  let at = 0;
  for (const size of epilogueShape(node)) {
    const part = [];
    let covered = 1;
    while (covered < size && at < axes.length) {
      covered *= axes[at].size;
      part.push(axes[at++]);
    }
    if (covered !== size) return null;
    const merged = planLoops({ ...kernel, outer: part, inner: [] }, forms).outer;
    if (merged.length > 1) return null;
    loops.push(merged[0] ?? null);
  }
  const outer = loops.filter((loop) => loop !== null);
  return { loops: { outer, inner: [] }, batch: loops[0], rows: loops[1], columns: loops[2] };
}

import { assign } from "../ir/build.ts";
import type { Graph } from "../ir/graph.ts";
import { rewrite, verifyGraph } from "../ir/graph.ts";
import { wasmTraits } from "./device-traits.ts";
import type { DeviceTraits } from "./device-traits.ts";
import { fuse } from "./fuse.ts";
import { legalize } from "./legalize.ts";
import { schedule } from "./schedule.ts";
import type { Schedule } from "./schedule.ts";
import { simplify } from "./simplify.ts";
import { splitReductions } from "./split-reductions.ts";
import { tidyLoops } from "./tidy-loops.ts";

/** Switches of the compiler, for tests and measurements. */
export interface CompileOptions {
  /** Whether values share kernels. @defaultValue true */
  readonly fuse?: boolean;
  /** Checks the graph after every pass. @defaultValue false */
  readonly verify?: boolean;
}

/** What a program is planned for. */
export interface PlanOptions extends CompileOptions {
  /** @defaultValue WebAssembly's */
  readonly traits?: DeviceTraits;
}

/** Uses of an assignment as an operand mean the assigned value; only outputs assign. */
function assignLast(graph: Graph): Graph {
  const values = graph.outputs.map((node) => (node.op === "assign" ? node.src[1] : node));
  const stripped = rewrite(values, (node) => (node.op === "assign" ? node.src[1] : node));
  const outputs = graph.outputs.map((node, i) =>
    node.op === "assign" ? assign(node.src[0], stripped[i]) : stripped[i],
  );
  return { inputs: graph.inputs, outputs };
}

/** Everything before rendering: the same for every device, as far as its traits agree. */
export function planProgram(graph: Graph, options: PlanOptions = {}): Schedule {
  const traits = options.traits ?? wasmTraits;
  const check = (result: Graph, pass: string): Graph => {
    if (options.verify === true) verifyGraph(result, pass);
    return result;
  };
  const tidy = check(tidyLoops(assignLast(check(graph, "tracing"))), "tidyLoops");
  const simple = check(simplify(tidy), "simplify");
  const legal = check(legalize(simple, traits), "legalize");
  const laid = traits.layOut === null ? legal : check(traits.layOut(legal), "layOut");
  const cut = traits.splitsReductions ? check(splitReductions(laid), "splitReductions") : laid;
  const last = check(simplify(cut), "simplify again");
  // The steps of a body run one after the other.
  const bodyOptions = { ...options, traits: { ...traits, spareBytes: 0 } };
  const planBody = (body: Graph): Schedule => planProgram(body, bodyOptions);
  const fusion = fuse(last, traits, { fuse: options.fuse ?? true });
  return schedule(last, fusion, planBody, traits.spareBytes);
}

import type { Loop } from "../loops.ts";
import type { FunctionScope } from "./function-scope.ts";

/**
 * Writes which row and which part of it are this thread's. `splits` tells whether several blocks
 * share the items of their rows in this function.
 */
export function openThread(scope: FunctionScope, splits: boolean): void {
  const { plan, text, names } = scope;
  const { group, rows, parts } = plan;
  text.add("const int thread = thread_index();");
  if (splits && parts > 1) {
    text.add(`const u32 part = block % ${parts}u;`);
    names.set("part", "part");
  }
  const { row, member } = placesInBlock(scope);
  if (group > 1) text.add(`const u32 member = (u32)(${member});`);
  const tile = splits && parts > 1 ? `block / ${parts}u` : "block";
  const start = `(${scope.unsigned})(${tile})${rows === 1 ? "" : ` * ${rows}u`}`;
  text.add(`${scope.unsigned} row = ${start}${row === "" ? "" : ` + (u32)(${row})`};`);
  guardRow(scope);
  decompose(scope, "row", plan.outer);
  declareLive(scope, plan.outer);
}

/** Number of a thread's row in its block ("" if there is one), and of the thread in its group. */
function placesInBlock({ plan }: FunctionScope): { row: string; member: string } {
  const { group, rows, horizontal } = plan;
  if (group === 1) return { row: "thread", member: "0" };
  if (!horizontal) return { row: `thread % ${rows}`, member: `thread / ${rows}` };
  if (rows === 1) return { row: "", member: "thread" };
  return { row: `thread / ${group}`, member: `thread % ${group}` };
}

/** Threads past the last row leave, or idle where others need them at a meeting. */
function guardRow(scope: FunctionScope): void {
  const { plan, text, names } = scope;
  if (!plan.flat && plan.rowCount % plan.rows === 0) return;
  const count = plan.flat
    ? `(u32)${scope.parameter("count", "int ", "count", { kind: "int", value: plan.rowCount })}`
    : scope.number(plan.rowCount);
  if (plan.group === 1) {
    text.add(`if (row >= ${count}) return;`);
    return;
  }
  // They compute the first row along, and store nothing.
  text.add(`const int idle = row >= ${count};`);
  text.add("if (idle) row = 0;");
  names.set("idle", "idle");
}

/** Declares the loops' variables from a linear number, the last loop fastest. */
export function decompose(scope: FunctionScope, from: string, loops: readonly Loop[]): void {
  const { plan, text, signed, unsigned } = scope;
  let rest = from;
  loops.toReversed().forEach((loop, i) => {
    const count = loop === plan.vector ? Math.ceil(loop.size / plan.lanes) : loop.size;
    const scale = loop === plan.vector ? ` * ${plan.lanes}` : "";
    const last = i === loops.length - 1;
    const index = last ? rest : `${rest} % ${scope.number(count)}`;
    text.add(`const ${signed} ${scope.variable(loop)} = (${signed})(${index})${scale};`);
    if (last) return;
    const next = scope.fresh("r");
    text.add(`const ${unsigned} ${next} = ${rest} / ${scope.number(count)};`);
    rest = next;
  });
}

/** Declares how many lanes count, where the vector loop may end with less than a whole vector. */
export function declareLive(scope: FunctionScope, loops: readonly Loop[]): void {
  const { vector, lanes, flat } = scope.plan;
  if (vector === null || !loops.includes(vector) || !scope.hasTail) return;
  const size = flat
    ? scope.parameter("size", "int ", "size", { kind: "int", value: vector.size })
    : String(vector.size);
  const left = `${size} - ${scope.variable(vector)}`;
  scope.text.add(`const int live = (int)(${left} < ${lanes} ? ${left} : ${lanes});`);
}

import type { Statement } from "../kernel.ts";
import { accumulatorKey } from "./expression-code.ts";
import type { FunctionScope } from "./function-scope.ts";
import { foldText, roundedText } from "./operation-code.ts";
import { identityText } from "./prelude.ts";
import { registerOf, registerType } from "./register-code.ts";
import type { Reduction } from "./segments.ts";

type Folding = Reduction | Extract<Statement, { kind: "scan" }>;

/** Starts an accumulator at what changes nothing. */
export function openAccumulator(scope: FunctionScope, { id, op, dtype }: Folding): void {
  const name = scope.fresh("a");
  const identity = identityText(op, registerOf(dtype));
  const type = registerType(dtype);
  if (scope.laneSums) {
    const values = Array.from({ length: scope.plan.lanes }, () => identity);
    scope.text.add(`${type} ${name}[${scope.plan.lanes}] = {${values.join(", ")}};`);
  } else {
    scope.text.add(`${type} ${name} = ${identity};`);
  }
  scope.names.set(accumulatorKey(id), name, scope.laneSums);
}

/** Ends a reduction: joins what threads have, for this function or for the next. */
export function closeAccumulator(scope: FunctionScope, reduction: Reduction): void {
  meet(scope, reduction);
  if (scope.plan.parts > 1) send(scope, reduction);
  else roundAccumulator(scope, reduction);
}

/** Joins what the threads of a group have, in all of them. */
function meet(scope: FunctionScope, { id, op, dtype }: Reduction): void {
  const { plan, storage, text } = scope;
  if (plan.group === 1) return;
  const name = scope.accumulator(id);
  const fold = `${op}_${registerOf(dtype)}`;
  const memory = `shared + ${storage.meetings.get(id) ?? 0}`;
  if (!plan.horizontal) {
    const values = scope.laneSums ? name : `&${name}`;
    text.add(`column_${fold}(${values}, ${plan.lanes}, ${memory}, ${plan.rows}, ${plan.group});`);
  } else if (plan.group <= 32) {
    text.add(`${name} = warp_${fold}(${name}, ${plan.group});`);
  } else {
    text.add(`${name} = block_${fold}(${name}, ${memory});`);
  }
}

/** Sums of halves are rounded once, when they are complete. */
function roundAccumulator(scope: FunctionScope, { id, dtype }: Reduction): void {
  const name = scope.accumulator(id);
  const lane = scope.laneSums ? `${name}[l]` : name;
  const rounded = roundedText(dtype, lane);
  if (rounded === lane) return;
  if (scope.laneSums) scope.laneLoop(() => scope.text.add(`${lane} = ${rounded};`), true);
  else scope.text.add(`${lane} = ${rounded};`);
}

/** Scratch memory for a sum of every part of every row. */
function partials(scope: FunctionScope, { id, dtype }: Reduction): string {
  const offset = scope.storage.partials.get(id) ?? 0;
  const type = `${registerType(dtype)} *`;
  return scope.parameter(`partials ${id}`, type, `q${id}`, { kind: "scratch", offset });
}

/** Leaves this block's sum for the next function. */
function send(scope: FunctionScope, reduction: Reduction): void {
  const { plan, text } = scope;
  const base = partials(scope, reduction);
  const name = scope.accumulator(reduction.id);
  const at = `(u64)part * ${plan.rowCount}u + row`;
  text.block(`if (${scope.isFirst(false)})`, () => {
    if (!scope.laneSums) text.add(`${base}[${at}] = ${name};`);
    else {
      const lane = `${base}[(${at}) * ${plan.lanes} + l]`;
      scope.laneLoop(() => text.add(`${lane} = ${name}[l];`), true);
    }
  });
}

/** Joins the sums that the blocks of an earlier function left. */
export function receiveAccumulator(scope: FunctionScope, reduction: Reduction): void {
  const { plan, text } = scope;
  const { id, op, dtype } = reduction;
  openAccumulator(scope, reduction);
  const base = partials(scope, reduction);
  const name = scope.accumulator(id);
  const first = plan.group === 1 ? "0" : "member";
  const at = `(u64)q * ${plan.rowCount}u + row`;
  text.pragma("#pragma unroll 4");
  text.block(`for (u32 q = ${first}; q < ${plan.parts}u; q += ${plan.group}u)`, () => {
    if (!scope.laneSums) {
      text.add(`${name} = ${foldText(op, dtype, name, `${base}[${at}]`)};`);
      return;
    }
    const term = `${base}[(${at}) * ${plan.lanes} + l]`;
    const sum = foldText(op, dtype, `${name}[l]`, term);
    scope.laneLoop(() => text.add(`${name}[l] = ${sum};`), true);
  });
  meet(scope, reduction);
  roundAccumulator(scope, reduction);
}

import { dtypeBytes } from "../../ir/dtype.ts";
import { numel } from "../../ir/shape.ts";
import type { Form } from "../affine.ts";
import { kernelDTypes } from "../build-kernel.ts";
import type { Expression, Kernel, Phase, Statement } from "../kernel.ts";
import { kernelExpressions, loopStride, phaseExpressions, planLoops } from "../loops.ts";
import type { Loop, LoopNest } from "../loops.ts";
import { vectorFunctions } from "./vector-math.ts";

/** Loops whose accesses make one of them the vector loop. */
export interface KernelPlan {
  readonly scalar: boolean;
  /** Outer loops but the vector loop, outermost first. */
  readonly outer: readonly Loop[];
  /** Inner loops but the vector loop. */
  readonly inner: readonly Loop[];
  readonly vector: Loop;
  /** Whether the vector loop is one of the inner (reduced) loops. */
  readonly horizontal: boolean;
  /** Vectors per round of an outer vector loop, in which all phases run. */
  readonly units: number;
  /** Vectors per round of an inner vector loop, which each phase has for itself. */
  readonly unitsOf: ReadonlyMap<Phase, number>;
  /**
   * Outer loop walked in blocks inside the vector loop, for kernels that transpose: what one lane
   * loads lies next to what it loads in the next round. It is among `inner`.
   */
  readonly tile: Loop | null;
  /** Loop whose range is split over threads; null if there is none. */
  readonly parallel: Loop | null;
}

/** A loop of one round, for kernels that have no other. */
const trivialLoop: Loop = { axes: [], size: 1 };

const DYNAMIC_PENALTY = 2;

/** Stride along a loop, 0 for the trivial one. */
export function strideOf(form: Form, loop: Loop): number {
  return loop.axes.length === 0 ? 0 : loopStride(form, loop);
}

/** Tells which expressions change along one loop. */
export class Variation {
  private readonly loop: Loop;
  private readonly accumulators: boolean;
  private readonly memo: Map<Expression, boolean> = new Map();

  /** @param accumulators - whether results of reductions differ along the loop. */
  constructor(loop: Loop, accumulators: boolean) {
    this.loop = loop;
    this.accumulators = accumulators;
  }

  /** Whether the expression's value differs from step to step of the loop. */
  has(expression: Expression): boolean {
    const known = this.memo.get(expression);
    if (known !== undefined) return known;
    const result = this.compute(expression);
    this.memo.set(expression, result);
    return result;
  }

  /** Whether an index that the form is computed from differs along the loop. */
  gathers(form: Form): boolean {
    return form.terms.some(({ axis }) => axis.dynamic !== null && this.has(axis.dynamic));
  }

  private moves(form: Form): boolean {
    return strideOf(form, this.loop) !== 0 || this.gathers(form);
  }

  private compute(expression: Expression): boolean {
    switch (expression.kind) {
      case "apply":
        return expression.operands.some((operand) => this.has(operand));
      case "load":
      case "index":
        return this.moves(expression.form);
      case "masked":
        return (
          this.has(expression.inside) || expression.bounds.some(({ form }) => this.moves(form))
        );
      case "stash":
        return true;
      case "accumulator":
        return this.accumulators;
      case "constant":
        return false;
      default:
        return expression satisfies never;
    }
  }
}

/** How well a loop suits vectors: adjacent accesses count for it, strided ones against. */
function vectorScore(kernel: Kernel, loop: Loop): number {
  if (loop.size < 4) return -1000;
  const variation = new Variation(loop, true);
  let score = 0;
  const visit = (form: Form, weight: number): void => {
    const stride = strideOf(form, loop);
    if (variation.gathers(form)) score -= DYNAMIC_PENALTY * weight;
    else if (stride === 1) score += 2 * weight;
    else if (stride === 2 || stride === -1) score += weight;
    else if (stride !== 0) score -= weight;
  };
  for (const expression of kernelExpressions(kernel)) {
    if (expression.kind === "load") visit(expression.form, weightOf(expression));
  }
  for (const phase of kernel.phases) {
    for (const statement of phase.statements) if ("form" in statement) visit(statement.form, 1.5);
  }
  return score;
}

/** Large operands decide; small ones stay in the cache whatever the order. */
function weightOf(load: Extract<Expression, { kind: "load" }>): number {
  return numel(load.value.shape) * dtypeBytes(load.dtype) > 1 << 12 ? 1 : 0.25;
}

function chooseVector(kernel: Kernel, nest: LoopNest): { loop: Loop; horizontal: boolean } {
  let best = { loop: trivialLoop, horizontal: false };
  let bestScore = -Infinity;
  const consider = (loop: Loop, horizontal: boolean): void => {
    const score = vectorScore(kernel, loop);
    if (score < bestScore) return;
    bestScore = score;
    best = { loop, horizontal };
  };
  for (const loop of nest.outer) consider(loop, false);
  if (!kernel.sequential) for (const loop of nest.inner) consider(loop, true);
  return best;
}

const heavyOps: ReadonlySet<string> = new Set([...vectorFunctions, "expNonPositive"]);
const HEAVY = 8;
/** Accumulators that fit the sixteen vector registers beside everything else. */
const ACCUMULATORS = 8;

/** Work of a phase per element of the vector loop, for unrolling: long bodies gain nothing. */
function bodySize(phase: Phase, variation: Variation): number {
  let size = 0;
  for (const expression of phaseExpressions(phase)) {
    if (!variation.has(expression)) continue;
    if (expression.kind === "apply") size += heavyOps.has(expression.op) ? HEAVY : 1;
    else size += expression.kind === "masked" ? 4 : 1;
  }
  return size;
}

/** Registers a statement holds per unrolled vector: a maximum also notes NaN. */
function registersOf(statement: Statement): number {
  if (statement.kind !== "reduce") return 0;
  return statement.op === "max" || statement.op === "min" ? 2 : 1;
}

/** Vectors a phase computes per round: several, so that one's latency hides another's. */
function phaseUnits(phase: Phase, variation: Variation): number {
  const size = bodySize(phase, variation);
  const reductions = phase.statements.reduce((count, part) => count + registersOf(part), 0);
  if (reductions > 0 && size <= 4) return Math.floor(ACCUMULATORS / reductions);
  const byBody = size <= 6 ? 4 : size <= 40 ? 2 : 1;
  return reductions === 0
    ? byBody
    : Math.max(1, Math.min(byBody, Math.floor(ACCUMULATORS / reductions)));
}

/** Rows of a block a transposing kernel walks at a time: one cache line of f32. */
export const TILE = 16;

/** The loop along which strided loads of the vector loop are adjacent, if that is worth blocking. */
function chooseTile(kernel: Kernel, outer: readonly Loop[], vector: Loop): Loop | null {
  for (const expression of kernelExpressions(kernel)) {
    if (expression.kind !== "load" || weightOf(expression) < 1) continue;
    if (Math.abs(strideOf(expression.form, vector)) <= 1) continue;
    const adjacent = outer.find(
      (loop) => loop.size >= TILE && strideOf(expression.form, loop) === 1,
    );
    if (adjacent !== undefined) return adjacent;
  }
  return null;
}

function chooseParallel(outer: readonly Loop[], vector: Loop | null, step: number): Loop | null {
  let best: Loop | null = null;
  let bestRounds = 1;
  for (const loop of outer) {
    const rounds = Math.min(loop.size, 64);
    if (rounds > bestRounds) [best, bestRounds] = [loop, rounds];
  }
  if (vector === null) return best;
  const rounds = Math.min(Math.floor(vector.size / step), 64);
  return rounds > bestRounds ? vector : best;
}

/** Decides how a kernel's loops run. `nest` overrides the merged loops (epilogues). */
export function planKernel(kernel: Kernel, nest: LoopNest = planLoops(kernel)): KernelPlan {
  const scalar = kernelDTypes(kernel).has("f64");
  const { loop: vector, horizontal } = chooseVector(kernel, nest);
  const candidates = nest.outer.filter((loop) => loop !== vector);
  const tile = scalar || nest.inner.length > 0 ? null : chooseTile(kernel, candidates, vector);
  const outer = candidates.filter((loop) => loop !== tile);
  const inner = tile === null ? nest.inner.filter((loop) => loop !== vector) : [tile];
  const variation = new Variation(vector, !horizontal);
  const single = scalar || kernel.sequential || tile !== null;
  const unitsOf = new Map(
    kernel.phases.map((phase) => [phase, single ? 1 : phaseUnits(phase, variation)]),
  );
  const units = Math.min(4, ...unitsOf.values());
  const step = scalar ? 1 : 4 * units;
  const splittable = horizontal || vector === trivialLoop ? null : vector;
  const parallel = chooseParallel(candidates, splittable, step);
  return { scalar, outer, inner, vector, horizontal, units, unitsOf, tile, parallel };
}

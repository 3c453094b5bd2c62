import { dtypeBytes } from "../../ir/dtype.ts";
import { numel } from "../../ir/shape.ts";
import { normalizeForm } from "../affine.ts";
import type { Expression, Kernel, Statement } from "../kernel.ts";
import { kernelExpressions } from "../loops.ts";
import type { Loop } from "../loops.ts";
import { isUnsafe, strideOf } from "./accesses.ts";
import { hasDynamic } from "./expression-code.ts";

type Load = Extract<Expression, { kind: "load" }>;
type Store = Extract<Statement, { kind: "store" }>;

/** Points of a tile along each of its two loops. */
export const TILE = 32;
/** Threads along the second loop of a tile; each works on TILE / TILE_LINES of its lines. */
export const TILE_LINES = 8;

/**
 * Two loops walked in tiles: what is stored has its neighbours `along` the one, `loads` have theirs
 * `across`. They go through shared memory, so that both are moved in whole lines.
 */
export interface TilePlan {
  readonly along: Loop;
  readonly across: Loop;
  readonly loads: readonly Load[];
}

const SHORTEST = 16;
const MOST_LOADS = 8;
/** Smaller operands stay in a cache whatever the order. */
const SMALL = 1 << 16;

/** The only phase's stores; null for kernels that do anything else. */
function plainStores(kernel: Kernel): readonly Store[] | null {
  if (kernel.phases.length !== 1 || kernel.sequential) return null;
  const { statements } = kernel.phases[0];
  const stores = statements.filter((part): part is Store => part.kind === "store");
  return stores.length === statements.length && stores.every((part) => !part.accumulate)
    ? stores
    : null;
}

function isAlong(value: { form: Load["form"] }, loop: Loop): boolean {
  return strideOf(normalizeForm(value.form), loop) === 1;
}

/** The tiles of a kernel that transposes what it reads; null for others. */
export function planTile(kernel: Kernel, outer: readonly Loop[]): TilePlan | null {
  const stores = plainStores(kernel);
  if (stores === null) return null;
  const long = outer.filter((loop) => loop.size >= SHORTEST);
  const along = long.find((loop) => stores.every((store) => isAlong(store, loop)));
  if (along === undefined) return null;
  const loads = kernelExpressions(kernel).filter(
    (part): part is Load => part.kind === "load" && isWorthTiling(part, along),
  );
  for (const across of long) {
    const moved = loads.filter((load) => isAlong(load, across));
    if (across !== along && moved.length > 0 && moved.length <= MOST_LOADS) {
      return { along, across, loads: moved };
    }
  }
  return null;
}

function isWorthTiling({ value, form: unsplit }: Load, along: Loop): boolean {
  const form = normalizeForm(unsplit);
  const isLarge = numel(value.shape) * dtypeBytes(value.dtype) >= SMALL;
  const isFar = Math.abs(strideOf(form, along)) * dtypeBytes(value.dtype) >= 32;
  return isLarge && isFar && !hasDynamic(form) && !isUnsafe(value, form);
}

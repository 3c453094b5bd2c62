import { UsageError } from "../base/errors.ts";
import { registerGradient } from "../autodiff/custom-gradient.ts";
import type { DeviceName } from "../engine/devices.ts";
import * as ir from "../ir/build.ts";
import type { Node } from "../ir/node.ts";
import { Tensor, derive } from "./tensor.ts";

/** What a function with a gradient of its own knows of its forward pass. */
export interface BackwardContext {
  readonly inputs: readonly Tensor[];
  readonly result: Tensor;
  /** What the forward function returned behind its result. */
  readonly saved: readonly Tensor[];
}

/**
 * Gradients with respect to the inputs, from the gradient with respect to the result: one per input,
 * of its shape and dtype, or null. Made of tensor operations, so that it has gradients itself.
 */
export type BackwardRule = (
  gradient: Tensor,
  context: BackwardContext,
) => readonly (Tensor | null)[];

/** A function and its gradient. */
export interface CustomVjp {
  /** The result, or an array of it and of tensors to save for `backward`. */
  readonly forward: (...inputs: Tensor[]) => Tensor | readonly [Tensor, ...Tensor[]];
  readonly backward: BackwardRule;
}

interface Collection {
  readonly device: DeviceName;
  readonly made: Tensor[];
}

let collection: Collection | undefined;

/**
 * Runs a differentiation and collects the tensors that gradient rules make in it: the gradients are
 * graphs over values that only they may know.
 */
export function collectRuleTensors<R>(
  device: DeviceName,
  run: () => R,
): { readonly value: R; readonly made: readonly Tensor[] } {
  const outer = collection;
  const made: Tensor[] = [];
  collection = { device, made };
  try {
    return { value: run(), made };
  } finally {
    collection = outer;
  }
}

/** Registers a rule over tensors; the first `saved` of a node's operands is number `inputs`. */
export function gradientRule(name: string, backward: BackwardRule, savedCount = 0): number {
  return registerGradient((operands, result, cotangent) => {
    const symbol = (node: Node): Tensor => derive([], node, collection?.device);
    const count = operands.length - savedCount;
    const tensors = operands.map(symbol);
    const context = {
      inputs: tensors.slice(0, count),
      result: symbol(result),
      saved: tensors.slice(count),
    };
    const found = backward(symbol(cotangent), context);
    if (found.length !== count) {
      throw new UsageError(
        `${name}: backward must give one gradient per input, got ${found.length} for ${count}`,
      );
    }
    collection?.made.push(...found.filter((tensor) => tensor !== null));
    return operands.map((_, i) => found[i]?.node ?? null);
  });
}

/**
 * A function whose gradient is given instead of derived: for gradients that are cheaper, more stable
 * or simply others (straight-through estimators, clipped or reversed gradients). Works inside jit,
 * vmap and `checkpoint`; second derivatives go through `backward`.
 *
 * Gradients reach the arguments alone: pass as arguments what shall receive one.
 * @example
 * const roundThrough = customVjp({
 *   forward: (x) => x.round(),
 *   backward: (g) => [g],
 * });
 */
export function customVjp({ forward, backward }: CustomVjp): (...inputs: Tensor[]) => Tensor {
  const rules = new Map<number, number>();
  return (...inputs) => {
    const returned = forward(...inputs);
    const [result, ...saved] = returned instanceof Tensor ? [returned] : returned;
    const rule = rules.get(saved.length) ?? gradientRule("customVjp", backward, saved.length);
    rules.set(saved.length, rule);
    const operands = [...inputs, ...saved];
    const nodes = operands.map((tensor) => tensor.node);
    return derive([result, ...operands], ir.customGradient(result.node, nodes, rule));
  };
}

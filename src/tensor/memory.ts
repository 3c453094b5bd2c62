import type { Cell } from "../engine/cell.ts";
import { releaseCell, runScope, withoutScope } from "./scope.ts";
import type { Tensor } from "./tensor.ts";
import { tensorsOf } from "./tree.ts";

/**
 * Runs `fn` and disposes every tensor made inside, except those in its result (a tensor, or arrays
 * and plain objects of them) and those with `requiresGrad`. Survives awaits; scopes nest. Inside jit
 * it does nothing: programs plan their own memory.
 */
export function scope<R>(fn: () => R): R {
  return runScope(fn, (result) => tensorsOf(result).map(({ cell }): Cell => cell));
}

/** Takes a tensor out of the running scope: it lives until it is disposed or unreachable. */
export function keep(tensor: Tensor): Tensor {
  releaseCell(tensor.cell);
  return tensor;
}

/**
 * Runs `fn` outside of the running scope and jit trace, so that the tensors it makes last: state
 * that a module or an optimizer makes on first use. Inside jit it sees the values from before the
 * call.
 */
export function persistent<R>(fn: () => R): R {
  return withoutScope(fn);
}

import type { Cell } from "../engine/cell.ts";
import { builtinModule } from "../engine/platform.ts";
import { currentTrace, withTrace } from "../engine/trace.ts";

interface AsyncContext<T> {
  run<R>(store: T | undefined, fn: () => R): R;
  getStore(): T | undefined;
}

type CellSet = Set<Cell>;

/** Keeps the scope across awaits where the host can; elsewhere a plain variable does. */
let context: AsyncContext<CellSet> | undefined;

class PlainContext implements AsyncContext<CellSet> {
  #store: CellSet | undefined;

  run<R>(store: CellSet | undefined, fn: () => R): R {
    const outer = this.#store;
    this.#store = store;
    const leave = (): void => void (this.#store = outer);
    let result: R;
    try {
      result = fn();
    } catch (error) {
      leave();
      throw error;
    }
    if (result instanceof Promise) return result.finally(leave) as R;
    leave();
    return result;
  }

  getStore(): CellSet | undefined {
    return this.#store;
  }
}

function openContext(): AsyncContext<CellSet> {
  type Hooks = { AsyncLocalStorage: new () => AsyncContext<CellSet> };
  const hooks = builtinModule<Hooks>("node:async_hooks");
  return hooks === undefined ? new PlainContext() : new hooks.AsyncLocalStorage();
}

/** Hands a new cell to the running scope, which will dispose it. */
export function adoptCell(cell: Cell): void {
  context?.getStore()?.add(cell);
}

/** Takes a cell out of the running scope. */
export function releaseCell(cell: Cell): void {
  context?.getStore()?.delete(cell);
}

/** Runs `fn` so that its new cells belong to nobody but their handles. */
export function withoutScope<R>(fn: () => R): R {
  return withTrace(undefined, () => (context === undefined ? fn() : context.run(undefined, fn)));
}

/** Runs `fn` in a new scope; `kept` names the cells of its result, which move one scope out. */
export function runScope<R>(fn: () => R, kept: (result: Awaited<R>) => Iterable<Cell>): R {
  if (currentTrace() !== undefined) return fn();
  context ??= openContext();
  const cells: CellSet = new Set();
  const outer = context.getStore();
  const leave = (result?: Awaited<R>): void => {
    const survivors = new Set(result === undefined ? [] : kept(result));
    for (const cell of cells) {
      if (survivors.has(cell) || cell.requiresGrad) outer?.add(cell);
      else cell.dispose();
    }
  };
  let result: R;
  try {
    result = context.run(cells, fn);
  } catch (error) {
    leave();
    throw error;
  }
  if (!(result instanceof Promise)) {
    leave(result as Awaited<R>);
    return result;
  }
  return result.then(
    (settled: Awaited<R>) => {
      leave(settled);
      return settled;
    },
    (error: unknown) => {
      leave();
      throw error;
    },
  ) as R;
}

import { DeviceError, UsageError } from "../base/errors.ts";
import { Cell } from "../engine/cell.ts";
import type { DeviceName } from "../engine/devices.ts";
import { resolveDevice } from "../engine/devices.ts";
import { environmentVariable } from "../engine/platform.ts";
import { getFloat32MatmulPrecision } from "../engine/precision.ts";
import { Replay } from "../engine/replay.ts";
import { counters } from "../engine/statistics.ts";
import type { Guard } from "../engine/trace.ts";
import { Trace, currentTrace, withTrace } from "../engine/trace.ts";
import { autocastKey } from "./autocast.ts";
import { Tensor } from "./tensor.ts";
import type { TreeSpec } from "./tree.ts";
import { mapTensors, matchesSpec, specOf, tensorsOf } from "./tree.ts";

/** Options of {@link jit}. */
export interface JitOptions {
  /** Name in error messages. @defaultValue the function's own */
  readonly name?: string;
  /** Device of programs that read no tensor. @defaultValue the default device */
  readonly device?: DeviceName;
}

/** A compiled function. */
export interface JitFunction<A extends readonly unknown[], R> {
  (...args: A): R;
  /** Frees the compiled programs; the next call traces again. */
  dispose(): void;
}

interface Specialisation<R> {
  readonly specs: readonly TreeSpec[];
  readonly guards: readonly Guard[];
  /** The precision it was traced under; see {@link precisionKey}. */
  readonly precision: string;
  readonly replay: Replay;
  /** The traced result, whose tensors each call replaces by its own. */
  readonly result: R;
  readonly hasOneTensor: boolean;
}

const longestList = 64;
let isEnabled = environmentVariable("ATHANOR_JIT") !== "0";

/**
 * Switches compilation by `jit` on or off; switched off, functions run as they are.
 * @returns whether it was on.
 */
export function setJit(enabled: boolean): boolean {
  const before = isEnabled;
  isEnabled = enabled;
  return before;
}

const finalizers = new FinalizationRegistry<Specialisation<unknown>[]>((list) => {
  for (const { replay } of list) replay.dispose();
});

/**
 * Compiles a function of tensors. The first call with given shapes, dtypes and devices runs `fn` on
 * symbols and records it; later ones run the recorded program with no per-operation work. Numbers,
 * strings and booleans among the arguments are part of the program. Tensors the function closes
 * over are read anew at each call; `assign` inside updates them when the call has succeeded, and an
 * error leaves everything as it was. Values cannot be read inside.
 * @throws {UsageError} if `fn` is asynchronous or reads values.
 * @example const step = jit((x: Tensor) => x.mul(2).add(1));
 */
export function jit<A extends readonly unknown[], R>(
  fn: (...args: A) => R,
  options: JitOptions = {},
): JitFunction<A, R> {
  const name = options.name ?? (fn.name === "" ? "the function" : fn.name);
  const known: Specialisation<R>[] = [];
  const call = (...args: A): R => {
    if (!isEnabled || currentTrace() !== undefined) return fn(...args);
    const cells: Cell[] = [];
    const specialisation = lookUp(known, args, cells);
    if (specialisation !== undefined) return replay(specialisation, cells);
    const made = specialise(fn, args, name, options.device);
    known.unshift(made);
    if (known.length > longestList) known.pop()?.replay.dispose();
    return replay(
      made,
      tensorsOf(args).map(({ cell }) => cell),
    );
  };
  const dispose = (): void => {
    for (const { replay: old } of known) old.dispose();
    known.length = 0;
  };
  const compiled = Object.assign(call, { dispose });
  finalizers.register(compiled, known);
  return compiled;
}

/**
 * Reads a host value that may change between calls, such as a module's mode. Inside jit it becomes
 * part of what the program is specialised on: a call that would read another value traces again.
 */
export function guard<T>(read: () => T): T {
  const value = read();
  currentTrace()?.guards.push({ read, value });
  return value;
}

/** The settings of precision around the call: other ones make another program. */
function precisionKey(): string {
  return `${getFloat32MatmulPrecision()} ${autocastKey()}`;
}

/** The specialisation the arguments fit, moved to the front; their cells go to `found`. */
function lookUp<R>(
  known: Specialisation<R>[],
  args: readonly unknown[],
  found: Cell[],
): Specialisation<R> | undefined {
  const precision = precisionKey();
  for (let i = 0; i < known.length; i++) {
    const candidate = known[i];
    if (candidate.precision !== precision) continue;
    found.length = 0;
    if (!matchesAll(candidate.specs, args, found) || !candidate.replay.fits(found)) continue;
    if (!candidate.guards.every(({ read, value }) => Object.is(read(), value))) continue;
    if (i > 0) {
      known.splice(i, 1);
      known.unshift(candidate);
    }
    return candidate;
  }
  return undefined;
}

function matchesAll(specs: readonly TreeSpec[], args: readonly unknown[], found: Cell[]): boolean {
  if (specs.length !== args.length) return false;
  for (let i = 0; i < specs.length; i++) if (!matchesSpec(specs[i], args[i], found)) return false;
  return true;
}

function replay<R>(specialisation: Specialisation<R>, cells: readonly Cell[]): R {
  const results = specialisation.replay
    .run(cells)
    .map((value) => new Tensor(new Cell(value, { value })));
  if (specialisation.hasOneTensor) return results[0] as R;
  let next = 0;
  return mapTensors(specialisation.result, () => results[next++]);
}

function specialise<A extends readonly unknown[], R>(
  fn: (...args: A) => R,
  args: A,
  name: string,
  device: DeviceName | undefined,
): Specialisation<R> {
  const specs = args.map((arg, i) => specOf(arg, `argument ${i}`));
  const trace = new Trace(name);
  counters.traces++;
  try {
    const { result, returned } = withTrace(trace, () => {
      const known = new Map<Cell, Tensor>();
      const symbols = mapTensors(args, (tensor) => symbolFor(trace, tensor, known));
      const result = fn(...symbols);
      if (result instanceof Promise) refuseAsync(result, name);
      const tensors = tensorsOf(result);
      return { result, returned: tensors.map((tensor) => tensor.node) };
    });
    const place = deviceOf(trace, args, device);
    const given = tensorsOf(args).map(({ cell }) => cell);
    const recorded = new Replay(trace, place, given, returned);
    return {
      specs,
      guards: trace.guards,
      precision: precisionKey(),
      replay: recorded,
      result,
      hasOneTensor: result instanceof Tensor,
    };
  } catch (error) {
    trace.releaseConstants();
    throw error;
  } finally {
    trace.close();
  }
}

function symbolFor(trace: Trace, tensor: Tensor, known: Map<Cell, Tensor>): Tensor {
  const before = known.get(tensor.cell);
  if (before !== undefined) {
    trace.repeatedArgument(tensor.cell);
    return before;
  }
  const cell = trace.argument(tensor.cell);
  cell.requiresGrad = tensor.requiresGrad;
  const symbol = new Tensor(cell);
  known.set(tensor.cell, symbol);
  return symbol;
}

function refuseAsync(result: Promise<unknown>, name: string): never {
  // The rest of the function will fail on its symbols; that failure is ours to swallow.
  result.catch(() => undefined);
  throw new UsageError(
    `jit: the function must return its tensors at once, got a promise from ${name}; ` +
      "await outside, and jit only the computation",
  );
}

/** The one device of the trace. @throws {DeviceError} if tensors of several meet. */
function deviceOf(
  trace: Trace,
  args: readonly unknown[],
  device: DeviceName | undefined,
): DeviceName {
  const places = new Set(tensorsOf(args).map((tensor) => tensor.device));
  for (const { cell } of trace.slots) if (cell !== undefined) places.add(cell.device);
  const [first = resolveDevice(device), second] = places;
  if (second !== undefined) {
    throw new DeviceError(
      `jit: all tensors must be on one device, got ${first} and ${second}; move some with to()`,
    );
  }
  return first;
}

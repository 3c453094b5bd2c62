import { engineStats } from "athanor";
import type { Tensor } from "athanor";

/** Milliseconds of a first call, by part; they add up to `first call`. */
type CompileTimes = Readonly<
  Record<"first call" | "trace" | "compile" | "machine code" | "first run", number>
>;

/** A function to be compiled, with the means to time its first call. */
export interface TimedFunction<A extends readonly unknown[]> {
  readonly fn: (...args: A) => Tensor;
  /** Makes the first call and frees its result. */
  firstCall(call: () => Tensor): CompileTimes;
}

/**
 * Wraps a function so that its first compiled call tells where the time went: recording (`trace`),
 * the compiler from graph to bytes (`compile`), the JavaScript engine from bytes to machine code
 * (`machine code`), and the first run with the rest.
 */
export function timeCompilation<A extends readonly unknown[]>(
  fn: (...args: A) => Tensor,
): TimedFunction<A> {
  let trace = 0;
  return {
    fn: (...args) => {
      const start = performance.now();
      const result = fn(...args);
      trace += performance.now() - start;
      return result;
    },
    firstCall(call) {
      const before = engineStats().compileMilliseconds;
      const stop = timeMachineCode();
      const start = performance.now();
      const result = call();
      const total = performance.now() - start;
      const machineCode = stop();
      result.dispose();
      const compile = engineStats().compileMilliseconds - before;
      return {
        "first call": total,
        trace,
        compile: compile - machineCode,
        "machine code": machineCode,
        "first run": total - trace - compile,
      };
    },
  };
}

/** Adds up the time spent in `new WebAssembly.Module` and `Instance` until the result is called. */
function timeMachineCode(): () => number {
  const { Module, Instance } = WebAssembly;
  let milliseconds = 0;
  const timed = <C extends new (...args: never[]) => object>(original: C): C =>
    new Proxy(original, {
      construct(target, args: never[], newTarget) {
        const start = performance.now();
        const made: object = Reflect.construct(target, args, newTarget);
        milliseconds += performance.now() - start;
        return made;
      },
    });
  Object.assign(WebAssembly, { Module: timed(Module), Instance: timed(Instance) });
  return () => {
    Object.assign(WebAssembly, { Module, Instance });
    return milliseconds;
  };
}

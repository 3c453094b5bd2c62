import { ConfigError, UnsupportedOpError } from "../base/errors.ts";
import { customVjp } from "../tensor/custom-vjp.ts";
import { Tensor } from "../tensor/tensor.ts";

/** What takes a hook off again. */
export interface HookHandle {
  /** Takes the hook off; at once, also while it runs. */
  remove(): void;
}

/** Options of the functions that register hooks. */
export interface HookOptions {
  /** Whether the hook runs before those registered earlier. */
  readonly prepend?: boolean;
}

/** Arguments of a module's `forward`. */
export type ForwardArguments<M> = M extends {
  /** What a module computes. */
  forward(...args: infer Args): unknown;
}
  ? Args
  : readonly unknown[];

/** Result of a module's `forward`. */
export type ForwardResult<M> = M extends {
  /** What a module computes. */
  forward(...args: never): infer Result;
}
  ? Result
  : unknown;

/** Runs before `forward`; a list it gives replaces the arguments. */
export type ForwardPreHook<M> = (
  module: M,
  args: ForwardArguments<M>,
) => ForwardArguments<M> | undefined | void;

/** Runs after `forward`; a value it gives replaces the result. */
export type ForwardHook<M> = (
  module: M,
  args: ForwardArguments<M>,
  result: ForwardResult<M>,
) => ForwardResult<M> | undefined | void;

type AnyPreHook = (module: object, args: readonly unknown[]) => unknown;
type AnyHook = (module: object, args: readonly unknown[], result: unknown) => unknown;

interface Hooks {
  readonly before: AnyPreHook[];
  readonly after: AnyHook[];
}

const tables = new WeakMap<object, Hooks>();

/** Hides the class's `forward` behind one of the instance that runs the hooks around it. */
function wrapForward(module: object): Hooks {
  const known = tables.get(module);
  if (known !== undefined) return known;
  const forward: unknown = Reflect.get(module, "forward");
  if (typeof forward !== "function") {
    throw new ConfigError(`${module.constructor.name}: a module without forward takes no hooks`);
  }
  const hooks: Hooks = { before: [], after: [] };
  const value = (...given: readonly unknown[]): unknown => {
    let args = given;
    for (const hook of hooks.before.slice()) {
      const changed = hook(module, args);
      if (changed !== undefined) args = Array.isArray(changed) ? changed : [changed];
    }
    let result: unknown = Reflect.apply(forward, module, args);
    for (const hook of hooks.after.slice()) result = hook(module, args, result) ?? result;
    return result;
  };
  Object.defineProperty(module, "forward", { value, configurable: true, writable: true });
  tables.set(module, hooks);
  return hooks;
}

/** The class's own `forward` again once the last hook is gone. */
function unwrap(module: object, { before, after }: Hooks): void {
  if (before.length > 0 || after.length > 0 || !tables.delete(module)) return;
  Reflect.deleteProperty(module, "forward");
}

function register<Hook>(
  module: object,
  hook: Hook,
  pick: (hooks: Hooks) => Hook[],
  { prepend = false }: HookOptions,
): HookHandle {
  const hooks = wrapForward(module);
  const list = pick(hooks);
  // A hook may be registered twice: each handle takes its own entry off.
  const entry = ((...args: readonly unknown[]) =>
    Reflect.apply(hook as AnyHook, undefined, args)) as Hook;
  if (prepend) list.unshift(entry);
  else list.push(entry);
  return {
    remove: () => {
      const place = list.indexOf(entry);
      if (place >= 0) list.splice(place, 1);
      unwrap(module, hooks);
    },
  };
}

/** Runs `hook` before every `forward` of a module. */
export function addForwardPreHook<M extends object>(
  module: M,
  hook: ForwardPreHook<M>,
  options: HookOptions = {},
): HookHandle {
  return register(module, hook as unknown as AnyPreHook, ({ before }) => before, options);
}

/** Runs `hook` after every `forward` of a module. */
export function addForwardHook<M extends object>(
  module: M,
  hook: ForwardHook<M>,
  options: HookOptions = {},
): HookHandle {
  return register(module, hook as unknown as AnyHook, ({ after }) => after, options);
}

/** Runs when the gradient by a module's result is known; a list it gives replaces it. */
export type BackwardPreHook<M> = (
  module: M,
  gradOutput: readonly [Tensor],
) => readonly [Tensor] | undefined | void;

/** Runs when the gradient by a module's argument is known; a list it gives replaces it. */
export type BackwardHook<M> = (
  module: M,
  gradInput: readonly [Tensor],
  gradOutput: readonly [Tensor],
) => readonly [Tensor] | undefined | void;

/** x, whose gradient goes through `change`. */
function withGradient(x: Tensor, change: (gradient: Tensor) => Tensor): Tensor {
  return customVjp({ forward: (y) => y.clone(), backward: (gradient) => [change(gradient)] })(x);
}

function singleTensor(module: object, what: string, value: unknown): Tensor {
  if (value instanceof Tensor) return value;
  throw new UnsupportedOpError(
    `${module.constructor.name}: backward hooks need one tensor as ${what} of forward`,
  );
}

/** Runs `hook` on the gradient by the result of every `forward` of a module. */
export function addBackwardPreHook<M extends object>(
  module: M,
  hook: BackwardPreHook<M>,
  options: HookOptions = {},
): HookHandle {
  const after: AnyHook = (_, _args, result) =>
    withGradient(singleTensor(module, "result", result), (gradient) => {
      const [changed] = hook(module, [gradient]) ?? [gradient];
      return changed;
    });
  return register(module, after, (hooks) => hooks.after, options);
}

/** Runs `hook` on the gradients by argument and result of every `forward` of a module. */
export function addBackwardHook<M extends object>(
  module: M,
  hook: BackwardHook<M>,
  options: HookOptions = {},
): HookHandle {
  // Gradients come to the result first; calls may nest, so each call keeps its own.
  const calls: { gradOutput?: Tensor }[] = [];
  const before: AnyPreHook = (_, args) => {
    const [first, ...others] = args;
    const call: { gradOutput?: Tensor } = {};
    calls.push(call);
    const input = withGradient(singleTensor(module, "first argument", first), (gradInput) => {
      const { gradOutput } = call;
      if (gradOutput === undefined) return gradInput;
      const [changed] = hook(module, [gradInput], [gradOutput]) ?? [gradInput];
      return changed;
    });
    return [input, ...others];
  };
  const after: AnyHook = (_, _args, result) => {
    const call = calls.pop();
    return withGradient(singleTensor(module, "result", result), (gradOutput) => {
      if (call !== undefined) call.gradOutput = gradOutput;
      return gradOutput;
    });
  };
  const handles = [
    register(module, before, (hooks) => hooks.before, options),
    register(module, after, (hooks) => hooks.after, options),
  ];
  return { remove: () => handles.forEach((handle) => handle.remove()) };
}

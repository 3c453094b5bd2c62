import { ConfigError, DTypeError } from "../base/errors.ts";
import { guard } from "../tensor/jit.ts";
import { Tensor } from "../tensor/tensor.ts";
import type {
  BackwardHook,
  BackwardPreHook,
  ForwardHook,
  ForwardPreHook,
  HookHandle,
  HookOptions,
} from "./hooks.ts";
import { addBackwardHook, addBackwardPreHook, addForwardHook, addForwardPreHook } from "./hooks.ts";
import { Buffer, Parameter } from "./parameter.ts";
import type { LoadReport, StateDict } from "./state-dict.ts";
import { loadInto } from "./state-dict.ts";

/** What a module is made of. */
export type Member = Parameter | Buffer | Module;

/** A member, its key in the state dictionary, and how to put another in its place. */
export interface MemberSlot {
  readonly key: string;
  readonly member: Member;
  /** Puts another member in its place. */
  replace(member: Member): void;
}

/** A module that takes a tensor and gives one: what {@link Sequential} chains. */
export type Layer = Module & {
  /** Applies the layer. */
  forward(x: Tensor): Tensor;
};

const isMember = (value: unknown): value is Member =>
  value instanceof Parameter || value instanceof Buffer || value instanceof Module;

function* slotsOf(holder: object, name: string, key: string): Generator<MemberSlot> {
  const member: unknown = Reflect.get(holder, name);
  if (isMember(member)) {
    yield { key, member, replace: (other) => void Reflect.set(holder, name, other) };
  } else if (Array.isArray(member)) {
    for (const index of member.keys()) yield* slotsOf(member, String(index), `${key}.${index}`);
  }
}

/**
 * A part of a network with parameters, buffers and modules of its own. They are found in the public
 * fields: every field that holds a {@link Parameter}, a {@link Buffer}, a module, or an array of
 * those. Other tensors in fields are left alone.
 *
 * @example
 * class Block extends nn.Module {
 *   readonly norm = new nn.LayerNorm(8);
 *   readonly fc = new nn.Linear(8, 8);
 *   forward(x: Tensor): Tensor {
 *     return x.add(this.fc.forward(this.norm.forward(x)));
 *   }
 * }
 */
export abstract class Module {
  #isTraining = true;

  /**
   * Whether dropout and batch statistics act as in training. Set it with `train` and `eval`;
   * jitted functions follow, with one program for each mode.
   */
  get training(): boolean {
    return guard(() => this.#isTraining);
  }

  set training(value: boolean) {
    this.#isTraining = value;
  }

  /** The state-dictionary key of a field: its name, unless a subclass spells it otherwise. */
  protected stateKey(field: string): string {
    return field;
  }

  /** Members in the order of their fields. Containers override it. */
  protected *members(): Generator<MemberSlot> {
    for (const field of Object.keys(this)) yield* slotsOf(this, field, this.stateKey(field));
  }

  /** Options to print between the parentheses. */
  protected extraRepr(): string {
    return "";
  }

  /** Parameters of this module and all below it, each once. */
  parameters(): Parameter[] {
    return this.namedParameters().map(([, parameter]) => parameter);
  }

  /** Parameters with their keys (`0.weight`); a shared one under its first key. */
  namedParameters(): [key: string, parameter: Parameter][] {
    return this.#tensors(true, (member) => member instanceof Parameter);
  }

  /** Buffers of this module and all below it, each once. */
  buffers(): Buffer[] {
    return this.namedBuffers().map(([, buffer]) => buffer);
  }

  /** Buffers with their keys, persistent or not; a shared one under its first key. */
  namedBuffers(): [key: string, buffer: Buffer][] {
    return this.#tensors(true, (member) => member instanceof Buffer);
  }

  /** This module and all below it, each once. */
  modules(): Module[] {
    return this.namedModules().map(([, module]) => module);
  }

  /** This module (under "") and all below it with their paths, each once. */
  namedModules(): [path: string, module: Module][] {
    const seen = new Set<Module>();
    return [...this.#walk("")].filter(([, module]) => !seen.has(module) && seen.add(module));
  }

  /** The modules directly below, each once. */
  children(): Module[] {
    return [...new Set(this.namedChildren().map(([, child]) => child))];
  }

  /** The modules directly below with their names. */
  namedChildren(): [name: string, child: Module][] {
    return [...this.members()].flatMap(({ key, member }) =>
      member instanceof Module ? [[key, member] as [string, Module]] : [],
    );
  }

  /** The module at a path of `namedModules`; "" is this one. @throws {ConfigError} if none is. */
  getSubmodule(path: string): Module {
    return entry("getSubmodule", this.namedModules(), path);
  }

  /** The parameter of a key of `namedParameters`. @throws {ConfigError} if there is none. */
  getParameter(key: string): Parameter {
    return entry("getParameter", this.namedParameters(), key);
  }

  /** The buffer of a key of `namedBuffers`. @throws {ConfigError} if there is none. */
  getBuffer(key: string): Buffer {
    return entry("getBuffer", this.namedBuffers(), key);
  }

  /** Sets whether the parameters of this module and all below it are learned. */
  requiresGrad_(requiresGrad = true): this {
    for (const parameter of this.parameters()) parameter.requiresGrad = requiresGrad;
    return this;
  }

  /**
   * Calls `hook(module, args)` before every `forward` of this module; arguments it gives back (a
   * list) replace the given ones. In a jitted function hooks run while it is traced.
   */
  registerForwardPreHook(hook: ForwardPreHook<this>, options?: HookOptions): HookHandle {
    return addForwardPreHook(this, hook, options);
  }

  /**
   * Calls `hook(module, args, result)` after every `forward` of this module; a value it gives back
   * replaces the result. In a jitted function hooks run while it is traced.
   *
   * @example
   * const seen: Tensor[] = [];
   * const handle = model.registerForwardHook((_module, _args, result) => void seen.push(result));
   * handle.remove();
   */
  registerForwardHook(hook: ForwardHook<this>, options?: HookOptions): HookHandle {
    return addForwardHook(this, hook, options);
  }

  /**
   * Calls `hook(module, [gradOutput])` when the gradient by the result of `forward` is known; a list
   * it gives back replaces it. The gradients are symbolic: build further tensors of them, or read
   * what `grad` returns.
   */
  registerFullBackwardPreHook(hook: BackwardPreHook<this>, options?: HookOptions): HookHandle {
    return addBackwardPreHook(this, hook, options);
  }

  /**
   * Calls `hook(module, [gradInput], [gradOutput])` when the gradients by the first argument and by
   * the result of `forward` are known; a list it gives back replaces the first. It is called only if
   * gradients pass through the argument, which must be a tensor, as must the result.
   */
  registerFullBackwardHook(hook: BackwardHook<this>, options?: HookOptions): HookHandle {
    return addBackwardHook(this, hook, options);
  }

  /** Sets the mode of this module and all below it. */
  train(mode = true): this {
    for (const module of this.modules()) module.training = mode;
    return this;
  }

  /** Evaluation mode: no dropout, running statistics. */
  eval(): this {
    return this.train(false);
  }

  /** Calls `fn` with every module, children before their parent. */
  apply(fn: (module: Module) => void): this {
    for (const child of this.children()) child.apply(fn);
    fn(this);
    return this;
  }

  /**
   * All parameters and persistent buffers by key. They are the live tensors: clone what shall
   * outlast the next step.
   */
  stateDict(): Record<string, Tensor> {
    return Object.fromEntries(
      this.#tensors(
        false,
        (member): member is Parameter | Buffer =>
          member instanceof Parameter || (member instanceof Buffer && member.persistent),
      ),
    );
  }

  /**
   * Copies the values of a state dictionary into the parameters and buffers, converted to their
   * dtype and device.
   * @param options - without `strict`, missing and unexpected keys are only reported.
   * @throws {CheckpointError} listing everything that does not fit; then nothing has changed.
   */
  loadStateDict(
    state: StateDict,
    { strict = true }: { readonly strict?: boolean } = {},
  ): LoadReport {
    return loadInto(this.constructor.name, this.stateDict(), state, strict);
  }

  /**
   * Moves to a device, or converts float parameters and buffers to a float dtype. They are new
   * tensors afterwards: make optimizers and jitted functions after it.
   * @throws {DTypeError} for a dtype that is no float; {DeviceError} for an unknown device.
   */
  to(target: Parameters<Tensor["to"]>[0]): this {
    if (["i32", "u32", "i8", "u8", "bool"].includes(target)) {
      throw new DTypeError(`to: parameters must stay floats, got ${target}`);
    }
    const isDType = ["f64", "f32", "f16", "bf16"].includes(target);
    const moved = new Map<Tensor, Parameter | Buffer>();
    for (const module of this.modules()) {
      for (const slot of module.members()) {
        const { member } = slot;
        if (member instanceof Module) continue;
        if (isDType && !["f64", "f32", "f16", "bf16"].includes(member.dtype)) continue;
        const known = moved.get(member) ?? convert(member, target);
        moved.set(member, known);
        if (known !== member) slot.replace(known);
      }
    }
    return this;
  }

  /** Converts float parameters and buffers to f32. */
  float(): this {
    return this.to("f32");
  }

  /** Converts float parameters and buffers to f64. */
  double(): this {
    return this.to("f64");
  }

  /** Converts float parameters and buffers to f16. */
  half(): this {
    return this.to("f16");
  }

  /** Converts float parameters and buffers to bf16. */
  bfloat16(): this {
    return this.to("bf16");
  }

  /** Frees all parameters and buffers at once. The module is unusable after. */
  dispose(): void {
    for (const tensor of [...this.parameters(), ...this.buffers()]) tensor.dispose();
  }

  /** As `dispose`, for `using`. */
  [Symbol.dispose](): void {
    this.dispose();
  }

  /** The tree of modules with their options. */
  toString(): string {
    const lines = foldRepeats(
      this.namedChildren().map(([name, child]) => [name, child.toString()] as const),
    );
    const extra = this.extraRepr();
    if (lines.length === 0) return `${this.constructor.name}(${extra})`;
    const body = (extra === "" ? lines : [extra, ...lines]).map((text) => indent(text));
    return `${this.constructor.name}(\n${body.join("\n")}\n)`;
  }

  /**
   * The tree of modules with the number of parameters of each, and what they amount to:
   * `(fc): Linear(inFeatures=4, outFeatures=2, bias=true)  10`. Shared ones count in every place, but
   * once in the total.
   */
  summary(): string {
    const rows = this.#rows("", 0);
    const width = Math.max(...rows.map(({ text }) => text.length));
    const digits = rows[0].count.toLocaleString("en-US").length;
    const lines = rows.map(({ text, count }) =>
      count === 0
        ? text
        : `${text.padEnd(width)}  ${count.toLocaleString("en-US").padStart(digits)}`,
    );
    const all = this.parameters();
    const learned = all.filter(({ requiresGrad }) => requiresGrad);
    const [total, trainable] = [all, learned].map((list) => countElements(list));
    const shown = [total, trainable].map((count) => count.toLocaleString("en-US"));
    return `${lines.join("\n")}\n${shown[0]} parameters, ${shown[1]} of them learned`;
  }

  #rows(name: string, depth: number): { text: string; count: number }[] {
    const title = `${this.constructor.name}(${this.extraRepr()})`;
    const text = "  ".repeat(depth) + (name === "" ? title : `(${name}): ${title}`);
    const below = this.namedChildren().flatMap(([key, child]) => child.#rows(key, depth + 1));
    return [{ text, count: countElements(this.parameters()) }, ...below];
  }

  *#walk(path: string): Generator<[string, Module]> {
    yield [path, this];
    for (const [name, child] of this.namedChildren()) {
      yield* child.#walk(path === "" ? name : `${path}.${name}`);
    }
  }

  /** Tensors with full keys: of each module its parameters, then its buffers, then its children. */
  #tensors<T extends Parameter | Buffer>(
    isUnique: boolean,
    wanted: (member: Member) => member is T,
  ): [string, T][] {
    const seen = new Set<Tensor>();
    const found: [string, T][] = [];
    const modules = isUnique ? this.namedModules() : this.#walk("");
    for (const [path, module] of modules) {
      const slots = [...module.members()];
      for (const kind of [Parameter, Buffer]) {
        for (const { key, member } of slots) {
          if (!(member instanceof kind) || !wanted(member)) continue;
          if (isUnique && seen.has(member)) continue;
          seen.add(member);
          found.push([path === "" ? key : `${path}.${key}`, member]);
        }
      }
    }
    return found;
  }
}

function countElements(parameters: readonly Parameter[]): number {
  return parameters.reduce((sum, { numel }) => sum + numel, 0);
}

function entry<T>(op: string, entries: readonly (readonly [string, T])[], key: string): T {
  const found = entries.find(([name]) => name === key);
  if (found !== undefined) return found[1];
  const known = entries.map(([name]) => `"${name}"`).join(", ");
  throw new ConfigError(`${op}: the key must be one of ${known}, got "${key}"`);
}

function convert(
  member: Parameter | Buffer,
  target: Parameters<Tensor["to"]>[0],
): Parameter | Buffer {
  const converted = member.to(target);
  if (converted === member) return member;
  if (member instanceof Buffer) return new Buffer(converted, { persistent: member.persistent });
  return new Parameter(converted, { requiresGrad: member.requiresGrad });
}

const indent = (text: string): string => text.replaceAll(/^/gm, "  ");

/** `(name): text` per child; neighbours with equal text share one line, as `(0-3): 4 x text`. */
function foldRepeats(children: readonly (readonly [name: string, text: string])[]): string[] {
  const lines: string[] = [];
  for (let start = 0; start < children.length;) {
    const [name, text] = children[start];
    let end = start + 1;
    if (/^\d+$/.test(name)) while (end < children.length && children[end][1] === text) end++;
    const count = end - start;
    lines.push(
      count === 1 ? `(${name}): ${text}` : `(${name}-${children[end - 1][0]}): ${count} x ${text}`,
    );
    start = end;
  }
  return lines;
}

/** Options as `a=1, b=true`, leaving out undefined ones. */
export function formatOptions(options: Readonly<Record<string, unknown>>): string {
  return Object.entries(options)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => `${name}=${formatOption(value)}`)
    .join(", ");
}

function formatOption(value: unknown): string {
  if (Array.isArray(value)) return `[${value.join(", ")}]`;
  return value instanceof Tensor ? `[${value.shape.join(", ")}]` : String(value);
}

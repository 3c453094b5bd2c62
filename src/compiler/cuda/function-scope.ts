import { invariant } from "../../base/errors.ts";
import { dtypeBytes } from "../../ir/dtype.ts";
import type { Node } from "../../ir/node.ts";
import type { Form } from "../affine.ts";
import type { Expression, Kernel } from "../kernel.ts";
import type { Loop } from "../loops.ts";
import { Variation } from "../wasm/kernel-plan.ts";
import { accumulatorKey } from "./expression-code.ts";
import { ItemValues } from "./item-values.ts";
import type { KernelArgument } from "./kernel-code.ts";
import { fixedElements, storedValues } from "./accesses.ts";
import { accessWidth } from "./kernel-plan.ts";
import type { AlignmentOf, KernelPlan } from "./kernel-plan.ts";
import { KernelText } from "./kernel-text.ts";
import { Names } from "./names.ts";
import { storageType } from "./register-code.ts";
import type { RenderOptions } from "./render-options.ts";
import type { StoragePlan } from "./storage-plan.ts";

interface Parameter {
  readonly type: string;
  readonly name: string;
  readonly argument: KernelArgument;
}

const DEFAULT_ALIGNMENT = 16;
const trivialLoop: Loop = { axes: [], size: 1 };

/** Alignment a renderer may count on if it is told nothing. */
export function alignmentOf(options: RenderOptions): AlignmentOf {
  return options.alignmentOf ?? ((): number => DEFAULT_ALIGNMENT);
}

/** What the parts of a function's writer share: its text, its parameters, its names. */
export class FunctionScope {
  readonly kernel: Kernel;
  readonly plan: KernelPlan;
  readonly storage: StoragePlan;
  readonly options: RenderOptions;
  readonly text: KernelText = new KernelText();
  readonly names: Names = new Names();
  private readonly variation: Variation;
  private readonly parameters: Map<unknown, Parameter> = new Map();
  private readonly counters: Map<string, number> = new Map();
  private readonly written: ReadonlySet<string>;
  private readonly fixed: ReadonlyMap<Node, number>;
  private readonly items: ItemValues;

  constructor(kernel: Kernel, plan: KernelPlan, storage: StoragePlan, options: RenderOptions) {
    this.kernel = kernel;
    this.plan = plan;
    this.storage = storage;
    this.options = options;
    this.written = new Set(storedValues(kernel).map(options.placeOf));
    this.fixed = fixedElements(kernel);
    this.items = new ItemValues(plan.inner);
    this.variation = new Variation(plan.vector ?? trivialLoop, !plan.horizontal);
  }

  /** Parameters in order, and their text. */
  list(): { readonly text: string; readonly arguments: readonly KernelArgument[] } {
    const all = [...this.parameters.values()];
    const texts = all.map(({ type, name }) => `${type}${name}`);
    return {
      text: [...texts, "unsigned block"].join(", "),
      arguments: all.map(({ argument }) => argument),
    };
  }

  /** Name of a parameter, which is added unless there is one of this key. */
  parameter(key: unknown, type: string, name: string, argument: KernelArgument): string {
    const known = this.parameters.get(key);
    if (known !== undefined) return known.name;
    this.parameters.set(key, { type, name, argument });
    return name;
  }

  /** Parameter with a value's address, and whether nobody writes there while the kernel runs. */
  pointer(value: Node): { readonly name: string; readonly readOnly: boolean } {
    const readOnly = !this.written.has(this.options.placeOf(value));
    const type = `${readOnly ? "const " : ""}${storageType(value.dtype)} *`;
    const name = this.parameters.get(value)?.name ?? this.fresh("p");
    const offset = this.firstElement(value) * dtypeBytes(value.dtype);
    this.parameter(value, type, name, { kind: "value", value, offset });
    return { name, readOnly };
  }

  /**
   * Element of a value that its parameter points at: not the first one where functions that read
   * other places of a table would differ in nothing else.
   */
  firstElement(value: Node): number {
    return this.fixed.get(value) ?? 0;
  }

  /** A name no one else has. */
  fresh(letter: string): string {
    const count = this.counters.get(letter) ?? 0;
    this.counters.set(letter, count + 1);
    return `${letter}${count}`;
  }

  /** Name of a loop's variable. */
  variable(loop: Loop): string {
    const outer = this.plan.outer.indexOf(loop);
    return outer >= 0 ? `i${outer}` : `j${this.plan.inner.indexOf(loop)}`;
  }

  /** C type of element numbers. */
  get signed(): string {
    return this.plan.wide ? "i64" : "int";
  }

  /** Whether 32 bits do not hold the numbers of rows or items. */
  private get hasManyRows(): boolean {
    return Math.max(this.plan.rowCount, this.plan.itemCount) >= 2 ** 31;
  }

  /** C type of the numbers of rows and items. */
  get unsigned(): string {
    return this.hasManyRows ? "u64" : "u32";
  }

  /** A constant of that type. */
  number(value: number): string {
    return this.hasManyRows ? `${value}ull` : `${value}u`;
  }

  /** Whether the value changes from item to item. */
  isItem(expression: Expression): boolean {
    return this.items.has(expression);
  }

  /** Whether the value changes from lane to lane. */
  varies(expression: Expression): boolean {
    return this.plan.lanes > 1 && this.variation.has(expression);
  }

  /** Whether an index the form is computed from changes from lane to lane. */
  gathers(form: Form): boolean {
    return this.plan.lanes > 1 && this.variation.gathers(form);
  }

  /** Neighbouring elements of an access that are moved at once. */
  width(value: Node, form: Form): number {
    const { plan } = this;
    if (this.gathers(form)) return 1;
    const alignment = alignmentOf(this.options)(value);
    return accessWidth(
      { value, form },
      plan.vector,
      [...plan.outer, ...plan.inner],
      plan.lanes,
      alignment,
    );
  }

  /** Whether accumulators differ from lane to lane. */
  get laneSums(): boolean {
    return this.plan.lanes > 1 && !this.plan.horizontal;
  }

  /** Whether the vector loop ends with less than a whole vector. */
  get hasTail(): boolean {
    const { vector, lanes } = this.plan;
    return vector !== null && vector.size % lanes !== 0;
  }

  /** `body` for each lane `l`; past the end of the loop too if `all`. */
  laneLoop(body: () => void, all: boolean): void {
    const { text, plan } = this;
    text.pragma("#pragma unroll");
    text.block(`for (int l = 0; l < ${plan.lanes}; l++)`, () => {
      if (this.hasTail && !all) text.block("if (l < live)", body);
      else body();
    });
  }

  accumulator(id: number): string {
    const name = this.names.find(accumulatorKey(id));
    invariant(name !== undefined, `accumulator ${id} is not open`);
    return name.text;
  }

  /** Condition under which a thread stores what its whole group knows. */
  isFirst(onePart: boolean): string {
    const { group, parts } = this.plan;
    const tests: string[] = [];
    if (group > 1) tests.push("member == 0");
    if (onePart && parts > 1 && this.names.find("part") !== undefined) tests.push("part == 0");
    if (this.names.find("idle") !== undefined) tests.push("!idle");
    return tests.length === 0 ? "1" : tests.join(" && ");
  }
}

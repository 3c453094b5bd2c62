import { dtypeBytes } from "../../ir/dtype.ts";
import { numel } from "../../ir/shape.ts";
import { normalizeForm } from "../affine.ts";
import type { Expression, Phase, Statement } from "../kernel.ts";
import type { ExpressionCode } from "./expression-code.ts";
import type { FunctionScope } from "./function-scope.ts";
import type { Names } from "./names.ts";
import { isUnsafe } from "./accesses.ts";
import { registerType } from "./register-code.ts";
import { accessKey } from "./storage-plan.ts";

type Store = Extract<Statement, { kind: "store" }>;
type Load = Extract<Expression, { kind: "load" }>;

const ahead = (lane: number): string => (lane === 0 ? "" : ` + ${lane}`);

/** Loads and stores of neighbours: into arrays of one element per lane, and out of them. */
export class VectorCode {
  private readonly scope: FunctionScope;
  private readonly code: ExpressionCode;
  /** Rows kept in registers that an earlier phase has loaded or stored. */
  private readonly filled: Set<string> = new Set();
  private readonly filling: Set<string> = new Set();

  constructor(scope: FunctionScope, code: ExpressionCode) {
    this.scope = scope;
    this.code = code;
  }

  /** Declares the registers that keep parts of rows between phases. */
  open(): void {
    const { storage, text, plan } = this.scope;
    for (const { name, type, words } of storage.kept.values()) {
      text.add(`${type} ${name}[${plan.rounds * words}];`);
    }
  }

  /** Between phases: what was loaded or stored in the last one is there now. */
  nextPhase(): void {
    for (const key of this.filling) this.filled.add(key);
    this.filling.clear();
  }

  /** Gives a load of neighbours a name; returns whether it is one. */
  load(expression: Expression, names: Names, inItems: boolean): void {
    if (expression.kind !== "load" || names.find(expression) !== undefined) return;
    const { plan, text } = this.scope;
    if (plan.lanes === 1) {
      if (inItems) this.keepSingle(expression, names);
      return;
    }
    const width = this.scope.width(expression.value, normalizeForm(expression.form));
    if (width === 1) return;
    const name = this.scope.fresh("v");
    text.add(`${registerType(expression.dtype)} ${name}[${plan.lanes}];`);
    const key = accessKey(expression.value, expression.form);
    const kept = inItems ? this.scope.storage.kept.get(key) : undefined;
    const word = (lane: number): string =>
      `${kept?.name ?? ""}[k * ${kept?.words ?? 0}${ahead(lane / width)}]`;
    if (kept !== undefined && this.filled.has(key)) {
      this.unpack(expression, name, width, word);
    } else if (kept !== undefined) {
      this.fetch(expression, name, width, names, word);
      this.filling.add(key);
    } else {
      this.fetch(expression, name, width, names, null);
    }
    names.set(expression, name, true);
  }

  /** A row of single elements that is kept: its registers hold values. */
  private keepSingle(expression: Load, names: Names): void {
    const key = accessKey(expression.value, expression.form);
    const kept = this.scope.storage.kept.get(key);
    if (kept === undefined) return;
    if (this.filled.has(key)) {
      names.set(expression, `${kept.name}[k]`);
      return;
    }
    this.code.declareOne(expression, names, false);
    this.scope.text.add(`${kept.name}[k] = ${this.code.text(expression, names, false)};`);
    this.filling.add(key);
  }

  private unpack(load: Load, name: string, width: number, word: (lane: number) => string): void {
    for (let lane = 0; lane < this.scope.plan.lanes; lane += width) {
      this.scope.text.add(`unpack${width}_${load.dtype}(${name}${ahead(lane)}, ${word(lane)});`);
    }
  }

  /** Loads whole vectors, or single elements where the loop ends; keeps the words if told where. */
  private fetch(
    load: Load,
    name: string,
    width: number,
    names: Names,
    keep: ((lane: number) => string) | null,
  ): void {
    const { plan, text } = this.scope;
    const { name: base, readOnly } = this.scope.pointer(load.value);
    const read = readOnly ? "read" : "load";
    const bytes = width * dtypeBytes(load.dtype);
    const place = this.place(load, names);
    const whole = (): void => {
      const fetched = (lane: number): string =>
        `${read}_v${bytes}(${base} + ${place(ahead(lane))})`;
      if (keep === null) {
        this.unpack(load, name, width, fetched);
        return;
      }
      for (let lane = 0; lane < plan.lanes; lane += width) {
        text.add(`${keep(lane)} = ${fetched(lane)};`);
      }
      this.unpack(load, name, width, keep);
    };
    if (!this.scope.hasTail) {
      whole();
      return;
    }
    text.block(`if (live == ${plan.lanes})`, whole);
    text.block("else", () => {
      text.pragma("#pragma unroll");
      const element = `l < live ? ${read}_${load.dtype}(${base} + ${place(" + l")}) : 0`;
      text.add(`for (int l = 0; l < ${plan.lanes}; l++) ${name}[l] = ${element};`);
      if (keep !== null) this.pack(load.dtype, name, width, keep);
    });
  }

  /** Places so far ahead of a load's; around padding, where nobody looks, the first element's. */
  private place({ value, form }: Load, names: Names): (ahead: string) => string {
    const element = this.code.elementText(value, form, names, false);
    if (!isUnsafe(value, normalizeForm(form))) return (more) => `${element}${more}`;
    const { plan, text } = this.scope;
    const at = this.scope.fresh("x");
    text.add(`const ${plan.wide ? "i64" : "int"} ${at} = ${element};`);
    const size = numel(value.shape);
    const [type, limit] = plan.wide ? ["u64", `${size}ull`] : ["u32", `${size}u`];
    return (more) => `((${type})(${at}${more}) < ${limit} ? ${at}${more} : 0)`;
  }

  private pack(dtype: string, name: string, width: number, word: (lane: number) => string): void {
    for (let lane = 0; lane < this.scope.plan.lanes; lane += width) {
      this.scope.text.add(`${word(lane)} = pack${width}_${dtype}(${name}${ahead(lane)});`);
    }
  }

  /** Declares an array for each store of neighbours. */
  openStores(phase: Phase): Map<Statement, string> {
    const vectors = new Map<Statement, string>();
    for (const part of phase.statements) {
      if (part.kind !== "store" || part.accumulate) continue;
      if (this.scope.width(part.target, normalizeForm(part.form)) === 1) continue;
      const name = this.scope.fresh("y");
      this.scope.text.add(`${registerType(part.target.dtype)} ${name}[${this.scope.plan.lanes}];`);
      vectors.set(part, name);
    }
    return vectors;
  }

  /** Stores an array. */
  store(part: Store, name: string, names: Names): void {
    const { plan, text } = this.scope;
    const { dtype } = part.target;
    const width = this.scope.width(part.target, normalizeForm(part.form));
    const element = this.code.elementText(part.target, part.form, names, false);
    const at = `${this.scope.pointer(part.target).name} + ${element}`;
    const whole = (): void => {
      for (let lane = 0; lane < plan.lanes; lane += width) {
        const word = `pack${width}_${dtype}(${name}${ahead(lane)})`;
        text.add(`store_v${width * dtypeBytes(dtype)}(${at}${ahead(lane)}, ${word});`);
      }
    };
    if (!this.scope.hasTail) {
      whole();
      return;
    }
    text.block(`if (live == ${plan.lanes})`, whole);
    text.block("else", () => {
      text.pragma("#pragma unroll");
      const store = `store_${dtype}(${at} + l, ${name}[l])`;
      text.add(`for (int l = 0; l < ${plan.lanes}; l++) if (l < live) ${store};`);
    });
  }

  /** Keeps what a phase stores for the later phases that load it. */
  keepStored(part: Store, name: string): void {
    const key = accessKey(part.target, part.form);
    const kept = this.scope.storage.kept.get(key);
    if (kept === undefined || this.filled.has(key)) return;
    const width = this.scope.width(part.target, normalizeForm(part.form));
    this.pack(part.target.dtype, name, width, (lane) => {
      return `${kept.name}[k * ${kept.words}${ahead(lane / width)}]`;
    });
    this.filling.add(key);
  }

  /** The same where elements are single. */
  keepSingleStored(part: Store, value: string): void {
    const key = accessKey(part.target, part.form);
    const kept = this.scope.storage.kept.get(key);
    if (kept === undefined || this.filled.has(key)) return;
    this.scope.text.add(`${kept.name}[k] = ${value};`);
    this.filling.add(key);
  }
}

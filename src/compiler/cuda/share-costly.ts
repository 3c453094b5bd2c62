import { formKey } from "../affine.ts";
import type { Expression, Kernel, Phase, Statement } from "../kernel.ts";
import { expressionOperands } from "../kernel.ts";
import { phaseExpressions, statementRoots } from "../loops.ts";
import { storedValues } from "./accesses.ts";
import { ItemValues } from "./item-values.ts";
import type { KernelPlan } from "./kernel-plan.ts";
import { registerOf } from "./register-code.ts";

const costlyOps: ReadonlySet<string> = new Set([
  "exp",
  "expNonPositive",
  "expm1",
  "log",
  "log1p",
  "sin",
  "cos",
  "tanh",
  "erf",
  "pow",
  "threefry",
]);

/** Registers per thread that values computed once for several phases may take. */
const REGISTERS = 32;
const LONGEST_UNROLLED = 32;

/** Text that is equal for expressions of equal value, built bottom-up. */
class Keys {
  private readonly memo: Map<Expression, string> = new Map();
  private readonly ids: Map<string, number> = new Map();

  of(expression: Expression): string {
    const known = this.memo.get(expression);
    if (known !== undefined) return known;
    const text = this.compute(expression);
    const id = this.ids.get(text) ?? this.ids.size;
    this.ids.set(text, id);
    const key = String(id);
    this.memo.set(expression, key);
    return key;
  }

  private compute(expression: Expression): string {
    const operands = expressionOperands(expression).map((operand) => this.of(operand));
    const head = `${expression.kind} ${expression.dtype} ${operands.join(" ")}`;
    switch (expression.kind) {
      case "constant": {
        const { value } = expression;
        return `${head} ${Object.is(value, -0) ? "-0" : value}`;
      }
      case "index":
        return `${head} ${formKey(expression.form)}`;
      case "load":
        return `${head} ${expression.value.id} ${formKey(expression.form)}`;
      case "masked": {
        const bounds = expression.bounds.map((b) => `${formKey(b.form)}:${b.low}:${b.high}`);
        return `${head} ${expression.otherwise} ${bounds.join(" ")}`;
      }
      case "apply":
        return `${head} ${expression.op}`;
      case "accumulator":
      case "stash":
        return `${head} ${expression.id}`;
      default:
        return expression satisfies never;
    }
  }
}

/**
 * Keeps transcendental values that several phases compute in registers, if these suffice: the
 * planner computes them again, which is right where a stash would be memory.
 */
class CostlySharer {
  private readonly kernel: Kernel;
  private readonly plan: KernelPlan;
  private readonly items: ItemValues;
  private readonly keys: Keys = new Keys();
  private readonly written: ReadonlySet<unknown>;
  private readonly costs: Map<Expression, boolean> = new Map();
  private readonly stable: Map<Expression, boolean> = new Map();
  /** First phase and expression of each value. */
  private readonly first: Map<string, { readonly phase: number; readonly value: Expression }> =
    new Map();
  private readonly stashes: Map<string, number> = new Map();
  private registers = REGISTERS;

  constructor(kernel: Kernel, plan: KernelPlan) {
    this.kernel = kernel;
    this.plan = plan;
    this.items = new ItemValues(plan.inner);
    this.written = new Set(storedValues(kernel));
  }

  run(): Kernel {
    const added: Statement[][] = this.kernel.phases.map(() => []);
    const types = [...this.kernel.stashes];
    const phases = this.kernel.phases.map((phase, i): Phase => {
      if (phase.level !== "inner") return phase;
      const replaced = this.rewrite(phase, (key, source) => {
        const id = types.push(source.value.dtype) - 1;
        this.stashes.set(key, id);
        added[source.phase].push({ kind: "stash", id, value: source.value });
        return id;
      });
      this.note(phase, i);
      return replaced;
    });
    if (this.stashes.size === 0) return this.kernel;
    return {
      ...this.kernel,
      stashes: types,
      phases: phases.map((phase, i) => ({
        ...phase,
        statements: [...phase.statements, ...added[i]],
      })),
    };
  }

  /** Remembers the costly values of a phase, as they were before anything was replaced. */
  private note(phase: Phase, at: number): void {
    for (const value of phaseExpressions(phase)) {
      const key = this.keys.of(value);
      if (this.isCostly(value) && !this.first.has(key)) this.first.set(key, { phase: at, value });
    }
  }

  private isCostly(expression: Expression): boolean {
    const known = this.costs.get(expression);
    if (known !== undefined) return known;
    const below = expressionOperands(expression);
    const own = expression.kind === "apply" && costlyOps.has(expression.op);
    const result =
      (own || below.some((part) => this.isCostly(part))) &&
      this.items.has(expression) &&
      this.isStable(expression);
    this.costs.set(expression, result);
    return result;
  }

  /** Whether nothing it is computed from is stored by this kernel. */
  private isStable(expression: Expression): boolean {
    const known = this.stable.get(expression);
    if (known !== undefined) return known;
    const own = expression.kind !== "load" || !this.written.has(expression.value);
    const result = own && expressionOperands(expression).every((part) => this.isStable(part));
    this.stable.set(expression, result);
    return result;
  }

  private rewrite(
    phase: Phase,
    make: (key: string, source: { phase: number; value: Expression }) => number,
  ): Phase {
    const memo = new Map<Expression, Expression>();
    const visit = (expression: Expression): Expression => {
      const known = memo.get(expression);
      if (known !== undefined) return known;
      const result = this.stashed(expression, make) ?? mapOperands(expression, visit);
      memo.set(expression, result);
      return result;
    };
    const statements = phase.statements.map((part) =>
      statementRoots(part).length === 1 ? { ...part, value: visit(part.value) } : part,
    );
    return { ...phase, statements };
  }

  private stashed(
    expression: Expression,
    make: (key: string, source: { phase: number; value: Expression }) => number,
  ): Expression | null {
    if (!this.isCostly(expression)) return null;
    const key = this.keys.of(expression);
    const source = this.first.get(key);
    if (source === undefined) return null;
    const { dtype } = expression;
    const known = this.stashes.get(key);
    if (known !== undefined) return { kind: "stash", dtype, id: known };
    const words = registerOf(dtype) === "f64" ? 2 : 1;
    const needed = this.plan.rounds * this.plan.lanes * words;
    if (needed > this.registers) return null;
    this.registers -= needed;
    return { kind: "stash", dtype, id: make(key, source) };
  }
}

function mapOperands(expression: Expression, map: (operand: Expression) => Expression): Expression {
  if (expression.kind === "apply") {
    const operands = expression.operands.map(map);
    const isSame = operands.every((operand, i) => operand === expression.operands[i]);
    return isSame ? expression : { ...expression, operands };
  }
  if (expression.kind !== "masked") return expression;
  const inside = map(expression.inside);
  return inside === expression.inside ? expression : { ...expression, inside };
}

/** The kernel with what several phases compute at cost kept in registers, where there is room. */
export function shareCostly(kernel: Kernel, plan: KernelPlan): Kernel {
  const mayKeep = plan.parts === 1 && plan.inner.length > 0 && !kernel.sequential;
  if (!mayKeep || plan.rounds > LONGEST_UNROLLED || plan.threads > 512) return kernel;
  return new CostlySharer(kernel, plan).run();
}

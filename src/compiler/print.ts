import { formatShape } from "../ir/shape.ts";
import type { Node } from "../ir/node.ts";
import type { Axis, Form } from "./affine.ts";
import { normalizeForm } from "./affine.ts";
import type { Expression, Kernel, Statement } from "./kernel.ts";
import { expressionOperands, walkExpressions } from "./kernel.ts";
import { statementRoots } from "./loops.ts";
import type { StridedView } from "./lower.ts";
import type { Location, Schedule, Step } from "./schedule.ts";

/** Gives buffers their names in a printed program. */
type NameOf = (value: Node) => string;

/** Writes one kernel: axes become i, j, k …, values used twice become t0, t1 … */
class KernelPrinter {
  private readonly nameOf: NameOf;
  private readonly axes: Map<Axis, string> = new Map();
  private readonly kernel: Kernel;

  constructor(kernel: Kernel, nameOf: NameOf) {
    this.kernel = kernel;
    this.nameOf = nameOf;
    for (const axis of [...kernel.outer, ...kernel.inner]) {
      const letter = "ijklmnopq"[this.axes.size] ?? `i${this.axes.size}`;
      this.axes.set(axis, letter);
    }
  }

  print(): string[] {
    const { outer, inner, phases, sequential } = this.kernel;
    const lines = outer.length === 0 ? [] : [`for ${this.loops(outer)}`];
    const indent = outer.length === 0 ? "" : "  ";
    const isFlat = inner.length === 0 && phases.length === 1;
    for (const { level, statements } of phases) {
      const isInner = level === "inner" && inner.length > 0;
      const head = isInner ? `for ${sequential ? "in order " : ""}${this.loops(inner)}` : "once";
      if (!isFlat) lines.push(indent + head);
      lines.push(...this.body(statements).map((line) => indent + (isFlat ? line : `  ${line}`)));
    }
    return lines;
  }

  private loops(axes: readonly Axis[]): string {
    return axes.map((axis) => `${this.axisName(axis)} < ${axis.size}`).join(", ");
  }

  private axisName(axis: Axis): string {
    return this.axes.get(axis) ?? "?";
  }

  private body(statements: readonly Statement[]): string[] {
    const names = new Map<Expression, string>();
    const lines: string[] = [];
    for (const shared of sharedExpressions(statements)) {
      const name = `t${names.size}`;
      lines.push(`${name} = ${this.expression(shared, names)}`);
      names.set(shared, name);
    }
    return [...lines, ...statements.map((statement) => this.statement(statement, names))];
  }

  private statement(statement: Statement, names: ReadonlyMap<Expression, string>): string {
    const value = this.expression(statement.value, names);
    switch (statement.kind) {
      case "reduce":
        return `a${statement.id} ${statement.op}= ${value}`;
      case "scan":
        return `${this.element(statement.target, statement.form, names)} = a${statement.id} ${statement.op}= ${value}`;
      case "store": {
        const target = this.element(statement.target, statement.form, names);
        return `${target} ${statement.accumulate ? "+=" : "="} ${value}`;
      }
      case "stash":
        return `s${statement.id} = ${value}`;
      default:
        return statement satisfies never;
    }
  }

  private expression(expression: Expression, names: ReadonlyMap<Expression, string>): string {
    const known = names.get(expression);
    if (known !== undefined) return known;
    const print = (part: Expression): string => this.expression(part, names);
    switch (expression.kind) {
      case "constant":
        return String(Number(expression.value.toPrecision(6)));
      case "index":
        return this.form(expression.form, names);
      case "load":
        return this.element(expression.value, expression.form, names);
      case "masked": {
        const tests = expression.bounds.map(
          ({ form, low, high }) => `${low} <= ${this.form(form, names)} < ${high}`,
        );
        return `(${tests.join(" and ")} ? ${print(expression.inside)} : ${expression.otherwise})`;
      }
      case "apply": {
        const op =
          expression.op === "cast" || expression.op === "bitcast"
            ? expression.dtype
            : expression.op;
        return `${op}(${expression.operands.map(print).join(", ")})`;
      }
      case "accumulator":
        return `a${expression.id}`;
      case "stash":
        return `s${expression.id}`;
      default:
        return expression satisfies never;
    }
  }

  private element(value: Node, form: Form, names: ReadonlyMap<Expression, string>): string {
    return `${this.nameOf(value)}[${this.form(form, names)}]`;
  }

  private form(unsplit: Form, names: ReadonlyMap<Expression, string>): string {
    const form = normalizeForm(unsplit);
    const terms = form.terms.map(({ axis, stride }) => {
      const name =
        axis.dynamic === null ? this.axisName(axis) : this.expression(axis.dynamic, names);
      if (stride === 1 || stride === -1) return stride === 1 ? name : `-${name}`;
      return `${stride}*${name}`;
    });
    if (form.offset !== 0 || terms.length === 0) terms.push(String(form.offset));
    return terms.join(" + ").replaceAll("+ -", "- ");
  }
}

/** Expressions that several others of a phase read, operands first. */
function sharedExpressions(statements: readonly Statement[]): Expression[] {
  const uses = new Map<Expression, number>();
  const order: Expression[] = [];
  const roots = statements.flatMap(statementRoots);
  const count = (expression: Expression): void => {
    uses.set(expression, (uses.get(expression) ?? 0) + 1);
  };
  roots.forEach(count);
  walkExpressions(roots, (expression) => {
    order.push(expression);
    expressionOperands(expression).forEach(count);
  });
  const named = (expression: Expression): boolean =>
    expression.kind === "apply" || expression.kind === "masked" || expression.kind === "load";
  return order.filter((expression) => named(expression) && (uses.get(expression) ?? 0) > 1);
}

/** A kernel as loops over points, one line per effect: `out0[4*i + j] = add(in0[4*i + j], 1)`. */
function printKernel(kernel: Kernel, nameOf: NameOf): string[] {
  return new KernelPrinter(kernel, nameOf).print();
}

function locationName(location: Location): string {
  switch (location.kind) {
    case "input":
      return `in${location.index}`;
    case "output":
      return `out${location.index}`;
    case "temporary":
      return `tmp${location.offset}`;
    default:
      return location satisfies never;
  }
}

/** The value that an operand is a view of. */
function wholeBuffer(operand: Node, values: readonly Node[]): Node {
  let base = operand;
  while (!values.includes(base) && base.src.length > 0) base = base.src[0];
  return base;
}

function printView({ value, offset, strides }: StridedView, nameOf: NameOf): string {
  return `${nameOf(value)}${offset === 0 ? "" : ` + ${offset}`} by ${strides.join(",")}`;
}

function printStep(step: Step, nameOf: NameOf): string[] {
  switch (step.kind) {
    case "kernel":
      return printKernel(step.kernel, nameOf);
    case "attention": {
      const results = step.results.map((node, i) => {
        const place = step.places[i];
        if (node === null) return "–";
        return place === null ? nameOf(node) : `${nameOf(place.value)} + ${place.offset}`;
      });
      const operands = step.operands.map((view) => printView(view, nameOf));
      const flag = step.node.attrs.causal ? " causal" : "";
      return [`${results.join(", ")} = ${step.node.op}(${operands.join("; ")})${flag}`];
    }
    case "contraction": {
      const operands = step.operands.map((view) => printView(view, nameOf));
      const bias = step.bias === null ? "" : ` + ${printView(step.bias, nameOf)}`;
      const head = `${nameOf(step.result)} = ${step.node.op}(${operands.join("; ")})${bias}`;
      if (step.epilogue === null) return [head];
      const epilogue = printKernel(step.epilogue, nameOf);
      return [head, ...epilogue.map((line) => `  then ${line}`)];
    }
    case "scatter": {
      const operands = step.operands.map((value) => (value === null ? "0" : nameOf(value)));
      return [`${nameOf(step.node)} = scatter(${operands.join(", ")})`];
    }
    case "sort":
    case "custom":
      return [`${nameOf(step.node)} = ${step.node.op}(${step.reads.map(nameOf).join(", ")})`];
    case "loop": {
      const { length, reverse, conditional } = step.node.attrs;
      const results = step.results.map((node) => (node === null ? "–" : nameOf(node)));
      const trips = conditional ? "while in0" : `${length} times${reverse ? " backward" : ""}`;
      const body = printSchedule(step.body).split("\n");
      const operands = step.node.src.map((source) => nameOf(wholeBuffer(source, step.reads)));
      return [
        `${results.join(", ")} = loop(${operands.join(", ")}) ${trips}`,
        ...body.map((line) => `  ${line}`),
      ];
    }
    case "copy":
      return [`${locationName(step.to)} = copy ${locationName(step.from)} (${step.bytes} bytes)`];
    default:
      return step satisfies never;
  }
}

/**
 * A scheduled program, step by step. Buffers are `in0` (inputs), `out0` (outputs) and `tmp64` (the
 * temporaries' arena, by byte offset), elements are addressed as the kernels do.
 */
export function printSchedule(schedule: Schedule): string {
  const nameOf = (value: Node): string => {
    const location = schedule.locations.get(value);
    return location === undefined
      ? `${value.op}${formatShape(value.shape)}`
      : locationName(location);
  };
  const lines = schedule.steps.flatMap((step, i) =>
    printStep(step, nameOf).map((line, at) => (at === 0 ? `${i}: ${line}` : `   ${line}`)),
  );
  return [...lines, `temporaries: ${schedule.temporaryBytes} bytes`].join("\n");
}

import type { Expression, Kernel, Phase, Statement } from "../kernel.ts";
import { phaseExpressions } from "../loops.ts";

type Stash = Extract<Statement, { kind: "stash" }>;

/**
 * Moves reductions of a stash into the phase that fills it, and drops stashes nobody reads then: on
 * a card registers are plenty, and a pass over a row is what costs.
 */
export function tidyPhases(kernel: Kernel): Kernel {
  if (kernel.stashes.length === 0) return kernel;
  const phases = kernel.phases.map((phase): Phase => ({ ...phase }));
  for (let i = 1; i < phases.length; i++) {
    const [before, phase] = [phases[i - 1], phases[i]];
    if (before.level !== "inner" || phase.level !== "inner") continue;
    const moved = new Map<Statement, Statement>();
    for (const part of phase.statements) {
      if (part.kind !== "reduce" || part.value.kind !== "stash") continue;
      const { id } = part.value;
      const source = before.statements.find(
        (other): other is Stash => other.kind === "stash" && other.id === id,
      );
      if (source !== undefined) moved.set(part, { ...part, value: source.value });
    }
    phases[i - 1] = { ...before, statements: [...before.statements, ...moved.values()] };
    phases[i] = { ...phase, statements: phase.statements.filter((part) => !moved.has(part)) };
  }
  return dropStashes({
    ...kernel,
    phases: phases.filter(({ statements }) => statements.length > 0),
  });
}

/** Without the stashes no expression reads. */
function dropStashes(kernel: Kernel): Kernel {
  const read = new Set<number>();
  for (const phase of kernel.phases) {
    for (const part of phaseExpressions(phase)) if (isStash(part)) read.add(part.id);
  }
  const isNeeded = (part: Statement): boolean => part.kind !== "stash" || read.has(part.id);
  const phases = kernel.phases.map((phase) => ({
    ...phase,
    statements: phase.statements.filter(isNeeded),
  }));
  return { ...kernel, phases: phases.filter(({ statements }) => statements.length > 0) };
}

function isStash(part: Expression): part is Extract<Expression, { kind: "stash" }> {
  return part.kind === "stash";
}

import { UnsupportedOpError } from "../base/errors.ts";
import { customCotangents } from "./custom-gradient.ts";
import { contractionVjp } from "./vjp-contraction.ts";
import { elementwiseVjp } from "./vjp-elementwise.ts";
import { movementVjp } from "./vjp-movement.ts";
import { reduceVjp } from "./vjp-reduce.ts";
import type { VjpTable } from "./vjp-rule.ts";

/** The gradient rule of every primitive. Rules build plain graph, so gradients have gradients. */
export const vjpRules: VjpTable = {
  input: "none",
  constant: "none",
  iota: "none",
  randomBits: "none",
  ...elementwiseVjp,
  ...reduceVjp,
  ...movementVjp,
  ...contractionVjp,
  assign: [null, (_node, g) => g],
  custom: ({ attrs: { name } }) => {
    throw new UnsupportedOpError(
      `grad: host function "${name}" has no gradient; detach its result or its operands`,
      { details: { name } },
    );
  },
  barrier: (_node, g, operand) => (operand === 0 ? g : null),
  checkpoint: "region",
  customGradient: (node, g, operand) =>
    operand === 0 ? null : customCotangents(node, g)[operand - 1],
  attention: "results",
  attentionGrad: "results",
  loop: "results",
  part: "results",
};

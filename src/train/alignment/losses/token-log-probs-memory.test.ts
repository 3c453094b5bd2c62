import { describe, expect, it } from "vitest";
import { planProgram } from "../../../compiler/plan-program.ts";
import * as ir from "../../../ir/build.ts";
import type { NodeOf } from "../../../ir/node.ts";
import type { Shape } from "../../../ir/shape.ts";
import { grad } from "../../../tensor/grad.ts";
import { derive } from "../../../tensor/tensor.ts";
import type { Tensor } from "../../../tensor/tensor.ts";
import { tokenLogProbs } from "./token-log-probs.ts";

const [tokens, width, vocab] = [256, 32, 2048];
const logitsBytes = tokens * vocab * 4;

/** Bytes of temporaries of a step that computes a loss of log-probabilities, and its gradients. */
function plannedBytes(isTraining: boolean, chunkSize?: number): number {
  const inputs: NodeOf<"input">[] = [];
  const input = (shape: Shape, dtype: "f32" | "i32" = "f32"): Tensor => {
    const node = ir.input(shape, dtype) as NodeOf<"input">;
    inputs.push(node);
    return derive([], node);
  };
  const [hidden, weight] = [input([tokens, width]), input([vocab, width])];
  const labels = input([tokens], "i32");
  const scale = input([tokens]);
  const loss = tokenLogProbs(hidden, weight, labels, { chunkSize }).mul(scale).sum().sigmoid();
  const gradients = isTraining ? grad(loss, [hidden, weight]) : [];
  const outputs = [loss, ...gradients].map(({ node }) => node);
  return planProgram({ inputs, outputs }).temporaryBytes;
}

describe("memory of tokenLogProbs", () => {
  it("holds one buffer of logits", () => {
    const bytes = plannedBytes(true);
    expect(bytes).toBeGreaterThanOrEqual(logitsBytes);
    expect(bytes).toBeLessThan(1.2 * logitsBytes);
  });

  it("holds the logits of a chunk at a time, and sums of the head's gradient", () => {
    expect(plannedBytes(true, 32)).toBeLessThan(0.5 * logitsBytes);
    expect(plannedBytes(false, 32)).toBeLessThan(0.2 * logitsBytes);
  });
});

import { describe, expect, it } from "vitest";
import { ReferenceBackend } from "../../src/backends/reference/backend.ts";
import { wasmTraits } from "../../src/compiler/device-traits.ts";
import type { DeviceTraits } from "../../src/compiler/device-traits.ts";
import { legalize } from "../../src/compiler/legalize.ts";
import { topologicalOrder } from "../../src/ir/graph.ts";
import type { Graph } from "../../src/ir/graph.ts";
import type { Program } from "../../src/runtime/backend.ts";
import { contractionRows } from "../contract/cases-contraction.ts";
import { expectSameAsReference } from "../contract/run.ts";
import { buildCase } from "../contract/scene.ts";

/** A device with products of every dtype and no convolutions. */
const traits: DeviceTraits = {
  ...wasmTraits,
  hasContraction: (node) => node.op === "dot",
  convolvesByProducts: true,
};

class ProductsOnly extends ReferenceBackend {
  override compile(graph: Graph): Program {
    const legal = legalize(graph, traits);
    const left = topologicalOrder(legal.outputs).find(({ op }) => op.startsWith("conv"));
    if (left !== undefined) throw new Error(`${left.op} was not expanded`);
    return super.compile(legal);
  }
}

const { conv, convInputGrad, convWeightGrad } = contractionRows;

describe.each(Object.entries({ conv, convInputGrad, convWeightGrad }))(
  "%s by products",
  (_, rows) => {
    it.each(rows)("$name", (row) => {
      for (const dtype of row.dtypes) {
        expect(
          expectSameAsReference(new ProductsOnly(), buildCase(row, dtype), row),
        ).toBeGreaterThan(0);
      }
    });
  },
);

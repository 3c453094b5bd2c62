import type { Op } from "../../src/ir/ops.ts";
import { attentionRows } from "./cases-attention.ts";
import { contractionRows } from "./cases-contraction.ts";
import { binaryRows, otherElementwiseRows, unaryRows } from "./cases-elementwise.ts";
import { indexingRows } from "./cases-indexing.ts";
import { loopRows } from "./cases-loop.ts";
import { movementRows } from "./cases-movement.ts";
import { reduceRows } from "./cases-reduce.ts";
import { leafRows, structureRows } from "./cases-structure.ts";
import type { Case } from "./scene.ts";

/** Cases of every primitive; a new op without a row does not compile. */
export const opCases: Readonly<Record<Op, readonly Case[]>> = {
  ...leafRows,
  ...unaryRows,
  ...binaryRows,
  ...otherElementwiseRows,
  ...reduceRows,
  ...movementRows,
  ...indexingRows,
  ...contractionRows,
  ...attentionRows,
  ...structureRows,
  ...loopRows,
};

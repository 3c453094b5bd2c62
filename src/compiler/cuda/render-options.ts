import type { Node } from "../../ir/node.ts";
import type { CudaTarget } from "./kernel-code.ts";
import type { AlignmentOf } from "./kernel-plan.ts";

/** What a kernel's code needs to know about the program around it. */
export interface RenderOptions {
  readonly target: CudaTarget;
  /** Equal texts for values in the same memory. */
  readonly placeOf: (value: Node) => string;
  /** Whether the kernel stores to an input of the program: it does nothing once an error is set. */
  readonly writesState: boolean;
  /** Bytes addresses are multiples of. @defaultValue 16 for all */
  readonly alignmentOf?: AlignmentOf;
}

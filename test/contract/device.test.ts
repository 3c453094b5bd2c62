import { describe } from "vitest";
import { createCudaBackend } from "../../src/backends/cuda/create.ts";
import { backendContract } from "./backend.ts";

/**
 * A card of this machine: `ATHANOR_CONTRACT_DEVICE=cuda` (or cuda:1) runs the suite on it, and
 * `ATHANOR_CONTRACT_PART=0/8` an eighth of its cases.
 */
const device = process.env["ATHANOR_CONTRACT_DEVICE"] ?? "";
const [part, of] = (process.env["ATHANOR_CONTRACT_PART"] ?? "0/1").split("/").map(Number);

describe.skipIf(!device.startsWith("cuda"))("on a card (ATHANOR_CONTRACT_DEVICE=cuda)", () => {
  const ordinal = Number(device.split(":")[1] ?? 0);
  backendContract(device, () => createCudaBackend({ ordinal, verify: true, checksAtOnce: true }), {
    part,
    of,
  });
});

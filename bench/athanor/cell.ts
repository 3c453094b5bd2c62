/** A process that measures Athanor. */
import { init } from "athanor";
import { serveCell } from "../cell-protocol.ts";
import type { MakeWorkload } from "../workload.ts";
import { chain, conv, gemm, layerNorm, softmax } from "./kernels.ts";
import { manyParameters } from "./overhead.ts";
import { cnnSetup, gptSetup, mlpProducts, mlpSetup, training } from "./training.ts";

const workloads: Readonly<Record<string, MakeWorkload>> = {
  "gemm 256": gemm(256),
  "gemm 512": gemm(512),
  "gemm 1024": gemm(1024),
  "elementwise 4M": chain,
  "softmax 4096x1024": softmax,
  "layer norm 4096x1024": layerNorm,
  "conv 8x64x56x56": conv,
  "mlp step": training(mlpSetup),
  "mlp products": mlpProducts,
  "cnn step": training(cnnSetup),
  "gpt step": training(gptSetup),
  "step of 100 parameters": manyParameters,
};

serveCell(async (row, threads) => {
  await init({ threads });
  return workloads[row];
});

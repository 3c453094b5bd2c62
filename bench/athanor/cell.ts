/** A process that measures Athanor. */
import { init } from "athanor";
import { serveCell } from "../cell-protocol.ts";
import type { MakeWorkload } from "../workload.ts";
import { ddpg } from "./ddpg.ts";
import { decode } from "./decode.ts";
import { chain, conv, gemm, layerNorm, softmax, upsample } from "./kernels.ts";
import { manyParameters } from "./overhead.ts";
import { adamw, cnnSetup, gptSetup, mlpProducts, mlpSetup, training } from "./training.ts";

const workloads: Readonly<Record<string, MakeWorkload>> = {
  "gemm 256": gemm(256),
  "gemm 512": gemm(512),
  "gemm 1024": gemm(1024),
  "gemm 2048": gemm(2048),
  "elementwise 4M": chain,
  "softmax 4096x1024": softmax,
  "layer norm 4096x1024": layerNorm,
  "conv 8x64x56x56": conv,
  "mlp step": training(mlpSetup),
  "mlp products": mlpProducts,
  "cnn step": training(cnnSetup),
  "gpt step": training(gptSetup),
  "gpt decode": decode,
  "ddpg update": ddpg,
  "upsample x2": upsample,
  "adamw 10M": adamw,
  "step of 100 parameters": manyParameters,
};

serveCell(async (row, threads) => {
  await init({ threads });
  return workloads[row];
});

import { compileCuda } from "../../src/compiler/compile-cuda.ts";
import type { CudaProgramCode, EntryArgument } from "../../src/compiler/cuda/program-code.ts";
import * as b from "../../src/ir/build.ts";
import type { DType } from "../../src/ir/dtype.ts";
import type { Node } from "../../src/ir/node.ts";
import type { Scene } from "../contract/scene.ts";
import { buildCase } from "../contract/scene.ts";
import { testTarget } from "../cuda/kernel-runner.ts";

type Build = (scene: Scene) => Node[];

const spread = (x: Node, to: Node): Node => b.expand(x, to.shape);
const times = (x: Node, factor: number): Node => b.mul(x, b.fullLike(x, factor));

/** One step of AdamW for a parameter, its gradient and two moments. */
function adamw({ input }: Scene, size: number): Node[] {
  const [weight, gradient, mean, square] = [0, 1, 2, 3].map(() => input([size]));
  const newMean = b.add(times(mean, 0.9), times(gradient, 0.1));
  const newSquare = b.add(times(square, 0.999), times(b.mul(gradient, gradient), 0.001));
  const root = b.add(b.unary("sqrt", newSquare), b.fullLike(square, 1e-8));
  const moved = b.sub(times(weight, 0.999), times(b.div(newMean, root), 0.01));
  return [b.assign(weight, moved), b.assign(mean, newMean), b.assign(square, newSquare)];
}

/** Small programs whose CUDA C is looked at, and given to NVIDIA's compiler where there is one. */
export const cudaPrograms = {
  elementwise: ({ input }) => {
    const x = input([4096]);
    return [b.unary("tanh", b.add(b.mul(x, input([4096])), input([4096])))];
  },
  softmax: ({ input }) => {
    const x = input([64, 100]);
    const weights = b.unary("exp", b.sub(x, spread(b.extremum("reduceMax", x, [1]), x)));
    return [b.div(weights, spread(b.reduceSum(weights, [1]), x))];
  },
  layerNorm: ({ input }) => {
    const [x, weight, bias] = [input([256, 512]), input([512]), input([512])];
    const centred = b.sub(x, spread(times(b.reduceSum(x, [1]), 1 / 512), x));
    const variance = times(b.reduceSum(b.mul(centred, centred), [1]), 1 / 512);
    const deviation = b.unary("sqrt", b.add(variance, b.fullLike(variance, 1e-5)));
    const normal = b.div(centred, spread(deviation, x));
    const row = (part: Node): Node => b.broadcastTo(part, x.shape);
    return [b.add(b.mul(normal, row(weight)), row(bias))];
  },
  biasGradient: ({ input }) => [b.reduceSum(input([2048, 64]), [0])],
  adamwOfTwo: (scene) => [...adamw(scene, 4096), ...adamw(scene, 100)],
  transposition: ({ input }) => {
    const x = input([256, 128]);
    return [b.add(b.transpose(x, 0, 1), input([128, 256]))];
  },
  gatherWithCheck: ({ input }) => {
    const index = b.expand(input([9, 1], [3, 7], "i32"), [9, 64]);
    return [b.gather(input([50, 64]), index, 0)];
  },
  scan: ({ input }) => [b.scan(input([8, 300]), 1, "sum")],
} satisfies Record<string, Build>;

/** A program of the list, compiled for a card. */
export function compileProgram(
  build: Build,
  dtype: DType = "f32",
  capability = 90,
): CudaProgramCode {
  const { inputs, outputs } = buildCase({ build }, dtype);
  return compileCuda({ inputs, outputs }, { ...testTarget, capability, multiprocessors: 132 });
}

function argumentText(argument: EntryArgument): string {
  if ("int" in argument) return String(argument.int);
  const { place, offset } = argument;
  const start = "index" in place ? `${place.kind}${place.index}` : place.kind;
  const bytes = offset + ("offset" in place ? place.offset : 0);
  return bytes === 0 ? start : `${start}+${bytes}`;
}

/** Launches, one a line. */
export function launchText({ launches }: CudaProgramCode): string {
  const lines = launches.map((launch) => {
    if (launch.kind !== "kernel") return launch.kind;
    const { entry, blocks, threads, sharedBytes, facts } = launch;
    const shared = sharedBytes === 0 ? "" : `, ${sharedBytes} bytes shared`;
    const given = launch.arguments.map(argumentText).join(" ");
    return `${facts.name}: ${entry}, ${blocks} × ${threads}${shared}: ${given}`;
  });
  return lines.join("\n");
}

/** Launches, then the unit's text without the prelude. */
export function programText(code: CudaProgramCode): string {
  const unit = code.source.slice(code.source.indexOf("extern __shared__"));
  return `\n${launchText(code)}\n\n${unit.replaceAll(/\n{2,}/g, "\n")}`;
}

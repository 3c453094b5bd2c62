import { Generator, Tensor, grad, init, jit, random } from "athanor";
import * as nn from "athanor/nn";
import { AdamW } from "athanor/optim";

/** What the program computed, as plain numbers. */
export interface Results {
  readonly product: number[];
  readonly softmax: number[];
  readonly random: number[];
  readonly losses: number[];
}

const wave = (shape: readonly number[]): Tensor =>
  Tensor.from(
    Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => Math.sin(0.7 * i)),
    shape,
  );

const numbers = async (x: Tensor): Promise<number[]> => Array.from(await x.data());

/** A small classifier that learns three arcs of a circle, one jitted step at a time. */
async function train(): Promise<number[]> {
  random.manualSeed(7);
  const model = new nn.Sequential(new nn.Linear(2, 32), new nn.Tanh(), new nn.Linear(32, 3));
  const optimizer = new AdamW(model.parameters(), { lr: 0.05 });
  const points = Array.from({ length: 96 }, (_, i) => (2 * Math.PI * i) / 96);
  const x = Tensor.from(
    Float32Array.from(points.flatMap((angle) => [Math.cos(angle), Math.sin(angle)])),
    [96, 2],
  );
  const y = Tensor.from(
    Int32Array.from(points, (_, i) => Math.floor(i / 32)),
    [96],
  );
  const step = jit((inputs: Tensor, labels: Tensor) => {
    const loss = nn.functional.crossEntropy(model.forward(inputs), labels);
    optimizer.step(grad(loss, optimizer.parameters));
    return loss;
  });
  const losses: number[] = [];
  for (let i = 0; i < 40; i++) losses.push(await step(x, y).item());
  return losses;
}

/** Runs in Node and in a page; the numbers must agree. */
export async function compute(threads?: number): Promise<Results> {
  await init(threads === undefined ? {} : { threads });
  const product = wave([130, 70]).matmul(wave([70, 90]));
  return {
    product: await numbers(product.narrow(0, 64, 2)),
    softmax: await numbers(wave([5, 33]).mul(4).softmax(-1)),
    random: await numbers(random.randn([16], { generator: new Generator(3) })),
    losses: await train(),
  };
}

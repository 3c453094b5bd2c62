import { grad, jit, nn, optim } from "athanor";
import type { Tensor } from "athanor";

const { relu, maxPool2d, crossEntropy } = nn.functional;

/** Two convolutions with pooling and a linear classifier: images u8 [N, 1, 28, 28] -> [N, 10]. */
class Net extends nn.Module {
  readonly conv1: nn.Conv2d = new nn.Conv2d(1, 16, 3, { padding: 1 });
  readonly conv2: nn.Conv2d = new nn.Conv2d(16, 32, 3, { padding: 1 });
  readonly fc: nn.Linear = new nn.Linear(32 * 7 * 7, 10);

  forward(images: Tensor): Tensor {
    const x = images.float().div(255);
    const y = maxPool2d(relu(this.conv1.forward(x)), 2); // [N, 16, 14, 14]
    const z = maxPool2d(relu(this.conv2.forward(y)), 2); // [N, 32, 7, 7]
    return this.fc.forward(z.flatten({ startDim: 1 }));
  }
}

/** A net with its compiled training step and its compiled prediction. */
export interface Learner {
  readonly learn: (images: Tensor, labels: Tensor) => Tensor;
  readonly predict: (images: Tensor) => Tensor;
}

/** Makes a net that learns with AdamW. */
export function makeLearner(): Learner {
  const net = new Net();
  const optimizer = new optim.AdamW(net.parameters(), { lr: 2e-3 });
  const learn = jit((images: Tensor, labels: Tensor) => {
    const loss = crossEntropy(net.forward(images), labels);
    optimizer.step(grad(loss, optimizer.parameters));
    return loss;
  });
  return { learn, predict: jit((images: Tensor) => net.forward(images).argmax({ dim: 1 })) };
}

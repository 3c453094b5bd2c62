import { BatchNorm2d } from "../../nn/batch-norm.ts";
import { Conv2d } from "../../nn/convolution.ts";
import * as functional from "../../nn/functional.ts";
import { Linear } from "../../nn/linear.ts";
import { Module } from "../../nn/module.ts";
import type { Tensor } from "../../tensor/tensor.ts";

/** Mean and deviation of MNIST's pixels in [0, 1]. */
const pixelMean = 0.1307;
const pixelStd = 0.3081;

/**
 * A small convolutional net for handwritten digits: three 3×3 convolutions with batch
 * normalisation, of which the first two are followed by 2×2 max pooling, and a linear classifier.
 * It has 54,778 parameters.
 *
 * Shapes: images u8 [N, 1, 28, 28] with values 0 … 255 -> logits f32 [N, 10].
 */
export class DigitsNet extends Module {
  readonly conv1: Conv2d = new Conv2d(1, 16, 3, { padding: 1, bias: false });
  readonly bn1: BatchNorm2d = new BatchNorm2d(16);
  readonly conv2: Conv2d = new Conv2d(16, 32, 3, { padding: 1, bias: false });
  readonly bn2: BatchNorm2d = new BatchNorm2d(32);
  readonly conv3: Conv2d = new Conv2d(32, 64, 3, { padding: 1, bias: false });
  readonly bn3: BatchNorm2d = new BatchNorm2d(64);
  readonly fc: Linear = new Linear(64 * 7 * 7, 10);

  /** Logits of pixels. @throws {ShapeError} if images are no [N, 1, 28, 28]. */
  forward(images: Tensor): Tensor {
    const { relu, maxPool2d } = functional;
    let x = images.float().div(255).sub(pixelMean).div(pixelStd); // [N, 1, 28, 28]
    x = maxPool2d(relu(this.bn1.forward(this.conv1.forward(x))), 2); // [N, 16, 14, 14]
    x = maxPool2d(relu(this.bn2.forward(this.conv2.forward(x))), 2); // [N, 32, 7, 7]
    x = relu(this.bn3.forward(this.conv3.forward(x))); // [N, 64, 7, 7]
    return this.fc.forward(x.flatten({ startDim: 1 }));
  }
}

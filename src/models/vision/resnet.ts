import { ConfigError } from "../../base/errors.ts";
import { AdaptiveAvgPool2d } from "../../nn/adaptive-pooling.ts";
import { BatchNorm2d } from "../../nn/batch-norm.ts";
import { Sequential } from "../../nn/container.ts";
import { Conv2d } from "../../nn/convolution.ts";
import { relu } from "../../nn/functional/activation.ts";
import * as init from "../../nn/init.ts";
import type { ModuleOptions } from "../../nn/linear.ts";
import { Linear } from "../../nn/linear.ts";
import { Module, formatOptions } from "../../nn/module.ts";
import { MaxPool2d } from "../../nn/pooling.ts";
import { snakeCase } from "../../nn/state-key.ts";
import type { Tensor } from "../../tensor/tensor.ts";

/** What a {@link ResNet}'s stages are made of: two 3×3 convolutions, or 1×1, 3×3, 1×1. */
export type ResNetBlock = "basic" | "bottleneck";

/** Options of {@link ResNet} and its sizes. */
export interface ResNetOptions extends ModuleOptions {
  /** @defaultValue 1000 */
  readonly numClasses?: number;
  /** Starts every block as the identity. @defaultValue false */
  readonly zeroInitResidual?: boolean;
  /** Groups of the 3×3 convolutions of bottlenecks (ResNeXt). @defaultValue 1 */
  readonly groups?: number;
  /** Channels per group for 64 planes (wide ResNets have 128). @defaultValue 64 */
  readonly widthPerGroup?: number;
  /** Which of the last three stages dilate instead of striding. @defaultValue none */
  readonly replaceStrideWithDilation?: readonly [boolean, boolean, boolean];
  /** Channels of the first stage, a power of two times smaller than of the last. @defaultValue 64 */
  readonly basePlanes?: number;
}

/** Geometry of one block. */
interface BlockShape {
  readonly inplanes: number;
  readonly planes: number;
  readonly stride: number;
  readonly dilation: number;
  readonly groups: number;
  readonly widthPerGroup: number;
}

const expansions: Readonly<Record<ResNetBlock, number>> = { basic: 1, bottleneck: 4 };

function convolution(
  from: number,
  to: number,
  kernel: 1 | 3,
  place: ModuleOptions,
  geometry: {
    readonly stride?: number;
    readonly dilation?: number;
    readonly groups?: number;
  } = {},
): Conv2d {
  const padding = kernel === 3 ? (geometry.dilation ?? 1) : 0;
  return new Conv2d(from, to, kernel, { ...geometry, padding, bias: false, ...place });
}

/** The shortcut of a block whose result has another shape than its input. */
function shortcut(
  { inplanes, planes, stride }: BlockShape,
  expansion: number,
  place: ModuleOptions,
): Sequential | null {
  const out = planes * expansion;
  if (stride === 1 && inplanes === out) return null;
  return new Sequential(
    convolution(inplanes, out, 1, place, { stride }),
    new BatchNorm2d(out, place),
  );
}

/** Two 3×3 convolutions around a shortcut. */
class BasicBlock extends Module {
  readonly conv1: Conv2d;
  readonly bn1: BatchNorm2d;
  readonly conv2: Conv2d;
  readonly bn2: BatchNorm2d;
  readonly downsample: Sequential | null;

  constructor(shape: BlockShape, place: ModuleOptions) {
    super();
    const { inplanes, planes, stride } = shape;
    this.conv1 = convolution(inplanes, planes, 3, place, { stride });
    this.bn1 = new BatchNorm2d(planes, place);
    this.conv2 = convolution(planes, planes, 3, place);
    this.bn2 = new BatchNorm2d(planes, place);
    this.downsample = shortcut(shape, expansions.basic, place);
  }

  /** The scale that can make the block an identity. */
  get lastNorm(): BatchNorm2d {
    return this.bn2;
  }

  forward(x: Tensor): Tensor {
    const hidden = relu(this.bn1.forward(this.conv1.forward(x)));
    const y = this.bn2.forward(this.conv2.forward(hidden));
    return relu(y.add(this.downsample === null ? x : this.downsample.forward(x)));
  }
}

/** 1×1, 3×3 (which strides) and 1×1 convolutions around a shortcut. */
class Bottleneck extends Module {
  readonly conv1: Conv2d;
  readonly bn1: BatchNorm2d;
  readonly conv2: Conv2d;
  readonly bn2: BatchNorm2d;
  readonly conv3: Conv2d;
  readonly bn3: BatchNorm2d;
  readonly downsample: Sequential | null;

  constructor(shape: BlockShape, place: ModuleOptions) {
    super();
    const { inplanes, planes, stride, dilation, groups, widthPerGroup } = shape;
    const width = Math.trunc((planes * widthPerGroup) / 64) * groups;
    const out = planes * expansions.bottleneck;
    this.conv1 = convolution(inplanes, width, 1, place);
    this.bn1 = new BatchNorm2d(width, place);
    this.conv2 = convolution(width, width, 3, place, { stride, dilation, groups });
    this.bn2 = new BatchNorm2d(width, place);
    this.conv3 = convolution(width, out, 1, place);
    this.bn3 = new BatchNorm2d(out, place);
    this.downsample = shortcut(shape, expansions.bottleneck, place);
  }

  /** The scale that can make the block an identity. */
  get lastNorm(): BatchNorm2d {
    return this.bn3;
  }

  forward(x: Tensor): Tensor {
    const narrow = relu(this.bn1.forward(this.conv1.forward(x)));
    const hidden = relu(this.bn2.forward(this.conv2.forward(narrow)));
    const y = this.bn3.forward(this.conv3.forward(hidden));
    return relu(y.add(this.downsample === null ? x : this.downsample.forward(x)));
  }
}

/**
 * Residual networks for images, with torchvision's state-dict keys, so that its checkpoints load.
 * Bottlenecks stride in their 3×3 convolution, as torchvision's do ("v1.5").
 *
 * Shapes: images [N, 3, H, W], normalised as the weights want them -> logits [N, numClasses].
 * @see He et al. 2015, "Deep Residual Learning for Image Recognition", https://arxiv.org/abs/1512.03385
 * @example
 * const model = resnet50();
 * model.loadStateDict(await load("resnet50-11ad3fa6.pth"));
 */
export class ResNet extends Module {
  readonly conv1: Conv2d;
  readonly bn1: BatchNorm2d;
  readonly maxpool: MaxPool2d = new MaxPool2d(3, { stride: 2, padding: 1 });
  readonly layer1: Sequential;
  readonly layer2: Sequential;
  readonly layer3: Sequential;
  readonly layer4: Sequential;
  readonly avgpool: AdaptiveAvgPool2d = new AdaptiveAvgPool2d(1);
  readonly fc: Linear;
  readonly block: ResNetBlock;

  /**
   * @param layers - how many blocks each of the four stages has.
   * @throws {ConfigError} for groups, widths or dilations that the basic block does not have.
   */
  constructor(
    block: ResNetBlock,
    layers: readonly [number, number, number, number],
    options: ResNetOptions = {},
  ) {
    super();
    const { numClasses = 1000, zeroInitResidual = false, basePlanes = 64 } = options;
    const { dtype, device } = options;
    const place = { dtype, device };
    checkBlock(block, options);
    this.block = block;
    this.conv1 = new Conv2d(3, basePlanes, 7, { stride: 2, padding: 3, bias: false, ...place });
    this.bn1 = new BatchNorm2d(basePlanes, place);
    const stages = makeStages(block, layers, basePlanes, options);
    [this.layer1, this.layer2, this.layer3, this.layer4] = stages;
    this.fc = new Linear(8 * basePlanes * expansions[block], numClasses, place);
    this.#resetParameters(zeroInitResidual);
  }

  #resetParameters(zeroInitResidual: boolean): void {
    for (const module of this.modules()) {
      if (module instanceof Conv2d) {
        init.kaimingNormal(module.weight, { mode: "fanOut", nonlinearity: "relu" });
      }
      const isBlock = module instanceof BasicBlock || module instanceof Bottleneck;
      if (!zeroInitResidual || !isBlock) continue;
      const { weight } = module.lastNorm;
      if (weight !== null) init.zeros(weight);
    }
  }

  /** @throws {ShapeError} if x is no [N, 3, H, W]. */
  forward(x: Tensor): Tensor {
    let y = this.maxpool.forward(relu(this.bn1.forward(this.conv1.forward(x))));
    for (const stage of [this.layer1, this.layer2, this.layer3, this.layer4]) y = stage.forward(y);
    return this.fc.forward(this.avgpool.forward(y).flatten({ startDim: 1 }));
  }

  protected override stateKey(field: string): string {
    return snakeCase(field);
  }

  protected override extraRepr(): string {
    return formatOptions({ block: this.block });
  }
}

function checkBlock(block: ResNetBlock, options: ResNetOptions): void {
  if (block !== "basic" && block !== "bottleneck") {
    throw new ConfigError(`ResNet: block must be "basic" or "bottleneck", got "${String(block)}"`);
  }
  if (block === "bottleneck") return;
  const { groups = 1, widthPerGroup = 64 } = options;
  const replaceStrideWithDilation: readonly boolean[] = options.replaceStrideWithDilation ?? [];
  if (groups === 1 && widthPerGroup === 64 && !replaceStrideWithDilation.includes(true)) return;
  throw new ConfigError(
    `ResNet: basic blocks have groups 1, widthPerGroup 64 and no dilation, got ${groups}, ` +
      `${widthPerGroup} and [${replaceStrideWithDilation.join(", ")}]; take bottlenecks`,
  );
}

function makeStages(
  block: ResNetBlock,
  layers: readonly number[],
  basePlanes: number,
  options: ResNetOptions,
): Sequential[] {
  const { groups = 1, widthPerGroup = 64, dtype, device } = options;
  const dilates = options.replaceStrideWithDilation ?? [false, false, false];
  let inplanes = basePlanes;
  let dilation = 1;
  return layers.map((count, stage) => {
    const planes = basePlanes * 2 ** stage;
    const before = dilation;
    const isDilated = stage > 0 && dilates[stage - 1];
    const stride = stage === 0 || isDilated ? 1 : 2;
    if (isDilated) dilation *= 2;
    const blocks = Array.from({ length: count }, (_, i) => {
      const own = i === 0 ? { stride, dilation: before } : { stride: 1, dilation };
      const shape = { inplanes, planes, groups, widthPerGroup, ...own };
      inplanes = planes * expansions[block];
      const place = { dtype, device };
      return block === "basic" ? new BasicBlock(shape, place) : new Bottleneck(shape, place);
    });
    return new Sequential(...blocks);
  });
}

/** ResNet-18: basic blocks, 11.7 million parameters. */
export function resnet18(options: ResNetOptions = {}): ResNet {
  return new ResNet("basic", [2, 2, 2, 2], options);
}

/** ResNet-34: basic blocks, 21.8 million parameters. */
export function resnet34(options: ResNetOptions = {}): ResNet {
  return new ResNet("basic", [3, 4, 6, 3], options);
}

/** ResNet-50: bottlenecks, 25.6 million parameters. */
export function resnet50(options: ResNetOptions = {}): ResNet {
  return new ResNet("bottleneck", [3, 4, 6, 3], options);
}

/** ResNet-101: bottlenecks, 44.5 million parameters. */
export function resnet101(options: ResNetOptions = {}): ResNet {
  return new ResNet("bottleneck", [3, 4, 23, 3], options);
}

/** ResNet-152: bottlenecks, 60.2 million parameters. */
export function resnet152(options: ResNetOptions = {}): ResNet {
  return new ResNet("bottleneck", [3, 8, 36, 3], options);
}

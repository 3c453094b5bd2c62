import { ConfigError } from "../base/errors.ts";
import type { PadMode } from "../tensor/ops/joining.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { Module, formatOptions } from "./module.ts";

/** One amount for all sides, or [before, after] of the last dim, then of the one before it, …. */
export type PaddingAmounts = number | readonly number[];

/** Pads the last dims of x. */
abstract class Padding extends Module {
  readonly padding: readonly number[];

  /** @throws {ConfigError} unless there is one amount or two for each dim. */
  constructor(padding: PaddingAmounts, dims: number) {
    super();
    const amounts =
      typeof padding === "number" ? new Array<number>(2 * dims).fill(padding) : [...padding];
    if (amounts.length !== 2 * dims || !amounts.every(Number.isInteger)) {
      throw new ConfigError(
        `${this.constructor.name}: padding must be one integer or ${2 * dims}, got [${amounts.join(", ")}]`,
      );
    }
    this.padding = amounts;
  }

  /** What the border is filled with. */
  protected abstract readonly mode: PadMode;

  /** x with its border. */
  forward(x: Tensor): Tensor {
    return x.pad(this.padding, { mode: this.mode });
  }

  /** The sizes as `toString` shows them. */
  protected override extraRepr(): string {
    return formatOptions({ padding: this.padding });
  }
}

abstract class ConstantPad extends Padding {
  readonly value: number;
  protected readonly mode = "constant";

  constructor(padding: PaddingAmounts, dims: number, value: number) {
    super(padding, dims);
    this.value = value;
  }

  override forward(x: Tensor): Tensor {
    return x.pad(this.padding, { value: this.value });
  }

  /** The sizes as `toString` shows them. */
  protected override extraRepr(): string {
    return formatOptions({ padding: this.padding, value: this.value });
  }
}

/** Pads the last dim with a value; negative amounts cut. */
export class ConstantPad1d extends ConstantPad {
  constructor(padding: PaddingAmounts, value: number) {
    super(padding, 1, value);
  }
}

/** Pads the last two dims with a value; negative amounts cut. */
export class ConstantPad2d extends ConstantPad {
  constructor(padding: PaddingAmounts, value: number) {
    super(padding, 2, value);
  }
}

/** Pads the last three dims with a value; negative amounts cut. */
export class ConstantPad3d extends ConstantPad {
  constructor(padding: PaddingAmounts, value: number) {
    super(padding, 3, value);
  }
}

/** Pads the last dim with zeros; negative amounts cut. */
export class ZeroPad1d extends ConstantPad {
  constructor(padding: PaddingAmounts) {
    super(padding, 1, 0);
  }

  /** The sizes as `toString` shows them. */
  protected override extraRepr(): string {
    return formatOptions({ padding: this.padding });
  }
}

/** Pads the last two dims with zeros; negative amounts cut. */
export class ZeroPad2d extends ConstantPad {
  constructor(padding: PaddingAmounts) {
    super(padding, 2, 0);
  }

  /** The sizes as `toString` shows them. */
  protected override extraRepr(): string {
    return formatOptions({ padding: this.padding });
  }
}

/** Pads the last three dims with zeros; negative amounts cut. */
export class ZeroPad3d extends ConstantPad {
  constructor(padding: PaddingAmounts) {
    super(padding, 3, 0);
  }

  /** The sizes as `toString` shows them. */
  protected override extraRepr(): string {
    return formatOptions({ padding: this.padding });
  }
}

/** Pads the last dim with the input mirrored at its ends, which are not repeated. */
export class ReflectionPad1d extends Padding {
  protected readonly mode = "reflect";

  constructor(padding: PaddingAmounts) {
    super(padding, 1);
  }
}

/** Pads the last two dims with the input mirrored at its ends, which are not repeated. */
export class ReflectionPad2d extends Padding {
  protected readonly mode = "reflect";

  constructor(padding: PaddingAmounts) {
    super(padding, 2);
  }
}

/** Pads the last three dims with the input mirrored at its ends, which are not repeated. */
export class ReflectionPad3d extends Padding {
  protected readonly mode = "reflect";

  constructor(padding: PaddingAmounts) {
    super(padding, 3);
  }
}

/** Pads the last dim with the elements at its ends. */
export class ReplicationPad1d extends Padding {
  protected readonly mode = "replicate";

  constructor(padding: PaddingAmounts) {
    super(padding, 1);
  }
}

/** Pads the last two dims with the elements at its ends. */
export class ReplicationPad2d extends Padding {
  protected readonly mode = "replicate";

  constructor(padding: PaddingAmounts) {
    super(padding, 2);
  }
}

/** Pads the last three dims with the elements at its ends. */
export class ReplicationPad3d extends Padding {
  protected readonly mode = "replicate";

  constructor(padding: PaddingAmounts) {
    super(padding, 3);
  }
}

/** Pads the last dim with the other end of the input. */
export class CircularPad1d extends Padding {
  protected readonly mode = "circular";

  constructor(padding: PaddingAmounts) {
    super(padding, 1);
  }
}

/** Pads the last two dims with the other end of the input. */
export class CircularPad2d extends Padding {
  protected readonly mode = "circular";

  constructor(padding: PaddingAmounts) {
    super(padding, 2);
  }
}

/** Pads the last three dims with the other end of the input. */
export class CircularPad3d extends Padding {
  protected readonly mode = "circular";

  constructor(padding: PaddingAmounts) {
    super(padding, 3);
  }
}

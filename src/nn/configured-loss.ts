import { Module, formatOptions } from "./module.ts";

/** A loss that is its options and a function. */
export abstract class ConfiguredLoss<Options extends object> extends Module {
  protected readonly options: Options;

  constructor(options: Options) {
    super();
    this.options = options;
  }

  protected override extraRepr(): string {
    return formatOptions(Object.fromEntries(Object.entries(this.options)));
  }
}

/** What the parent asks of a process that measures; requests and replies are lines of JSON. */
export type Request =
  | { readonly kind: "hello" }
  /** Makes a workload (`row/variant`) ready and computes its check. */
  | { readonly kind: "start"; readonly name: string }
  /** Runs it for about so long, in samples of at least `sampleMilliseconds`. */
  | {
      readonly kind: "measure";
      readonly name: string;
      readonly milliseconds: number;
      readonly sampleMilliseconds: number;
    }
  /** Times so many calls without waiting for the device, and that so many times. */
  | {
      readonly kind: "enqueue";
      readonly name: string;
      readonly calls: number;
      readonly samples: number;
    }
  | { readonly kind: "stop"; readonly name: string };

/** What it answers. Replies start with `@`, so that libraries may print. */
export type Reply =
  | { readonly kind: "hello"; readonly device: string; readonly versions: string }
  | {
      readonly kind: "ready";
      readonly check: number;
      /** From nothing to the first results, with compilation. */
      readonly startMilliseconds: number;
    }
  | {
      readonly kind: "samples";
      /** Of one run, one number a sample. */
      readonly milliseconds: readonly number[];
      /** Most device memory tensors and temporaries took since the start, and what is held. */
      readonly peakBytes: number;
      readonly reservedBytes: number;
    }
  | { readonly kind: "enqueued"; readonly microseconds: readonly number[] }
  | { readonly kind: "stopped"; readonly reservedBytes: number }
  | { readonly kind: "failed"; readonly message: string };

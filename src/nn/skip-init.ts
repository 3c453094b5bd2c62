let depth = 0;

/** Whether modules made now leave their weights undrawn. */
export function isInitSkipped(): boolean {
  return depth > 0;
}

/**
 * Calls `fn`, in which modules are made without drawing their random weights, which stay what they were (zeros
 * in a new module): for models whose weights come from a file, or that only their shapes are asked of.
 *
 * @example
 * const model = nn.skipInit(() => new Llama(config));
 * model.loadStateDict(await load("model.safetensors"));
 */
export function skipInit<R>(fn: () => R): R {
  depth++;
  try {
    return fn();
  } finally {
    depth--;
  }
}

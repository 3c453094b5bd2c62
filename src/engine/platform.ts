/** What Athanor uses of its host when it is there; every member may be missing (browsers). */
interface Host {
  readonly process?: {
    readonly env?: Readonly<Record<string, string | undefined>>;
    getBuiltinModule?(name: string): unknown;
  };
  readonly setImmediate?: (callback: () => void) => unknown;
  readonly setTimeout?: (callback: () => void, milliseconds: number) => unknown;
}

const host = globalThis as Host;

/** Environment variable, or undefined where there is no environment. */
export function environmentVariable(name: string): string | undefined {
  return host.process?.env?.[name];
}

/** A module that ships with the host (`node:vm`), or undefined. */
export function builtinModule<T>(name: string): T | undefined {
  return host.process?.getBuiltinModule?.(name) as T | undefined;
}

/** Resolves after the host ran its waiting tasks: finalizers, timers, drawing. */
export function nextTask(): Promise<void> {
  return new Promise((resolve) => {
    if (host.setImmediate !== undefined) host.setImmediate(resolve);
    else if (host.setTimeout !== undefined) host.setTimeout(resolve, 0);
    else resolve();
  });
}

/** A running worker, reduced to what the thread pool needs. */
export interface WorkerHandle {
  /** Why the worker died, or null while it is alive. */
  failure(): string | null;
  terminate(): void;
}

/** What the JavaScript host offers, beyond the language. */
export interface Platform {
  readonly name: "node" | "browser";
  readonly cores: number;
  /** Whether the calling thread may sleep in Atomics.wait. */
  readonly mayBlock: boolean;
  /** Whether memory can be shared with workers. */
  readonly canShare: boolean;
  /** Value of an environment variable. */
  variable(name: string): string | undefined;
  /** Sets a V8 flag where that is possible, else does nothing. */
  setEngineFlag(flag: string): void;
  /** Starts a worker that evaluates `source`, a script, and gives it `data`. */
  spawn(source: string, name: string, data: unknown): WorkerHandle;
}

/** Node's modules, without imports that a browser's bundler would follow. */
const nodeModules = {
  os: () => process.getBuiltinModule("node:os"),
  v8: () => process.getBuiltinModule("node:v8"),
  workerThreads: () => process.getBuiltinModule("node:worker_threads"),
};

function nodePlatform(): Platform {
  return {
    name: "node",
    cores: nodeModules.os().availableParallelism(),
    mayBlock: true,
    canShare: true,
    variable: (name) => process.env[name],
    setEngineFlag: setV8Flag,
    spawn: spawnNodeWorker,
  };
}

function setV8Flag(flag: string): void {
  try {
    nodeModules.v8().setFlagsFromString(flag);
  } catch {
    // Other runtimes have Node's modules over another engine.
  }
}

function spawnNodeWorker(source: string, name: string, data: unknown): WorkerHandle {
  const { Worker } = nodeModules.workerThreads();
  // Without the parent's options: a loader or a debugger has no business in a compute thread.
  const worker = new Worker(source, { eval: true, workerData: data, execArgv: [], name });
  let failure: string | null = null;
  worker.once("error", (error) => {
    failure = String(error);
  });
  worker.unref();
  return {
    failure: () => failure,
    terminate: () => void worker.terminate(),
  };
}

function browserPlatform(): Platform {
  const isWorker = "WorkerGlobalScope" in globalThis;
  return {
    name: "browser",
    cores: globalThis.navigator?.hardwareConcurrency ?? 1,
    mayBlock: isWorker,
    canShare:
      typeof SharedArrayBuffer === "function" &&
      globalThis.crossOriginIsolated &&
      typeof Worker === "function",
    variable: () => undefined,
    setEngineFlag: () => undefined,
    spawn: spawnWebWorker,
  };
}

function spawnWebWorker(source: string, name: string, data: unknown): WorkerHandle {
  const url = URL.createObjectURL(new Blob([source], { type: "text/javascript" }));
  const worker = new Worker(url, { name });
  let failure: string | null = null;
  worker.addEventListener("error", (event) => {
    failure = event.message;
  });
  worker.postMessage(data);
  return {
    failure: () => failure,
    terminate: () => {
      worker.terminate();
      URL.revokeObjectURL(url);
    },
  };
}

/** The host this code runs on. */
export function detectPlatform(): Platform {
  const isNode = typeof process === "object" && typeof process.getBuiltinModule === "function";
  return isNode ? nodePlatform() : browserPlatform();
}

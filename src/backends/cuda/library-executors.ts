import { UnsupportedOpError } from "../../base/errors.ts";
import type { LibraryCall } from "../../compiler/cuda/library-calls.ts";
import type {
  LibraryContext,
  LibraryExecutor,
  LibraryExecutorFactories,
  PreparedCall,
} from "./library-executor.ts";

/** The executors of a device, each made when its first call comes. */
export class LibraryExecutors {
  private readonly context: LibraryContext;
  private readonly factories: LibraryExecutorFactories;
  private readonly executors: Map<LibraryCall["kind"], LibraryExecutor> = new Map();

  constructor(context: LibraryContext, factories: LibraryExecutorFactories) {
    this.context = context;
    this.factories = factories;
  }

  supports(call: LibraryCall): boolean {
    return this.executor(call.kind)?.supports(call) ?? false;
  }

  prepare(call: LibraryCall): PreparedCall {
    const executor = this.executor(call.kind);
    if (executor !== null) return executor.prepare(call);
    throw new UnsupportedOpError(`cuda: no library does calls of kind ${call.kind} here`);
  }

  private executor(kind: LibraryCall["kind"]): LibraryExecutor | null {
    const known = this.executors.get(kind);
    if (known !== undefined) return known;
    const made = this.factories[kind]?.(this.context);
    if (made === undefined) return null;
    this.executors.set(kind, made);
    return made;
  }

  dispose(): void {
    for (const executor of this.executors.values()) executor.dispose();
    this.executors.clear();
  }
}

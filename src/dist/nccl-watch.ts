import { DistributedError } from "../base/errors.ts";
import type { CudaCommunication } from "../backends/cuda/communication.ts";
import type { NcclLibrary } from "./nccl-library.ts";
import { ncclInProgress } from "./nccl-library.ts";

const intervalMs = 100;

/** An operation that the card has not come past yet. */
interface Mark {
  readonly event: number;
  readonly name: string;
  readonly since: number;
}

/**
 * Looks after a communicator while the process does something else: for errors that NCCL notes, and
 * for operations that do not end.
 */
export class NcclWatch {
  readonly #library: NcclLibrary;
  readonly #card: CudaCommunication;
  readonly #comm: number;
  readonly #timeoutMs: number;
  readonly #fail: (error: DistributedError) => void;
  readonly #timer: NodeJS.Timeout;
  #mark: Mark | undefined;
  /** Name of the last operation, if it came after the mark. */
  #unmarked: string | undefined;

  constructor(
    library: NcclLibrary,
    card: CudaCommunication,
    comm: number,
    timeoutSeconds: number,
    fail: (error: DistributedError) => void,
  ) {
    this.#library = library;
    this.#card = card;
    this.#comm = comm;
    this.#timeoutMs = timeoutSeconds * 1_000;
    this.#fail = fail;
    this.#timer = setInterval(() => this.#look(), intervalMs);
    this.#timer.unref();
  }

  /** Notes that an operation was put on the stream. */
  issued(name: string): void {
    if (this.#mark === undefined) this.#place(name);
    else this.#unmarked = name;
  }

  stop(): void {
    clearInterval(this.#timer);
    if (this.#mark !== undefined && !this.#card.driver.isDead) {
      this.#card.driver.destroyEvent(this.#mark.event);
    }
    this.#mark = undefined;
  }

  #place(name: string): void {
    const { driver, stream } = this.#card;
    const event = driver.createEvent({ timing: false });
    driver.record(event, stream);
    this.#mark = { event, name, since: performance.now() };
    this.#unmarked = undefined;
  }

  #look(): void {
    const code = this.#library.state(this.#comm);
    if (code !== 0 && code !== ncclInProgress) {
      return this.#fail(this.#library.failure("ncclCommGetAsyncError", code, this.#comm));
    }
    const mark = this.#mark;
    if (mark === undefined) return;
    try {
      this.#check(mark);
    } catch (error) {
      // The card itself has failed.
      const text = error instanceof Error ? error.message : String(error);
      this.#fail(new DistributedError(text, { cause: error }));
    }
  }

  #check(mark: Mark): void {
    this.#card.activate();
    if (this.#card.driver.isReached(mark.event)) {
      this.#card.driver.destroyEvent(mark.event);
      this.#mark = undefined;
      if (this.#unmarked !== undefined) this.#place(this.#unmarked);
    } else if (performance.now() - mark.since > this.#timeoutMs) {
      this.#fail(
        new DistributedError(
          `process group: ${mark.name} must end within ${this.#timeoutMs / 1_000} s, got no end; see ` +
            "whether all ranks make this call, or raise timeoutSeconds",
        ),
      );
    }
  }
}

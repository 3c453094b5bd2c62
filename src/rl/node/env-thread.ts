/**
 * What a thread of an {@link AsyncVectorEnv} runs: some of its environments.
 *
 * @module
 */
import { parentPort, workerData } from "node:worker_threads";
import { ConfigError } from "../../base/errors.ts";
import type { ResetOptions } from "../env.ts";
import { AutoresetEnv } from "../vector/autoreset-env.ts";
import { callMethod } from "../vector/call-method.ts";
import { failureData } from "../vector/env-failure.ts";
import type { FailureData } from "../vector/env-failure.ts";
import type { AutoresetMode } from "../vector/vector-env.ts";
import { makeFrom, spacesText } from "./env-source.ts";
import type { EnvSource } from "./env-source.ts";

/** What a thread needs to begin. */
export interface EnvThreadSetup {
  readonly source: EnvSource;
  readonly autoresetMode: AutoresetMode;
  /** Number of its first environment, and how many there are. */
  readonly first: number;
  readonly count: number;
}

/** What a thread is asked to do with each of its environments. */
export type EnvOrder =
  | { readonly kind: "reset"; readonly items: readonly (ResetOptions | null)[] }
  | { readonly kind: "step"; readonly items: readonly unknown[] }
  | { readonly kind: "call"; readonly items: readonly CallOrder[] }
  | { readonly kind: "render" | "close"; readonly items: readonly null[] };

/** An answer to the order of that number; 0 is the start. */
export interface NumberedAnswer {
  readonly id: number;
  readonly answer: EnvAnswer;
}

/** A call of a method by name. */
export interface CallOrder {
  readonly method: string;
  readonly args: readonly unknown[];
}

/** An order with its number, so that an answer nobody waits for any more is known. */
export interface NumberedOrder {
  readonly id: number;
  readonly order: EnvOrder;
}

/** What a thread says; of its start it tells the spaces. */
export type EnvAnswer =
  | { readonly kind: "done"; readonly results: readonly unknown[] }
  | {
      readonly kind: "failed";
      readonly index: number;
      readonly doing: string;
      readonly failure: FailureData;
    };

type Slot = AutoresetEnv<unknown, unknown>;

function answerOf(slot: Slot, order: EnvOrder, place: number): unknown {
  switch (order.kind) {
    case "reset": {
      const options = order.items[place];
      return options === null ? null : slot.reset(options);
    }
    case "step":
      return slot.step(order.items[place]);
    case "call":
      return callMethod(slot.env, order.items[place].method, order.items[place].args);
    case "render":
      return slot.env.render();
    case "close":
      slot.env.close();
      return null;
  }
}

/** The environments of one thread. */
class EnvGroup {
  readonly slots: readonly Slot[];
  readonly #first: number;

  private constructor(slots: readonly Slot[], first: number) {
    this.slots = slots;
    this.#first = first;
  }

  /** @returns the group, or why there is none. */
  static async make(setup: EnvThreadSetup): Promise<EnvGroup | EnvAnswer> {
    const slots: Slot[] = [];
    for (let place = 0; place < setup.count; place++) {
      const index = setup.first + place;
      try {
        const env = await makeFrom(setup.source, index);
        slots.push(new AutoresetEnv(env, setup.autoresetMode));
      } catch (error) {
        new EnvGroup(slots, setup.first).close();
        return { kind: "failed", index, doing: "be made", failure: failureData(error) };
      }
    }
    return new EnvGroup(slots, setup.first);
  }

  async run(order: EnvOrder): Promise<EnvAnswer> {
    const results: unknown[] = [];
    for (const [place, slot] of this.slots.entries()) {
      try {
        results.push(await answerOf(slot, order, place));
      } catch (error) {
        // A call by name changes nothing of the episodes; the others ask for all or nothing.
        if (order.kind !== "call") this.close();
        const doing = order.kind === "call" ? `call ${order.items[place].method}` : order.kind;
        return this.failed(doing, error, place);
      }
    }
    return { kind: "done", results };
  }

  failed(doing: string, error: unknown, place = 0): EnvAnswer {
    return { kind: "failed", index: this.#first + place, doing, failure: failureData(error) };
  }

  close(): void {
    for (const { env } of this.slots) {
      try {
        env.close();
      } catch {
        // It is closed because something failed already; that is what is told.
      }
    }
  }
}

async function serve(setup: EnvThreadSetup): Promise<void> {
  const port = parentPort;
  if (port === null) throw new ConfigError("env-thread: it must run in a worker, got none");
  const say = (id: number, answer: EnvAnswer): void => {
    port.postMessage({ id, answer } satisfies NumberedAnswer);
  };
  const group = await EnvGroup.make(setup);
  if (!(group instanceof EnvGroup)) {
    say(0, group);
    return;
  }
  port.on("message", ({ id, order }: NumberedOrder) => {
    void group.run(order).then((answer) => {
      try {
        say(id, answer);
      } catch (error) {
        // Functions and the like cannot go to another thread.
        say(id, group.failed(`${order.kind} with results that can be copied`, error));
      }
    });
  });
  say(0, { kind: "done", results: group.slots.map(({ env }) => spacesText(env)) });
}

await serve(workerData as EnvThreadSetup);

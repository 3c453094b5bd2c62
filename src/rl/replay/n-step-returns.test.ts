import { afterEach, describe, expect, it } from "vitest";
import { scope } from "athanor";
import { Pcg64 } from "../../base/pcg64.ts";
import { Tensor } from "../../tensor/tensor.ts";
import type { Transitions } from "../transitions.ts";
import { ReplayBuffer } from "./replay-buffer.ts";

/** One step of an environment; observations are single numbers that name the state. */
interface Step {
  readonly environment: number;
  readonly state: number;
  readonly reward: number;
  readonly next: number;
  readonly terminated: boolean;
  readonly truncated: boolean;
}

interface Row {
  readonly state: number;
  readonly reward: number;
  readonly next: number;
  readonly terminated: number;
  readonly discount: number;
}

const transitions = (steps: readonly Step[]): Transitions => ({
  count: steps.length,
  observations: Float32Array.from(steps, (step) => step.state),
  actions: Float32Array.from(steps, (step) => -step.state),
  rewards: Float32Array.from(steps, (step) => step.reward),
  nextObservations: Float32Array.from(steps, (step) => step.next),
  terminated: Uint8Array.from(steps, (step) => Number(step.terminated)),
  truncated: Uint8Array.from(steps, (step) => Number(step.truncated)),
  environments: Int32Array.from(steps, (step) => step.environment),
});

/** Steps of some environments with random episode ends; each step leaves some environments out. */
function randomSteps(environments: number, rounds: number, seed: number): Step[][] {
  const random = new Pcg64(seed);
  const state = Array.from({ length: environments }, (_, i) => 1000 * (i + 1));
  return Array.from({ length: rounds }, () =>
    state.flatMap((now, environment) => {
      if (random.random() < 0.2) return [];
      const [terminated, truncated] = [random.random() < 0.1, random.random() < 0.1];
      const next = now + 1;
      // A new episode begins elsewhere.
      state[environment] = terminated || truncated ? next + 1 : next;
      const reward = Math.fround(random.normal(0, 1));
      return [{ environment, state: now, reward, next, terminated, truncated }];
    }),
  );
}

/** What is stored for each state, looking ahead over the whole recording. */
function bruteForce(steps: readonly Step[], n: number, gamma: number): Map<number, Row> {
  const rows = new Map<number, Row>();
  for (const [at, { environment, state }] of steps.entries()) {
    const ahead = steps.slice(at).filter((step) => step.environment === environment);
    const end = ahead.findIndex((step) => step.terminated || step.truncated);
    const span = end >= 0 && end < n ? end + 1 : n;
    if (ahead.length < span) continue;
    const used = ahead.slice(0, span);
    const last = used[span - 1];
    const reward = used.reduce((sum, step, k) => sum + gamma ** k * step.reward, 0);
    rows.set(state, {
      state,
      reward: Math.fround(reward),
      next: last.next,
      terminated: Number(last.terminated),
      discount: Math.fround(gamma ** span),
    });
  }
  return rows;
}

/** What a buffer holds, by state. */
function contents(buffer: ReplayBuffer): Map<number, Row> {
  return scope(() => {
    const places = Tensor.from(Int32Array.from({ length: buffer.size }, (_, i) => i));
    const batch = buffer.gather(places);
    const columns = [
      batch.observations,
      batch.rewards,
      batch.nextObservations,
      batch.terminated,
      batch.discounts,
      batch.actions,
    ].map((tensor) => tensor.dataSync());
    const rows = Array.from({ length: buffer.size }, (_, i) => columns.map((column) => column[i]));
    return new Map(
      rows.map(([state, reward, next, terminated, discount, action]) => {
        expect(action).toBe(-state);
        return [state, { state, reward, next, terminated, discount }];
      }),
    );
  });
}

function expectRows(actual: Map<number, Row>, wanted: Map<number, Row>): void {
  expect([...actual.keys()].toSorted((a, b) => a - b)).toEqual(
    [...wanted.keys()].toSorted((a, b) => a - b),
  );
  for (const [state, row] of wanted) {
    const { reward, ...rest } = actual.get(state) as Row;
    expect(reward).toBeCloseTo(row.reward, 5);
    expect({ ...rest, reward: row.reward }).toEqual(row);
  }
}

describe("n-step returns", () => {
  const open: ReplayBuffer[] = [];
  const make = (nSteps: number, gamma = 0.9): ReplayBuffer => {
    const options = { capacity: 5000, observationSize: 1, actionSize: 1, nSteps, gamma };
    const buffer = new ReplayBuffer(options);
    open.push(buffer);
    return buffer;
  };
  afterEach(() => {
    for (const buffer of open.splice(0)) buffer.dispose();
  });

  it.each([1, 2, 3, 5, 20])("over %i steps are those of a search ahead", (n) => {
    const rounds = randomSteps(3, 300, n);
    const buffer = make(n);
    for (const steps of rounds) buffer.add(transitions(steps));
    const wanted = bruteForce(rounds.flat(), n, 0.9);
    expect(wanted.size).toBeGreaterThan(500);
    expectRows(contents(buffer), wanted);
  });

  it("bootstrap from the last state of an episode that was cut, not of one that ended", () => {
    const step = { environment: 0, reward: 1, terminated: false, truncated: false };
    const chain = [0, 1, 2].map((state) => ({ ...step, state, next: state + 1 }));
    const ended = make(5, 0.5);
    ended.add(transitions([{ ...chain[0] }]));
    ended.add(transitions([{ ...chain[1] }]));
    expect(ended.size).toBe(0);
    ended.add(transitions([{ ...chain[2], terminated: true }]));
    expect([...contents(ended).values()]).toEqual([
      { state: 0, reward: 1.75, next: 3, terminated: 1, discount: 0.125 },
      { state: 1, reward: 1.5, next: 3, terminated: 1, discount: 0.25 },
      { state: 2, reward: 1, next: 3, terminated: 1, discount: 0.5 },
    ]);
    const cut = make(5, 0.5);
    for (const each of chain) cut.add(transitions([each]));
    cut.endEpisode();
    expect([...contents(cut).values()].map(({ terminated }) => terminated)).toEqual([0, 0, 0]);
    expect(contents(cut).get(0)).toMatchObject({ reward: 1.75, next: 3, discount: 0.125 });
    const both = make(2, 0.5);
    both.add(transitions([{ ...chain[0], terminated: true, truncated: true }]));
    expect(contents(both).get(0)?.terminated).toBe(1);
  });

  it("take rows for those of environments 0, 1, … where none are named", () => {
    const buffer = make(2, 0.5);
    const step = { environment: 7, terminated: false, truncated: false };
    for (const time of [0, 1]) {
      const states = [10 + time, 20 + time];
      const steps = states.map((state) => ({ ...step, state, reward: state, next: state + 1 }));
      buffer.add({ ...transitions(steps), environments: undefined });
    }
    expect([...contents(buffer).values()]).toMatchObject([
      { state: 10, reward: 15.5, next: 12 },
      { state: 20, reward: 30.5, next: 22 },
    ]);
  });

  it("end with the environment that is named only", () => {
    const buffer = make(3);
    const step = { reward: 1, terminated: false, truncated: false };
    buffer.add(
      transitions([5, 6].map((s, environment) => ({ ...step, environment, state: s, next: 9 }))),
    );
    buffer.endEpisode(1);
    expect([...contents(buffer).keys()]).toEqual([6]);
    buffer.endEpisode(1);
    expect(buffer.size).toBe(1);
  });

  it("go on from a state with steps that wait", () => {
    const rounds = randomSteps(2, 60, 9);
    const [one, two] = [make(4), make(4)];
    for (const steps of rounds.slice(0, 31)) one.add(transitions(steps));
    const { tensors, plain } = one.state();
    two.add(transitions(rounds[50]));
    two.loadState({ tensors, plain: JSON.parse(JSON.stringify(plain)) as typeof plain });
    for (const steps of rounds.slice(31))
      for (const buffer of [one, two]) buffer.add(transitions(steps));
    expect([...contents(two)]).toEqual([...contents(one)]);
    expectRows(contents(two), bruteForce(rounds.flat(), 4, 0.9));
  });
});

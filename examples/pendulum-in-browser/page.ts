// The page: learns when asked to, and shows the policy as it is while it learns.
import { init } from "athanor";
import type { Frame } from "athanor/rl";
import { PendulumRun } from "./pendulum-run.ts";

const frameMs = 1000 / 30;
const episodeSteps = 200;
const worstReturn = -1800;
const query = new URLSearchParams(location.search);
const totalSteps = Number(query.get("steps") ?? 10_000);
const learningStarts = Number(query.get("learningStarts") ?? 1000);

function element<E extends Element>(id: string, type: new () => E): E {
  const found = document.getElementById(id);
  if (found instanceof type) return found;
  throw new Error(`the page has no ${type.name} #${id}`);
}

const button = element("start", HTMLButtonElement);
const seedField = element("seed", HTMLInputElement);
const canvas = element("pendulum", HTMLCanvasElement);
const say = (id: string, text: string): void => {
  element(id, HTMLElement).textContent = text;
};

/** The run that is shown; it learns while there is a `stop`. */
let run: PendulumRun | null = null;
let stop: AbortController | null = null;
let nextDrawing = 0;

function drawFrame({ width, height, data }: Frame): void {
  if (canvas.width !== width) [canvas.width, canvas.height] = [width, height];
  const image = new ImageData(width, height);
  for (let from = 0, to = 0; from < data.length; from += 3, to += 4) {
    image.data[to] = data[from];
    image.data[to + 1] = data[from + 1];
    image.data[to + 2] = data[from + 2];
    image.data[to + 3] = 255;
  }
  canvas.getContext("2d")?.putImageData(image, 0, 0);
}

/** Draws what is due: a step of the shown pendulum, 30 a second, or so many as take a fifth of the time. */
function drawWhenDue(): void {
  const now = performance.now();
  if (run === null || now < nextDrawing) return;
  drawFrame(run.nextFrame());
  const cost = performance.now() - now;
  nextDrawing = now + Math.max(frameMs, stop === null ? 0 : 5 * cost);
}

/** Goes on showing the policy when nothing is learned. */
function play(): void {
  if (stop === null) drawWhenDue();
  requestAnimationFrame(play);
}

function drawCurve(returns: readonly number[]): void {
  const last = Math.max(totalSteps / episodeSteps - 1, 1);
  const points = returns.map((value, i) => {
    const y = 200 * Math.min(value / worstReturn, 1);
    return `${((600 * i) / last).toFixed(1)},${y.toFixed(1)}`;
  });
  document.querySelector("#curve polyline")?.setAttribute("points", points.join(" "));
}

function report({ returns, lines }: PendulumRun, steps: number, perSecond: number): void {
  const last = returns.slice(-5);
  const mean = last.reduce((sum, value) => sum + value, 0) / last.length;
  const loss = lines.at(-1)?.criticLoss;
  const parts = [
    `step ${steps} of ${totalSteps}`,
    `${perSecond.toFixed(0)} steps a second`,
    ...(last.length > 0 ? [`return of the last ${last.length}: ${mean.toFixed(0)}`] : []),
    ...(loss === undefined ? [] : [`loss of the critic ${loss.toFixed(3)}`]),
  ];
  say("status", parts.join(", "));
  drawCurve(returns);
}

/** Learns with the seed of the field until the end, or until it is stopped. */
async function learn(signal: AbortSignal): Promise<void> {
  const { body } = document;
  for (const name of ["ended", "failed", "run"]) delete body.dataset[name];
  run?.[Symbol.dispose]();
  run = null;
  const learning = await PendulumRun.make({ seed: seedField.valueAsNumber, learningStarts });
  run = learning;
  let [from, at] = [0, performance.now()];
  const { status, steps, seconds } = await learning.learn({
    totalSteps,
    signal,
    onStep({ steps: done }) {
      drawWhenDue();
      const now = performance.now();
      if (now - at < 250) return;
      report(learning, done, (1000 * (done - from)) / (now - at));
      [from, at] = [done, now];
    },
  });
  report(learning, steps, steps / seconds);
  const { returns, lines } = learning;
  Object.assign(body.dataset, { run: JSON.stringify({ returns, lines }), ended: status });
}

async function toggle(): Promise<void> {
  if (stop !== null) return stop.abort();
  button.textContent = "Stop";
  seedField.disabled = true;
  stop = new AbortController();
  try {
    await learn(stop.signal);
  } catch (error) {
    fail(error);
  } finally {
    stop = null;
    seedField.disabled = false;
    button.textContent = "Start";
  }
}

function fail(error: unknown): void {
  say("status", error instanceof Error ? error.message : String(error));
  document.body.dataset["failed"] = "true";
}

async function main(): Promise<void> {
  const { name, threads, features } = await init();
  const isolation = crossOriginIsolated ? "" : " (the page is not isolated, so on one thread)";
  say("machine", `${name}, ${threads} threads, ${features.join(", ")}${isolation}`);
  button.addEventListener("click", () => void toggle());
  button.disabled = false;
  play();
}

main().catch(fail);

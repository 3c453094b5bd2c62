// The page: loads digits from the server it came from, trains, and shows what the net answers.
import { Tensor, init, random } from "athanor";
import { makeLearner } from "./digits-net.ts";

const pixels = 28 * 28;
const batch = 64;
const shown = 40;

interface Digits {
  readonly images: Uint8Array;
  readonly labels: Int32Array;
  readonly count: number;
}

const element = (id: string): HTMLElement => {
  const found = document.getElementById(id);
  if (found === null) throw new Error(`the page has no #${id}`);
  return found;
};
const say = (id: string, text: string): void => {
  element(id).textContent = text;
};
/** Lets the browser draw. */
const frame = (): Promise<unknown> => new Promise((resolve) => setTimeout(resolve));

/** One byte for each label, then the images, already shuffled. */
async function loadDigits(): Promise<Digits> {
  const response = await fetch("digits.bin");
  if (!response.ok) throw new Error(`digits.bin: ${response.status} ${response.statusText}`);
  const bytes = new Uint8Array(await response.arrayBuffer());
  const count = bytes.length / (pixels + 1);
  return {
    images: bytes.subarray(count),
    labels: Int32Array.from(bytes.subarray(0, count)),
    count,
  };
}

function slice({ images, labels }: Digits, from: number, to: number): [Tensor, Tensor] {
  return [
    Tensor.from(images.slice(from * pixels, to * pixels), [to - from, 1, 28, 28]),
    Tensor.from(labels.slice(from, to)),
  ];
}

function drawCurve(losses: readonly number[], steps: number): void {
  const points = losses.map((loss, i) => {
    const [x, y] = [(600 * i) / Math.max(steps - 1, 1), 200 * (1 - Math.min(loss / 2.5, 1))];
    return `${x.toFixed(1)},${y.toFixed(1)}`;
  });
  element("curve").querySelector("polyline")?.setAttribute("points", points.join(" "));
}

function drawDigit(digits: Digits, index: number, answer: number): void {
  const figure = document.createElement("figure");
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [28, 28];
  const context = canvas.getContext("2d");
  const image = new ImageData(28, 28);
  for (let i = 0; i < pixels; i++) {
    image.data.fill(255 - digits.images[index * pixels + i], 4 * i, 4 * i + 3);
    image.data[4 * i + 3] = 255;
  }
  context?.putImageData(image, 0, 0);
  const caption = document.createElement("figcaption");
  const isRight = answer === digits.labels[index];
  caption.textContent = isRight ? String(answer) : `${answer}, is ${digits.labels[index]}`;
  if (!isRight) figure.className = "wrong";
  figure.append(canvas, caption);
  element("digits").append(figure);
}

/** Trains for some epochs on all digits but the last `held`. */
async function main(): Promise<void> {
  const query = new URLSearchParams(location.search);
  const epochs = Number(query.get("epochs") ?? 3);
  random.manualSeed(1);
  const device = await init();
  const isolation = crossOriginIsolated ? "" : " (the page is not isolated, so on one thread)";
  say(
    "machine",
    `${device.name}, ${device.threads} threads, ${device.features.join(", ")}${isolation}`,
  );
  const digits = await loadDigits();
  const trained = Math.floor(0.85 * digits.count);
  const perEpoch = Math.floor(trained / batch);
  const steps = epochs * perEpoch;
  const { learn, predict } = makeLearner();

  const losses: number[] = [];
  const start = performance.now();
  for (let step = 0; step < steps; step++) {
    const from = (step % perEpoch) * batch;
    const [images, labels] = slice(digits, from, from + batch);
    losses.push(await learn(images, labels).item());
    if (step % 8 > 0 && step < steps - 1) continue;
    const rate = ((step + 1) * batch * 1000) / (performance.now() - start);
    element("progress").setAttribute("value", String((step + 1) / steps));
    say(
      "status",
      `step ${step + 1} of ${steps}, loss ${losses[step].toFixed(3)}, ${rate.toFixed(0)} digits a second`,
    );
    drawCurve(losses, steps);
    await frame();
  }
  const seconds = (performance.now() - start) / 1000;

  const [images] = slice(digits, trained, digits.count);
  const answers = await predict(images).data();
  const right = answers.filter((answer, i) => answer === digits.labels[trained + i]).length;
  const accuracy = right / answers.length;
  say(
    "status",
    `${(100 * accuracy).toFixed(1)} % of ${answers.length} unseen digits right, after ${seconds.toFixed(1)} s`,
  );
  const order = [...answers.keys()].sort((a, b) => {
    const isWrong = (i: number): number => Number(answers[i] !== digits.labels[trained + i]);
    return isWrong(b) - isWrong(a) || a - b;
  });
  for (const i of order.slice(0, shown)) drawDigit(digits, trained + i, answers[i]);
  Object.assign(document.body.dataset, { accuracy: String(accuracy) });
}

main().catch((error: unknown) => {
  say("status", error instanceof Error ? error.message : String(error));
  document.body.dataset["failed"] = "true";
});

// A small classifier, from data to accuracy: two spirals that no straight line separates.
import { grad, jit, nn, optim, random, tensor } from "athanor";
import type { Tensor } from "athanor";

random.manualSeed(1);

const perClass = 200;
const points: number[][] = [];
const classes: number[] = [];
for (let i = 0; i < 2 * perClass; i++) {
  const label = i % 2;
  const radius = 0.2 + (0.8 * i) / (2 * perClass);
  const angle = 7 * radius + label * Math.PI;
  points.push([radius * Math.cos(angle), radius * Math.sin(angle)]);
  classes.push(label);
}
const x = tensor(points);
const labels = tensor(classes, { dtype: "i32" });

const model = new nn.Sequential(
  new nn.Linear(2, 32),
  new nn.Tanh(),
  new nn.Linear(32, 32),
  new nn.Tanh(),
  new nn.Linear(32, 2),
);
const optimizer = new optim.AdamW(model.parameters(), { lr: 0.01, weightDecay: 1e-4 });

// One compiled program: forward, gradient and update.
const step = jit((inputs: Tensor, targets: Tensor) => {
  const loss = nn.functional.crossEntropy(model.forward(inputs), targets);
  optimizer.step(grad(loss, optimizer.parameters));
  return loss;
});

console.log(String(model));
for (let epoch = 1; epoch <= 300; epoch++) {
  using loss = step(x, labels);
  if (epoch % 50 === 0) console.log(`epoch ${epoch}: loss ${(await loss.item()).toFixed(4)}`);
}

const predicted = model.forward(x).argmax({ dim: 1 });
const accuracy = await predicted.eq(labels).to("f32").mean().item();
console.log(`accuracy ${(100 * accuracy).toFixed(1)} %`);

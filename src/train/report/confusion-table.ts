import type { ConfusionMatrix } from "../metrics.ts";
import type { Markup } from "./markup.ts";
import { markup } from "./markup.ts";

function cell(matrix: ConfusionMatrix, expected: number, predicted: number): Markup {
  const count = matrix.count(expected, predicted);
  if (count === 0) return markup`<td class="none">·</td>`;
  const isRight = expected === predicted;
  const title = `true ${expected}, predicted ${predicted}: ${count}`;
  // Errors are rare: the square root keeps a single one visible beside hundreds of hits.
  const strength = isRight ? matrix.recall(expected) ** 4 : Math.sqrt(count / 10);
  const share = Math.min(1, Math.max(0.12, strength)).toFixed(2);
  const kind = isRight ? "hit" : "miss";
  return markup`<td class="${kind}" style="--share:${share}" title="${title}">${count}</td>`;
}

/** A confusion matrix as a coloured table: rows are the true classes, columns the predictions. */
export function confusionTable(matrix: ConfusionMatrix, labels: readonly string[]): Markup {
  const percent = (share: number): string =>
    Number.isNaN(share) ? "–" : `${(share * 100).toFixed(1)} %`;
  const rows = labels.map((label, expected) => {
    const cells = labels.map((_, predicted) => cell(matrix, expected, predicted));
    const recall = percent(matrix.recall(expected));
    return markup`<tr><th scope="row">${label}</th>${cells}<td class="rate">${recall}</td></tr>`;
  });
  const heads = labels.map((label) => markup`<th scope="col">${label}</th>`);
  const precisions = labels.map(
    (_, label) => markup`<td class="rate">${percent(matrix.precision(label))}</td>`,
  );
  return markup`<div class="scroll"><table class="confusion"><thead><tr><th class="corner"><span>true ↓</span> <span>predicted →</span></th>${heads}<th scope="col">found</th></tr></thead><tbody>${rows}</tbody><tfoot><tr><th scope="row">right</th>${precisions}<td></td></tr></tfoot></table></div>`;
}

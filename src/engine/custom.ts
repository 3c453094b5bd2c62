/** Host functions for custom ops, for the layers above. */
export type { CustomKernel } from "../runtime/backend.ts";
export { customKernel, registerCustomKernel } from "../runtime/backend.ts";

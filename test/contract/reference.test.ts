import { ReferenceBackend } from "../../src/backends/reference/backend.ts";
import { backendContract } from "./backend.ts";

backendContract("reference", () => new ReferenceBackend());

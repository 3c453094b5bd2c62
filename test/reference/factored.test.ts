import { describeArea } from "./operation-suite.ts";

describeArea("factored");

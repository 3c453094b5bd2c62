import { describeArea } from "./operation-suite.ts";

describeArea("distribution-more");

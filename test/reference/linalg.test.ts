import { describeArea } from "./operation-suite.ts";

describeArea("linalg");

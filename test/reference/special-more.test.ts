import { describeArea } from "./operation-suite.ts";

describeArea("special-more");

import { describeArea } from "./operation-suite.ts";

describeArea("recurrent");
describeArea("transformer");

// Lists the meetings of a running mesh: what a program in TypeScript does with stubs made from our contracts.
import { credentials, Metadata } from "@grpc/grpc-js";
import { OrchestratorServiceClient } from "./generated/planerka/orchestrator/v1/orchestrator";

const [address, token] = process.argv.slice(2);
const client = new OrchestratorServiceClient(address, credentials.createInsecure());
const metadata = new Metadata();
if (token) metadata.set("authorization", `Bearer ${token}`);

client.listMeetings(
  { workspaceId: "", state: 0, pageSize: 10, pageToken: "" },
  metadata,
  { deadline: Date.now() + 10_000 },
  (error, answer) => {
    if (error) {
      console.error(error.message);
      process.exit(1);
    }
    console.log(JSON.stringify(answer.meetings.map(({ meetingId, title }) => ({ meetingId, title }))));
    client.close();
  },
);

// A gateway on Node: Fastify and the AWS SDK for JavaScript v3.
//
// Does: parse JSON as Fastify does (a key given twice keeps its last value, __proto__ is refused); a PutRecord a single
// record; PutRecords in chunks of 500, the most that Kinesis takes, for a JSON array or NDJSON, all chunks of a request
// at once; answer when Kinesis has answered.
// Does not: validate anything but that it is JSON; keep what it refuses, and one bad record refuses its whole
// batch; look at what PutRecords says of each record; keep a record's own bytes and the digits of its numbers, for it
// writes them anew; number, log or count the records; read gzip.
// Kinesis' client speaks HTTP/2 unless told otherwise; here it is HTTP/1.1 with connections kept, which is what the stub
// speaks and what the Python peers use.

import { Agent } from "node:http";
import { KinesisClient, PutRecordCommand, PutRecordsCommand } from "@aws-sdk/client-kinesis";
import { NodeHttpHandler } from "@smithy/node-http-handler";
import Fastify from "fastify";

const STREAM = "bench";
const MAX_ENTRIES = 500;
const MAX_BODY_BYTES = 4 * 1024 * 1024;

const kinesis = new KinesisClient({
  requestHandler: new NodeHttpHandler({ httpAgent: new Agent({ keepAlive: true, maxSockets: 64 }) }),
});
const app = Fastify({ bodyLimit: MAX_BODY_BYTES });

app.addContentTypeParser("application/x-ndjson", { parseAs: "string" }, (request, body, done) => {
  try {
    done(null, body.split("\n").filter((line) => line !== "").map((line) => JSON.parse(line)));
  } catch (error) {
    error.statusCode = 400;
    done(error);
  }
});

const entry = (record) => ({ Data: Buffer.from(JSON.stringify(record)), PartitionKey: String(record.id) });

app.post("/records", async (request, reply) => {
  const body = request.body;
  if (!Array.isArray(body)) {
    await kinesis.send(new PutRecordCommand({ StreamName: STREAM, ...entry(body) }));
    return reply.code(202).send({ accepted: 1 });
  }
  const calls = [];
  for (let start = 0; start < body.length; start += MAX_ENTRIES) {
    const Records = body.slice(start, start + MAX_ENTRIES).map(entry);
    calls.push(kinesis.send(new PutRecordsCommand({ StreamName: STREAM, Records })));
  }
  await Promise.all(calls);
  return reply.code(202).send({ accepted: body.length });
});

await app.listen({ host: "127.0.0.1", port: Number(process.argv[2]) });

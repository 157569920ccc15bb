// npm s3rver on a free port, over the folder named in the first argument. Its address is the first line that is printed; it ends with its standard input.
// A line `fail METHOD PATTERN COUNT` has the next COUNT requests of that method whose URL contains the pattern answered with 500, or, with `cut` for `fail`, cut off
// in the middle of the answer. Each line is answered with `ok`.
import http from "node:http";
import readline from "node:readline";
import S3rver from "s3rver";

const s3 = new S3rver({ silent: true, directory: process.argv[2], vhostBuckets: false, configureBuckets: [{ name: "ratatoskr-blobs", configs: [] }] });
await s3.configureBuckets();
const answer = s3.callback();
let fault = null;
const requests = [];

const server = http.createServer((request, response) => {
  requests.push(`${request.method} ${request.url}`);
  if (fault && fault.count > 0 && request.method === fault.method && request.url.includes(fault.pattern)) {
    fault.count--;
    if (fault.kind === "fail") {
      request.resume();
      request.on("end", () => {
        response.statusCode = 500;
        response.end("<Error><Code>InternalError</Code><Message>as told</Message></Error>");
      });
      return;
    }
    const write = response.write.bind(response);
    response.write = (piece, ...rest) => {
      write(piece.subarray(0, piece.length >> 1), ...rest);
      setImmediate(() => response.destroy());
      return true;
    };
  }
  answer(request, response);
});
server.listen(0, "127.0.0.1", () => console.log(`http://127.0.0.1:${server.address().port}`));

for await (const line of readline.createInterface({ input: process.stdin })) {
  const [kind, method, pattern, count] = line.split(" ");
  if (kind === "requests") {
    console.log(JSON.stringify(requests.splice(0)));
    continue;
  }
  fault = { kind, method, pattern, count: Number(count) };
  console.log("ok");
}
process.exit();

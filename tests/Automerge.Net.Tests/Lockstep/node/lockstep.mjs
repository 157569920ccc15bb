// automerge 3.5.0 for the C# lockstep tests: one JSON command per line on stdin, one JSON answer per line on stdout.
//   {"seed": 7}                 makes the random history of that seed
//   {"seeds": [7, 8, 9]}        several, answered with a list
//   {"steps": [["new", 0, "aa"], ...]}   carries out given steps (what a history was reduced to)
//   {"documents": ["hW9Kg…", ...]}       loads documents, base64, and tells what each says: {heads, root}, or {error}
//   {"trials": [{"document": "hW9Kg…", "changes": [...]}, ...]}   loads, applies, saves, loads again: {heads, root, saved, again: {heads, root}}, or {error, at}
// A history is answered as {seed, steps, results}: what was done, in the words of replicas.mjs, and what 3.5.0 said to each step.
import { createInterface } from "node:readline"
import { makeHistory, runSteps } from "./history.mjs"
import { judge, readDocument } from "./replicas.mjs"

function answer(command) {
  if (command.seeds) return command.seeds.map(makeHistory)
  if (command.steps) return runSteps(command.steps)
  if (command.documents) return command.documents.map(readDocument)
  if (command.trials) return command.trials.map(judge)
  return makeHistory(command.seed)
}

for await (const line of createInterface({ input: process.stdin })) {
  if (line === "") continue
  process.stdout.write(JSON.stringify(answer(JSON.parse(line))) + "\n")
}

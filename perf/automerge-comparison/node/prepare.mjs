// Writes the inputs that both engines get, into the folder COMPARISON_INPUTS: changes of documents, edits made on top of them by
// another actor, texts grown to a size from pieces typed all over the place.
import * as A from "@automerge/automerge"
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { document } from "./inputs.mjs"

const write = (name, bytes) => writeFileSync(join(process.env.COMPARISON_INPUTS, name), bytes)
const actor = digit => digit.repeat(32)

// The changes of `count` one-character inserts at spread places, each following the one before.
function editsOn(handle, text, count) {
  const since = handle.getHeads()
  for (let i = 0; i < count; i++) {
    handle.splice(text, (i * 7919 * 13) % handle.length(text), 0, String.fromCharCode(97 + (i % 26)))
    handle.commit(null, i)
  }
  return Buffer.concat(handle.getChanges(since))
}

const loaded = name => A.getBackend(A.load(document(name), { actor: actor("e") }))
const textOf = handle => handle.getWithType("_root", "text")[1]

const many = loaded("trace-many")
write("trace-many.changes", Buffer.concat(many.getChanges([])))
write("trace-many.edits", editsOn(many, textOf(many), 1000))
const one = loaded("trace-one")
write("trace-one.edits", editsOn(one, textOf(one), 1000))

for (const length of [10_000, 100_000, 1_000_000]) {
  const handle = A.getBackend(A.init({ actor: actor("d") }))
  const text = handle.putObject("_root", "text", "")
  for (let i = 0; i * 50 < length; i++) handle.splice(text, (i * 104_729) % (i * 50 + 1), 0, "The quick brown fox jumps over the lazy dog again. ".slice(0, 50))
  handle.commit(null, 0)
  write(`grown-${length}.am`, handle.save())
  const other = A.getBackend(A.load(handle.save(), { actor: actor("e") }))
  write(`grown-${length}.edits`, editsOn(other, text, 200))
}

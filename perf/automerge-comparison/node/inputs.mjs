// Where the inputs are, and how they are read. Documents: of the vectors (AUTOMERGE_VECTORS); changes: of the folder that prepare.mjs filled.
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { gunzipSync } from "node:zlib"

export const files = {
  "trace-one": "traces/automerge-paper-one-change.am",
  "trace-many": "traces/automerge-paper-change-per-edit.am",
  essay: "bench/essay.amrg",
  "moby-dick": "bench/moby-dick.automerge",
}

export const vector = path => new Uint8Array(readFileSync(join(process.env.AUTOMERGE_VECTORS, "automerge", path)))
export const document = name => vector(files[name])
export const prepared = name => new Uint8Array(readFileSync(join(process.env.COMPARISON_INPUTS, name)))

// [position, deleted, inserted text or nothing]
export const edits = () => JSON.parse(gunzipSync(vector("traces/automerge-paper-edits.json.gz")))

// Chunks one after the other: magic 4, checksum 4, type 1, LEB128 length, body.
export function chunks(bytes) {
  const found = []
  for (let at = 0; at < bytes.length; ) {
    let length = 0, shift = 0, end = at + 9
    for (; ; shift += 7) {
      length += (bytes[end] & 127) * 2 ** shift
      if (bytes[end++] < 128) break
    }
    found.push(bytes.subarray(at, end + length))
    at = end + length
  }
  return found
}

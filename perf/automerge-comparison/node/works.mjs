// The work that is compared, done by automerge 3.5.0: each function prepares, and gives back what is to be timed.
// `times` is how often it is done; times come in ms, those of `each` as ms for one of many edits.
import * as A from "@automerge/automerge"
import { readFileSync, writeFileSync } from "node:fs"
import { chunks, document, edits, prepared } from "./inputs.mjs"

const actor = "a".repeat(32)
const load = bytes => A.getBackend(A.load(bytes, { actor }))
const textOf = handle => handle.getWithType("_root", "text")[1]

// CPU time of all threads instead of time on the clock: for a machine that is busy with other things.
const cpu = () => Object.values(process.cpuUsage()).reduce((sum, part) => sum + part) / 1000
const now = process.env.COMPARISON_CLOCK === "cpu" ? cpu : () => performance.now()

export function timed(times, action) {
  const samples = []
  for (let i = 0; i < times; i++) {
    const start = now()
    action(i)
    samples.push(now() - start)
  }
  return samples
}

// Does something until it is compiled as well as it ever will be.
function warmUp(action) {
  const start = performance.now()
  do action()
  while (performance.now() - start < 4000)
}

// Of a warm process: `action` gives what is to be freed.
function warm(times, action) {
  warmUp(() => action().free())
  return timed(times, () => action().free())
}

// Resident memory: of the whole process at its highest since `begin`, in MiB above what it was then.
function peakOf(action) {
  const kilobytes = field => Number(new RegExp(`${field}:\\s+(\\d+)`).exec(readFileSync("/proc/self/status", "utf8"))[1])
  load(A.save(A.init())).free() // the engine itself is there
  global.gc?.()
  writeFileSync("/proc/self/clear_refs", "5")
  const before = kilobytes("VmRSS")
  const kept = action()
  const peak = kilobytes("VmHWM")
  global.gc?.()
  const after = kilobytes("VmRSS")
  return { peak: (peak - before) / 1024, resident: (after - before) / 1024, kept }
}

const remote = (name, edits, times) => {
  const handle = load(name)
  const changes = chunks(edits)
  return timed(times, i => handle.applyChanges([changes[i]]))
}

// What a server does for an edit: takes the message in, and makes the answer, by the functions that automerge-repo calls. Both have had the document before.
function synced(bytes, edits, times) {
  let server = A.load(bytes, { actor }), peer = A.load(bytes, { actor }), ofPeer = A.initSyncState(), ofServer = A.initSyncState(), said, answer
  const changes = chunks(edits)
  const say = () => { [ofServer, said] = A.generateSyncMessage(peer, ofServer) }
  const receiveAndAnswer = () => {
    [server, ofPeer] = A.receiveSyncMessage(server, ofPeer, said);
    [ofPeer, answer] = A.generateSyncMessage(server, ofPeer)
  }
  const hear = () => { if (answer) [peer, ofServer] = A.receiveSyncMessage(peer, ofServer, answer) }
  for (say(); said; say()) {
    receiveAndAnswer()
    hear()
  }

  return Array.from({ length: times }, (_, i) => {
    [peer] = A.applyChanges(peer, [changes[i]])
    say()
    const [sample] = timed(1, receiveAndAnswer)
    if (String(A.getHeads(server)) !== String(A.getHeads(peer))) throw new Error("the server does not have the edit")
    hear()
    return sample
  })
}

function local(bytes, times) {
  const handle = load(bytes), text = textOf(handle)
  return timed(times, i => {
    handle.splice(text, (i * 7919 * 13) % handle.length(text), 0, "x")
    handle.commit(null, i)
  })
}

function replay(commitEach) {
  const all = edits(), handle = A.getBackend(A.init({ actor })), text = handle.putObject("_root", "text", "")
  handle.commit(null, 0)
  return timed(1, () => {
    for (const [at, removed, inserted] of all) {
      handle.splice(text, at, removed, inserted ?? "")
      if (commitEach) handle.commit(null, 0)
    }
    if (!commitEach) handle.commit(null, 0)
  })
}

export const works = {
  load: (name, times) => {
    const bytes = document(name)
    return warm(times, () => load(bytes))
  },
  peak: name => {
    const bytes = document(name)
    return [peakOf(() => load(bytes)).peak]
  },
  resident: name => {
    const bytes = document(name)
    return [peakOf(() => load(bytes)).resident]
  },
  "build-at-once": (name, times) => {
    const changes = chunks(prepared(`${name}.changes`))
    return warm(times, () => {
      const handle = A.getBackend(A.init({ actor }))
      handle.applyChanges(changes)
      return handle
    })
  },
  "build-one-by-one": (name, times, count = 20_000) => {
    const changes = chunks(prepared(`${name}.changes`)).slice(0, count)
    return timed(times, () => {
      const handle = A.getBackend(A.init({ actor }))
      for (const change of changes) handle.applyChanges([change])
      handle.free()
    })
  },
  "remote-edit": (name, times) => remote(document(name), prepared(`${name}.edits`), times),
  "synced-edit": (name, times) => synced(document(name), prepared(`${name}.edits`), times),
  "local-edit": (name, times) => local(document(name), times),
  "local-edit-js": (name, times) => {
    let doc = A.load(document(name), { actor })
    return timed(times, i => {
      doc = A.change(doc, { time: i }, d => A.splice(d, ["text"], (i * 7919 * 13) % d.text.length, 0, "x"))
    })
  },
  save: (name, times) => {
    const handle = load(document(name)), text = textOf(handle)
    const editAndSave = () => {
      handle.splice(text, 0, 0, "x")
      handle.commit(null, 0)
      return timed(1, () => handle.save())[0]
    }
    warmUp(editAndSave)
    return Array.from({ length: times }, editAndSave)
  },
  compact: (name, times) => {
    const bytes = document(name), changes = prepared(`${name}.edits`)
    return warm(times, () => {
      const handle = load(bytes)
      handle.loadIncremental(changes)
      handle.save()
      return handle
    })
  },
  "compact-known": (name, times) => works.compact(name, times),
  "text-cold": (name, times) => {
    const bytes = document(name)
    const read = () => {
      const handle = load(bytes)
      handle.text(textOf(handle))
      return handle
    }
    return warm(times, read)
  },
  "replay-each": () => replay(true),
  "replay-one": () => replay(false),
  "grown-local": (name, times) => local(prepared(`${name}.am`), times),
  "grown-remote": (name, times) => remote(prepared(`${name}.am`), prepared(`${name}.edits`), times),
  "grown-synced": (name, times) => synced(prepared(`${name}.am`), prepared(`${name}.edits`), times),
}

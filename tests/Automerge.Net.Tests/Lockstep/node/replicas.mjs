// Replicas of a document, and the steps that can be taken with them. A step is a list: its name, the replica's number, arguments.
import * as A from "@automerge/automerge"
import { craftChange } from "./crafting.mjs"
import { describe, patch } from "./notation.mjs"
import { random } from "./random.mjs"

export { A }

// int, uint and counter come as decimal text, since JSON numbers are doubles; floats as "NaN", "-0" and so on, too; bytes as base64.
export function toValue(type, text) {
  switch (type) {
    case "int": case "uint": case "counter": return Number.isSafeInteger(Number(text)) ? Number(text) : BigInt(text)
    case "f64": return Number(text)
    case "timestamp": return Number(text)
    case "boolean": return text === "true"
    case "null": return null
    case "bytes": return new Uint8Array(Buffer.from(text, "base64"))
    default: return text
  }
}

export function readDocument(document) {
  try {
    const handle = A.getBackend(A.load(new Uint8Array(Buffer.from(document, "base64"))))
    const said = { heads: handle.getHeads(), root: describe(A, handle, undefined) }
    handle.free()
    return said
  } catch (error) {
    return { error: String(error?.message ?? error) }
  }
}

// Whatever 3.5.0 does with what it is given: an empty document is no bytes. After an error nothing more should be asked of this process.
export function judge({ document, changes }) {
  let at = "load"
  try {
    const handle = document === "" ? newHandle("00") : A.getBackend(A.load(bytesOf(document)))
    at = "apply"
    if (changes.length > 0) handle.applyChanges(changes.map(bytesOf))
    at = "read"
    const said = { heads: handle.getHeads(), root: describe(A, handle, undefined), queued: handle.getMissingDeps([]).length }
    at = "give out changes"
    said.changes = handle.getChanges([]).length
    at = "save"
    said.saved = base64(handle.save())
    at = "load its save"
    const again = A.getBackend(A.load(bytesOf(said.saved)))
    said.again = { heads: again.getHeads(), root: describe(A, again, undefined) }
    at = "go on"
    again.put("_root", "judge", 1)
    again.commit(null, 0)
    handle.applyChanges(again.getChanges(said.heads))
    again.free()
    handle.free()
    return said
  } catch (error) {
    return { error: String(error?.message ?? error), at }
  }
}

const bytesOf = text => new Uint8Array(Buffer.from(text, "base64"))

const withinTransaction = new Set([
  "commit", "rollback", "put", "insert", "putObject", "insertObject", "delete", "increment", "splice", "updateText", "mark", "unmark", "splitBlock", "joinBlock",
])

const emptyOf = kind => (kind === "map" ? {} : kind === "list" ? [] : "")
const base64 = bytes => Buffer.from(bytes).toString("base64")
const newHandle = actor => A.getBackend(A.init({ actor }))

// 3.5.0 is in disorder after these; what it says from then on means nothing.
export const isDisorder = error =>
  error instanceof Disorder || error instanceof WebAssembly.RuntimeError || /assertion|unwrap|Missing from Index|unreachable/.test(error?.message)

class Disorder extends Error {}

export class Replicas {
  handles = []
  isolated = new Set() // handles that edit an earlier state

  // Objects, heads and cursors go by names that steps gave them, so that a history keeps its sense when steps are taken out of it.
  named = new Map([["_root", "_root"], ["h0", []]])

  free() {
    for (const handle of this.handles) handle?.free()
  }

  // A step that the engine refuses has an error as its result.
  take([name, replica, ...args]) {
    try {
      // Anything else would commit on its own: as a rule with the time of the day.
      if (!withinTransaction.has(name) && this.handles.some(handle => handle?.pendingOps() > 0)) throw new Error("no such thing in a transaction")
      return steps[name](this, replica, ...args) ?? null
    } catch (error) {
      if (isDisorder(error)) throw error
      return { error: String(error?.message ?? error) }
    }
  }

  set(replica, handle) {
    this.handles[replica]?.free()
    this.handles[replica] = handle
  }

  // null stands for nothing; an id made by no step stands for itself.
  find(name) {
    if (name === null || name === undefined) return undefined
    const found = this.named.get(name)
    if (found === undefined && !name.includes("@")) throw new Error(`no such name: ${name}`)
    return found ?? name
  }

  name(name, value) {
    if (name) this.named.set(name, value)
    return value
  }

  nameOf(id) {
    for (const [name, value] of this.named) if (value === id) return name
    return id
  }
}

function at(all, replica) {
  const handle = all.handles[replica]
  if (!handle) throw new Error(`no such name: replica ${replica}`)
  return handle
}

const steps = {
  // Replicas
  new: (all, r, actor) => all.set(r, newHandle(actor)),
  fork: (all, r, from, actor, heads) => all.set(r, at(all, from).fork(actor, all.find(heads))),
  load: (all, r, from, actor) => all.set(r, A.getBackend(A.load(at(all, from).save(), { actor }))),
  merge: (all, r, from) => void at(all, r).merge(at(all, from)),
  // order: which of the changes that are missing come first; the same number twice or too great a number is none
  apply: (all, r, from, order) => {
    const missing = at(all, from).getChanges(at(all, r).getHeads())
    at(all, r).applyChanges([...new Set(order)].map(place => missing[place]).filter(change => change))
  },
  // a change that no call of the API makes, by a random source; answered as base64
  craft: (all, r, seed, actor) => {
    const change = craftChange(random(seed), at(all, r), actor)
    if (!change) return null
    at(all, r).applyChanges([change])
    return base64(change)
  },

  // Transactions
  isolate: (all, r, heads) => {
    at(all, r).isolate(all.find(heads))
    all.isolated.add(at(all, r))
  },
  integrate: (all, r) => {
    at(all, r).integrate()
    all.isolated.delete(at(all, r))
  },
  commit: (all, r, message, time) => {
    const handle = at(all, r), hash = handle.commit(message, time)
    if (hash && all.isolated.has(handle)) demandItAppliesAlone(handle, hash)
    return hash
  },
  empty: (all, r, message, time) => at(all, r).emptyChange(message, time),
  rollback: (all, r) => at(all, r).rollback(),

  // Edits; each tells how many operations the transaction has now, and what object it made
  put: (all, r, object, prop, type, value) => edit(all, r, object, (handle, id) => handle.put(id, prop, toValue(type, value), type)),
  insert: (all, r, object, index, type, value) => edit(all, r, object, (handle, id) => handle.insert(id, index, toValue(type, value), type)),
  putObject: (all, r, object, prop, kind, name) => edit(all, r, object, (handle, id) => all.name(name, handle.putObject(id, prop, emptyOf(kind)))),
  insertObject: (all, r, object, index, kind, name) => edit(all, r, object, (handle, id) => all.name(name, handle.insertObject(id, index, emptyOf(kind)))),
  delete: (all, r, object, prop) => edit(all, r, object, (handle, id) => handle.delete(id, prop)),
  increment: (all, r, object, prop, by) => edit(all, r, object, (handle, id) => handle.increment(id, prop, by)),
  splice: (all, r, object, index, remove, text) => edit(all, r, object, (handle, id) => handle.splice(id, index, remove, text)),
  updateText: (all, r, object, text) => edit(all, r, object, (handle, id) => handle.updateText(id, text)),
  mark: (all, r, object, start, end, expand, name, type, value) =>
    edit(all, r, object, (handle, id) => handle.mark(id, inText(handle, id, { start, end, expand }), name, toValue(type, value), type)),
  unmark: (all, r, object, start, end, expand, name) => edit(all, r, object, (handle, id) => handle.unmark(id, inText(handle, id, { start, end, expand }), name)),
  splitBlock: (all, r, object, index, block) => edit(all, r, object, (handle, id) => handle.splitBlock(id, index, block)),
  joinBlock: (all, r, object, index) => edit(all, r, object, (handle, id) => handle.joinBlock(id, index)),
  // a change of its own, answered as base64
  updateBlock: (all, r, object, index, block) => {
    const handle = at(all, r)
    handle.updateBlock(all.find(object), index, block)
    return base64(handle.getChangeByHash(handle.commit(null, 0)))
  },

  // Questions
  note: (all, r, name) => all.name(name, at(all, r).getHeads()),
  check: (all, r, heads) => ({ heads: at(all, r).getHeads(), root: describe(A, at(all, r), all.find(heads)) }),
  save: (all, r) => base64(at(all, r).save()),
  changes: (all, r) => at(all, r).getChanges([]).map(base64),
  cursor: (all, r, object, position, move, heads, name) => all.name(name, at(all, r).getCursor(all.find(object), position, all.find(heads), move ?? undefined)),
  position: (all, r, object, cursor, heads) => at(all, r).getCursorPosition(all.find(object), all.find(cursor), all.find(heads)),
  diff: (all, r, before, after) => at(all, r).diff(all.find(before), all.find(after)).map(one => patch(A, one)),
}

// Where the range is not in the text 3.5.0 says so too, but only after it has begun the mark, and leaves that.
function inText(handle, id, range) {
  if (range.end > handle.length(id)) throw new Error(`index ${range.end} is out of bounds`)
  return range
}

// Isolated edits of 3.5.0 may refer to what their author is not to know (a mark begun later, a change without operations): then whoever
// has just the change's dependencies cannot take it in, 3.5.0 no more than others.
function demandItAppliesAlone(handle, hash) {
  const alone = handle.fork(undefined, handle.getChangeMetaByHash(hash).deps)
  try {
    alone.applyChanges([handle.getChangeByHash(hash)])
  } catch (error) {
    throw new Disorder(`change ${hash} does not apply to its dependencies: ${error?.message}`)
  } finally {
    alone.free()
  }
}

function edit(all, r, object, action) {
  const handle = at(all, r), made = action(handle, all.find(object))
  return typeof made === "string" ? [handle.pendingOps(), made] : handle.pendingOps()
}

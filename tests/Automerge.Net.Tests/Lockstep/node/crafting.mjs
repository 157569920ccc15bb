// Changes that no call of the API makes but that are well formed all the same: empty tables, text elements of several characters,
// operations that replace only some of what conflicts.
import * as A from "@automerge/automerge"
import * as values from "./values.mjs"

// null: nothing to do there. Else the change, by a new actor on top of everything the replica has.
export function craftChange(r, handle, actor) {
  const metadata = handle.getChangesMeta([])
  const startOp = 1 + metadata.reduce((most, change) => Math.max(most, change.maxOp), 0) + (r.int(4) === 0 ? r.int(20) : 0)
  const ops = []
  const nextId = () => `${startOp + ops.length}@${actor}`
  for (let count = 1 + r.int(3); count > 0; count--) craftOps(r, handle, ops, nextId)
  if (ops.length === 0) return null
  return A.encodeChange({ actor, seq: 1, startOp, time: 7, message: null, deps: handle.getHeads(), ops })
}

function craftOps(r, handle, ops, nextId) {
  const key = r.pick(values.keys), present = handle.keys("_root"), place = present.length > 0 ? r.pick(present) : null
  // A key may be written once here: what this change itself wrote would have to be a predecessor.
  const isFree = name => !ops.some(op => op.obj === "_root" && op.key === name)
  switch (r.int(4)) {
    case 0: {
      if (!isFree(key)) return
      // Left empty: 3.5.0 fails on any operation in a table, and its save of the document can then not be loaded.
      ops.push({ action: "makeTable", obj: "_root", key, pred: idsAt(handle, "_root", key) })
      return
    }
    case 1: {
      const ids = place === null ? [] : idsAt(handle, "_root", place)
      if (place === null || !isFree(place)) return
      const some = ids.filter(() => r.int(2) === 0)
      if (some.length > 0 && r.int(2) === 0) ops.push({ action: "del", obj: "_root", key: place, pred: some })
      else ops.push({ action: "set", obj: "_root", key: place, value: r.int(100), datatype: r.pick(["int", "counter", "timestamp"]), pred: some })
      return
    }
    case 2: {
      const counters = place === null ? [] : handle.getAll("_root", place).filter(value => value[0] === "counter")
      if (counters.length === 0 || !isFree(place)) return
      ops.push({ action: "inc", obj: "_root", key: place, value: 3, pred: [r.pick(counters)[2]] })
      return
    }
    default: {
      const text = place === null ? null : handle.getWithType("_root", place)
      if (text?.[0] !== "text") return
      const element = nextId()
      ops.push({ action: "set", obj: text[1], elemId: "_head", insert: true, value: r.pick(["two", "é😀", "x", ""]), pred: [] })
      if (r.int(2) === 0) ops.push({ action: "set", obj: text[1], elemId: element, value: r.pick(["X", "other"]), pred: [element] })
    }
  }
}

const idsAt = (handle, object, place) => handle.getAll(object, place).map(value => (value.length === 2 ? value[1] : value[2]))

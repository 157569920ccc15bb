// One random edit of a replica, of an object found by a random walk from the root.
import * as values from "./values.mjs"

export function editAtRandom(history, replica) {
  const { random: r, liking } = history
  const handle = history.replicas.handles[replica]
  const [kind, id] = target(r, handle, liking)
  const object = { id, name: history.replicas.nameOf(id) }
  if (kind === "text") editText(history, replica, handle, object)
  else if (kind === "list") editList(history, replica, handle, object)
  else editMap(history, replica, handle, object)
}

function target(r, handle, liking) {
  let found = ["map", "_root"]
  for (let depth = 0; depth < 5; depth++) {
    const inner = childOf(r, handle, found, liking)
    if (!inner || (depth > 0 && r.int(4) === 0)) break
    found = inner
  }
  return found
}

function childOf(r, handle, [kind, object], liking) {
  if (kind === "text") return null
  const children = []
  const places = kind === "list" ? Array.from({ length: Math.min(handle.length(object), 12) }, (_, i) => i) : handle.keys(object)
  for (const place of places)
    for (const value of handle.getAll(object, place)) {
      if (value.length === 2 && value[0] !== "table") for (let weight = value[0] === "text" ? liking.texts : value[0] === "list" ? liking.lists : liking.maps; weight >= 0; weight--) children.push(value)
    }
  const stay = kind === "map" ? 2 : 1 + r.int(3)
  const at = r.int(children.length + stay)
  return children[at] ?? null
}

const newObject = r => r.pick(["text", "text", "list", "map"])

function editMap(history, replica, handle, object) {
  const { random: r } = history
  const present = handle.keys(object.id), key = r.pick(values.keys), known = present.length > 0 ? r.pick(present) : key
  const x = r()
  if (x < 0.14) history.take("delete", replica, object.name, r.int(8) === 0 ? key : known)
  else if (x < 0.3) increment(history, replica, handle, object, present, key)
  else if (x < 0.55) makeObject(history, replica, handle, object, key, "putObject")
  else history.take("put", replica, object.name, r.int(3) === 0 ? known : key, ...values.scalar(r))
}

function increment(history, replica, handle, object, places, otherwise) {
  const { random: r } = history
  const counters = places.filter(place => handle.getWithType(object.id, place)?.[0] === "counter")
  if (counters.length > 0) history.take("increment", replica, object.name, r.pick(counters), r.pick([1, -1, 5, 1000, 0, -4]))
  else if (r.int(15) === 0) history.take("increment", replica, object.name, otherwise, 1)
  else history.take("put", replica, object.name, otherwise, "counter", String(r.int(9)))
}

function makeObject(history, replica, handle, object, place, step) {
  const { random: r } = history
  const kind = newObject(r), name = history.name("o"), made = history.take(step, replica, object.name, place, kind, name)
  if (!Array.isArray(made)) return
  if (kind === "text") history.take("splice", replica, name, 0, 0, values.text(r) + values.text(r))
  else if (r.int(2) === 0 && kind === "list") history.take("insert", replica, name, 0, ...values.scalar(r))
}

function editList(history, replica, handle, object) {
  const { random: r } = history
  const length = handle.length(object.id), index = r.int(length + 1), within = length > 0 ? r.int(length) : 0
  const x = length === 0 && r.int(20) > 0 ? 1 : r()
  if (x < 0.2) history.take("delete", replica, object.name, within)
  else if (x < 0.35) history.take("put", replica, object.name, within, ...values.scalar(r))
  else if (x < 0.42) makeObject(history, replica, handle, object, within, "putObject")
  else if (x < 0.5) increment(history, replica, handle, object, Array.from({ length }, (_, i) => i).slice(0, 8), within)
  else if (x < 0.62) makeObject(history, replica, handle, object, index, "insertObject")
  else for (let count = 1 + r.int(4), at = index; count > 0; count--) history.take("insert", replica, object.name, at++, ...values.scalar(r))
}

function editText(history, replica, handle, object) {
  const { random: r, liking } = history
  const text = handle.text(object.id)
  // Mostly between characters; now and then inside a surrogate pair, or beyond the end.
  const place = () => {
    const at = r.int(text.length + 1)
    if (r.int(40) === 0) return at
    return at > 0 && at < text.length && isLow(text.charCodeAt(at)) ? at - 1 : at
  }
  const [start, end] = [place(), place()].sort((a, b) => a - b)
  const x = r() * (10 + 2 * liking.marks + liking.odd)
  if (x < 3.5) history.take("splice", replica, object.name, start, 0, values.text(r))
  else if (x < 4.5) history.take("splice", replica, object.name, text.length, 0, values.text(r))
  else if (x < 6) history.take("splice", replica, object.name, start, Math.min(end - start, 5), "")
  else if (x < 7) history.take("splice", replica, object.name, start, Math.min(end - start, 3), values.text(r))
  else if (x < 7.3) history.take("splice", replica, object.name, r.int(8) === 0 ? text.length + 1 : start, 1000, "end")
  else if (x < 8 && !history.hasWideElements) history.take("updateText", replica, object.name, (text.slice(0, start) + values.text(r) + text.slice(Math.min(end, start + 3))).toWellFormed())
  else if (x < 10) editBlocks(history, replica, object, text, start)
  else if (x < 10 + 2 * liking.marks) editMarks(history, replica, object, start, end)
  else editOddly(history, replica, handle, object, start)
}

const isLow = unit => unit >= 0xdc00 && unit < 0xe000

function editBlocks(history, replica, object, text, start) {
  const { random: r } = history
  const block = text.indexOf("\ufffc", start)
  if (block < 0 || r.int(2) === 0) history.take("splitBlock", replica, object.name, start, values.block(r))
  else if (history.replicas.handles[replica].getBlock(object.id, block)) history.take("joinBlock", replica, object.name, block)
}

function editMarks(history, replica, object, start, end) {
  const { random: r } = history
  // Among marks that it is not to know, an isolated mark of 3.5.0 begins where no other would.
  if (history.isIsolated && history.replicas.handles[replica].marks(object.id).length > 0) return
  const expand = r.pick(values.expands), name = r.pick(values.markNames)
  if (start === end && r.int(6) > 0) return history.take("splice", replica, object.name, start, 0, values.text(r))
  if (r.int(4) === 0) return history.take("unmark", replica, object.name, start, end, expand, name)
  return history.take("mark", replica, object.name, start, end, expand, name, ...(r.int(2) ? ["boolean", "true"] : values.markValue(r)))
}

// What the engine takes, though nobody writes it: text elements of several characters, or that are no text.
function editOddly(history, replica, handle, object, start) {
  const { random: r } = history
  history.hasWideElements = true
  if (r.int(3) === 0) history.take("insertObject", replica, object.name, start, newObject(r), history.name("o"))
  else history.take(r.pick(["put", "insert"]), replica, object.name, start, ...values.scalar(r))
}

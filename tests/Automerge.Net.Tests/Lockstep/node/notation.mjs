// What a document says, written so that two engines that agree write the same: every type visible, conflicts and ids included,
// keys in the order in which the engine lists them.

export const hex = bytes => Buffer.from(bytes).toString("hex")

// An integer that a double holds exactly is written as such, whatever its type; other numbers as the bits of the double; NaN has one form.
export function number(value) {
  if (typeof value === "bigint") return Number.isSafeInteger(Number(value)) ? String(value) : `${value}`
  if (Number.isNaN(value)) return "NaN"
  return Number.isSafeInteger(value) ? String(value === 0 ? 0 : value) : bits(value)
}

export function bits(value) {
  if (Number.isNaN(value)) return "NaN"
  const buffer = Buffer.alloc(8)
  buffer.writeDoubleBE(value)
  return `0x${hex(buffer)}`
}

// Values whose types the engine does not tell apart: those of marks and blocks.
export function plain(A, value) {
  if (value === null || value === undefined) return null
  if (typeof value === "boolean" || typeof value === "string") return value
  if (typeof value === "number" || typeof value === "bigint") return { $number: number(value) }
  if (value instanceof Date) return { $timestamp: String(value.getTime()) }
  if (value instanceof Uint8Array) return { $bytes: hex(value) }
  if (A.isCounter(value) || value instanceof A.Counter) return { $number: number(value.value) }
  if (A.isImmutableString(value)) return value.toString()
  if (Array.isArray(value)) return value.map(item => plain(A, item))
  return { $map: Object.keys(value).sort(byUtf8).map(key => [key, plain(A, value[key])]) }
}

export const byUtf8 = (left, right) => Buffer.compare(Buffer.from(left), Buffer.from(right))

const markSet = (A, marks) => Object.keys(marks ?? {}).sort(byUtf8).map(name => [name, plain(A, marks[name])])

function scalar(type, value) {
  switch (type) {
    case "null": return "null"
    case "f64": return bits(value)
    case "timestamp": return String(value.getTime())
    case "bytes": return hex(value)
    default: return String(value)
  }
}

// All values of a place, the winner last, as [type, text, id] or [kind, object].
const values = (A, handle, heads, all) =>
  all.map(value => (value.length === 2 ? [value[0], describe(A, handle, heads, value[1], value[0])] : [value[0], scalar(value[0], value[1]), value[2]]))

export function describe(A, handle, heads, object = "_root", kind = "map") {
  if (kind === "text") return describeText(A, handle, heads, object)
  if (kind === "table") return { id: object } // 3.5.0 knows that it is there, and no more
  // 3.5.0 may list a key with several counters twice.
  if (kind !== "list") return { id: object, keys: [...new Set(handle.keys(object, heads))].map(key => [key, values(A, handle, heads, handle.getAll(object, key, heads))]) }
  const items = []
  for (let i = 0, length = handle.length(object, heads); i < length; i++) items.push(values(A, handle, heads, handle.getAll(object, i, heads)))
  return { id: object, items }
}

function describeText(A, handle, heads, object) {
  const text = handle.text(object, heads), objects = []
  for (let at = text.indexOf("\ufffc"); at >= 0; at = text.indexOf("\ufffc", at + 1)) objects.push([at, values(A, handle, heads, handle.getAll(object, at, heads))])
  return {
    id: object,
    text,
    length: handle.length(object, heads),
    objects,
    marks: handle.marks(object, heads).map(mark => [mark.name, plain(A, mark.value), mark.start, mark.end]),
    spans: handle.spans(object, heads).map(span => (span.type === "text" ? ["text", span.value, markSet(A, span.marks)] : ["block", plain(A, span.value), markSet(A, span.marks)])),
  }
}

export const patch = (A, patch) => {
  const written = { ...patch }
  for (const field of ["value", "values"]) if (field in patch) written[field] = plain(A, patch[field])
  if (patch.marks) written.marks = Array.isArray(patch.marks) ? patch.marks.map(mark => [mark.name, plain(A, mark.value), mark.start, mark.end]) : markSet(A, patch.marks)
  return written
}

// What random edits write. Text comes from every plane of Unicode, with what is known to trip engines up.
export const keys = ["k", "K", "key2", "é", "\uffff", "😀", "n", "with space", "", "z".repeat(70), "\u0000", "a.b"]
export const markNames = ["bold", "link", "é😀", ""]
export const expands = ["none", "before", "after", "both"]

const characters = [
  "a", "b", "c", " ", "\n", "\t", "\u0000", "é", "e\u0301", "ß", "ж", "א", "\u200d", "日", "\ufffc", "\ufffe", "\uffff", "\ufeff", "\ue000",
  "😀", "👩‍👩‍👧", "🇬🇧", "\u{1ffff}", "\u{20000}", "\u{2fa1d}", "\u{30000}", "\u{e0001}", "\u{f0000}", "\u{10ffff}",
]
const words = ["", "x", "hello", "long ".repeat(20), "😀😀", "naïve", "日本"]

export function text(r) {
  if (r.int(3) > 0) return Array.from({ length: 1 + r.int(6) }, () => String.fromCharCode(97 + r.int(26))).join("")
  return Array.from({ length: 1 + r.int(4) }, () => r.pick(characters)).join("")
}

const integers = ["0", "63", "64", "-64", "-65", "127", "128", "8191", "8192", "2147483647", "-2147483648", "9007199254740991", "-9007199254740991", "9223372036854775807", "-9223372036854775808"]
const floats = ["0", "-0", "0.5", "-1.25", "1e-300", "5e-324", "3.14159", "1e300", "NaN", "Infinity", "-Infinity", "50"]

// [type, text], as replicas.mjs reads them
export function scalar(r) {
  switch (r.int(12)) {
    case 0: return ["null", "null"]
    case 1: return ["boolean", r.pick(["true", "false"])]
    case 2: return ["int", String(r.int(200) - 100)]
    case 3: return ["int", r.pick(integers)]
    case 4: return ["f64", r.pick(floats)]
    case 5: return ["uint", r.pick(["0", "5", "1048576", "18446744073709551615"])]
    case 6: return ["timestamp", r.pick(["0", "-905182979000", String(1_600_000_000_000 + r.int(1_000_000_000))])]
    case 7: return ["counter", r.pick(["0", "1", "-10", "9007199254740991"])]
    case 8: return ["bytes", Buffer.from(Array.from({ length: r.pick([0, 1, 8, 9, 70, 300]) }, () => r.int(256))).toString("base64")]
    default: return ["str", r.int(2) ? text(r) : r.pick(words)]
  }
}

// 3.5.0 cuts a mark whose value is no number at every other mark's ends, since it does not equal itself.
export function markValue(r) {
  const value = scalar(r)
  return value[1] === "NaN" ? ["f64", "0.5"] : value
}

export function block(r) {
  switch (r.int(4)) {
    case 0: return {}
    case 1: return { type: "paragraph", parents: [], attrs: {} }
    case 2: return { type: "heading", level: r.int(6), parents: ["list", "item"].slice(r.int(3)), attrs: { open: true, name: text(r) } }
    default: return { type: r.pick(["ordered-list-item", "é"]), parents: ["unordered-list-item"], isEmbed: false, ratio: 0.5 }
  }
}

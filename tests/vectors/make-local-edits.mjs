// Makes local-edits.json.gz: edits done with automerge 3.5.0, the hashes (and, of the small cases, the bytes) of the changes they made, and the saves at the end. Deterministic.
//   npm i @automerge/automerge@3.5.0 && node make-local-edits.mjs local-edits.json.gz
import * as A from "@automerge/automerge"
import { gzipSync } from "node:zlib"
import { writeFileSync } from "node:fs"

const actorOf = name => name.charCodeAt(0).toString(16).padStart(2, "0").repeat(16)
const base64 = bytes => Buffer.from(bytes).toString("base64")

// A world of documents by name, and objects by name; 'do' carries out a step and notes it with what came of it.
class World {
  constructor(name) {
    this.name = name
    this.docs = {}
    this.objects = { _root: "_root" }
    this.heads = {}
    this.steps = []
  }

  create(doc) {
    this.docs[doc] = A.getBackend(A.init({ actor: actorOf(doc) }))
    this.steps.push({ op: "create", doc, actor: actorOf(doc) })
    return this
  }

  do(step) {
    const doc = this.docs[step.doc]
    const obj = this.objects[step.obj]
    const prop = step.key ?? step.index
    const value = step.kind === "bytes" ? Uint8Array.from(Buffer.from(step.value, "base64")) : step.value
    switch (step.op) {
      case "put": doc.put(obj, prop, value, step.kind); break
      case "putObject": this.objects[step.as] = doc.putObject(obj, prop, { map: {}, list: [], text: "" }[step.type]); break
      case "insert": doc.insert(obj, step.index, value, step.kind); break
      case "insertObject": this.objects[step.as] = doc.insertObject(obj, step.index, { map: {}, list: [], text: "" }[step.type]); break
      case "delete": doc.delete(obj, prop); break
      case "splice": doc.splice(obj, step.index, step.del, step.text); break
      case "increment": doc.increment(obj, prop, step.by); break
      case "mark": doc.mark(obj, { start: step.start, end: step.end, expand: step.expand }, step.name, value, step.kind); break
      case "unmark": doc.unmark(obj, { start: step.start, end: step.end, expand: step.expand }, step.name); break
      case "json": doc.putObjectFromHydrate(obj, prop, step.value); break
      case "insertJson": doc.insertObjectFromHydrate(obj, step.index, step.value); break
      case "block": doc.splitBlock(obj, step.index, step.value); break
      case "join": doc.joinBlock(obj, step.index); break
      case "updateText": doc.updateText(obj, step.text); break
      case "heads": this.heads[step.as] = doc.getHeads(); break
      case "isolate": doc.isolate(this.heads[step.at]); break
      case "integrate": doc.integrate(); break
      case "rollback": doc.rollback(); break
      case "fork": this.docs[step.as] = doc.fork(step.actor = actorOf(step.as), step.at ? this.heads[step.at] : undefined); break
      case "merge": doc.merge(this.docs[step.other]); break
      case "commit":
      case "empty": {
        const hash = step.op === "empty" ? doc.emptyChange(step.message, step.time) : doc.commit(step.message, step.time)
        step.hash = hash
        if (hash && !this.name.startsWith("random")) step.change = base64(doc.getChangeByHash(hash))
        break
      }
      default: throw new Error(step.op)
    }
    this.steps.push(step)
    return this
  }

  end() {
    const ends = {}
    for (const [name, doc] of Object.entries(this.docs)) ends[name] = { heads: doc.getHeads(), save: base64(doc.save()) }
    return { name: this.name, steps: this.steps, ends }
  }
}

function random(seed) {
  return () => {
    seed = (seed + 0x6d2b79f5) | 0
    let t = Math.imul(seed ^ (seed >>> 15), 1 | seed)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296
  }
}

const cases = []
const make = (name, body) => {
  const world = new World(name).create("a")
  let time = 1700000000
  const on = doc => new Proxy({}, { get: (_, op) => (fields = {}) => (op === "commit" || op === "empty" ? world.do({ op, doc, time: time++, ...fields }) : world.do({ op, doc, ...fields }), on(doc)) })
  body(on("a"), on, world)
  cases.push(world.end())
}

make("scalars of every kind, and those that change nothing", a => {
  const put = (key, kind, value) => a.put({ obj: "_root", key, kind, value })
  put("null", "null", null); put("true", "boolean", true); put("false", "boolean", false)
  put("int", "int", -5); put("uint", "uint", 5); put("f64", "f64", 1.5); put("whole float", "f64", 5)
  put("str", "str", "héllo 😀"); put("bytes", "bytes", "AQID"); put("counter", "counter", 10); put("timestamp", "timestamp", 1700000000000)
  put("", "int", 1); put("\uffff", "int", 1); put("😀", "int", 2)
  a.commit({ message: "all" })
  put("int", "int", -5); put("f64", "f64", 1.5); put("null", "null", null); put("counter", "counter", 10)
  a.commit()
  put("uint", "int", 5); put("int", "int", -6); a.increment({ obj: "_root", key: "counter", by: 3 }); a.increment({ obj: "_root", key: "counter", by: -7 })
  a.commit({ message: "ümlaut" })
  put("counter", "counter", 6); a.commit()
  put("counter", "counter", 10); a.delete({ obj: "_root", key: "str" }); a.delete({ obj: "_root", key: "missing" }); a.commit()
  put("whole float", "f64", 0); a.commit(); put("whole float", "f64", 1e300); a.commit()
})

make("objects in objects", a => {
  a.putObject({ obj: "_root", key: "m", type: "map", as: "m" }).putObject({ obj: "m", key: "l", type: "list", as: "l" })
  a.insert({ obj: "l", index: 0, kind: "int", value: 1 }).insert({ obj: "l", index: 1, kind: "str", value: "two" }).insertObject({ obj: "l", index: 1, type: "map", as: "lm" })
  a.put({ obj: "lm", key: "x", kind: "boolean", value: true }).insertObject({ obj: "l", index: 3, type: "text", as: "lt" }).splice({ obj: "lt", index: 0, del: 0, text: "text in a list" })
  a.commit()
  a.put({ obj: "l", index: 0, kind: "int", value: 2 }).putObject({ obj: "l", index: 2, type: "list", as: "l2" }).insert({ obj: "l2", index: 0, kind: "null", value: null }).commit()
  a.delete({ obj: "l", index: 1 }).put({ obj: "lm", key: "x", kind: "int", value: 3 }).commit()
  a.putObject({ obj: "_root", key: "m", type: "text", as: "t" }).splice({ obj: "t", index: 0, del: 0, text: "instead" }).commit()
  a.delete({ obj: "_root", key: "m" }).commit()
})

make("text: typing, backspacing, pasting, replacing", a => {
  a.putObject({ obj: "_root", key: "t", type: "text", as: "t" })
  for (const [i, c] of [..."Hello wrld"].entries()) a.splice({ obj: "t", index: i, del: 0, text: c })
  a.commit().splice({ obj: "t", index: 7, del: 0, text: "o" }).commit()
  for (let i = 11; i > 6; i--) a.splice({ obj: "t", index: i - 1, del: 1, text: "" })
  a.commit().splice({ obj: "t", index: 6, del: 0, text: "there, ".repeat(300) }).commit().splice({ obj: "t", index: 100, del: 1500, text: "…" }).commit()
  a.splice({ obj: "t", index: 0, del: 5, text: "Goodbye" }).splice({ obj: "t", index: 3, del: 2, text: "d" }).delete({ obj: "t", index: 0 }).commit()
})

make("text: pairs of surrogates", a => {
  a.putObject({ obj: "_root", key: "t", type: "text", as: "t" }).splice({ obj: "t", index: 0, del: 0, text: "a😀b👨‍👩‍👧e\u0301😀😀" }).commit()
  a.splice({ obj: "t", index: 2, del: 0, text: "in the middle" }).commit()
  a.splice({ obj: "t", index: 2, del: 1, text: "" }).commit().splice({ obj: "t", index: 1, del: 1, text: "😎" }).commit()
  a.splice({ obj: "t", index: 0, del: 0, text: "\ud83d lone \ude00" }).commit().splice({ obj: "t", index: 1, del: 4, text: "𝄞" }).commit()
})

make("text: elements that are no characters", a => {
  a.putObject({ obj: "_root", key: "t", type: "text", as: "t" }).splice({ obj: "t", index: 0, del: 0, text: "ab" }).insertObject({ obj: "t", index: 1, type: "map", as: "block" }).commit()
  a.put({ obj: "t", index: 0, kind: "int", value: 7 }).insert({ obj: "t", index: 0, kind: "str", value: "xyz" }).commit()
  a.splice({ obj: "t", index: 1, del: 1, text: "Q" }).commit().splice({ obj: "t", index: 1, del: 2, text: "" }).commit().insert({ obj: "t", index: 3, kind: "str", value: "" }).commit()
})

for (const expand of ["none", "before", "after", "both"]) make(`marks that grow: ${expand}`, a => {
  a.putObject({ obj: "_root", key: "t", type: "text", as: "t" }).splice({ obj: "t", index: 0, del: 0, text: "one two three" }).commit()
  a.mark({ obj: "t", start: 4, end: 7, expand, name: "bold", kind: "boolean", value: true }).commit()
  for (const index of [4, 5, 8, 9]) a.splice({ obj: "t", index, del: 0, text: "+" }).commit()
  a.mark({ obj: "t", start: 0, end: 3, expand, name: "link", kind: "str", value: "https://example.org" }).unmark({ obj: "t", start: 5, end: 8, expand, name: "bold" }).commit()
  for (const index of [0, 1, 3, 4, 5, 8, 9]) a.splice({ obj: "t", index, del: 0, text: "-" }).commit()
  a.splice({ obj: "t", index: 3, del: 9, text: "" }).commit()
  for (const index of [3, 3, 4]) a.splice({ obj: "t", index, del: 1, text: "x" }).commit()
  for (const at of [0, 3, 5]) a.mark({ obj: "t", start: at, end: at, expand, name: "empty", kind: "f64", value: 1.5 }).commit()
  a.splice({ obj: "t", index: 0, del: 5, text: "y" }).commit()
})

make("blocks", a => {
  a.putObject({ obj: "_root", key: "t", type: "text", as: "t" }).splice({ obj: "t", index: 0, del: 0, text: "first second" }).commit()
  a.block({ obj: "t", index: 6, value: { type: "paragraph", parents: ["list", 1], attrs: { level: 2, a: "x", b: null } } }).commit()
  a.block({ obj: "t", index: 0, value: {} }).commit().join({ obj: "t", index: 7 }).commit().join({ obj: "t", index: 0 }).commit()
})

make("JSON", a => {
  a.json({ obj: "_root", key: "x", value: { b: 1, a: [1, { z: "hi", "": 2 }, [2, []]], Z: "tèxt", n: null, f: 1.5, m: { q: true, "\uffff": 1, "😀": 2 }, e: {}, s: "" } }).commit()
  a.json({ obj: "_root", key: "x", value: ["instead", 10, false, { deep: { deeper: { deepest: [[["!"]]] } } }] }).commit()
  a.putObject({ obj: "_root", key: "l", type: "list", as: "l" }).insertJson({ obj: "l", index: 0, value: { k: [1, "s"] } }).insertJson({ obj: "l", index: 0, value: "text" }).json({ obj: "l", index: 1, value: [3] }).commit()
})

make("a text made another by its difference", a => {
  a.putObject({ obj: "_root", key: "t", type: "text", as: "t" })
  for (const text of ["hello world", "help wonder", "👨‍👩‍👧 a", "👨‍👩‍👦 a", "abcabba", "cbabac", "", "x", "éa", "e\u0301a", "The quick brown fox", "A quick red fox jumps", "xxxx", "xxyxx", "yxxyxxy", "yxxyxxy",
    "1 two 3 four 5 six 7", "one 2 three 4 five 6 seven", "😀😃😄", "😃😀😄😅", "\r\n\n\r", "\n\r\n"]) a.updateText({ obj: "t", text }).commit()
})

make("empty changes and messages", a => {
  a.empty({ message: "nothing" }).empty().put({ obj: "_root", key: "a", kind: "int", value: 1 }).commit({ message: "m".repeat(300), time: -1 }).empty({ time: 0 })
})

make("what is taken back is no change", a => {
  a.putObject({ obj: "_root", key: "t", type: "text", as: "t" }).splice({ obj: "t", index: 0, del: 0, text: "kept" }).commit()
  a.splice({ obj: "t", index: 1, del: 2, text: "gone😀" }).put({ obj: "_root", key: "x", kind: "int", value: 1 }).mark({ obj: "t", start: 0, end: 2, expand: "both", name: "b", kind: "boolean", value: true }).rollback()
  a.splice({ obj: "t", index: 4, del: 0, text: "!" }).commit()
})

make("conflicts", (a, on, w) => {
  a.putObject({ obj: "_root", key: "l", type: "list", as: "l" }).insert({ obj: "l", index: 0, kind: "int", value: 0 }).insert({ obj: "l", index: 1, kind: "counter", value: 5 })
  a.putObject({ obj: "_root", key: "t", type: "text", as: "t" }).splice({ obj: "t", index: 0, del: 0, text: "abc" }).put({ obj: "_root", key: "c", kind: "counter", value: 1 }).commit().fork({ as: "b" })
  const b = on("b")
  for (const [doc, v] of [[a, 1], [b, 2]]) {
    doc.put({ obj: "_root", key: "k", kind: "int", value: v }).put({ obj: "l", index: 0, kind: "int", value: v }).put({ obj: "t", index: 1, kind: "str", value: String(v) })
    doc.put({ obj: "_root", key: "c", kind: v === 1 ? "counter" : "str", value: v === 1 ? 9 : "nine" }).put({ obj: "_root", key: "d", kind: "counter", value: v }).increment({ obj: "l", index: 1, by: v }).commit()
  }
  a.merge({ other: "b" }); b.merge({ other: "a" })
  a.increment({ obj: "_root", key: "c", by: 2 }).increment({ obj: "_root", key: "d", by: 2 }).increment({ obj: "l", index: 1, by: 1 }).commit()
  b.put({ obj: "_root", key: "k", kind: "int", value: 2 }).put({ obj: "l", index: 0, kind: "int", value: 2 }).commit()
  a.merge({ other: "b" })
  a.put({ obj: "t", index: 1, kind: "str", value: "Z" }).delete({ obj: "_root", key: "c" }).commit()
  b.splice({ obj: "t", index: 1, del: 1, text: "" }).delete({ obj: "l", index: 0 }).delete({ obj: "_root", key: "d" }).commit()
  a.merge({ other: "b" }).empty()
})

make("edits beside later ones", (a, on) => {
  a.putObject({ obj: "_root", key: "t", type: "text", as: "t" }).splice({ obj: "t", index: 0, del: 0, text: "abcdef😀gh" }).put({ obj: "_root", key: "k", kind: "int", value: 1 }).put({ obj: "_root", key: "c", kind: "counter", value: 1 }).commit().heads({ as: "h" })
  a.splice({ obj: "t", index: 1, del: 3, text: "XYZW" }).put({ obj: "_root", key: "k", kind: "int", value: 2 }).increment({ obj: "_root", key: "c", by: 5 }).putObject({ obj: "_root", key: "l", type: "list", as: "l" }).commit().heads({ as: "h2" })
  a.isolate({ at: "h" }).splice({ obj: "t", index: 2, del: 1, text: "Q" }).put({ obj: "_root", key: "k", kind: "int", value: 3 }).increment({ obj: "_root", key: "c", by: 1 })
  a.mark({ obj: "t", start: 1, end: 4, expand: "none", name: "b", kind: "int", value: 1 }).splice({ obj: "t", index: 7, del: 2, text: "!" }).delete({ obj: "_root", key: "k" }).commit({ message: "beside" }).integrate()
  a.isolate({ at: "h" }).put({ obj: "_root", key: "k", kind: "int", value: 4 }).commit().put({ obj: "_root", key: "k", kind: "int", value: 5 }).commit().integrate()
  a.isolate({ at: "h2" }).insert({ obj: "l", index: 0, kind: "int", value: 1 }).commit().integrate()
  a.put({ obj: "_root", key: "z", kind: "int", value: 0 }).commit().fork({ as: "b" })
  on("b").isolate({ at: "h" }).splice({ obj: "t", index: 0, del: 6, text: "" }).commit().integrate().fork({ as: "c", at: "h2" })
  on("c").splice({ obj: "t", index: 0, del: 6, text: "c" }).commit()
  a.merge({ other: "b" }).merge({ other: "c" }).empty()
})

// Random ones: several actors, all kinds of edits, marks in every second, isolated edits in the others (hidden marks there are named by 3.5.0: see the tests).
const pieces = ["a", "xy", "é", "😀", "long enough to be a run", "\n", "e\u0301", "👨‍👩‍👧", "漢字", "z"]
for (let seed = 1; seed <= 40; seed++) make(`random ${seed}`, (a, on, world) => {
  const next = random(seed)
  const int = n => Math.floor(next() * n)
  const pick = list => list[int(list.length)]
  const marks = seed % 2 === 0
  a.putObject({ obj: "_root", key: "t", type: "text", as: "t" }).putObject({ obj: "_root", key: "l", type: "list", as: "l" }).putObject({ obj: "_root", key: "m", type: "map", as: "m" }).commit()
  a.heads({ as: "h0" })
  let forks = 0, saved = 1, objects = 0
  const scalar = () => pick([{ kind: "int", value: int(3) }, { kind: "str", value: pick(pieces) }, { kind: "counter", value: int(3) }, { kind: "f64", value: int(3) / 2 }, { kind: "null", value: null }, { kind: "boolean", value: next() < 0.5 }])
  for (let i = 0; i < 70; i++) {
    const name = pick(Object.keys(world.docs))
    const doc = world.docs[name], d = on(name)
    const isolated = !marks && next() < 0.15
    if (isolated) {
      const has = hash => { try { return doc.getChangeByHash(hash) != null } catch { return false } }
      d.isolate({ at: pick(Object.keys(world.heads).filter(h => world.heads[h].every(has))) })
    }
    for (let n = 1 + int(4); n > 0; n--) {
      const length = doc.length(world.objects.t)
      const count = doc.length(world.objects.l)
      const list = "l", map = pick(["m", "_root"]), key = pick(["k", "q", "r"])
      switch (int(marks ? 12 : 9)) {
        case 0: case 1: case 2: { const index = int(length + 1); d.splice({ obj: "t", index, del: int(3) ? 0 : int(Math.min(6, length - index + 1)), text: pick(pieces) }); break }
        case 3: if (length > 1) { const index = int(length); d.splice({ obj: "t", index, del: 1 + int(Math.min(8, length - index)), text: "" }) } break
        case 4: d.put({ obj: map, key, ...scalar() }); break
        case 5: next() < 0.5 ? d.delete({ obj: map, key }) : d.putObject({ obj: map, key, type: pick(["map", "list", "text"]), as: "o" + objects++ }); break
        case 6: d.insert({ obj: list, index: int(count + 1), ...scalar() }); break
        case 7: if (count > 0) next() < 0.5 ? d.delete({ obj: list, index: int(count) }) : d.put({ obj: list, index: int(count), ...scalar() }); break
        case 8: {
          const where = next() < 0.5 ? { obj: map, key } : { obj: list, index: int(Math.max(1, count)) }
          if (doc.getAll(world.objects[where.obj], where.key ?? where.index).some(v => v[0] === "counter")) d.increment({ ...where, by: 1 + int(5) })
          else if (length > 0) d.put({ obj: "t", index: int(length), kind: "str", value: pick(["A", "BC", "😎"]) })
          break
        }
        case 9: case 10: { const start = int(length + 1), end = start + int(length - start + 1); d.mark({ obj: "t", start, end, expand: pick(["none", "before", "after", "both"]), name: pick(["b", "i"]), kind: "int", value: int(2) }); break }
        case 11: next() < 0.5 && length > 0 ? d.unmark({ obj: "t", start: 0, end: 1 + int(length), expand: pick(["none", "after"]), name: "b" }) : d.block({ obj: "t", index: int(length + 1), value: { type: "p" } }); break
      }
    }
    if (next() < 0.06) d.rollback()
    else d.commit()
    if (isolated) d.integrate()
    if (next() < 0.3 && saved < 12) d.heads({ as: "h" + saved++ })
    if (next() < 0.1 && forks < 3) d.fork({ as: "bcd"[forks++] })
    const others = Object.keys(world.docs).filter(o => o !== name)
    if (others.length > 0 && next() < 0.25) d.merge({ other: pick(others) })
  }
  for (const other of Object.keys(world.docs)) if (other !== "a") a.merge({ other })
  a.empty()
})

writeFileSync(process.argv[2] ?? "local-edits.json.gz", gzipSync(JSON.stringify(cases), { level: 9 }))
console.log(cases.length, "cases,", cases.flatMap(c => c.steps).length, "steps,", cases.flatMap(c => c.steps).filter(s => s.hash).length, "changes")

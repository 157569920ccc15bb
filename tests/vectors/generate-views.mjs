// node generate-views.mjs <outdir> [firstSeed=1] [count=12] [folder with node_modules]: histories of several replicas, rich in marks, blocks, deletes and conflicts;
// at stages of them what automerge 3.5.0 shows (JSON, spans, marks, cursors) and the patches it gives from stage to stage.
import fs from 'node:fs'
import path from 'node:path'
import zlib from 'node:zlib'
import crypto from 'node:crypto'
import { createRequire } from 'node:module'

const [, , outdir, first = '1', count = '12', modules = '.'] = process.argv
const A = createRequire(path.resolve(modules, 'x.js'))('@automerge/automerge')

function rng(seed) {
  let a = seed >>> 0
  const next = () => { a = (a + 0x6d2b79f5) >>> 0; let t = a; t = Math.imul(t ^ (t >>> 15), t | 1); t ^= t + Math.imul(t ^ (t >>> 7), t | 61); return ((t ^ (t >>> 14)) >>> 0) / 4294967296 }
  next.int = n => Math.floor(next() * n)
  next.pick = a => a[next.int(a.length)]
  return next
}

// Types that JSON lacks, as in the document vectors.
function canon(v) {
  if (v === null || v === undefined) return null
  if (v instanceof A.Counter) return { $counter: Number(v.value) }
  if (v instanceof Date) return { $timestamp: v.getTime() }
  if (v instanceof Uint8Array) return { $bytes: Buffer.from(v).toString('hex') }
  if (A.isImmutableString(v)) return { $str: v.toString() }
  if (typeof v === 'bigint') return { $int: v.toString() }
  if (Array.isArray(v)) return v.map(canon)
  if (typeof v === 'object') return Object.fromEntries(Object.keys(v).sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b))).map(k => [k, canon(v[k])]))
  return v
}

const words = ['a', 'b', 'cd', 'é', '😀', 'x 👩‍👩‍👧 y', 'long words ', '日本']
const texts = [['t'], ['list', 0], ['map', 'deep']]
const at = (d, p) => p.reduce((o, k) => o?.[k], d)
const bounds = s => { const at = [0]; for (const c of s) at.push(at.at(-1) + c.length); return at }

function editText(r, d, p) {
  const s = at(d, p), b = bounds(s), i = r.int(b.length), j = Math.min(b.length - 1, i + r.int(6)), x = r()
  if (x < 0.35) A.splice(d, p, b[i], 0, r.pick(words))
  else if (x < 0.55) A.splice(d, p, b[i], b[j] - b[i], r() < 0.4 ? r.pick(words) : undefined)
  else if (x < 0.8 && j > i) A.mark(d, p, { start: b[i], end: b[j], expand: r.pick(['none', 'before', 'after', 'both']) }, r.pick(['bold', 'link', 'a']), r.pick([true, 'http://x', 7, false, null]))
  else if (x < 0.88 && j > i) A.unmark(d, p, { start: b[i], end: b[j], expand: r.pick(['none', 'both']) }, r.pick(['bold', 'link']))
  else if (x < 0.95) A.splitBlock(d, p, b[i], { type: r.pick(['p', 'h1']), n: r.int(3) })
  else { const k = s.indexOf('\ufffc'); if (k >= 0) A.joinBlock(d, p, k) }
}

function edit(r, d) {
  const x = r(), open = texts.filter(p => typeof at(d, p) === 'string')
  if (x < 0.7 && open.length) return editText(r, d, r.pick(open))
  if (x < 0.78) d.list.splice(1 + r.int(d.list.length), r.int(2), ...Array.from({ length: r.int(3) }, () => r.pick([1, null, new A.ImmutableString('s'), 'new text', [1, 'x'], { k: 'v' }])))
  else if (x < 0.82 && d.list.length > 1) d.list[1 + r.int(d.list.length - 1)] = r.pick([r.int(9), { other: true }, 'text'])
  else if (x < 0.9) { const k = r.pick(['n', 'm']); if (d[k] instanceof A.Counter) d[k].increment(r.int(9) - 4); else d[k] = new A.Counter(r.int(5)) }
  else if (x < 0.96) d.map[r.pick(['x', 'y', '\uffff', '😀'])] = r.pick([r.int(5), new Date(r.int(1e9)), { in: { ner: 'text' } }, 'text'])
  else { const k = r.pick(Object.keys(d.map)); if (k !== 'deep' || r() < 0.1) delete d.map[k] }
}

function make(seed) {
  const r = rng(seed + 77000), n = 2 + (seed % 3), actor = i => crypto.createHash('sha256').update(`views ${seed} ${i}`).digest('hex').slice(0, 32)
  let docs = Array.from({ length: n }, (_, i) => A.init({ actor: actor(i) }))
  docs[0] = A.change(docs[0], { time: 0 }, d => { d.t = 'the quick brown fox'; d.list = ['in a list', 2]; d.map = { deep: 'deep down' }; d.n = new A.Counter(1) })
  docs = docs.map((d, i) => i ? A.merge(d, docs[0]) : d)
  let full = A.init({ actor: actor(99) })
  const stages = [], cursors = []
  for (let step = 0; step < 40; step++) {
    const i = r.int(n)
    docs[i] = A.change(docs[i], { time: 0 }, d => { for (let e = 1 + r.int(4); e > 0; e--) edit(r, d) })
    if (r() < 0.25) { const j = r.int(n); if (j !== i) docs[j] = A.merge(docs[j], docs[i]) }
    if (step % 4 !== 3) continue
    const before = A.getHeads(full)
    for (const d of docs) if (r() < 0.6) full = A.merge(full, d)
    const heads = A.getHeads(full), shown = texts.filter(p => typeof at(full, p) === 'string')
    for (const p of shown) {
      const b = bounds(at(full, p))
      for (let k = 0; k < 2; k++) { const index = r.pick(b), move = r.pick(['after', 'before']); cursors.push({ path: p, index, move, stage: stages.length, cursor: A.getCursor(full, p, index, move), positions: [] }) }
    }
    for (const c of cursors) { let position = null; try { position = A.getCursorPosition(full, c.path, c.cursor) } catch {} c.positions.push(position) }
    stages.push({
      heads, json: canon(A.toJS(full)), patches: A.diff(full, before, heads).map(p => ({ ...p, ...('value' in p ? { value: canon(p.value) } : {}), ...('values' in p ? { values: canon(p.values) } : {}) })),
      texts: shown.map(p => ({ path: p, spans: canon(A.spans(full, p)), marks: canon(A.marks(full, p)) })),
    })
  }
  return { seed, automerge: '3.5.0', changes: A.getAllChanges(full).map(c => Buffer.from(c).toString('base64')), stages, cursors }
}

for (let s = +first; s < +first + +count; s++) fs.writeFileSync(path.join(outdir, `view-${String(s).padStart(4, '0')}.json.gz`), zlib.gzipSync(JSON.stringify(make(s)), { level: 9 }))

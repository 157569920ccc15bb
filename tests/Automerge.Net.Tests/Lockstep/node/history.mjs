// Random histories: several replicas that edit, fork, merge, load and lag behind. A seed names a history for ever.
import { createHash } from "node:crypto"
import { editAtRandom } from "./edits.mjs"
import { random } from "./random.mjs"
import { isDisorder, Replicas } from "./replicas.mjs"
import * as values from "./values.mjs"

// Carries out given steps.
export const runSteps = steps => written(new History(0), history => steps.forEach(step => history.take(...step)))

export const makeHistory = seed => written(new History(seed), history => history.write())

// {seed, steps, results}, and if 3.5.0 failed, in `disorder` how: then the last step has no result.
function written(history, write) {
  const { seed, steps, results } = history
  try {
    write(history)
    return { seed, steps, results }
  } catch (error) {
    if (!isDisorder(error)) throw error
    return { seed, steps, results, disorder: error.message }
  } finally {
    history.replicas.free()
  }
}

class History {
  replicas = new Replicas()
  steps = []
  results = []
  known = [] // by replica: names of the heads it had at times
  cursors = [] // [object, cursor], by names
  names = 0
  // Texts may have elements of several characters, or that were replaced, as no editor makes them: then which characters updateText
  // replaces, and where a cursor that moves before goes, is 3.5.0's own affair.
  hasWideElements = false
  isIsolated = false

  constructor(seed) {
    this.seed = seed
    this.random = random(seed)
    const r = this.random
    // An empty message is kept apart: 3.5.0's saves tell it from none until they are made from changes that were loaded.
    this.messages = [null, null, null, "m", "ünï 😀", ...(r.int(5) === 0 ? [""] : [])]
    // What a history is mostly about, so that some go deep where others go wide.
    this.liking = { maps: r.int(4), lists: r.int(4), texts: 1 + r.int(6), marks: r.int(4), odd: r.int(10) === 0 ? 3 : 0, patience: r.pick([1, 2, 3, 12]) }
  }

  take(...step) {
    this.steps.push(step)
    const result = this.replicas.take(step)
    this.results.push(result)
    return result
  }

  // Ids of different lengths, too: they are ordered by their bytes.
  actor() {
    const digest = createHash("sha256").update(`actor ${this.seed} ${this.names++}`).digest("hex")
    return this.random.int(12) === 0 ? digest.slice(0, 2 * (1 + this.random.int(20))) : digest.slice(0, 32)
  }

  name = letter => `${letter}${++this.names}`

  write() {
    const r = this.random
    const last = 1 + r.int(4)
    this.newReplica(0)
    this.transaction(0)
    for (let replica = 1; replica < last; replica++) r.int(5) === 0 ? this.newReplica(replica) : this.fork(replica, r.int(replica))
    const rounds = r.pick([3, 8, 8, 20, 20, 40])
    for (let round = 0; round < rounds; round++) this.round(last)
    for (let replica = 0; replica < last; replica++) this.finish(replica)

    // Everything together, in the order of the replicas: what the others are compared with.
    this.newReplica(last)
    for (let replica = 0; replica < last; replica++) this.take("merge", last, replica)
    this.finish(last)
    this.take("changes", last)
    for (const heads of this.known.flat().slice(1, 5)) this.take("check", last, heads)
  }

  round(count) {
    const r = this.random, replica = r.int(count), other = r.int(count)
    const x = r()
    if (x < 0.62) this.transaction(replica)
    else if (x < 0.67) this.isolated(replica)
    else if (x < 0.7) this.noted(replica, "empty", replica, this.message(), this.time())
    else if (x < 0.82 && other !== replica) this.noted(replica, "merge", replica, other)
    else if (x < 0.87 && other !== replica) this.apply(replica, other)
    else if (x < 0.89 && other !== replica) this.fork(replica, other, r.int(3) === 0 ? r.pick(this.known[other]) : null)
    else if (x < 0.91) this.take("load", replica, replica, this.actor())
    else if (x < 0.94) this.craft(replica)
    else if (x < 0.96) this.take("diff", replica, r.pick(this.known[replica]), r.pick(this.known[replica]))
    else if (x < 0.97) this.resolveCursors(replica)
    else if (x < 0.98) this.updateBlock(replica)
    else this.take("check", replica, r.int(2) === 0 ? null : r.pick(this.known[replica]))
  }

  transaction(replica) {
    const r = this.random
    for (let edits = 1 + r.int(this.liking.patience); edits > 0; edits--) editAtRandom(this, replica)
    if (r.int(25) === 0) return this.take("rollback", replica)
    this.noted(replica, "commit", replica, this.message(), this.time())
    if (r.int(3) === 0) this.takeCursor(replica)
  }

  // Edits that know only an earlier state.
  isolated(replica) {
    this.take("isolate", replica, this.random.pick(this.known[replica]))
    this.isIsolated = true
    for (let edits = 1 + this.random.int(3); edits > 0; edits--) editAtRandom(this, replica)
    this.isIsolated = false
    this.take("commit", replica, this.message(), this.time())
    this.noted(replica, "integrate", replica)
  }

  newReplica(replica) {
    this.take("new", replica, this.actor())
    this.known[replica] = ["h0"]
  }

  fork(replica, from, heads = null) {
    this.known[replica] = []
    this.noted(replica, "fork", replica, from, this.actor(), heads)
  }

  // The changes in an order in which they may not be taken in at once.
  apply(replica, from) {
    const handle = this.replicas.handles[replica]
    const missing = this.replicas.handles[from].getChanges(handle.getHeads()).length
    this.noted(replica, "apply", replica, from, this.random.shuffled(missing))
  }

  craft(replica) {
    this.hasWideElements = true
    this.noted(replica, "craft", replica, this.random.int(1 << 30), this.actor())
  }

  // A step after which the replica's heads are to have a name.
  noted(replica, ...step) {
    this.take(...step)
    const heads = this.name("h")
    this.take("note", replica, heads)
    this.known[replica].push(heads)
  }

  // The first text in the root, if there is one: its id and its name.
  text(replica) {
    const handle = this.replicas.handles[replica]
    const id = handle.keys("_root").map(key => handle.getWithType("_root", key)).find(([kind]) => kind === "text")?.[1]
    return id && [id, this.replicas.nameOf(id)]
  }

  takeCursor(replica) {
    const text = this.text(replica), r = this.random
    if (!text) return
    const length = this.replicas.handles[replica].length(text[0]), cursor = this.name("c")
    this.take("cursor", replica, text[1], length === 0 ? r.pick(["start", "end"]) : r.int(length), r.pick(["before", "after"]), null, cursor)
    this.cursors.push([text[1], cursor])
  }

  updateBlock(replica) {
    const text = this.text(replica)
    const block = text ? this.replicas.handles[replica].text(text[0]).indexOf("\ufffc") : -1
    if (block >= 0) this.noted(replica, "updateBlock", replica, text[1], block, values.block(this.random))
  }

  resolveCursors(replica) {
    if (this.hasWideElements) return
    for (const [object, cursor] of this.cursors.slice(-6)) this.take("position", replica, object, cursor, this.random.int(3) === 0 ? this.random.pick(this.known[replica]) : null)
  }

  finish(replica) {
    this.take("check", replica, null)
    this.take("save", replica)
  }

  message = () => this.random.pick(this.messages)

  time = () => this.random.pick([0, 1, 1_600_000_000 + this.random.int(100_000_000), -5])
}

// Runs real automerge-repo clients of one version for the C# tests: one JSON command per line on stdin,
// one JSON answer per line on stdout ({id, result} or {id, error}). Commands run concurrently.
//   node driver.mjs v256
// By hand: {"id":1,"op":"open","repo":"a","url":"ws://127.0.0.1:4151"}
//          {"id":2,"op":"create","repo":"a","value":"({ title: 'hello' })"}
import { createHash } from "node:crypto"
import { readFile } from "node:fs/promises"
import { createInterface } from "node:readline"
import { MemoryStorage } from "./memory-storage.mjs"
import { originalAdapter } from "./original.mjs"

const { automerge: A, Repo, NetworkAdapter, cbor, WebSocket, WebSocketClientAdapter, NodeFSStorageAdapter, dialect } =
  await import(`./${process.argv[2] ?? "v256"}/packages.mjs`)

/** The stock adapter with a token: an `auth` goes before each `join`. Its answer is no repo's business. */
class SignedInAdapter extends WebSocketClientAdapter {
  constructor(url, retryMs, token) { super(url, retryMs); this.token = token }
  join() {
    if (this.socket?.readyState === 1) this.send({ type: "auth", token: this.token })
    super.join()
  }
}

const RETRY_MS = 150 // between reconnects; the clients' own default is 5,000
const PATIENCE_MS = Number(process.env.INTEROP_PATIENCE_MS ?? 30_000) // a wait longer than this is a failure

const repos = new Map()

class Client {
  handles = new Map()
  ephemerals = new Map() // documentId -> [{from, message}]
  waiting = new Set() // checks to run whenever anything happened

  constructor({ url, peerId, storage, folder, gossip, token, original }) {
    this.adapter =
      original ? new (originalAdapter(NetworkAdapter, cbor, WebSocket))(url, token) :
      token ? new SignedInAdapter(url, RETRY_MS, token) :
      new WebSocketClientAdapter(url, RETRY_MS)
    this.repo = new Repo({
      network: [this.adapter],
      peerId,
      storage: folder ? new NodeFSStorageAdapter(folder) : storage ? MemoryStorage.named(storage) : undefined,
      enableRemoteHeadsGossiping: gossip ?? false,
    })
    this.repo.networkSubsystem.on("peer", () => this.stir())
    this.repo.networkSubsystem.on("peer-disconnected", () => this.stir())
  }

  track(handle) {
    const id = handle.documentId
    if (this.handles.get(id) === handle) return handle
    this.handles.set(id, handle)
    if (!this.ephemerals.has(id)) this.ephemerals.set(id, [])
    handle.on("heads-changed", () => this.stir())
    handle.on("remote-heads", () => this.stir())
    handle.on("ephemeral-message", ({ senderId, message }) => {
      this.ephemerals.get(id).push({ from: senderId, message })
      this.stir()
    })
    return handle
  }

  handle(id) {
    const handle = this.handles.get(id)
    if (!handle) throw new Error(`no handle for ${id}: create, find or untilReady it first`)
    return handle
  }

  document(id) { return dialect.document(this.handle(id)) }

  stir() { for (const check of [...this.waiting]) check() }

  /** Resolves with the first truthy value of look(), asked again whenever anything happened to this client. */
  until(what, look) {
    return within(what, () => new Promise((resolve, reject) => {
      const check = () => {
        try {
          const value = look()
          if (!value) return
          this.waiting.delete(check)
          resolve(value)
        } catch (error) {
          this.waiting.delete(check)
          reject(error)
        }
      }
      this.waiting.add(check)
      check()
    }))
  }

  serverStorageId() { return this.repo.peerMetadataByPeerId[this.repo.peers[0]]?.storageId }
}

async function within(what, start) {
  let timer
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`timed out after ${PATIENCE_MS} ms waiting for ${what}`)), PATIENCE_MS)
  })
  try {
    return await Promise.race([start(), late])
  } finally {
    clearTimeout(timer)
  }
}

const heads = document => A.getHeads(document)
const has = (document, wanted) => document !== undefined && A.getMissingDeps(document, wanted).length === 0
const summary = document => ({ heads: heads(document), value: plain(document) })

/** A JSON form that tells the types apart which JSON has not; bytes as length and hash. */
function plain(value) {
  if (typeof value === "bigint") return { $int: value.toString() }
  if (value instanceof A.Counter) return { $counter: Number(value) }
  if (value instanceof Date) return { $date: value.getTime() }
  if (value instanceof Uint8Array) return { $bytes: value.length, sha256: createHash("sha256").update(value).digest("hex") }
  if (Array.isArray(value)) return value.map(plain)
  if (value && typeof value === "object") {
    if (/^(RawString|ImmutableString)$/.test(value.constructor?.name)) return { $str: value.toString() }
    return Object.fromEntries(Object.keys(value).sort().map(key => [key, plain(value[key])]))
  }
  return value
}

const evaluate = source => new Function("A", `return (${source})`)(A)
const edit = source => new Function("d", "A", source)

const commands = {
  async open({ repo, ...options }) {
    const client = new Client(options)
    repos.set(repo, client)
    await client.until("the server's peer message", () => client.repo.peers.length > 0)
    return { peerId: client.repo.networkSubsystem.peerId, storageId: await client.repo.storageId?.() ?? null, serverStorageId: client.serverStorageId() ?? null }
  },

  async untilConnected({ repo, connected }) {
    const client = repos.get(repo)
    await client.until(connected ? "a connection" : "the connection to end", () => client.repo.peers.length > 0 === connected)
  },

  /** Cuts the network off without telling the repo to stop; `connect` brings it back. */
  async disconnect({ repo }) { dialect.disconnect(repos.get(repo).adapter) },
  async connect({ repo }) {
    const { adapter, repo: it } = repos.get(repo)
    adapter.connect(it.networkSubsystem.peerId, adapter.peerMetadata)
    await commands.untilConnected({ repo, connected: true })
  },

  async close({ repo }) {
    const client = repos.get(repo)
    repos.delete(repo)
    if (client?.repo.storageSubsystem) await client.repo.flush()
    if (client) dialect.disconnect(client.adapter)
  },

  async create({ repo, value }) {
    const client = repos.get(repo)
    const handle = client.track(value === undefined ? client.repo.create() : client.repo.create(evaluate(value)))
    return { documentId: handle.documentId, ...summary(client.document(handle.documentId)) }
  },

  /** Many documents, made as fast as the client makes them. */
  async createMany({ repo, count }) {
    const client = repos.get(repo)
    return Array.from({ length: count }, (_, n) => {
      const handle = client.track(client.repo.create({ n }))
      return { documentId: handle.documentId, heads: heads(client.document(handle.documentId)) }
    })
  },

  /** Takes a saved document, from a file or base64, as a document of its own. */
  async import({ repo, file, base64 }) {
    const client = repos.get(repo)
    const bytes = file ? new Uint8Array(await readFile(file)) : new Uint8Array(Buffer.from(base64, "base64"))
    const handle = client.track(client.repo.import(bytes))
    return { documentId: handle.documentId, ...summary(client.document(handle.documentId)) }
  },

  /** What an app gets from find(): ready or unavailable. */
  async find({ repo, documentId }) {
    const client = repos.get(repo)
    const { handle, state } = await within(`find(${documentId})`, () => dialect.find(client.repo, documentId))
    if (state !== "ready") return { state }
    client.track(handle)
    return { state, ...summary(client.document(documentId)) }
  },

  async findMany({ repo, documentIds }) {
    return Promise.all(documentIds.map(async documentId => {
      const { state, heads } = await commands.find({ repo, documentId })
      return { documentId, state, heads: heads ?? [] }
    }))
  },

  /** Waits through "unavailable" until the document is there. */
  async untilReady({ repo, documentId }) {
    const client = repos.get(repo)
    client.track(await within(`${documentId} to become ready`, () => dialect.untilReady(client.repo, documentId)))
    return summary(client.document(documentId))
  },

  async change({ repo, documentId, code, times }) {
    const client = repos.get(repo)
    const handle = client.handle(documentId)
    for (let i = 0; i < (times ?? 1); i++) handle.change(d => edit(code)(d, A))
    return summary(client.document(documentId))
  },

  async read({ repo, documentId }) { return summary(repos.get(repo).document(documentId)) },

  async save({ repo, documentId }) { return Buffer.from(A.save(repos.get(repo).document(documentId))).toString("base64") },

  async has({ repo, documentId, heads }) { return has(repos.get(repo).document(documentId), heads) },

  async untilHas({ repo, documentId, heads }) {
    const client = repos.get(repo)
    await client.until(`${documentId} to have ${heads.join(", ")}`, () => has(client.document(documentId), heads))
    return summary(client.document(documentId))
  },

  /** Waits until the server has said that it holds our heads: the "saved" of a user interface. */
  async untilAcknowledged({ repo, documentId }) {
    const client = repos.get(repo)
    const handle = client.handle(documentId)
    await client.until(`the server to acknowledge ${documentId}`, () => {
      const acknowledged = client.serverStorageId() && handle.getRemoteHeads(client.serverStorageId())
      return acknowledged && [...acknowledged].sort().join() === [...handle.heads()].sort().join()
    })
  },

  async broadcast({ repo, documentId, messages }) {
    for (const message of messages) repos.get(repo).handle(documentId).broadcast(message)
  },

  /** Everything received so far, once a message equal to `last` is among it. */
  async untilEphemeral({ repo, documentId, last }) {
    const client = repos.get(repo)
    const received = client.ephemerals.get(documentId)
    await client.until(`the ephemeral message ${JSON.stringify(last)}`, () => received.some(({ message }) => message === last))
    return received
  },

  async subscribeToRemotes({ repo, storageIds }) { repos.get(repo).repo.subscribeToRemotes(storageIds) },
  async untilRemoteHeads({ repo, documentId, storageId, of }) {
    const client = repos.get(repo)
    const wanted = () => [...repos.get(of).handle(documentId).heads()].sort().join()
    await client.until(`remote heads of ${storageId}`, () => {
      const known = client.handle(documentId).getRemoteHeads(storageId)
      return known && [...known].sort().join() === wanted()
    })
  },

  /** A chain of changes of one actor, for peers that speak raw frames: the first creates, each other adds one operation. */
  async changeStream({ actor, count, base }) {
    let document = base ? A.load(new Uint8Array(Buffer.from(base, "base64")), { actor }) : A.init({ actor })
    const changes = []
    for (let n = 0; n < count; n++) {
      document = A.change(document, { time: 0 }, d => { d[`${actor.slice(0, 4)}`] = n })
      changes.push({ hash: heads(document)[0], chunk: Buffer.from(A.getLastLocalChange(document)).toString("base64") })
    }
    return { changes, saved: Buffer.from(A.save(document)).toString("base64") }
  },

  /** A text typed one character at a time: as many changes as characters. */
  async longText({ count }) {
    let document = A.from({ text: "" }, "00112233445566778899aabbccddeeff")
    for (let i = 0; i < count; i++) {
      document = A.change(document, { time: 0 }, d => A.splice(d, ["text"], i, 0, String.fromCharCode(97 + (i % 26))))
    }
    return { base64: Buffer.from(A.save(document)).toString("base64"), heads: heads(document) }
  },

  /** What this version's engine makes of a saved document. */
  async load({ base64 }) {
    const document = A.load(new Uint8Array(Buffer.from(base64, "base64")))
    return summary(document)
  },
}

// A server that is killed resets sockets, and the 1.x and 2.x adapters throw what they get from inside an event listener.
process.on("uncaughtException", error => console.error("uncaught:", error))
process.on("unhandledRejection", error => console.error("unhandled:", error))
console.log = console.error // stdout is for answers only

const answer = message => process.stdout.write(`${JSON.stringify(message)}\n`)
const running = new Set()
async function run({ id, op, ...options }) {
  try {
    answer({ id, result: (await commands[op](options)) ?? null })
  } catch (error) {
    answer({ id, error: `${op}: ${error?.message ?? error}` })
  }
}

createInterface({ input: process.stdin, crlfDelay: Infinity })
  .on("line", line => {
    const command = run(JSON.parse(line)).finally(() => running.delete(command))
    running.add(command)
  })
  .on("close", async () => {
    await Promise.all(running)
    process.exit(0)
  })
answer({ id: 0, result: "ready" })

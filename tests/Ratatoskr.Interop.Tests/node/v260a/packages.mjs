// storage-nodefs was never published at 2.6.0-alpha.3; this version keeps its documents in memory.
// It wants Node 22 or newer; what it uses of that is given to older ones here.
import { WebSocket } from "ws"
globalThis.WebSocket ??= WebSocket
Promise.withResolvers ??= function () {
  let resolve, reject
  const promise = new this((yes, no) => { resolve = yes; reject = no })
  return { promise, resolve, reject }
}

export * as automerge from "@automerge/automerge"
export { Repo } from "@automerge/automerge-repo"
export { WebSocketClientAdapter } from "@automerge/automerge-repo-network-websocket"
export { queried as dialect } from "../dialects.mjs"

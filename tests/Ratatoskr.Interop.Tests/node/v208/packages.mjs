// storage-nodefs was never published at 2.0.8; this version keeps its documents in memory.
export { next as automerge } from "@automerge/automerge"
export { Repo } from "@automerge/automerge-repo"
export { WebSocketClientAdapter } from "@automerge/automerge-repo-network-websocket"
export { promised as dialect } from "../dialects.mjs"

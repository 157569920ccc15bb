// How the client versions differ for an app: what find() gives back and where the document is.

const closed = adapter => adapter.socket && adapter.disconnect()

/** 1.x: find() returns a handle at once, its state tells. */
export const immediate = {
  document: handle => handle.docSync(),
  async find(repo, documentId) {
    const handle = repo.find(`automerge:${documentId}`)
    await handle.whenReady(["ready", "unavailable"])
    return { handle, state: handle.state }
  },
  async untilReady(repo, documentId) {
    const handle = repo.find(`automerge:${documentId}`)
    await handle.whenReady()
    return handle
  },
  /** 1.x says `leave` and goes on listening: the app has no way to end the connection. So it is ended here, as 2.x does. */
  disconnect(adapter) {
    const { socket } = adapter
    if (!socket) return
    if (socket.readyState === socket.OPEN) adapter.disconnect()
    socket.removeEventListener("open", adapter.onOpen)
    socket.removeEventListener("close", adapter.onClose)
    socket.removeEventListener("message", adapter.onMessage)
    socket.removeEventListener("error", adapter.onError)
    socket.addEventListener("error", () => {})
    socket.close()
    if (adapter.remotePeerId) adapter.emit("peer-disconnected", { peerId: adapter.remotePeerId })
    adapter.socket = undefined
  },
}

/** 2.0 to 2.5: find() promises a ready handle and rejects when nobody has the document. */
export const promised = {
  document: handle => handle.doc(),
  async find(repo, documentId) {
    try {
      const handle = await repo.find(`automerge:${documentId}`)
      return { handle, state: handle.state }
    } catch (error) {
      if (!/unavailable/.test(error.message)) throw error
      return { state: "unavailable" }
    }
  },
  async untilReady(repo, documentId) {
    const handle = await repo.find(`automerge:${documentId}`, { allowableStates: ["ready", "unavailable"] })
    await handle.whenReady()
    return handle
  },
  disconnect: closed,
}

/** 2.6: a query per document, which may go back from unavailable to loading. */
export const queried = {
  document: handle => handle.doc(),
  find: promised.find,
  untilReady: (repo, documentId) => new Promise((resolve, reject) => {
    const query = repo.findWithProgress(`automerge:${documentId}`)
    const look = state => {
      if (state.state === "ready") resolve(state.handle)
      if (state.state === "failed") reject(state.error)
    }
    query.subscribe(look)
    look(query.peek())
  }),
  disconnect: closed,
}

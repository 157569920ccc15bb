// mulberry32: a small random source that a seed determines.
export function random(seed) {
  let state = seed >>> 0
  const next = () => {
    state = (state + 0x6d2b79f5) >>> 0
    let t = Math.imul(state ^ (state >>> 15), state | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296
  }
  next.int = below => Math.floor(next() * below)
  next.pick = list => list[next.int(list.length)]
  next.shuffled = count => {
    const list = Array.from({ length: count }, (_, i) => i)
    for (let i = count - 1; i > 0; i--) {
      const j = next.int(i + 1)
      ;[list[i], list[j]] = [list[j], list[i]]
    }
    return list
  }
  return next
}

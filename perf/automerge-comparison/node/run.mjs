// node run.mjs <work> <document> <times>: does one kind of work and prints its samples as JSON.
import { works } from "./works.mjs"

const [, , work, name, times] = process.argv
console.log(JSON.stringify(works[work](name, Number(times))))

// Checks what `npm run -s demo -- --json` prints: the shape, and that the demo does what it claims.
const { questions } = JSON.parse(await new Response(process.stdin).text())
const complain = (message) => {
  console.error(message)
  process.exitCode = 1
}
const list = (value) => Array.isArray(value) && value.every((id) => typeof id === 'string')
if (!Array.isArray(questions) || questions.length < 12) complain('fewer than a dozen questions')
for (const { question, expected, expert, hits, general } of questions) {
  if (typeof question !== 'string' || typeof expert !== 'string' || ![expected, hits, general].every(list))
    complain(`malformed: ${question}`)
}
const found = (key) => questions.filter((entry) => entry.expected.some((id) => entry[key].slice(0, 3).includes(id))).length
console.log(
  `${questions.length} questions; an expected document among the first three: routed ${found('hits')}, general alone ${found('general')}`,
)
if (found('hits') < questions.length * 0.8) complain('routed retrieval misses too many')
if (found('hits') < found('general')) complain('routing is worse than the general expert')

// An API that asks Kiket Auth about the token of every request.
import { createServer } from 'node:http'

const { ISSUER, API_CLIENT_ID, API_CLIENT_SECRET, LISTEN } = process.env
const basic = Buffer.from(`${API_CLIENT_ID}:${API_CLIENT_SECRET}`).toString('base64')

// introspect asks about a token. Do not keep the answer: a token that is revoked
// is inactive from the next question on. An error means that nobody knows.
async function introspect(token, request) {
  const answer = await fetch(`${ISSUER}/oauth/introspect`, {
    method: 'POST',
    headers: { authorization: `Basic ${basic}` },
    body: new URLSearchParams({
      token,
      client_ip: request.socket.remoteAddress, // behind a proxy: what your proxy says
      user_agent: request.headers['user-agent'] ?? '',
    }),
    signal: AbortSignal.timeout(5000),
  })
  if (!answer.ok) throw new Error(`introspection: ${answer.status}`) // 503: its database is away; 401: our own secret is wrong
  return answer.json()
}

// covers tells whether a scope was granted, by name or by the bare name that
// includes it: issues includes issues:read and issues:write.
function covers(scope, want) {
  const granted = scope.split(' ')
  return granted.includes(want) || granted.includes(want.split(':')[0])
}

// refuse answers as RFC 6750 section 3 says.
function refuse(response, status, parameters) {
  response.writeHead(status, { 'www-authenticate': `Bearer ${parameters}` }).end()
}

// authorize returns the token of a request if it works and covers the scope, and
// has answered otherwise.
async function authorize(request, response, scope) {
  const [scheme, bearer] = (request.headers.authorization ?? '').split(' ')
  if (scheme.toLowerCase() !== 'bearer' || !bearer) return refuse(response, 401, `scope="${scope}"`)
  let token
  try {
    token = await introspect(bearer, request)
  } catch (error) { // unknown is not allowed
    console.error(error)
    response.writeHead(503, { 'retry-after': '2' }).end()
    return
  }
  if (!token.active) return refuse(response, 401, 'error="invalid_token"')
  if (!covers(token.scope, scope)) return refuse(response, 403, `error="insufficient_scope", scope="${scope}"`)
  return token
}

const [host, port] = LISTEN.split(':')
createServer(async (request, response) => {
  const scope = { 'GET /issues': 'issues:read', 'POST /issues': 'issues:write' }[`${request.method} ${request.url}`]
  if (!scope) return response.writeHead(404).end()
  const token = await authorize(request, response, scope)
  if (token) response.end(`issues of organization ${token.organization_id} for ${token.sub}\n`)
}).listen(Number(port), host)

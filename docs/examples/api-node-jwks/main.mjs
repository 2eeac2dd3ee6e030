// An API that verifies access tokens by itself, with the published keys.
import { createServer } from 'node:http'
import { createRemoteJWKSet, errors, jwtVerify } from 'jose'

const { ISSUER, AUDIENCE, LISTEN } = process.env

// The keys are trusted unseen for as long as the key set says in Cache-Control:
// a revoked key may be accepted for so long. They are fetched sooner, but not
// more often than cooldownDuration, when a token names a key that is not there:
// one that takes a revoked key's place signs at once.
const published = createRemoteJWKSet(new URL(`${ISSUER}/.well-known/jwks.json`), {
  cacheMaxAge: 300_000, cooldownDuration: 10_000, timeoutDuration: 5000,
})

class Unavailable extends Error {}

// key tells keys that could not be fetched from a token that names none of them.
async function key(...token) {
  try {
    return await published(...token)
  } catch (error) {
    if (error instanceof errors.JWKSNoMatchingKey || error instanceof errors.JWKSMultipleMatchingKeys) throw error
    throw new Unavailable('keys are not available', { cause: error })
  }
}

// verify checks signature, issuer, audience, expiry and type (RFC 9068 section
// 4). Name a new algorithm here before the server is told to sign with it.
async function verify(token) {
  const { payload } = await jwtVerify(token, key, {
    issuer: ISSUER, audience: AUDIENCE, typ: 'at+jwt', algorithms: ['ES256'], requiredClaims: ['exp', 'sub', 'scope'],
  })
  return payload
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

// authorize returns the token of a request if it is good and covers the scope,
// and has answered otherwise.
async function authorize(request, response, scope) {
  const [scheme, bearer] = (request.headers.authorization ?? '').split(' ')
  if (scheme.toLowerCase() !== 'bearer' || !bearer) return refuse(response, 401, `scope="${scope}"`)
  let token
  try {
    token = await verify(bearer)
  } catch (error) {
    if (!(error instanceof Unavailable)) return refuse(response, 401, 'error="invalid_token"')
    console.error(error) // unknown is not allowed
    response.writeHead(503, { 'retry-after': '2' }).end()
    return
  }
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

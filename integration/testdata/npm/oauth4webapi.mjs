// oauth4webapi as its documentation tells to use it: client, resource server, and
// verifier of RFC 9068 access tokens. Reads {issuer, application, resourceServer}
// from standard input and prints the tokens that it revoked.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import * as oauth from 'oauth4webapi'

const { issuer, application, resourceServer } = JSON.parse(readFileSync(0))
const insecure = { [oauth.allowInsecureRequests]: true }
const revoked = []

async function discover(algorithm) {
  const url = new URL(issuer)
  return oauth.processDiscoveryResponse(url, await oauth.discoveryRequest(url, { algorithm, ...insecure }))
}

// A party is a client together with how it authenticates.
function party(as, { id, secret }, method) {
  const client = { client_id: id }
  const authentication = method(secret)
  return {
    async fetch(parameters) {
      const response = await oauth.clientCredentialsGrantRequest(as, client, authentication, new URLSearchParams(parameters), insecure)
      return oauth.processClientCredentialsResponse(as, client, response)
    },
    async introspect(token) {
      const response = await oauth.introspectionRequest(as, client, authentication, token, insecure)
      return oauth.processIntrospectionResponse(as, client, response)
    },
    async revoke(token) {
      return oauth.processRevocationResponse(await oauth.revocationRequest(as, client, authentication, token, insecure))
    },
  }
}

// verify is what a resource server does that does not ask.
function verify(as, token, audience) {
  const request = new Request(`${audience}/things`, { headers: { authorization: `Bearer ${token}` } })
  return oauth.validateJwtAccessToken(as, request, audience, insecure)
}

async function live(as, method) {
  const mine = party(as, application, method)
  const theirs = party(as, resourceServer, method)
  const { access_token: token, ...rest } = await mine.fetch({ scope: 'issues' })
  assert.deepEqual(rest, { token_type: 'bearer', expires_in: 3600, scope: 'issues' })

  const claims = await verify(as, token, `${issuer}/api`)
  assert.equal(claims.client_id, application.id)
  assert.equal(claims.scope, 'issues')
  await assert.rejects(verify(as, token, 'https://elsewhere.test/api'), { code: oauth.JWT_CLAIM_COMPARISON })
  await assert.rejects(verify(as, `${token.slice(0, -8)}AAAAAAAA`, `${issuer}/api`), /signature/)

  const seen = await theirs.introspect(token)
  assert.equal(seen.active, true)
  for (const name of Object.keys(claims)) {
    assert.deepEqual(seen[name], claims[name], name)
  }
  await mine.revoke(token)
  assert.deepEqual(await theirs.introspect(token), { active: false })
  revoked.push(token)
}

async function refused(as) {
  const unauthenticated = party(as, application, oauth.None)
  const challenged = (...schemes) => (error) => {
    assert.ok(error instanceof oauth.WWWAuthenticateChallengeError, error)
    assert.equal(error.status, 401)
    assert.deepEqual(error.cause.map((challenge) => challenge.scheme), schemes)
    return true
  }
  await assert.rejects(unauthenticated.fetch({}), challenged('basic'))
  await assert.rejects(unauthenticated.introspect('x'), challenged('basic', 'bearer'))
  await assert.rejects(unauthenticated.revoke('x'), challenged('basic'))

  const mine = party(as, application, oauth.ClientSecretBasic)
  await assert.rejects(mine.fetch({ scope: 'admin' }), { status: 400, error: 'invalid_scope' })
  await assert.rejects(mine.fetch({ resource: 'https://nobody.test' }), { status: 400, error: 'invalid_target' })
}

for (const algorithm of ['oidc', 'oauth2']) {
  const as = await discover(algorithm)
  for (const method of [oauth.ClientSecretBasic, oauth.ClientSecretPost]) {
    await live(as, method)
  }
  await refused(as)
}
console.log(JSON.stringify({ revoked }))

// oauth4webapi and openid-client with keys in place of secrets, as their
// documentation tells to use them. Reads {issuer, parties: [{algorithm, key,
// application, resourceServer}]} from standard input and prints the tokens that it
// revoked.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import * as jose from 'jose'
import * as oauth from 'oauth4webapi'
import * as client from 'openid-client'

const { issuer, parties } = JSON.parse(readFileSync(0))
const insecure = { [oauth.allowInsecureRequests]: true }
const revoked = []
const url = new URL(issuer)
const as = await oauth.processDiscoveryResponse(url, await oauth.discoveryRequest(url, { algorithm: 'oauth2', ...insecure }))

async function byOauth4webapi({ application, resourceServer }, key) {
  const authentication = oauth.PrivateKeyJwt(key)
  const mine = { client_id: application }
  const theirs = { client_id: resourceServer, introspection_signed_response_alg: 'ES256' }
  const response = await oauth.clientCredentialsGrantRequest(as, mine, authentication, new URLSearchParams({ scope: 'issues' }), insecure)
  const { access_token: token } = await oauth.processClientCredentialsResponse(as, mine, response)

  const ask = async (who, options) => {
    const response = await oauth.introspectionRequest(as, who, authentication, token, { ...insecure, ...options })
    const seen = await oauth.processIntrospectionResponse(as, who, response)
    const signed = response.headers.get('content-type') === 'application/token-introspection+jwt'
    assert.equal(signed, who === theirs)
    if (signed) {
      await oauth.validateApplicationLevelSignature(as, response, insecure)
    }
    return seen
  }
  assert.equal((await ask(theirs)).client_id, application)
  assert.equal((await ask(mine)).active, true)
  const revocation = await oauth.revocationRequest(as, mine, authentication, token, insecure)
  await oauth.processRevocationResponse(revocation)
  assert.deepEqual(await ask(theirs), { active: false })
  revoked.push(token)
}

async function byOpenidClient({ application, resourceServer }, key) {
  const discover = (id) => client.discovery(url, id, undefined, client.PrivateKeyJwt(key), { algorithm: 'oauth2', execute: [client.allowInsecureRequests] })
  const mine = await discover(application)
  const theirs = await discover(resourceServer)
  const { access_token: token } = await client.clientCredentialsGrant(mine, { resource: `${issuer}/api` })
  assert.equal((await client.tokenIntrospection(theirs, token)).client_id, application)
  await client.tokenRevocation(mine, token)
  assert.deepEqual(await client.tokenIntrospection(theirs, token), { active: false })
  revoked.push(token)

  // Somebody else's name with one's own key.
  const stranger = await discover(parties.find((party) => party.application !== application).application)
  await assert.rejects(client.clientCredentialsGrant(stranger), { status: 401 })
}

for (const party of parties) {
  const key = await jose.importJWK(party.key, party.algorithm)
  await byOauth4webapi(party, key)
  await byOpenidClient(party, key)
}
console.log(JSON.stringify({ revoked }))

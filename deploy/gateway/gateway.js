// Says whether a request may pass the gateway, and to which workspace: nginx.conf asks before it reads anything of
// a body. A token's claims count only once its signature holds, with the one algorithm that the configuration
// names, and the address in them only if it is on the configured list. The token itself passes on unchanged: the
// daemon verifies it again, with what else it demands (audience, scope).
// For njs 0.7.9 and newer, which knows neither destructuring nor for … of, and whose worker dies of an `await`
// within `try`: hence the promise chains.

// oxlint-disable-next-line unicorn/prefer-node-protocol -- njs knows its modules by these names only
import crypto from 'crypto'
// oxlint-disable-next-line unicorn/prefer-node-protocol -- the same
import fs from 'fs'

/** Seconds by which clocks may differ; the daemon's `jwt.tolerance_seconds`. */
const TOLERANCE_S = 60
/** The daemon refuses longer ones as well. */
const TOKEN_LIMIT = 16 * 1024
/** RFC 7518 3.2: an HMAC key is at least as long as the hash. */
const SECRET_BYTES = 32
/** Where a workspace listens, unless its token says otherwise. */
const PORT = 9990

const RS256 = { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' }

/** Answers 204 with `$target` set, or 401, 403 or 500 with `$refusal` set, a word for the log. */
function judge(r) {
  const token = tokenOf(r)
  if (token === undefined) return refuse(r, 401, 'no_token')
  const algorithm = r.variables.jwt_algorithm
  const jwt = read(token, algorithm)
  if (jwt.refusal !== undefined) return refuse(r, 401, jwt.refusal)
  const keys = r.variables.jwt_keys.split(' ').filter((file) => file !== '')
  signatureHolds(algorithm, keys, jwt).then(
    (known) => (known ? route(r, jwt.claims) : refuse(r, 401, 'wrong_signature')),
    (error) => refuse(r, 500, `unusable_key: ${error.message}`),
  )
}

/** True if one of the keys fits; fails where one that it comes to cannot be used. */
function signatureHolds(algorithm, files, jwt) {
  return Promise.resolve().then(() => {
    if (algorithm === 'HS256') return files.some((file) => macHolds(secretIn(file), jwt))
    if (algorithm === 'RS256') return rsaHolds(files, jwt)
    throw new Error(`$jwt_algorithm is HS256 or RS256, not ${algorithm}`)
  })
}

/** Of the header, else of the query where the daemon reads it too: on a WebSocket's upgrade and for GET /desktop. */
function tokenOf(r) {
  const header = r.headersIn.Authorization
  if (header !== undefined) {
    const bearer = /^bearer +([^ ]+) *$/i.exec(header)
    return bearer === null ? undefined : bearer[1]
  }
  const parts = r.variables.request_uri.split('?')
  const upgrade = /^websocket$/i.test(r.headersIn.Upgrade || '')
  if (!upgrade && parts[0] !== '/desktop') return undefined
  const tokens = parts
    .slice(1)
    .join('?')
    .split('&')
    .filter((one) => one.startsWith('token='))
  return tokens.length === 1 ? tokens[0].slice('token='.length) : undefined
}

/** The parts of a token whose header is one we take; nothing in them is proven yet. */
function read(token, algorithm) {
  const parts = /^([\w-]+)\.([\w-]+)\.([\w-]+)$/.exec(token)
  if (token.length > TOKEN_LIMIT || parts === null) return { refusal: 'not_a_jwt' }
  const header = objectIn(parts[1])
  const claims = objectIn(parts[2])
  if (header === undefined || claims === undefined) return { refusal: 'not_a_jwt' }
  if (header.alg !== algorithm) return { refusal: 'wrong_algorithm' }
  // Keys that a token brings along, and extensions we would have to understand.
  const foreign = ['crit', 'b64', 'jku', 'jwk', 'x5u', 'x5c'].some((name) => header[name] !== undefined)
  if (foreign || (header.typ !== undefined && !/^(application\/)?(at\+)?jwt$/i.test(String(header.typ)))) {
    return { refusal: 'wrong_header' }
  }
  return { claims, signed: `${parts[1]}.${parts[2]}`, signature: Buffer.from(parts[3], 'base64url') }
}

function objectIn(part) {
  try {
    const value = JSON.parse(Buffer.from(part, 'base64url').toString())
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? value : undefined
  } catch (_) {
    return undefined
  }
}

/** Without one newline at its end, as the daemon reads `jwt.secret_file`. */
function secretIn(file) {
  const bytes = fs.readFileSync(file)
  const length = bytes[bytes.length - 1] === 10 ? bytes.length - 1 : bytes.length
  if (length < SECRET_BYTES) throw new Error(`${file} holds ${length} bytes; ${SECRET_BYTES} or more are needed`)
  return bytes.slice(0, length)
}

/** Compared by another MAC of each, so that the time it takes tells nothing of how much was right. */
function macHolds(secret, jwt) {
  const mac = (bytes) => crypto.createHmac('sha256', secret).update(bytes).digest()
  return mac(mac(jwt.signed)).toString('hex') === mac(jwt.signature).toString('hex')
}

/** By public keys (PEM, "BEGIN PUBLIC KEY"), one after the other. */
function rsaHolds(files, jwt) {
  if (files.length === 0) return Promise.resolve(false)
  return publicKeyIn(files[0])
    .then((key) => globalThis.crypto.subtle.verify(RS256, key, jwt.signature, Buffer.from(jwt.signed)))
    .then((holds) => holds || rsaHolds(files.slice(1), jwt))
}

function publicKeyIn(file) {
  const pem = fs.readFileSync(file, 'utf8')
  const der = Buffer.from(pem.replace(/-----[^-]+-----|\s/g, ''), 'base64')
  return globalThis.crypto.subtle.importKey('spki', der, RS256, false, ['verify'])
}

/** The claims are proven; now whether they hold at this time, and name an address we serve. */
function route(r, claims) {
  const now = Date.now() / 1000
  if (!isTime(claims.exp) || claims.exp <= now - TOLERANCE_S) return refuse(r, 401, 'expired')
  if (claims.nbf !== undefined && !(isTime(claims.nbf) && claims.nbf <= now + TOLERANCE_S)) {
    return refuse(r, 401, 'not_yet_valid')
  }
  const issuer = r.variables.jwt_issuer
  if (issuer && claims.iss !== issuer) return refuse(r, 401, 'wrong_issuer')
  const ip = claims.ip
  const port = claims.port === undefined ? PORT : claims.port
  // Addresses only: a name would lead where its DNS server says.
  if (typeof ip !== 'string' || !(isIpv4(ip) || isIpv6(ip)) || !Number.isInteger(port)) {
    return refuse(r, 403, 'no_address')
  }
  r.variables.target_ip = ip
  r.variables.target_port = String(port)
  if (r.variables.ip_allowed !== '1') return refuse(r, 403, 'ip_not_allowed')
  if (r.variables.port_allowed !== '1') return refuse(r, 403, 'port_not_allowed')
  r.variables.target = ip.includes(':') ? `[${ip}]:${port}` : `${ip}:${port}`
  r.return(204)
}

function isTime(value) {
  return typeof value === 'number' && isFinite(value)
}

function isIpv4(text) {
  const parts = text.split('.')
  return parts.length === 4 && parts.every((part) => /^(0|[1-9]\d{0,2})$/.test(part) && Number(part) <= 255)
}

/** Hexadecimal groups; what is no address in spite of it is on no list. */
function isIpv6(text) {
  return /^[0-9a-f:]{2,39}$/i.test(text) && text.includes(':')
}

function refuse(r, status, why) {
  r.variables.refusal = why
  r.return(status)
}

// oxlint-disable-next-line import/no-default-export -- njs modules have no other
export default { judge }

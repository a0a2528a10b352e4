// Values of the configuration file that the schema lets pass and the daemon cannot use: addresses, origins, names of
// variables. A value that would only fail at its first use, or would never have an effect, ends the start. Pure.

import type { ConfigFile } from './config-schema.ts'

/** Returns the first value that cannot be used, as `<key> <why>`; undefined: all can. Never quotes a token. */
export function wrongValue(file: ConfigFile): string | undefined {
  return [
    ...Object.entries(file.targets ?? {}).flatMap(([id, target]) => [
      wrongId(id),
      wrongUrl(`targets.${id}.url`, target.url),
      wrongToken(`targets.${id}.token`, target.token),
    ]),
    ...(file.cors?.origins ?? []).map(wrongOrigin),
    ...(file.allowed_hosts ?? []).map(wrongHost),
    ...Object.entries(file.exec?.env ?? {}).map(([name, value]) => wrongVariable(name, value)),
  ].find((wrong) => wrong !== undefined)
}

/** Checks an id: the path form /runtimes/<id> takes no other characters. */
function wrongId(id: string): string | undefined {
  if (/^[a-z][a-z0-9_-]{0,63}$/.test(id) && id !== 'local' && id !== 'default') return undefined
  const accepted = 'a lower-case letter, then up to 63 of a-z, 0-9, "_" and "-", and not "local" or "default"'
  return `targets has the id ${JSON.stringify(id)}; accepted is ${accepted}`
}

function wrongUrl(key: string, text: string): string | undefined {
  const url = URL.parse(text)
  if (url !== null && /^https?:$/.test(url.protocol) && url.username === '' && url.password === '') return undefined
  return `${key} is not accepted: it must be an http or https URL without user and password`
}

/** Checks a token, which is sent as a header. */
function wrongToken(key: string, token: string): string | undefined {
  return /^[\x21-\x7e]+$/.test(token) ? undefined : `${key} is not accepted: it must be visible ASCII without spaces`
}

/** Checks an origin: a browser sends it without path and in lower case; another spelling would never match. */
function wrongOrigin(origin: string): string | undefined {
  if (origin === '*') return undefined
  const url = URL.parse(origin)
  const sent = url === null || url.origin === 'null' ? undefined : url.origin
  if (sent === origin || (url !== null && sent === undefined && /^[a-z][a-z0-9+.-]*:\/\/[^/\s]+$/.test(origin)))
    return undefined
  const meant = sent === undefined ? 'such as "https://console.example"' : `such as ${JSON.stringify(sent)}`
  return `cors.origins has ${JSON.stringify(origin)}; accepted is "*" or an origin as a browser sends it, ${meant}`
}

function wrongHost(host: string): string | undefined {
  if (/^(\[[0-9a-f:.]+\]|[a-z0-9._-]+)$/i.test(host)) return undefined
  return `allowed_hosts has ${JSON.stringify(host)}; accepted is a host name or address without a port`
}

/** Checks a variable as execve(2) takes it: `NAME=value`, ended by NUL. */
function wrongVariable(name: string, value: string): string | undefined {
  if (name === '' || /[=\0]/.test(name)) {
    return `exec.env has the name ${JSON.stringify(name)}; accepted is a name without "=" and NUL`
  }
  return value.includes('\0') ? `exec.env.${name} holds NUL, which no variable can` : undefined
}

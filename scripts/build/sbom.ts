// The software bill of materials: CycloneDX 1.6 as JSON, made of the build's facts. It has no serial number and the
// time of its commit, so that the same build gives the same bytes. Pure: values in, text out.

import { type Built } from './bundle.ts'
import { type Component, type Inside } from './third-party.ts'

export interface Subject {
  readonly facts: Built['facts']
  readonly arch: string
  readonly licence: string
  /** SHA-256 of the executable, in hex. */
  readonly sha256: string
  readonly time: Date
}

export function sbom(subject: Subject, components: readonly Component[]): string {
  const { facts, arch, licence, sha256, time } = subject
  const root = `workspace-runtime@${facts.version}`
  const document = {
    $schema: 'http://cyclonedx.org/schema/bom-1.6.schema.json',
    bomFormat: 'CycloneDX',
    specVersion: '1.6',
    version: 1,
    metadata: {
      timestamp: time.toISOString(),
      lifecycles: [{ phase: 'build' }],
      component: {
        'bom-ref': root,
        type: 'application',
        name: 'workspace-runtime',
        version: facts.version,
        hashes: [{ alg: 'SHA-256', content: sha256 }],
        licenses: licences(licence),
        properties: [
          { name: 'workspace-runtime:commit', value: facts.commit },
          { name: 'workspace-runtime:architecture', value: `linux-${arch}` },
        ],
      },
    },
    components: components.map(componentOf),
    dependencies: [
      { ref: root, dependsOn: components.map(refOf) },
      ...components.map((component) => ({
        ref: refOf(component),
        dependsOn: component.inside.map((part) => insideRef(component, part)),
      })),
    ],
  }
  return `${JSON.stringify(document, undefined, 2)}\n`
}

function componentOf(component: Component): object {
  const { name, version, licence, purl, integrity, inside } = component
  return {
    type: 'library',
    'bom-ref': refOf(component),
    name,
    version,
    purl,
    licenses: licences(licence),
    ...(integrity !== undefined && { hashes: [{ alg: 'SHA-512', content: hexOf(integrity) }] }),
    ...(inside.length > 0 && { components: inside.map((part) => insideOf(component, part)) }),
  }
}

function insideOf(component: Component, part: Inside): object {
  return {
    type: 'library',
    'bom-ref': insideRef(component, part),
    name: part.name,
    ...(part.version !== undefined && { version: part.version }),
    ...(part.purl !== undefined && { purl: part.purl }),
    ...(part.licence !== undefined && { licenses: licences(part.licence) }),
  }
}

function refOf({ name, version }: Component): string {
  return `${name}@${version}`
}

function insideRef(component: Component, part: Inside): string {
  return `${refOf(component)}|${part.name}${part.version === undefined ? '' : `@${part.version}`}`
}

function licences(spdx: string): object[] {
  return spdx.includes(' ') ? [{ expression: spdx }] : [{ license: { id: spdx } }]
}

/** Converts "sha512-" and Base64, as in package-lock.json, to hex. */
function hexOf(integrity: string): string {
  return Buffer.from(integrity.slice(integrity.indexOf('-') + 1), 'base64').toString('hex')
}

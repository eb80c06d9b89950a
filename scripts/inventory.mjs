import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/**
 * @typedef {{ name: string, version: string, license: string, text: string }} Package
 */

/**
 * The packages that the modules come from, by name.
 *
 * @param {readonly string[]} moduleIds
 * @returns {Package[]}
 */
function packagesOf(moduleIds) {
  const folders = moduleIds.flatMap((id) => id.match(/^\0?(.*node_modules\/(?:@[^/]+\/)?[^/]+)/)?.[1] ?? []);
  return [...new Set(folders)].sort().map((folder) => {
    const { name, version, license } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
    const files = readdirSync(folder).filter((file) => /^(licen[cs]e|notice)([.-].*)?$/i.test(file));
    if (!files.some((file) => /^licen/i.test(file))) throw new Error(`${name} is bundled but has no licence text`);
    const text = files.map((file) => readFileSync(join(folder, file), 'utf8').trim()).join('\n\n');
    return { name, version, license, text };
  });
}

/** @param {readonly Package[]} packages */
function licences(packages) {
  const sections = packages.map(({ name, version, license, text }) => {
    const title = `${name} ${version} (${license})`;
    return [title, '='.repeat(title.length), '', text].join('\n');
  });
  return `${['The files in this folder contain these packages.', ...sections].join('\n\n\n')}\n`;
}

/** Package URL, as auditors' tools look packages up. @param {{ name: string, version: string }} _ */
const purl = ({ name, version }) => `pkg:npm/${name.replace('@', '%40')}@${version}`;

/**
 * A software bill of materials, CycloneDX 1.6.
 *
 * @param {{ name: string, version: string, license: string, description: string }} product
 * @param {readonly Package[]} packages
 */
function billOfMaterials({ name, version, license, description }, packages) {
  /** @param {string} id */
  const licenses = (id) => [/[ ()]/.test(id) ? { expression: id } : { license: { id } }];
  return {
    bomFormat: 'CycloneDX',
    specVersion: '1.6',
    version: 1,
    metadata: {
      component: {
        type: 'library',
        'bom-ref': purl({ name, version }),
        name,
        version,
        description,
        licenses: licenses(license),
        purl: purl({ name, version }),
      },
    },
    components: packages.map((component) => ({
      type: 'library',
      'bom-ref': purl(component),
      name: component.name,
      version: component.version,
      licenses: licenses(component.license),
      purl: purl(component),
    })),
    dependencies: [{ ref: purl({ name, version }), dependsOn: packages.map(purl) }],
  };
}

/**
 * Writes what dist/ is made of: licence texts for people, a bill of materials for tools.
 *
 * @param {string} root
 * @param {readonly string[]} moduleIds
 */
export function writeInventory(root, moduleIds) {
  const packages = packagesOf(moduleIds);
  const product = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  writeFileSync(join(root, 'dist', 'THIRD-PARTY-LICENSES.txt'), licences(packages));
  const bill = billOfMaterials(product, packages);
  writeFileSync(join(root, 'dist', 'sbom.cdx.json'), `${JSON.stringify(bill, undefined, 2)}\n`);
}

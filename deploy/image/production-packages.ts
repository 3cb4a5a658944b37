import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/**
 * Prints the folders of the packages that a role needs, as package-lock.json has them; those of other platforms are not there, and
 * of Node itself the image has the program alone.
 */
const [root = '.'] = process.argv.slice(2);
const lock = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')) as {
  packages: Record<string, { dev?: boolean }>;
};
const needed = Object.entries(lock.packages)
  .filter(
    ([path, { dev }]) => path !== '' && dev !== true && !path.includes('node-linux-') && existsSync(join(root, path)),
  )
  .map(([path]) => path);
process.stdout.write(`${needed.join('\n')}\n`);

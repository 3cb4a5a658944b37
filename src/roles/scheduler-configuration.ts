import { readFile } from 'node:fs/promises';
import { parse } from 'yaml';
import { FermataError, reasonOf } from '../model/index.ts';
import { parseSchedulerConfiguration, type SchedulerConfiguration } from '../scheduling/index.ts';

/**
 * Reads a `KubeSchedulerConfiguration` from a YAML file.
 * @throws FermataError `SchedulerConfigurationUnreadable`, or `SchedulerConfigurationInvalid` naming the field
 */
export async function readSchedulerConfiguration(file: string): Promise<SchedulerConfiguration> {
  let document: unknown;
  try {
    document = parse(await readFile(file, 'utf8'));
  } catch (error) {
    throw new FermataError('SchedulerConfigurationUnreadable', `${file}: ${reasonOf(error)}`, {
      cause: error,
      nextStep: 'name a file with a KubeSchedulerConfiguration in YAML',
    });
  }
  return parseSchedulerConfiguration(document);
}

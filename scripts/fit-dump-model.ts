import { fitCurve, leaveOneOutError, predictedSeconds, TEN_APPLICATIONS } from '../src/scheduling/index.ts';

/** Prints how well dump times follow from sizes: `node scripts/fit-dump-model.ts`. The constants stand in the engine. */
const GIB = 2 ** 30;
const percent = (share: number): string => `${(share * 100).toFixed(1)} %`;

for (const knee of [true, false]) {
  const { curve, rSquared, meanRelativeError, largestRelativeError } = fitCurve(TEN_APPLICATIONS, { knee });
  const slope = `${(curve.secondsPerByte * GIB).toFixed(4)} s/GiB`;
  const beyond = `up to ${curve.kneeBytes / GIB} GiB, ${(curve.secondsPerByteBeyond * GIB).toFixed(3)} s/GiB beyond`;
  process.stdout.write(
    `${knee ? 'With a knee' : 'Straight'}: ${curve.fixedSeconds.toFixed(3)} s + ${slope}${knee ? ` ${beyond}` : ''}` +
      ` + ${(curve.secondsPerGpuByte * GIB).toFixed(4)} s/GiB of GPU memory\n` +
      `  R² ${rSquared.toFixed(4)}, relative error ${percent(meanRelativeError)} mean, ${percent(largestRelativeError)} ` +
      `at most; of an application left out ${percent(leaveOneOutError(TEN_APPLICATIONS, { knee }))}\n`,
  );
  if (!knee) continue;
  for (const one of TEN_APPLICATIONS) {
    const predicted = predictedSeconds(curve, one);
    process.stdout.write(
      `  ${one.name.padEnd(28)} measured ${one.frozenSeconds} s, fitted ${predicted.toFixed(2)} s\n`,
    );
  }
}

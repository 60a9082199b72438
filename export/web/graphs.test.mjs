// The exported graphs on onnxruntime-web, WebAssembly, as a browser runs them. Needs the program: FMTOOL=path/to/fmtool (make test-web sets it).
import assert from 'node:assert/strict';
import {execFileSync} from 'node:child_process';
import {mkdtempSync, readFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {test} from 'node:test';
import * as ort from 'onnxruntime-web';

ort.env.wasm.numThreads = 1;
const folder = mkdtempSync(join(tmpdir(), 'web-'));
const fmtool = (...args) => execFileSync(process.env.FMTOOL, args, {encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore']});
const run = join(folder, 'run');
fmtool('train', '8gaussians:n=400', '--steps', '30', '--batch', '64', '--depth', '2', '-o', run);

const file = (...flags) => {
  const path = join(folder, flags.join('-') + '.onnx');
  fmtool('export', path, '--run', run, '--graph', ...flags);
  return path;
};
const velocity = file('velocity');
const int = n => new ort.Tensor('int64', BigInt64Array.of(BigInt.asIntN(64, n)), []);
const labels = (k, rows) => new ort.Tensor('int64', new BigInt64Array(rows).fill(k), [rows]);

const evaluate = async (path, feed) => {
  const session = await ort.InferenceSession.create(readFileSync(path), {executionProviders: ['wasm']});
  return Object.values(await session.run(feed))[0];
};
const expected = (rows, ...args) =>
  fmtool('sample', velocity, '-n', `${rows}`, '--class', '3', ...args).trim().split('\n').slice(1).flatMap(l => l.split(',').slice(0, 2).map(Number));

const close = (got, want) => {
  assert.equal(got.length, want.length);
  const scale = Math.max(1, ...want.map(Math.abs));
  want.forEach((w, i) => assert.ok(Math.abs(got[i] - w) <= 1e-4 * scale, `[${i}] = ${got[i]}, fmtool gives ${w}`));
};

for (const [seed, offset] of [[7n, 0n], [2n ** 63n + 5n, 2n ** 32n - 3n]]) {
  test(`sample.onnx gives the samples of fmtool sample --seed ${seed} --offset ${offset}`, async () => {
    const got = await evaluate(file('sample', '--force'), {seed: int(seed), count: int(9n), steps: int(50n), offset: int(offset), y: labels(3n, 9)});
    close(got.data, expected(9, '--steps', '50', '--seed', `${seed}`, '--offset', `${offset}`));
  });
}

test('an unrolled graph, without a loop, gives those of as many steps', async () => {
  const got = await evaluate(file('sample', '--unroll', '8'), {seed: int(1n), count: int(5n), offset: int(0n), y: labels(3n, 5)});
  close(got.data, expected(5, '--steps', '8', '--seed', '1'));
});

test('a sampler of a higher order with guidance of weight 1 gives those without', async () => {
  const x0 = new ort.Tensor('float32', Float32Array.from({length: 6}, (_, i) => Math.sin(i + 1)), [3, 2]);
  const feed = {x0, steps: int(10n), y: labels(3n, 3)};
  const plain = await evaluate(file('sampler', '--solver', 'heun'), feed);
  const guided = await evaluate(file('sampler', '--solver', 'heun', '--guidance'), {...feed, guidance: new ort.Tensor('float32', Float32Array.of(1), [1])});
  close(guided.data, [...plain.data]);
});

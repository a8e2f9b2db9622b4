'use strict';
// What Node programs do all day; every part asserts what it got.
const assert = require('assert');
const { execFile } = require('child_process');
const crypto = require('crypto');
const fs = require('fs/promises');
const http = require('http');
const { Worker, isMainThread, parentPort } = require('worker_threads');
const { promisify } = require('util');
const zlib = require('zlib');

async function server() {
	const s = http.createServer((request, response) => request.pipe(response)).listen(0, '127.0.0.1');
	await new Promise(done => s.on('listening', done));
	const answer = await new Promise((done, failed) => {
		const r = http.request({ port: s.address().port, host: 'localhost', family: 4, method: 'POST' }, a => {
			let text = '';
			a.on('data', d => { text += d; });
			a.on('end', () => done(text));
		});
		r.on('error', failed);
		r.end('echo');
	});
	assert.strictEqual(answer, 'echo');
	s.close();
}

async function workers() {
	const sums = [...Array(4)].map(() => new Promise((done, failed) => {
		const w = new Worker(__filename);
		w.on('message', done);
		w.on('error', failed);
	}));
	assert.deepStrictEqual(await Promise.all(sums), [499500, 499500, 499500, 499500]);
}

async function files() {
	await fs.mkdir('d', { recursive: true });
	await fs.writeFile('d/f', 'x'.repeat(100000));
	await fs.copyFile('d/f', 'd/g');
	assert.strictEqual((await fs.stat('d/g')).size, 100000);
	const packed = await promisify(zlib.gzip)(await fs.readFile('d/g'));
	assert(packed.length < 1000);
	const watcher = require('fs').watch('d');
	const seen = new Promise(done => watcher.once('change', done));
	await fs.rename('d/g', 'd/h');
	await seen;
	watcher.close();
	await fs.rm('d', { recursive: true });
}

async function processes() {
	assert.strictEqual((await promisify(execFile)('sh', ['-c', 'echo hi'])).stdout, 'hi\n');
	const done = new Promise(resolve => process.once('SIGUSR2', resolve));
	process.kill(process.pid, 'SIGUSR2');
	const awake = setInterval(() => {}, 1000); // a signal handler alone does not keep the loop alive
	await done;
	clearInterval(awake);
}

async function keys() {
	const key = await promisify(crypto.scrypt)('word', 'salt', 32);
	assert.strictEqual(key.length, 32);
	assert.strictEqual(crypto.randomBytes(16).length, 16);
}

if (!isMainThread) {
	let sum = 0;
	for (let i = 0; i < 1000; i++)
		sum += i;
	parentPort.postMessage(sum);
} else {
	const parts = [server, workers, files, processes, keys];
	let done = 0;
	parts.reduce((before, part) => before.then(part).then(() => { done++; }), Promise.resolve())
		.then(() => console.log(parts.map(part => part.name).join(', ')))
		.catch(error => { console.log(error.message); process.exit(1); });
	process.on('exit', () => {
		if (done === parts.length)
			return;
		console.log('ended in ' + parts[done].name);
		process.exitCode = 1;
	});
}

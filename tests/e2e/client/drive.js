// Drives an agent as somebody's program would, with marathon-node as the npm registry has it. usage: node drive.js SOCKET
'use strict';
const assert = require('assert');
const net = require('net');
const library = require('marathon-node');

const socket = process.argv[2];
const app = {
	id: '/client/web', cmd: 'sleep 100000', cpus: 0.1, mem: 32, instances: 1, labels: { tier: 'front' },
	container: { type: 'MESOS', linuxInfo: { seccomp: { profileName: 'default.json', unconfined: false } } },
};

// The library knows TCP only: bytes to a port of this host go to the agent's socket.
function listen()
{
	const server = net.createServer((client) => {
		const agent = net.connect(socket);

		client.pipe(agent).pipe(client);
		for (const [one, other] of [[client, agent], [agent, client]])
			one.on('error', () => other.destroy()).on('close', () => other.destroy());
	});

	return new Promise((done) => server.listen(0, '127.0.0.1', () => done(server)));
}

async function until(what, question)
{
	const end = Date.now() + 60000;

	while (Date.now() < end) {
		if (await question())
			return;
		await new Promise((done) => setTimeout(done, 50));
	}
	assert.fail('never: ' + what);
}

async function refused(code, text, promise)
{
	const error = await promise.then(() => assert.fail('not refused: ' + text), (e) => e);

	assert.strictEqual(error.statusCode, code);
	assert.ok(JSON.stringify(error.error).includes(text), JSON.stringify(error.error));
}

async function drive(marathon, events)
{
	const seen = (type, test) => events.some((e) => e.eventType === type && test(e));
	const ended = (answer) => until('the end of ' + answer.deploymentId,
		() => seen('deployment_success', (e) => e.id === answer.deploymentId));
	const tasks = async () => (await marathon.app.getTasks(app.id)).tasks.map((t) => t.id).sort();

	assert.strictEqual(await marathon.misc.ping(), 'pong');
	assert.strictEqual((await marathon.info.get()).name, 'marathon');

	// made: the library's own way to wait is to ask for deployments until there are none
	const made = await marathon.app.create(app);
	assert.strictEqual(made.id, app.id);
	assert.strictEqual(made.deployments.length, 1);
	await until('no deployments', async () => (await marathon.deployments.getList()).length === 0);
	const first = (await marathon.app.getOne(app.id)).app;
	assert.strictEqual(first.tasksRunning, 1);
	assert.strictEqual(first.container.linuxInfo.seccomp.profileName, 'default.json');
	assert.strictEqual((await marathon.app.getList({ label: 'tier==front' })).apps.length, 1);
	assert.strictEqual((await marathon.app.getList({ label: 'tier==back' })).apps.length, 0);
	await refused(409, 'An app with id [/client/web] already exists.', marathon.app.create(app));

	// scaled, restarted, changed and back
	await ended(await marathon.app.update(app.id, { instances: 3 }));
	const three = await tasks();
	assert.strictEqual(three.length, 3);
	await ended(await marathon.app.restart(app.id));
	const others = await tasks();
	assert.strictEqual(others.length, 3);
	assert.ok(!others.some((id) => three.includes(id)));
	await ended(await marathon.app.update(app.id, { labels: { tier: 'back' } }, true));
	const versions = (await marathon.app.getVersions(app.id)).versions;
	assert.strictEqual(versions.length, 4);
	assert.strictEqual((await marathon.app.getVersion(app.id, first.version)).instances, 1);
	await ended(await marathon.app.update(app.id, { version: first.version }));
	assert.strictEqual((await marathon.app.getOne(app.id)).app.labels.tier, 'front');

	// killed: it comes back, and with scale=true it does not
	const [one] = await tasks();
	await marathon.app.killTask(app.id, one);
	await until('another task', async () => { const now = await tasks(); return now.length === 1 && now[0] !== one; });
	await until('an empty queue', async () => (await marathon.queue.get()).queue.length === 0);
	await until('it runs', async () => (await marathon.tasks.getList()).tasks.some((t) => t.state === 'TASK_RUNNING'));
	await ended(await marathon.app.killTasks(app.id, { scale: true }));
	assert.strictEqual((await marathon.app.getOne(app.id)).app.instances, 0);

	// refused as Marathon refuses
	const both = { type: 'MESOS', linuxInfo: { seccomp: { profileName: 'default.json', unconfined: true } } };
	await refused(422, 'Seccomp unconfined can NOT be true when Profile is defined',
		marathon.app.create(Object.assign({}, app, { id: '/client/both', container: both })));
	await refused(403, 'unconfined', marathon.app.create(Object.assign({}, app, { id: '/client/open',
		container: { type: 'MESOS', linuxInfo: { seccomp: { unconfined: true } } } })));

	await ended(await marathon.app.destroy(app.id));
	await refused(404, "App '/client/web' does not exist", marathon.app.getOne(app.id));
	assert.ok(seen('status_update_event', (e) => e.taskId === one && e.taskStatus === 'TASK_RUNNING'));
	assert.ok(seen('status_update_event', (e) => e.taskId === one && e.taskStatus === 'TASK_KILLED'));
	assert.ok(!events.some((e) => e.eventType === 'instance_changed_event')); // not asked for
}

async function main()
{
	const server = await listen();
	const marathon = library('http://127.0.0.1:' + server.address().port);
	const types = ['status_update_event', 'deployment_success'];
	const source = marathon.events.createEventSource({ eventType: types });
	const events = [];

	for (const type of types.concat('instance_changed_event'))
		source.addEventListener(type, (e) => events.push(JSON.parse(e.data)));
	await new Promise((done, fail) => { source.on('open', done); source.on('error', fail); });
	await drive(marathon, events);
	process.exit(0);
}

main().catch((error) => { console.error(error); process.exit(1); });

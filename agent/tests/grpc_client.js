// SPDX-License-Identifier: Apache-2.0
// A subscriber with @grpc/grpc-js. usage: grpc_client.js ADDRESS ALERTS|all [FOLDER-WITH-CERTIFICATES]
// Prints "subscribed", then what it got; with "all" each alert as JSON until the server ends the stream.
'use strict';
const fs = require('fs');
const path = require('path');
const grpc = require('@grpc/grpc-js');
const loader = require('@grpc/proto-loader');

const [address, want, certs] = process.argv.slice(2);
const proto = path.join(__dirname, '..', 'proto');
const load = (file) => grpc.loadPackageDefinition(loader.loadSync(file, { includeDirs: [proto, '/usr/include'] })).falco;
const read = (name) => fs.readFileSync(path.join(certs, name));
const credentials = certs
	? grpc.credentials.createSsl(read('ca.crt'), read('client.key'), read('client.crt'))
	: grpc.credentials.createInsecure();
const Outputs = load('outputs.proto').outputs.service;
const Version = load('version.proto').version.service;
const client = new Outputs(address, credentials);

function fail(e) {
	console.error(e);
	process.exit(1);
}

function get() {
	let n = 0;
	client.get({}).on('data', () => n++).on('error', fail).on('end', () => {
		new Version(address, credentials).version({}, (e, v) => {
			if (e)
				fail(e);
			console.log('get', n, 'version', v.engineVersion);
			process.exit(0);
		});
	});
}

const numbers = [];
const sub = client.sub();
sub.on('metadata', () => console.log('subscribed'));
sub.on('error', (e) => want === 'all' && e.code === grpc.status.UNAVAILABLE ? process.exit(0) : fail(e));
sub.on('data', (alert) => {
	if (want === 'all') {
		console.log(JSON.stringify(alert));
		return;
	}
	numbers.push(Number(alert.outputFields.number));
	if (numbers.length < Number(want))
		return;
	if (numbers.some((x, i) => x !== numbers[0] + i))
		fail('out of order');
	console.log('alerts', numbers[0] + '..' + numbers[numbers.length - 1]);
	sub.removeAllListeners('error');
	sub.on('error', () => {});
	sub.cancel();
	get();
});
sub.write({});

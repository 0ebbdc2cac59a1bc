// SPDX-License-Identifier: Apache-2.0
// Parses PromQL expressions, one JSON text per line on standard input, with Prometheus' own grammar
// (@prometheus-io/lezer-promql). Prints what does not parse; exit status 1 then.
const { parser } = require("@prometheus-io/lezer-promql");
let bad = 0;

for (const line of require("fs").readFileSync(0, "utf8").split("\n").filter(Boolean)) {
	const text = JSON.parse(line);

	parser.parse(text).iterate({
		enter(node) {
			if (node.type.isError) {
				console.log(`${text}\n${" ".repeat(node.from)}^ at ${node.from}`);
				bad = 1;
			}
		},
	});
}
process.exit(bad);

#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Builds the Debian package and the image from a built program and checks them and the manifests.
# Prints TAP. usage: check.sh BUILD-DIR
set -u
build=$(realpath "$1")
cd "$(dirname "$0")"
out=$build/deploy
rm -rf "$out"
mkdir -p "$out"
. ../tests/tap.sh

make_deb() {
	deb=$(./deb.sh "$build/tiercel" "$out") && dpkg-deb -x "$deb" "$out/deb"
}

deb_is_clean() {
	! lintian --allow-root "$deb" 2>/dev/null | tee /dev/stderr | grep -q '^E:'
}

# Its configuration names the places of an installed system.
packaged_program_works() {
	sed "s|/usr/share|$out/deb/usr/share|; s|/etc/tiercel/rules.d|$out/deb/etc/tiercel|" \
		"$out/deb/etc/tiercel/tiercel.yaml" >"$out/tiercel.yaml"
	"$out/deb/usr/bin/tiercel" config --check -c "$out/tiercel.yaml" &&
		"$out/deb/usr/bin/tiercel" check --bundle "$out/deb/usr/share/tiercel/rules"
}

make_image() {
	image=$(./image.sh "$build/tiercel" "$out") && first=$(digest_of "$image") && [ -n "$first" ]
}

digest_of() {
	skopeo inspect "oci-archive:$1" | sed -n 's/.*"Digest": "\(.*\)",/\1/p'
}

image_is_reproducible() {
	image=$(./image.sh "$build/tiercel" "$out") && [ "$(digest_of "$image")" = "$first" ]
}

# Nothing but the image: an own root, no library of this system.
image_runs() {
	local layer
	mkdir -p "$out/oci" "$out/root"
	tar -xf "$image" -C "$out/oci"
	for layer in $(skopeo inspect --raw "oci-archive:$image" | grep -o '"sha256:[0-9a-f]*"' | tail -n 1 | tr -d '"'); do
		tar -xf "$out/oci/blobs/sha256/${layer#sha256:}" -C "$out/root"
	done
	chroot "$out/root" /usr/bin/tiercel --version &&
		chroot "$out/root" /usr/bin/tiercel check --bundle /usr/share/tiercel/rules
}

# Libraries that are loaded when needed are there, too: the refused connection is the registry's.
image_has_all_libraries() {
	chroot "$out/root" /usr/bin/tiercel bundle pull oci://127.0.0.1:9/a:b -o /tmp/x 2>&1 | tee /dev/stderr |
		grep -qi 'connect'
}

deb_depends_on_all_libraries() {
	dpkg-deb -f "$deb" Depends | tee /dev/stderr | grep 'libcurl4.*libmicrohttpd\|libmicrohttpd.*libcurl4' | grep -q libssl
}

check "Debian package is built" make_deb
check "it depends on libraries that are loaded when needed" deb_depends_on_all_libraries
check "lintian has no error" deb_is_clean
check "the packaged program takes its configuration and rules" packaged_program_works
check "manual pages have no error" mandoc -T lint -W error "$build"/man/*.[0-9]
check "image is built" make_image
check "image is built the same again" image_is_reproducible
if [ "$(id -u)" = 0 ]; then
	check "the program runs in the image" image_runs
	check "the image has the libraries that are loaded when needed" image_has_all_libraries
else
	skip "the program runs in the image" "needs root for chroot"
fi
check "systemd unit has no option that is unknown" ./unit.sh tiercel.service

./manifests.py helm helm/tiercel >"$out/helm.yaml"
check "chart renders with every value set" ./manifests.py helm helm/tiercel 'rules={"a.yaml": "- list: a\n  items: []"}' \
	'podAnnotations={"a": "b"}' 'imagePullSecrets=[{"name": "x"}]' 'extraEnv=[{"name": "A", "value": "b"}]'
cp "$tmp/log" "$out/helm-full.yaml"
if kustomize=$(../../kernel-tests/apttool.sh kustomize "$build/kustomize" 2>"$tmp/log"); then
	"$kustomize" build kubernetes/base >"$out/base.yaml"
	check "overlay for GKE renders" "$kustomize" build kubernetes/gke
	cp "$tmp/log" "$out/gke.yaml"
	cp -r kubernetes "$out/mycluster"
	check "and from a copy, as the README has it" "$kustomize" build "$out/mycluster/gke"
	check "chart and kustomize base are the same objects" ./manifests.py same "$out/helm.yaml" "$out/base.yaml"
	mkdir -p "$out/crio"
	printf 'resources: [../../../%s]\ncomponents: [../../../%s]\n' \
		"$(realpath --relative-to="$out/../.." kubernetes/base)" \
		"$(realpath --relative-to="$out/../.." kubernetes/crio)" >"$out/crio/kustomization.yaml"
	check "component for CRI-O renders" "$kustomize" build "$out/crio"
	cp "$tmp/log" "$out/crio.yaml"
else
	skip "kustomize" "cannot be had: $(tail -n 1 "$tmp/log")"
	touch "$out"/{base,gke,crio}.yaml
fi
if (cd "$out" && npm install --silent --no-audit --no-fund typescript@5 kubernetes-types@1.30) >"$tmp/log" 2>&1; then
	./manifests.py typescript "$out"/{helm,helm-full,base,gke,crio}.yaml >"$out/manifests.ts"
	check "manifests fit the types of the Kubernetes API" \
		"$out/node_modules/.bin/tsc" --noEmit --strict --moduleResolution node --target es2020 "$out/manifests.ts"
	sed 's/"maxUnavailable"/"maxUnavailible"/' "$out/manifests.ts" >"$out/wrong.ts"
	check "the check finds a misspelt key" bash -c "! '$out/node_modules/.bin/tsc' --noEmit --strict \
		--moduleResolution node --target es2020 '$out/wrong.ts'"
else
	skip "manifests fit the types of the Kubernetes API" "npm: $(tail -n 1 "$tmp/log")"
fi

"$build/tiercel" metrics >"$out/metrics"
grep -v '^tiercel_health' "$out/metrics" >"$out/fewer-metrics"
check "alert rules and dashboard name metrics that there are" ./monitoring/check.py "$out/metrics"
check "the check finds a metric that is not there" bash -c "! ./monitoring/check.py '$out/fewer-metrics'"
if (cd "$out" && npm install --silent --no-audit --no-fund @prometheus-io/lezer-promql@0.53 @lezer/common@1 @lezer/lr@1 \
	@lezer/highlight@1) >"$tmp/log" 2>&1; then
	cp monitoring/promql.cjs "$out"
	./monitoring/check.py --expressions >"$out/expressions"
	check "their expressions are PromQL" bash -c "cd '$out' && node promql.cjs <expressions"
	check "the check finds an expression that is not" bash -c "cd '$out' && ! echo '\"sum(x\"' | node promql.cjs"
else
	skip "their expressions are PromQL" "npm: $(tail -n 1 "$tmp/log")"
fi
tap_end

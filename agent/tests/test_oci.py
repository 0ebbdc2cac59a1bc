#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Rule bundles in registries: push, pull, tags, credentials, index.yaml, signatures, other people's
tools, and registries that lie. Prints TAP."""
import json
import os
import subprocess
import sys
import tarfile
import tempfile
import time
import traceback

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import ocilib
from livelib import report
from ocilib import Liar, Registry, Server, TokenServer, archive, describe, digest, manifest, put, sign

TIERCEL = os.path.join(os.environ.get("BUILD", "build"), "tiercel")
RULE = "- rule: %s\n  desc: d\n  output: o\n  priority: NOTICE\n  condition: evt.type = open\n"
BUNDLE = ("name: shop\nversion: 1.4.2\nrequired_engine_version: 0.50.0\nlayers:\n"
          "  - {name: base, level: system}\n"
          "  - {name: production, level: cluster, nodes: {environment: prod*}}\n")


class Test:
    def __init__(self, work):
        self.work, self.results = work, []
        self.env = dict(os.environ, DOCKER_CONFIG=self.path("docker"),
                        PATH=self.path("bin") + ":" + os.environ["PATH"])
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
            self.env.pop(name, None)
        os.makedirs(self.path("docker"))
        os.makedirs(self.path("bin"))

    def path(self, *names):
        return os.path.join(self.work, *names)

    def write(self, name, text):
        os.makedirs(os.path.dirname(self.path(name)), exist_ok=True)
        with open(self.path(name), "w" if isinstance(text, str) else "wb") as f:
            f.write(text)
        return self.path(name)

    def docker_config(self, config):
        self.write("docker/config.json", json.dumps(config) if isinstance(config, dict) else config)

    def ok(self, name, good, problem=""):
        self.results.append((name, None if good else str(problem) or "no"))
        return good

    def run(self, *args):
        return subprocess.run([TIERCEL, *map(str, args)], env=self.env, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, timeout=120)

    def expect(self, name, code, text, *args):
        p = self.run(*args)
        self.ok(name, p.returncode == code and text in p.stdout, "exit %d: %s" % (p.returncode, p.stdout))
        return p.stdout

    def refused(self, name, text, ref, *args):
        """A pull that fails with this text and leaves nothing behind."""
        out = self.path("refused.tar.gz")
        if os.path.exists(out):
            os.unlink(out)
        p = self.run("bundle", "pull", ref, "-o", out, *args)
        self.ok(name, p.returncode == 1 and text in p.stdout and not os.path.exists(out),
                "exit %d: %s" % (p.returncode, p.stdout))


def make_bundle(t):
    t.write("shop/bundle.yaml", BUNDLE)
    t.write("shop/base/a.yaml", RULE % "System")
    t.write("shop/production/p.yaml", RULE % "Production")
    return t.path("shop")


def test_push_pull(t, reg):
    shop = make_bundle(t)
    ref = reg.ref("team/rules", "1.4.2")
    t.expect("push", 0, "shop 1.4.2, 3 files", "bundle", "push", shop, ref, "--floating-tags")
    pinned = t.expect("digest of a tag", 0, "sha256:", "bundle", "pull", ref, "--digest-only").strip()
    for tag in ("1", "1.4"):
        t.expect("floating tag " + tag, 0, pinned, "bundle", "pull", reg.ref("team/rules", tag), "--digest-only")
    t.expect("push of the archive gives the same artifact", 0, "sha256:", "bundle", "build", shop, "-o",
             t.path("shop.tar.gz"))
    t.expect("push of an archive", 0, pinned, "bundle", "push", t.path("shop.tar.gz"), reg.ref("team/rules", "again"))
    text = json.loads(ocilib.request(reg.port, "GET", "/v2/team/rules/manifests/1.4.2", headers={
        "Accept": ocilib.MANIFEST})[1])
    config = json.loads(ocilib.request(reg.port, "GET", "/v2/team/rules/blobs/" + text["config"]["digest"])[1])
    t.ok("media types and configuration of falcoctl",
         text["config"]["mediaType"] == ocilib.CONFIG and text["layers"][0]["mediaType"] == ocilib.LAYER and
         "annotations" not in text["config"] and
         config == {"name": "shop", "version": "1.4.2", "requirements": [
             {"name": "engine_version_semver", "version": "0.50.0"}]}, (text, config))
    t.expect("pull into a folder", 0, "3 files", "bundle", "pull", ref, "-o", t.path("out"))
    t.ok("the same files", subprocess.run(["diff", "-r", shop, t.path("out")]).returncode == 0)
    t.expect("a folder with something in it is left alone", 1, "not empty", "bundle", "pull", ref, "-o", t.path("out"))
    t.expect("pull of a digest into an archive", 0, pinned, "bundle", "pull",
             ref.rsplit(":", 1)[0] + "@" + pinned, "-o", t.path("copy.tar.gz"))
    t.ok("the same bytes", subprocess.run(["cmp", t.path("copy.tar.gz"), t.path("shop.tar.gz")]).returncode == 0)
    t.expect("inspect", 0, "this node: ok, 1 rules", "bundle", "inspect", ref)
    t.expect("the node's layers", 0, "this node: ok, 2 rules", "bundle", "inspect", ref, "--node", "environment=prod")
    t.expect("check", 0, "0 errors", "check", "--bundle", ref)
    t.expect("rules of the layers", 0, "Production", "rules", "--bundle", ref, "--node", "environment=prod")
    t.expect("replay", 1, "not a .scap capture", "replay", "--bundle", ref, t.write("no.scap", "no trace"))
    t.write("bad/bundle.yaml", BUNDLE)
    t.write("bad/base/a.yaml", "- rule: [\n")
    t.expect("a bundle that does not load is not pushed", 1, "nothing is pushed", "bundle", "push", t.path("bad"), ref)
    t.expect("and the tag is what it was", 0, pinned, "bundle", "pull", ref, "--digest-only")
    t.write("bad/base/a.yaml", RULE % "A")
    t.write("bad/production/p.yaml", RULE % "P")
    t.write("bad/bundle.yaml", BUNDLE.replace("1.4.2", "1.4.2-rc1"))
    t.expect("floating tags of a candidate", 1, "needs a version X.Y.Z", "bundle", "push", t.path("bad"), ref,
             "--floating-tags")
    bad = reg.ref("team/broken")
    put(reg.port, "team/broken", "1", archive({"bundle.yaml": BUNDLE, "production/p.yaml": RULE % "P",
                                               "base/a.yaml": RULE.replace("open", "(") % "A"}))
    t.expect("problems of rules name the place in the artifact", 1, bad + "/base/a.yaml:5", "check", "--bundle", bad)
    t.expect("missing tag", 1, "has no team/rules:9", "check", "--bundle", reg.ref("team/rules", "9"))
    t.expect("no target", 2, "no target to push to", "bundle", "push", shop)
    t.expect("no output", 2, "no folder or archive", "bundle", "pull", ref)
    t.expect("not a reference", 1, "HOST/REPOSITORY:TAG is expected", "bundle", "pull", "oci://rules", "-o", t.path("x"))
    t.expect("push to a digest", 1, "a digest cannot be pushed to", "bundle", "push", shop, ref + "@" + pinned)
    t.expect("nobody listens", 1, "127.0.0.1:1", "bundle", "pull", "oci://127.0.0.1:1/a:1", "--digest-only")
    return pinned


def test_falcoctl(t, reg):
    """Artifacts as falcoctl pushes them, and its index."""
    layer = archive({"falco_rules.yaml": RULE % "Theirs", "more/local.yaml": RULE % "Local"})
    put(reg.port, "falco/rules", "5.1.0", layer, b'{"name":"falco-rules","version":"5.1.0"}', title="falco_rules.tar.gz")
    ref = reg.ref("falco/rules", "5.1.0")
    t.expect("pull of rules files", 0, "2 files", "bundle", "pull", ref, "-o", t.path("theirs"))
    t.ok("as they are", sorted(os.listdir(t.path("theirs"))) == ["falco_rules.yaml", "more"])
    t.expect("they make a bundle", 0, "bundle falco-rules 5.1.0", "bundle", "inspect", ref)
    t.expect("with all rules", 0, "Local", "rules", "--bundle", ref)
    index = ("- {name: other, type: rulesfile, registry: a.invalid, repository: x}\n"
             "- name: falco-rules\n  type: rulesfile\n  registry: 127.0.0.1:%d\n  repository: falco/rules\n"
             "- {name: json, type: plugin, registry: a.invalid, repository: p}\n"
             "- {name: odd, type: rulesfile, registry: 'not a host', repository: p}\n" % reg.port)
    path = t.write("index.yaml", index)
    t.expect("a name of an index", 0, "Theirs", "rules", "--bundle", "oci://falco-rules:5.1.0", "--bundle-index", path)
    t.expect("pull by name", 0, "sha256:", "bundle", "pull", "falco-rules:5.1.0", "--index", path, "--digest-only")
    t.expect("no such name", 1, "has no artifact 'nothing'", "bundle", "pull", "oci://nothing", "--index", path, "--digest-only")
    t.expect("a plugin", 1, "index.yaml:6: the artifact is of type 'plugin'", "bundle", "pull", "oci://json",
             "--index", path, "--digest-only")
    t.expect("an odd entry", 1, "index.yaml:7: 'not a host/p:1': the registry is not a host name", "bundle", "pull", "oci://odd:1", "--index",
             path, "--digest-only")
    t.write("broken.yaml", "- [\n")
    t.expect("an index that is no YAML", 1, "broken.yaml:", "bundle", "pull", "oci://odd", "--index",
             t.path("broken.yaml"), "--digest-only")
    t.expect("a missing index", 1, "No such file", "bundle", "pull", "oci://odd", "--index", t.path("none"), "--digest-only")

    class Web(Server):
        def serve(self, h):
            h.answer(200 if h.path == "/index.yaml" else 404, index.encode())
    web = Web()
    url = "http://127.0.0.1:%d/" % web.port
    t.expect("an index by HTTP", 0, "sha256:", "bundle", "pull", "oci://falco-rules:5.1.0", "--index",
             url + "index.yaml", "--digest-only")
    t.expect("an index that is not there", 1, "HTTP 404", "bundle", "pull", "oci://falco-rules", "--index", url + "x",
             "--digest-only")
    web.close()


def test_skopeo(t, reg, pinned):
    def skopeo(*args):
        return subprocess.run(["skopeo", "--insecure-policy", *args], stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    ref = "docker://127.0.0.1:%d/team/" % reg.port
    p = skopeo("inspect", "--tls-verify=false", "--raw", ref + "rules:1.4.2")
    t.ok("skopeo reads the manifest", p.returncode == 0 and digest(p.stdout) == pinned, p.stdout)
    p = skopeo("copy", "--src-tls-verify=false", "--dest-tls-verify=false", "--preserve-digests",
               ref + "rules:1.4.2", ref + "copied:1")
    t.ok("skopeo copies it", p.returncode == 0, p.stdout)
    t.expect("what skopeo copied", 0, pinned, "bundle", "pull", reg.ref("team/copied"), "-o", t.path("skopeo.tar.gz"))


def test_oras(t, reg, pinned):
    """Debian has it from trixie on."""
    try:
        p = subprocess.run(["kernel-tests/apttool.sh", "oras", os.path.join(os.environ.get("BUILD", "build"), "oras")],
                           stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, timeout=60)
    except subprocess.TimeoutExpired:
        p = None
    if not p or p.returncode:
        t.ok("oras # SKIP no mirror has it", True)
        return

    def oras(*args):
        return subprocess.run([p.stdout.strip(), *args], env=t.env, cwd=t.work, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT)
    host = "127.0.0.1:%d/" % reg.port
    q = oras("pull", "--plain-http", "-o", "oras", host + "team/rules@" + pinned)
    t.ok("oras pulls it", q.returncode == 0 and
         subprocess.run(["cmp", t.path("oras/shop.tar.gz"), t.path("shop.tar.gz")]).returncode == 0, q.stdout)
    t.write("config", '{"name":"oras-rules","version":"2.0.0"}')
    t.write("theirs.tar.gz", archive({"theirs.yaml": RULE % "By oras"}))
    q = oras("push", "--plain-http", "--config", "config:" + ocilib.CONFIG, host + "oras/rules:2",
             "theirs.tar.gz:" + ocilib.LAYER)
    t.ok("oras pushes", q.returncode == 0, q.stdout)
    t.expect("what oras pushed", 0, "bundle oras-rules 2.0.0", "bundle", "inspect", reg.ref("oras/rules", "2"))


def test_basic(t, work):
    passwords = t.write("htpasswd", ocilib.HTPASSWD)
    reg = Registry(work, "basic", "auth: {htpasswd: {realm: tests, path: %s}}\n" % passwords)
    host, ref = "127.0.0.1:%d" % reg.port, reg.ref("r")
    try:
        t.expect("basic: no credentials", 1, "no credentials for it are known", "bundle", "push", t.path("shop"), ref)
        t.docker_config({"auths": {"https://" + host + "/v2/": {"auth": "YWxpOnNlc2FtZQ=="}}})
        t.expect("basic: push", 0, "sha256:", "bundle", "push", t.path("shop"), ref)
        t.expect("basic: check", 0, "0 errors", "check", "--bundle", ref)
        t.docker_config({"auths": {host: {"auth": "YWxpOndyb25n"}}})
        t.expect("basic: wrong password", 1, "refuses access", "check", "--bundle", ref)
        t.docker_config('{"auths": \n[')
        t.expect("basic: damaged config.json", 1, "config.json:2", "check", "--bundle", ref)
        t.write("bin/docker-credential-tests", "#!/bin/sh\nread host\n[ \"$1 $host\" = 'get %s' ] || "
                "{ echo 'credentials not found in native keychain'; exit 1; }\n"
                "echo '{\"ServerURL\": \"x\", \"Username\": \"ali\", \"Secret\": \"sesame\"}'\n" % host)
        t.write("bin/docker-credential-odd", "#!/bin/sh\necho nothing\n")
        t.write("bin/docker-credential-none", "#!/bin/sh\nexit 1\n")
        for name in ("tests", "odd", "none"):
            os.chmod(t.path("bin/docker-credential-" + name), 0o755)
        t.docker_config({"credHelpers": {host: "tests"}, "credsStore": "odd"})
        t.expect("basic: helper of a host", 0, "0 errors", "check", "--bundle", ref)
        t.docker_config({"credsStore": "tests"})
        t.expect("basic: helper of all hosts", 0, "0 errors", "check", "--bundle", ref)
        t.docker_config({"credsStore": "none", "auths": {host: {"auth": "YWxpOnNlc2FtZQ=="}}})
        t.expect("basic: a helper without an answer, then the file", 0, "0 errors", "check", "--bundle", ref)
        t.docker_config({"credsStore": "odd"})
        t.expect("basic: a helper that talks nonsense", 1, "docker-credential-odd is not understood", "check", "--bundle", ref)
        t.docker_config({"credsStore": "missing"})
        t.expect("basic: a helper that is not there", 1, "docker-credential-missing: No such file", "check", "--bundle", ref)
        t.docker_config({"credsStore": "../tests"})
        t.expect("basic: a helper that is a path", 1, "no name of a credential helper", "check", "--bundle", ref)
    finally:
        t.docker_config({})
        reg.stop()


def test_token(t, work):
    tokens = TokenServer(work)
    reg = Registry(work, "token", tokens.registry_auth())
    host, ref = "127.0.0.1:%d" % reg.port, reg.ref("deep/r")
    try:
        t.expect("token: no credentials", 1, "refuses access", "bundle", "push", t.path("shop"), ref)
        t.docker_config({"auths": {host: {"auth": "YWxpOnNlc2FtZQ=="}}})
        t.expect("token: push", 0, "sha256:", "bundle", "push", t.path("shop"), ref, "--floating-tags")
        t.expect("token: check", 0, "0 errors", "check", "--bundle", ref)
        tokens.seen.clear()
        t.docker_config({"auths": {host: {"identitytoken": "open/+&"}}})
        t.expect("token: identity token", 0, "0 errors", "check", "--bundle", ref)
        t.ok("token: it went in the body of a POST", [s[0] for s in tokens.seen] == ["POST"], tokens.seen)
        t.docker_config({"auths": {host: {"identitytoken": "shut"}}})
        t.expect("token: a wrong one", 1, "the token server refuses access", "check", "--bundle", ref)
    finally:
        t.docker_config({})
        reg.stop()
        tokens.close()


def test_signature(t, reg, pinned):
    for name in ("good", "other"):
        subprocess.run(["openssl", "ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", t.path(name + ".key")], check=True)
        subprocess.run(["openssl", "ec", "-in", t.path(name + ".key"), "-pubout", "-out", t.path(name + ".pub")], check=True,
                       stderr=subprocess.DEVNULL)
    ref, good = reg.ref("team/rules", "1.4.2"), t.path("good.pub")
    t.refused("not signed", "is not signed", ref, "--key", good)
    sign(reg.port, "team/rules", pinned, t.path("other.key"), t.work)
    t.refused("signed by somebody else", "none of the 1 signatures", ref, "--key", good)
    sign(reg.port, "team/rules", pinned, t.path("good.key"), t.work)
    t.expect("signed", 0, "signature verified", "bundle", "pull", ref, "--key", good, "-o", t.path("signed"))
    t.expect("check of a signed bundle", 0, "0 errors", "check", "--bundle", ref, "--bundle-key", good)
    t.refused("no key", "cannot read the key", ref, "--key", t.path("none.pub"))
    t.refused("not a key", "no public key", ref, "--key", t.path("index.yaml"))
    # The signature of one artifact under the tag of another.
    text = ocilib.request(reg.port, "GET", "/v2/team/rules/manifests/" + pinned.replace(":", "-") + ".sig",
                          headers={"Accept": ocilib.MANIFEST})[1]
    other = put(reg.port, "team/rules", "evil", archive({"e.yaml": RULE % "Evil"}))
    ocilib.put_manifest(reg.port, "team/rules", other.replace(":", "-") + ".sig", text)
    t.refused("somebody else's signature", "none of the 1 signatures", reg.ref("team/rules", "evil"), "--key", good)


def link(name, target, kind=tarfile.SYMTYPE):
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info


def test_archives(t, liar):
    """The digests are right, what they stand for is not."""
    good = archive({"bundle.yaml": BUNDLE, "base/a.yaml": RULE % "A" * 50})
    flipped = bytearray(good)
    flipped[len(good) // 2] ^= 0xff
    cases = {
        "cut": (good[:len(good) // 2], "damaged archive"),
        "flipped": (bytes(flipped), "damaged archive"),
        "text": (b"no archive at all", "damaged archive"),
        "empty": (archive({"readme.txt": "x"}), "has no rules files"),
        "dots": (archive({"../up.yaml": "x"}), "is not inside of the bundle"),
        "absolute": (archive({"/etc/up.yaml": "x"}), "is not inside of the bundle"),
        "link": (archive({"l": link("l.yaml", "/etc/passwd")}), "is no regular file"),
        "hard": (archive({"a.yaml": "x", "l": link("l.yaml", "a.yaml", tarfile.LNKTYPE)}), "is no regular file"),
        "fifo": (archive({"l": link("l.yaml", "", tarfile.FIFOTYPE)}), "is no regular file"),
        "bomb": (archive({"z.yaml": b"\0" * (70 << 20)}), "larger than 67108864 bytes"),
        "many": (archive({"%d.yaml" % i: "" for i in range(5000)}), "more than 4096"),
    }
    for name, (layer, text) in cases.items():
        liar.serves(name, manifest(layer), {digest(layer): layer, digest(b"{}"): b"{}"})
        t.refused("archive: " + name, text, liar.ref(name))


def test_lies(t, liar):
    layer = archive({"a.yaml": RULE % "A"})
    blobs = {digest(layer): layer, digest(b"{}"): b"{}"}
    good = manifest(layer)

    def changed(change):
        m = json.loads(good)
        change(m)
        return json.dumps(m).encode()

    def size(n):
        def change(m):
            m["layers"][0]["size"] = n
        return change

    liar.serves("fine", good, blobs)
    t.expect("the liar can be honest", 0, "sha256:", "bundle", "pull", liar.ref("fine"), "-o", t.path("fine.tar.gz"))
    cases = {
        "longer": (changed(size(len(layer) - 1)), blobs, "sends more than the %d bytes" % (len(layer) - 1)),
        "shorter": (changed(size(len(layer) + 1)), blobs, "is not what its digest says"),
        "other": (good, {**blobs, digest(layer): b"x" * len(layer)}, "is not what its digest says"),
        "lost": (good, {digest(b"{}"): b"{}"}, "has no lost:1"),
        "giant": (changed(size(1 << 40)), blobs, "the bound is 67108864"),
        "negative": (changed(size(-1)), blobs, "no proper layer"),
        "layers": (changed(lambda m: m["layers"].append(m["layers"][0])), blobs, "it has 2 layers"),
        "none": (changed(lambda m: m.pop("layers")), blobs, "it has 0 layers"),
        "kind": (changed(lambda m: m["layers"][0].update(mediaType="text/plain")), blobs, "its layer is text/plain"),
        "digest": (changed(lambda m: m["layers"][0].update(digest="sha256:../../x")), blobs, "no proper layer"),
        "config": (changed(lambda m: m["config"].update(size=2 << 20)), blobs, "the config has 2097152 bytes"),
        "huge": (b" " * (5 << 20), blobs, "too large"),
        "nojson": (b"<html>", blobs, "is no JSON"),
        "deep": (b"[" * 100000, blobs, "is no JSON"),
        "blank": (b"", blobs, "is no JSON"),
    }
    for name, (text, data, why) in cases.items():
        liar.serves(name, text, data)
        t.refused("lie: " + name, why, liar.ref(name))
    t.refused("lie: not the digest that was asked for", "is not what the digest sha256:" + "0" * 64 + " says",
              liar.ref("fine").rsplit(":", 1)[0] + "@sha256:" + "0" * 64)

    levels = {}
    text = good
    for _ in range(4):
        levels[digest(text)] = text
        text = json.dumps({"schemaVersion": 2, "manifests": [describe(text, ocilib.INDEX)]}).encode()

    def nested(h, what, rest):
        h.answer(200, levels.get(rest, text))
    liar.repos["nested"] = nested
    t.refused("lie: indexes within indexes", "indexes within indexes", liar.ref("nested"))
    liar.serves("noindex", b'{"manifests":[]}', {})
    t.refused("lie: an empty index", "no proper entry in its index", liar.ref("noindex"))


def test_answers(t, liar):
    """Redirects, challenges, statuses."""
    layer = archive({"a.yaml": RULE % "A"})
    blobs = {digest(layer): layer, digest(b"{}"): b"{}"}
    good = manifest(layer)

    class Store(Server):
        def serve(self, h):
            self.note(h)
            h.answer(200, blobs[h.path[1:]])
    store = Store()
    host = "127.0.0.1:%d" % liar.port

    def elsewhere(h, what, rest):
        if not h.headers.get("Authorization"):
            h.answer(401, Www_Authenticate='Basic realm="tests"')
        elif what == "manifests":
            h.answer(200, good)
        else:
            h.answer(307, Location="http://localhost:%d/%s" % (store.port, rest))
    liar.repos["elsewhere"] = elsewhere
    t.docker_config({"auths": {host: {"auth": "YWxpOnNlc2FtZQ=="}}})
    t.expect("blobs of another host", 0, "sha256:", "bundle", "pull", liar.ref("elsewhere"), "-o", t.path("else.tar.gz"))
    t.ok("which gets no credentials", len(store.seen) == 2 and not any(s[2] for s in store.seen), store.seen)
    t.docker_config({})
    store.close()
    liar.repos["circle"] = lambda h, what, rest: h.answer(302, Location=h.path)
    t.refused("redirects without end", "redirect", liar.ref("circle"))
    liar.repos["file"] = lambda h, what, rest: h.answer(302, Location="file:///etc/passwd")
    t.refused("a redirect to a file", "rotocol", liar.ref("file"))

    class Tokens(Server):
        text = b'{"token": "t"}'

        def serve(self, h):
            self.note(h)
            h.answer(200, self.text)
    tokens = Tokens()

    def challenge(h, what, rest):
        h.answer(401, Www_Authenticate='Bearer realm="http://127.0.0.1:%d/t",service="s"' % tokens.port)
    liar.repos["endless"] = challenge
    liar.seen.clear()
    t.refused("challenges without end", "refuses access", liar.ref("endless"))
    t.ok("are answered once", len(liar.seen) == 2 and len(tokens.seen) == 1, liar.seen)
    for name, text in (("a token with a line break", b'{"token": "a\\r\\nX: y"}'), ("no token", b"{}"),
                       ("a token server that talks nonsense", b"<html>"),
                       ("a giant token", b'{"token": "' + b"x" * 70000 + b'"}')):
        tokens.text = text
        t.refused(name, "has no proper token", liar.ref("endless"))
    tokens.text = b" " * (5 << 20)
    t.refused("a giant answer of the token server", "too large", liar.ref("endless"))
    tokens.close()
    for name, realm in (("filerealm", "file:///etc/passwd"), ("norealm", "")):
        liar.repos[name] = lambda h, what, rest, realm=realm: h.answer(401, Www_Authenticate='Bearer realm="%s"' % realm)
        t.refused("token server '%s'" % realm, "is not an https address", liar.ref(name))
    for status, text in ((429, "too many requests"), (500, "HTTP 500"), (403, "refuses access")):
        liar.repos["s%d" % status] = lambda h, what, rest, status=status: h.answer(status)
        t.refused("HTTP %d" % status, text, liar.ref("s%d" % status))

    def hang(h, what, rest):
        if what == "manifests":
            h.answer(200, good)
        else:
            h.answer(200, b"x", Content_Length=str(len(layer)))
            time.sleep(ocilib.WAIT)
    liar.repos["hang"] = hang
    p = t.run("run", "-c", "/dev/null", "--bundle", liar.ref("hang"), "-o", "bundle.timeout=500ms", "-o",
              "state_directory=" + t.path("nostate"))
    t.ok("a registry that hangs is given up", p.returncode == 1 and "timed out" in p.stdout.lower(), p.stdout)


def everything(t, work):
    t.docker_config({})
    liar = Liar()
    make_bundle(t)
    test_archives(t, liar)
    test_lies(t, liar)
    test_answers(t, liar)
    liar.close()
    if ocilib.have("docker-registry"):
        reg = Registry(work, "open")
        try:
            pinned = test_push_pull(t, reg)
            test_falcoctl(t, reg)
            test_signature(t, reg, pinned)
            test_oras(t, reg, pinned)
            if ocilib.have("skopeo"):
                test_skopeo(t, reg, pinned)
            else:
                t.ok("skopeo # SKIP not installed", True)
        finally:
            reg.stop()
        test_basic(t, work)
        test_token(t, work)
    else:
        t.ok("a real registry # SKIP docker-registry is not installed", True)


def main():
    with tempfile.TemporaryDirectory(prefix="tiercel-oci-") as work:
        t = Test(work)
        try:
            everything(t, work)
        except Exception:
            t.ok("the test runs to its end", False, traceback.format_exc())
    report(t.results)


main()

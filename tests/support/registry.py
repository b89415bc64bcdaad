"""Debian's docker-registry on loopback, and what it takes to fill it without a client."""
import base64
import ctypes
import http.client
import json
import pathlib
import ssl
import subprocess

from support.wait import wait_until


def htpasswd(user, password):
    """A line for Registry's auth; the registry takes only bcrypt, which libcrypt can make."""
    crypt = ctypes.CDLL("libcrypt.so.1").crypt
    crypt.restype = ctypes.c_char_p
    return f"{user}:{crypt(password.encode(), b'$2b$05$' + b'abcdefghijklmnopqrstuu').decode()}\n"


class Registry:
    def __init__(self, base, port=5000, host="127.0.0.1", auth=None, tls=None):
        """auth: an htpasswd file's text; tls: (certificate file, key file)."""
        self.base, self.port, self.host, self.auth, self.tls = pathlib.Path(base), port, host, auth, tls
        self.name = f"{host}:{port}"
        self.process = None

    def start(self):
        self.base.mkdir(parents=True, exist_ok=True)
        lines = ["version: 0.1", "log: {level: warn}", "storage:", f"  filesystem: {{rootdirectory: {self.base / 'data'}}}",
                 "  delete: {enabled: true}", "http:", f"  addr: {self.name}"]
        if self.tls:
            lines += ["  tls:", f"    certificate: {self.tls[0]}", f"    key: {self.tls[1]}"]
        if self.auth:
            (self.base / "htpasswd").write_text(self.auth)
            lines += ["auth:", f"  htpasswd: {{realm: test, path: {self.base / 'htpasswd'}}}"]
        (self.base / "config.yml").write_text("\n".join(lines) + "\n")
        log = open(self.base / "registry.log", "wb")
        self.process = subprocess.Popen(["docker-registry", "serve", str(self.base / "config.yml")], stdin=subprocess.DEVNULL,
                                        stdout=log, stderr=log)
        wait_until(self._answers, 10, "the registry's first answer")
        return self

    def stop(self):
        self.process.kill()
        self.process.wait()

    def _connection(self):
        if self.tls:
            return http.client.HTTPSConnection(self.host, self.port, context=ssl._create_unverified_context(), timeout=30)
        return http.client.HTTPConnection(self.host, self.port, timeout=30)

    def _answers(self):
        assert self.process.poll() is None, (self.base / "registry.log").read_text()
        try:
            return self.request("GET", "/v2/")[0] in (200, 401)
        except OSError:
            return False

    def request(self, method, path, body=None, credentials=None, **headers):
        connection = self._connection()
        headers = {name.replace("_", "-"): value for name, value in headers.items()}
        if credentials:
            headers["Authorization"] = "Basic " + base64.b64encode(":".join(credentials).encode()).decode()
        connection.request(method, path, body, headers)
        response = connection.getresponse()
        answer = response.status, response.headers, response.read()
        connection.close()
        return answer

    def push(self, image, repository, tag="latest", credentials=None):
        """Uploads an Image; returns the manifest's digest."""
        for digest, blob in image.blobs().items():
            status, headers, _ = self.request("POST", f"/v2/{repository}/blobs/uploads/", credentials=credentials)
            assert status == 202, status
            location = headers["Location"].split("/v2/", 1)[1]
            joiner = "&" if "?" in location else "?"
            status, _, body = self.request("PUT", f"/v2/{location}{joiner}digest={digest}", blob, credentials,
                                           Content_Type="application/octet-stream")
            assert status == 201, (status, body)
        return self.push_manifest(repository, tag, image.manifest, image.manifest_type, credentials)

    def push_manifest(self, repository, tag, manifest, media_type, credentials=None):
        if not isinstance(manifest, bytes):
            manifest = json.dumps(manifest).encode()
        status, headers, body = self.request("PUT", f"/v2/{repository}/manifests/{tag}", manifest, credentials,
                                             Content_Type=media_type)
        assert status == 201, (status, body)
        return headers["Docker-Content-Digest"]

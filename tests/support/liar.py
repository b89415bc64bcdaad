"""A registry that tells the truth until a test says otherwise: wrong digests, bodies cut short, stalls, statuses, tokens, redirects."""
import http.server
import json
import threading
import time
import urllib.parse

from support.image import sha256


class Liar:
    """answers: path -> function(handler) that answers a request in place of the truth; log: what was asked."""

    def __init__(self, host="127.0.0.1"):
        self.images, self.documents, self.blobs, self.answers, self.log = {}, {}, {}, {}, []
        liar = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                liar.serve(self)

            def log_message(self, *words):
                pass

        self.server = http.server.ThreadingHTTPServer((host, 0), Handler)
        self.server.daemon_threads = True
        self.name = f"{host}:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def stop(self):
        self.server.shutdown()
        self.server.server_close()

    def add(self, image, repository, tag="latest"):
        self.documents[f"/v2/{repository}/manifests/{tag}"] = (image.manifest, image.manifest_type)
        self.documents[f"/v2/{repository}/manifests/{sha256(image.manifest)}"] = (image.manifest, image.manifest_type)
        for digest, blob in image.blobs().items():
            self.blobs[f"/v2/{repository}/blobs/{digest}"] = blob

    def add_document(self, repository, tag, document, media_type):
        text = document if isinstance(document, bytes) else json.dumps(document).encode()
        self.documents[f"/v2/{repository}/manifests/{tag}"] = (text, media_type)
        self.documents[f"/v2/{repository}/manifests/{sha256(text)}"] = (text, media_type)
        return sha256(text)

    def serve(self, handler):
        path = urllib.parse.urlsplit(handler.path).path
        self.log.append((path, dict(handler.headers)))
        answer = self.answers.get(path) or self.answers.get("*")
        if answer and answer(handler) is not False:
            return
        if path in self.documents:
            text, media_type = self.documents[path]
            send(handler, 200, text, {"Content-Type": media_type, "Docker-Content-Digest": sha256(text)})
        elif path in self.blobs:
            send_range(handler, self.blobs[path])
        else:
            send(handler, 404, json.dumps({"errors": [{"code": "MANIFEST_UNKNOWN", "message": "manifest unknown"}]}).encode())

    def asked(self, part):
        return [path for path, _ in self.log if part in path]


def send(handler, status, body=b"", headers=None):
    handler.send_response(status)
    for name, value in (headers or {}).items():
        handler.send_header(name, value)
    handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    handler.wfile.write(body)


def send_range(handler, blob):
    wanted = handler.headers.get("Range")
    if wanted:
        first = int(wanted.removeprefix("bytes=").rstrip("-"))
        send(handler, 206, blob[first:], {"Content-Range": f"bytes {first}-{len(blob) - 1}/{len(blob)}"})
    else:
        send(handler, 200, blob)


def cut_short(blob, after):
    """Once: the length of all, the bytes of a part, and the connection closed."""
    done = []

    def answer(handler):
        if done:
            return False
        done.append(True)
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(blob)))
        handler.end_headers()
        handler.wfile.write(blob[:after])
        handler.wfile.flush()
        handler.close_connection = True
        handler.connection.shutdown(2)

    return answer


def status(code, times=1, headers=None, body=b""):
    """This status the first times, then the truth."""
    left = [times]

    def answer(handler):
        if left[0] == 0:
            return False
        left[0] -= 1
        send(handler, code, body, headers)

    return answer


def stall(seconds):
    """Headers, a first byte, and then nothing."""

    def answer(handler):
        handler.send_response(200)
        handler.send_header("Content-Length", "1000000")
        handler.end_headers()
        handler.wfile.write(b"x")
        handler.wfile.flush()
        time.sleep(seconds)

    return answer

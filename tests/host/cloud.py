"""Plays AWS to a starting server: metadata with a token, S3, Secrets Manager, Auto Scaling, logs. What is
not signed or asked without the token is refused. The secret is not there when it is first asked for.
Joining the group notes whether the server was ready when it did."""
import http.server, json, pathlib, ssl, threading, urllib.parse, urllib.request

CHECK = pathlib.Path("/check")
TOKEN = "a-token-of-the-metadata"
METADATA = {
    "iam/security-credentials/": "server-role",
    "iam/security-credentials/server-role": json.dumps(
        {"AccessKeyId": "id", "SecretAccessKey": "made-up", "Token": "session"}),
    "instance-id": "i-0123456789abcdef0",
}
asked = []
streams = set()


class Handler(http.server.BaseHTTPRequestHandler):
    def answer(self, status, body=b""):
        self.send_response(status)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


class Metadata(Handler):
    def do_PUT(self):
        is_asked = self.path == "/latest/api/token" and self.headers["x-aws-ec2-metadata-token-ttl-seconds"]
        self.answer(200 if is_asked else 400, TOKEN.encode())

    def do_GET(self):
        text = METADATA.get(self.path.removeprefix("/latest/meta-data/"))
        is_known = self.headers["x-aws-ec2-metadata-token"] == TOKEN and text
        self.answer(200 if is_known else 401, (text or "").encode())


class Services(Handler):
    def body(self):
        return self.rfile.read(int(self.headers["content-length"] or 0))

    def is_signed(self):
        proof = self.headers["authorization"] or ""
        return proof.startswith("AWS4-HMAC-SHA256 Credential=id/") and "session" == self.headers["x-amz-security-token"]

    def log(self, action, fields):
        """Takes what CloudWatch Logs would: events in order, to a stream that was made."""
        stream = fields["logGroupName"], fields["logStreamName"]
        if action == "Logs_20140328.CreateLogStream":
            streams.add(stream)
            return self.answer(200, b"{}")
        times = [event["timestamp"] for event in fields["logEvents"]]
        if stream not in streams or times != sorted(times):
            return self.answer(400, b'{"__type": "InvalidParameterException"}')
        with open(CHECK / "journal", "a") as file:
            file.writelines(event["message"] + "\n" for event in fields["logEvents"])
        self.answer(200, b"{}")

    def do_GET(self):
        packages = {"/releases/ballast.deb": next((CHECK / "artifact").glob("*.deb")),
                    "/agents/agent.deb": CHECK / "agent.deb"}
        package = packages.get(self.path) if self.is_signed() else None
        self.answer(200 if package else 403, package.read_bytes() if package else b"")

    def do_POST(self):
        body = self.body()
        if not self.is_signed():
            return self.answer(403)
        if self.headers["host"].startswith("secretsmanager"):
            asked.append(json.loads(body)["SecretId"])
            if len(asked) == 1:
                return self.answer(400, b'{"__type": "ResourceNotFoundException"}')
            secret = (CHECK / "secret.json").read_text()
            return self.answer(200, json.dumps({"SecretString": secret}).encode())
        if self.headers["host"].startswith("logs"):
            return self.log(self.headers["x-amz-target"], json.loads(body))
        form = urllib.parse.parse_qs(body.decode())
        ready = urllib.request.urlopen("http://127.0.0.1:8000/readyz").status
        (CHECK / "joined").write_text(f"{ready} {form['LifecycleActionResult'][0]}")
        self.answer(200)


def serve(address, handler, context=None):
    server = http.server.ThreadingHTTPServer(address, handler)
    if context:
        server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever).start()


tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
tls.load_cert_chain(CHECK / "tls/cloud.pem", CHECK / "tls/cloud.key")
serve(("169.254.169.254", 80), Metadata)
serve(("127.0.0.1", 443), Services, tls)
(CHECK / "cloud-listens").touch()

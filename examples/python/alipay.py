"""The client of Alipay's gateway, in certificate mode.

RSA signatures are made by the openssl program; they are proven here, since that
needs no secret and only arithmetic.
"""
import base64
import hashlib
import json
import subprocess
import time
import urllib.parse
import urllib.request

GATEWAY = "https://openapi.alipay.com/gateway.do"


class Unknown(Exception):
    """It is not known whether Alipay acted: ask, or say the same again."""


class Refused(Exception):
    """Alipay surely did not act. The first argument is its sub_code."""


def openssl(*arguments, given=b""):
    return subprocess.run(["openssl", *arguments], input=given, capture_output=True, check=True).stdout


def certificate_sn(path_or_pem):
    """The name that Alipay gives a certificate: MD5 of issuer and serial number."""
    text = path_or_pem.encode()
    said = openssl("x509", "-noout", "-issuer", "-serial", "-nameopt", "RFC2253", given=text).decode()
    fields = dict(line.split("=", 1) for line in said.splitlines())
    return hashlib.md5((fields["issuer"] + str(int(fields["serial"], 16))).encode()).hexdigest()


def root_sn(bundle):
    """That of a bundle: of those certificates that are signed with RSA, joined."""
    names = []
    for pem in bundle.split("-----END CERTIFICATE-----")[:-1]:
        pem += "-----END CERTIFICATE-----\n"
        if b"WithRSA" in openssl("x509", "-noout", "-text", given=pem.encode()).split(b"Subject:")[0]:
            names.append(certificate_sn(pem))
    return "_".join(names)


def string_to_sign(parameters):
    return "&".join(f"{name}={parameters[name]}" for name in sorted(parameters) if parameters[name] != "")


class Client:
    def __init__(self, app_id, key_file, app_cert, alipay_cert, root_cert, notify_url, timeout):
        self.app_id, self.key_file, self.notify_url, self.timeout = app_id, key_file, notify_url, timeout
        self.app_sn, self.root_sn, self.alipay_sn = certificate_sn(app_cert), root_sn(root_cert), certificate_sn(alipay_cert)
        public = openssl("x509", "-noout", "-pubkey", given=alipay_cert.encode())
        self.modulus = int(openssl("rsa", "-pubin", "-noout", "-modulus", given=public).decode().strip().split("=")[1], 16)

    def sign(self, text):
        made = openssl("dgst", "-sha256", "-sign", self.key_file, given=text.encode())
        return base64.b64encode(made).decode()

    def proven(self, text, signature):
        """Whether Alipay signed the text: RSA with SHA-256 and PKCS #1 v1.5 padding, e = 65537."""
        try:
            raw = base64.b64decode(signature, validate=True)
        except ValueError:
            return False
        size = (self.modulus.bit_length() + 7) // 8
        info = bytes.fromhex("3031300d060960864801650304020105000420") + hashlib.sha256(text).digest()
        wanted = b"\x00\x01" + b"\xff" * (size - len(info) - 3) + b"\x00" + info
        return len(raw) == size and pow(int.from_bytes(raw, "big"), 65537, self.modulus) == int.from_bytes(wanted, "big")

    def call(self, method, content):
        """Makes a call and returns its answer, proven. Raises Unknown or Refused."""
        parameters = {
            "app_id": self.app_id, "method": method, "format": "JSON", "charset": "utf-8", "sign_type": "RSA2",
            "timestamp": wire_time(time.time()), "version": "1.0", "biz_content": content,
            "app_cert_sn": self.app_sn, "alipay_root_cert_sn": self.root_sn,
        }
        if method == "alipay.trade.precreate":
            parameters["notify_url"] = self.notify_url
        parameters["sign"] = self.sign(string_to_sign(parameters))
        try:
            with urllib.request.urlopen(GATEWAY, urllib.parse.urlencode(parameters).encode(), timeout=self.timeout) as answer:
                body = answer.read(1 << 20)
        except Exception as problem:  # urllib has no one class for all that can happen
            raise Unknown(f"{method}: {problem}") from problem
        return self.read(method, body)

    def read(self, method, body):
        name = method.replace(".", "_") + "_response"
        try:
            text = body.decode()
            start = text.index(f'"{name}":') + len(name) + 3
            node, length = json.JSONDecoder().raw_decode(text[start:])
            whole = json.loads(text)
        except ValueError as problem:
            raise Unknown(f"{method}: the answer cannot be read") from problem
        if whole.get("alipay_cert_sn") != self.alipay_sn or not self.proven(text[start:start + length].encode(), whole.get("sign", "")):
            raise Unknown(f"{method}: the answer is not proven to be Alipay's")
        if node.get("code") == "10000":
            return node
        sub = node.get("sub_code", "")
        if node.get("code") == "40004" and "SYSTEM_ERROR" not in sub.upper():
            raise Refused(sub, node.get("sub_msg", ""))
        raise Unknown(f"{method}: {node.get('code')} {sub}")

    def opened(self, parameters):
        """The fields of a notification, if it is Alipay's and for this app; else ValueError."""
        signed = {name: value for name, value in parameters.items() if name not in ("sign", "sign_type")}
        if not self.proven(string_to_sign(signed).encode(), parameters.get("sign", "")):
            raise ValueError("it is not proven to be Alipay's")
        if parameters.get("app_id") != self.app_id:
            raise ValueError("it is for another app")
        return parameters


def wire_time(at):
    """Alipay's times are Beijing's."""
    return time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(at + 8 * 3600))

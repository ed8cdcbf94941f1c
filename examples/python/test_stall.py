"""python3 -m unittest: what can be wrong without anybody calling."""
import os
import pathlib
import subprocess
import tempfile
import unittest

import alipay
from books import Books, Told
from money import fen, yuan


class Money(unittest.TestCase):
    def test_exact(self):
        for text, minor in {"0.29": 29, "1.1": 110, "12": 1200, "1128.60": 112860}.items():
            self.assertEqual(fen(text), minor)
        for minor in (1, 29, 100, 99999999):
            self.assertEqual(fen(yuan(minor)), minor)
        for bad in ("", "-1", "1.234", "1,2", "a", "1.", "٣"):
            self.assertRaises(ValueError, fen, bad)


class Booking(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.books = Books(os.path.join(self.folder.name, "stall.db"), {"tea": {"id": "tea", "stock": 3}})
        self.addCleanup(lambda: self.books.db.close())
        self.order = self.books.place("k", "tea", 2, 2560)
        self.first, self.second = (self.books.start(self.order["id"], key, 3, lambda *_: "{}") for key in ("a", "b"))

    def state(self, table, row):
        return self.books.one(f"SELECT * FROM {table} WHERE id = ?", row["id"])["state"]

    def test_same_key_same_order(self):
        self.assertEqual(self.books.place("k", "tea", 2, 2560)["id"], self.order["id"])
        self.assertRaises(Told, self.books.place, "other", "tea", 2, 2560)

    def test_twice_is_once(self):
        for _ in range(3):
            self.books.book(self.first["id"], "T1", 2560)
        self.assertEqual(self.state("orders", self.order), "paid")
        self.assertEqual(self.books.all("SELECT * FROM refunds"), [])

    def test_second_payment_goes_back(self):
        self.books.book(self.first["id"], "T1", 2560)
        self.books.book(self.second["id"], "T2", 2560)
        (back,) = self.books.all("SELECT * FROM refunds")
        self.assertEqual((back["payment_id"], back["amount"], back["cause"]), (self.second["id"], 2560, "second"))
        self.books.returned(back["id"])
        self.assertEqual((self.state("payments", self.second), self.state("orders", self.order)), ("returned", "paid"))

    def test_wrong_amount_pays_nothing(self):
        self.books.book(self.first["id"], "T1", 1)
        self.assertEqual(self.state("orders", self.order), "open")
        self.assertEqual(self.books.one("SELECT * FROM refunds")["amount"], 1)

    def test_no_more_back_than_came(self):
        self.books.book(self.first["id"], "T1", 2560)
        self.books.refund(self.order["id"], "r1", 2000)
        self.assertEqual(self.books.refund(self.order["id"], "r1", 2000)["request"], "r1")
        self.assertRaises(Told, self.books.refund, self.order["id"], "r2", 561)


class Signatures(unittest.TestCase):
    def test_signed_is_proven(self):
        with tempfile.TemporaryDirectory() as folder:
            key, certificate = (os.path.join(folder, name) for name in ("key.pem", "cert.pem"))
            subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", certificate,
                            "-subj", "/C=CN/O=Test/CN=stall", "-days", "2"], check=True, capture_output=True)
            pem = pathlib.Path(certificate).read_text()
            client = alipay.Client("app", key, pem, pem, pem, "https://stall.example", 1)
            text = alipay.string_to_sign({"b": "2", "a": "茶", "empty": ""})
            self.assertEqual(text, "a=茶&b=2")
            signature = client.sign(text)
            self.assertTrue(client.proven(text.encode(), signature))
            self.assertFalse(client.proven(b"a=1&b=2", signature))
            self.assertFalse(client.proven(text.encode(), "!"))
            self.assertEqual(client.root_sn, client.app_sn)


if __name__ == "__main__":
    unittest.main()

"""A tea stall that sells what it lists through Alipay's QR codes. README.md tells the rest."""
import json
import os
import pathlib
import signal
import sys
import threading
import time
import urllib.parse
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import alipay
from books import Books, Told, number
from money import fen, yuan


class Stall:
    def __init__(self):
        def setting(name, usual=None):
            value = os.environ.get(name, usual)
            if not value:
                sys.exit(f"{name} is not set; README.md lists the settings")
            return value

        def file(name):
            return pathlib.Path(setting(name)).read_text()

        self.address = (setting("HOST", "127.0.0.1"), int(setting("PORT", "8080")))
        self.give_up, self.order_expiry = float(setting("GIVE_UP_AFTER", "3")), float(setting("ORDER_EXPIRY", "3.5"))
        self.ask_every, self.refund_every = float(setting("ASK_EVERY", "0.7")), float(setting("REFUND_EVERY", "0.4"))
        self.seller = setting("ALIPAY_SELLER_ID")
        self.products = {p["id"]: p for p in json.loads((pathlib.Path(__file__).parent / "products.json").read_text())}
        data = pathlib.Path(setting("DATA", "."))
        data.mkdir(parents=True, exist_ok=True)
        self.books = Books(data / "stall.db", self.products)
        self.alipay = alipay.Client(setting("ALIPAY_APP_ID"), setting("ALIPAY_KEY_FILE"), file("ALIPAY_APP_CERT_FILE"), file("ALIPAY_CERT_FILE"),
                                    file("ALIPAY_ROOT_CERT_FILE"), setting("PUBLIC_URL") + "/alipay/notify", float(setting("CALL_TIMEOUT", "1")))
        self.stopping = threading.Event()

    # What shoppers do.

    def place(self, form):
        product, quantity = self.products.get(form.get("product")), int(form.get("quantity", "1"))
        if not product or not 1 <= quantity <= 1000 or not form.get("key"):
            raise Told(400, "an order names a product, a quantity and a key")
        return self.page(self.books.place(form["key"], product["id"], quantity, fen(product["price"]) * quantity)["id"])

    def start(self, form):
        payment = self.books.start(form.get("order"), form.get("key"), self.give_up, self.content)
        if payment["state"] == "waiting" and not payment["code"]:
            payment["code"] = self.ask_for_code(payment)
        return self.shown(payment)

    @staticmethod
    def content(reference, order, expires):
        return json.dumps({"out_trade_no": reference, "total_amount": yuan(order["total"]), "subject": f"{order['quantity']} {order['product']}",
                           "time_expire": alipay.wire_time(expires)})

    def ask_for_code(self, payment):
        """Asks with the same content until there is an answer, three times at most; later the page may show the code."""
        wait = 0.1
        for _ in range(3):
            try:
                code = self.alipay.call("alipay.trade.precreate", payment["content"])["qr_code"]
                self.books.run("UPDATE payments SET code = ? WHERE id = ?", code, payment["id"])
                return code
            except alipay.Refused as refused:
                print("no code for", payment["id"], *refused.args)
                return ""
            except alipay.Unknown as unknown:
                print("no code yet:", unknown)
                time.sleep(wait)
                wait *= 2
        return ""

    def page(self, order_id):
        order = self.books.one("SELECT * FROM orders WHERE id = ?", order_id)
        if not order:
            raise Told(404, "no such order")
        return {"order": order["id"], "key": order["key"], "state": order["state"], "total": yuan(order["total"]),
                "payments": [self.shown(p) for p in self.books.all("SELECT * FROM payments WHERE order_id = ? ORDER BY created", order_id)],
                "refunds": [self.given(r) for r in self.books.all("SELECT * FROM refunds WHERE order_id = ?", order_id)]}

    @staticmethod
    def shown(p):
        return {"order": p["order_id"], "key": p["key"], "state": p["state"], "qr_code": p["code"], "out_trade_no": p["id"],
                "trade_no": p["trade_no"], "captured": yuan(p["captured"])}

    @staticmethod
    def given(r):
        return {"order": r["order_id"], "payment": r["payment_id"], "request": r["request"], "out_request_no": r["id"], "state": r["state"],
                "amount": yuan(r["amount"])}

    def refund(self, form):
        return self.given(self.books.refund(form.get("order"), form.get("request"), fen(form.get("amount", ""))))

    def export(self):
        with self.books as books:
            return {"orders": [{**o, "total": yuan(o["total"])} for o in books.all("SELECT * FROM orders")],
                    "payments": [self.shown(p) for p in books.all("SELECT * FROM payments")],
                    "refunds": [self.given(r) for r in books.all("SELECT * FROM refunds")]}

    # What Alipay says.

    def notified(self, form):
        """Whether a notification is taken: it is proven, and what it says is booked."""
        said = self.alipay.opened(form)
        payment = self.books.one("SELECT * FROM payments WHERE id = ?", said.get("out_trade_no"))
        if not payment or said.get("seller_id") != self.seller:
            raise ValueError("it is for another seller")
        if said.get("trade_status") not in ("TRADE_SUCCESS", "TRADE_FINISHED"):
            return
        order = self.books.one("SELECT * FROM orders WHERE id = ?", payment["order_id"])
        if fen(said.get("total_amount", "")) == order["total"]:
            self.books.book(payment["id"], said.get("trade_no", ""), order["total"])
            return
        self.decide(payment)  # another amount is believed only of Alipay's answer
        if self.books.one("SELECT captured FROM payments WHERE id = ?", payment["id"])["captured"] != fen(said["total_amount"]):
            raise ValueError("its amount is not what Alipay's books say")

    # What goes on by itself.

    def decide(self, payment):
        """Finds out how a payment stands. A code that nobody has scanned has no trade, and can be paid until it expires."""
        try:
            trade = self.alipay.call("alipay.trade.query", json.dumps({"out_trade_no": payment["id"]}))
        except alipay.Refused as refused:
            if refused.args[0] == "ACQ.TRADE_NOT_EXIST":
                self.absent(payment)
            return
        if trade.get("out_trade_no") != payment["id"]:
            raise alipay.Unknown("the answer is about another payment")
        if trade["trade_status"] in ("TRADE_SUCCESS", "TRADE_FINISHED"):
            self.books.book(payment["id"], trade["trade_no"], fen(trade["total_amount"]))
        elif trade["trade_status"] == "TRADE_CLOSED":
            self.books.run("UPDATE payments SET state = 'closed' WHERE id = ? AND state = 'waiting'", payment["id"])

    def absent(self, payment):
        now = time.time()
        if now < payment["expires"] + 1:
            if not payment["code"] and now < payment["expires"] - 1:
                self.ask_for_code(payment)
            return
        if payment["absent"]:  # seen before, and some time ago: there is none, and there will be none
            self.books.run("UPDATE payments SET state = 'closed' WHERE id = ? AND state = 'waiting'", payment["id"])
        else:
            self.books.run("UPDATE payments SET absent = ? WHERE id = ?", now, payment["id"])

    def give_back(self, refund):
        content = {"out_trade_no": refund["payment_id"], "refund_amount": yuan(refund["amount"]), "out_request_no": refund["id"]}
        try:
            self.alipay.call("alipay.trade.refund", json.dumps(content))
        except alipay.Refused as refused:
            print("refund", refund["id"], *refused.args)
            self.books.run("UPDATE refunds SET state = 'refused' WHERE id = ? AND state = 'asked'", refund["id"])
            return
        except alipay.Unknown:
            if refund["cause"] == "shopper":
                # A number that got no answer may be burnt: try with a fresh one.
                self.books.run("UPDATE refunds SET id = ? WHERE id = ?", number("b"), refund["id"])
            raise
        self.books.returned(refund["id"])

    def work(self):
        with ThreadPoolExecutor(24) as pool:
            while not self.stopping.wait(0.04):
                self.books.expire(self.order_expiry)
                for payment in self.books.due("payments", "'waiting'"):
                    pool.submit(self.step, self.decide, "payments", payment, self.ask_every)
                for refund in self.books.due("refunds", "'asked'"):
                    pool.submit(self.step, self.give_back, "refunds", refund, self.refund_every)

    def step(self, do, table, row, every):
        try:
            do(row)
        except Exception as problem:  # whatever it is, the row stays due
            print(table, row["id"], problem)
        self.books.run(f"UPDATE {table} SET next = ? WHERE rowid = ?", time.time() + every, row["row"])


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    stall = None

    def do_GET(self):
        path = urllib.parse.urlsplit(self.path)
        asked = dict(urllib.parse.parse_qsl(path.query))
        self.answer({"/healthz": lambda: {}, "/order": lambda: self.stall.page(asked.get("id")), "/export": self.stall.export}.get(path.path))

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", "0"))).decode(errors="replace")
        form = dict(urllib.parse.parse_qsl(body, keep_blank_values=True))
        if self.path == "/alipay/notify":
            self.acknowledge(form)
            return
        calls = {"/order": self.stall.place, "/pay": self.stall.start, "/refund": self.stall.refund}
        call = calls.get(self.path)
        self.answer(call and (lambda: call(form)))

    def answer(self, call):
        status, said = 200, None
        try:
            if not call:
                raise Told(404, "there is nothing here")
            said = call()
        except Told as told:
            status, said = told.args[0], {"error": told.args[1]}
        except ValueError as problem:
            status, said = 400, {"error": str(problem)}
        except Exception as problem:
            print("error:", problem)
            status, said = 500, {"error": "try again"}
        self.write(status, "application/json", json.dumps(said))

    def acknowledge(self, form):
        try:
            self.stall.notified(form)
        except Exception as problem:
            print("refuse a notification:", problem)
            self.write(200, "text/plain", "fail")
            return
        self.write(200, "text/plain", "success")

    def write(self, status, kind, text):
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(text.encode())))
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *_):
        pass


class Server(ThreadingHTTPServer):
    request_queue_size = 256
    daemon_threads = True


def main():
    sys.stdout.reconfigure(line_buffering=True)
    stall = Stall()
    Handler.stall = stall
    server = Server(stall.address, Handler)
    worker = threading.Thread(target=stall.work)
    worker.start()

    def stop(*_):
        stall.stopping.set()
        threading.Thread(target=server.shutdown).start()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    server.serve_forever()
    worker.join()


if __name__ == "__main__":
    main()

// The client of UnionPay's gateway, ACP 5.1.0: every message is a list of pairs,
// signed, and carries the certificate that it can be proven with.
import { createHash, createPrivateKey, createSign, createVerify, X509Certificate } from 'node:crypto';

const HOST = 'https://gateway.95516.com';
const BACK = '/gateway/api/backTransReq.do';
const QUERY = '/gateway/api/queryTrans.do';
const OWNER = '中国银联股份有限公司';

// Codes of the gateway that say how a transaction went. All others leave it open.
const SUCCESS = new Set(['00', 'A6', '42']); // 42: the money moved after the time allowed
const REFUSED = new Set(('01 10 11 13 14 30 31 32 33 35 36 38 39 40 43 44 45 46 60 61 62 63 64 65 66 67 68 69 71 72 73 ' +
  '76 77 78 79 80 81 82 85 86 87 88 89 90 91 92 93 94 95 96').split(' '));
const NONE = '34'; // a query finds nothing
const DUPLICATE = '12'; // the number is in use: what became of it, a query tells

export const outcome = (code) => SUCCESS.has(code) ? 'success' : REFUSED.has(code) ? 'refused' : code === NONE ? 'none'
  : code === DUPLICATE ? 'duplicate' : 'unknown';

// Times on the wire are Beijing's, without a zone.
export const wireTime = (ms) => new Date(ms + 8 * 3600_000).toISOString().replace(/[-:T]/g, '').slice(0, 14);

// digest is what is signed: the hexadecimal SHA-256 of all pairs by name, as they are.
export function digest(fields) {
  const text = Object.keys(fields).filter((name) => name !== 'signature').sort().map((name) => `${name}=${fields[name]}`).join('&');
  return createHash('sha256').update(text).digest('hex');
}

// parsePairs reads an answer: pairs that are not percent-encoded; what stands in
// braces or brackets may hold ampersands.
export function parsePairs(text) {
  const fields = {};
  let depth = 0;
  let pair = '';
  for (const letter of text + '&') {
    if (letter === '{' || letter === '[') depth++;
    if (letter === '}' || letter === ']') depth--;
    if (letter !== '&' || depth > 0) {
      pair += letter;
      continue;
    }
    const at = pair.indexOf('=');
    if (at < 1 || pair.slice(0, at) in fields) throw new Error('the answer is no list of pairs');
    fields[pair.slice(0, at)] = pair.slice(at + 1);
    pair = '';
  }
  return fields;
}

export class UnionPay {
  constructor({ merId, certId, key, root, middle, backUrl, timeout }) {
    Object.assign(this, { merId, certId, backUrl, timeout, key: createPrivateKey(key) });
    this.root = new X509Certificate(root);
    this.middle = new X509Certificate(middle);
    this.proven = new Map(); // certificates that were checked, by their text
  }

  sign(fields) {
    return createSign('RSA-SHA256').update(digest(fields)).sign(this.key, 'base64');
  }

  // certificateOf is the certificate that a message carries, if it is UnionPay's.
  certificateOf(text) {
    if (this.proven.has(text)) return this.proven.get(text);
    const shown = new X509Certificate(text ?? '');
    const now = Date.now();
    const chained = shown.verify(this.middle.publicKey) && shown.checkIssued(this.middle) && this.middle.verify(this.root.publicKey);
    const current = [shown, this.middle, this.root].every((c) => Date.parse(c.validFrom) <= now && now <= Date.parse(c.validTo));
    const name = /^CN=(.*)$/m.exec(shown.subject)?.[1] ?? '';
    if (!chained || !current || name.split('@')[2] !== OWNER) throw new Error("the certificate is not UnionPay's");
    if (this.proven.size < 16) this.proven.set(text, shown);
    return shown;
  }

  // prove throws unless UnionPay signed the fields, for this merchant.
  prove(fields) {
    const certificate = this.certificateOf(fields.signPubKeyCert);
    const genuine = createVerify('RSA-SHA256').update(digest(fields)).verify(certificate.publicKey, fields.signature ?? '', 'base64');
    if (!genuine) throw new Error("it is not proven to be UnionPay's");
    if (fields.merId !== this.merId) throw new Error('it is for another merchant');
    return fields;
  }

  common(txnType, txnSubType) {
    return { version: '5.1.0', encoding: 'UTF-8', signMethod: '01', certId: this.certId, txnType, txnSubType, bizType: '000000',
      accessType: '0', channelType: '08', merId: this.merId };
  }

  // call sends fields and returns the proven answer. Whatever is thrown leaves open
  // what UnionPay did.
  async call(path, fields) {
    const body = new URLSearchParams({ ...fields, signature: this.sign(fields) });
    const answer = await fetch(HOST + path, { method: 'POST', body, signal: AbortSignal.timeout(this.timeout) });
    const text = await answer.text();
    if (answer.status !== 200) throw new Error(`${path} answered ${answer.status}`);
    return this.prove(parsePairs(text));
  }

  // code asks for a QR code. The same fields again are refused as a duplicate.
  async code(payment) {
    const answer = await this.call(BACK, { ...this.common('01', '07'), orderId: payment.id, txnTime: payment.txnTime,
      txnAmt: String(payment.amount), currencyCode: '156', backUrl: this.backUrl, payTimeout: wireTime(payment.expires) });
    this.about(payment, answer);
    return { outcome: outcome(answer.respCode), code: answer.qrCode ?? '' };
  }

  // ask tells how a transaction stands. It is found by its number and its own time.
  async ask(one) {
    const answer = await this.call(QUERY, { ...this.common('00', '00'), orderId: one.id, txnTime: one.txnTime });
    this.about(one, answer);
    const asked = outcome(answer.respCode);
    if (asked !== 'success') return { outcome: asked === 'none' ? 'none' : 'unknown' };
    return { outcome: outcome(answer.origRespCode), amount: Number(answer.txnAmt), currency: answer.currencyCode, type: answer.txnType, queryId: answer.queryId };
  }

  async refund(refund, payment) {
    const answer = await this.call(BACK, { ...this.common('04', '00'), orderId: refund.id, txnTime: refund.txnTime,
      txnAmt: String(refund.amount), currencyCode: '156', origQryId: payment.queryId, origOrderId: payment.id, origTxnTime: payment.txnTime,
      backUrl: this.backUrl });
    this.about(refund, answer);
    return outcome(answer.respCode);
  }

  about(one, answer) {
    if (answer.orderId !== one.id || answer.txnTime !== one.txnTime) throw new Error(`asked about ${one.id}, answered about ${answer.orderId}`);
  }
}

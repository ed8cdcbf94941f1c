package proxy

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"time"
	"unicode/utf16"

	"github.com/payquake/payquake/faults"
)

// Why a pin could not act on its message.
const nothingToCut = "the message has no body to cut"

var errNoBody = errors.New("the message has no body to spoil")

// spoil is a body as the pins damage it; spoiled is false if none does.
func (a *legActions) spoil(body []byte) (damaged []byte, spoiled bool) {
	for _, p := range a.parts {
		if p.effect.Damage == nil {
			continue
		}
		if len(body) == 0 {
			a.x.Register.miss(p.armed, faults.PreEmpted, errNoBody.Error())
			continue
		}
		body, spoiled = damage(body, *p.effect.Damage), true
		a.fire(p, string(p.effect.Damage.Kind))
	}
	return body, spoiled
}

// damage spoils a body that has at least one byte, in a copy.
func damage(body []byte, wanted faults.Damage) []byte {
	at := wanted.At
	if at == 0 {
		at = len(body) / 2
	}
	at = min(at, len(body)-1)
	switch wanted.Kind {
	case faults.DamageGarbage:
		spoiled := bytes.Clone(body)
		for i := at; i < len(spoiled); i++ {
			spoiled[i] = ^spoiled[i] // never ASCII if it was, so never a text of these protocols
		}
		return spoiled
	case faults.DamageCharset:
		var text bytes.Buffer
		_ = binary.Write(&text, binary.LittleEndian, utf16.Encode([]rune("\ufeff"+string(body)))) // into memory: cannot fail
		return text.Bytes()
	default:
		return bytes.Clone(body[:at])
	}
}

// partOf is what a cut lets pass of a message on the wire; cut is false if the
// message has no body and the body was to be cut.
func partOf(wire []byte, wanted faults.Cut) (part []byte, cut bool) {
	if !wanted.Body {
		return wire[:min(wanted.After, len(wire)-1)], true
	}
	_, body, _ := bytes.Cut(wire, []byte("\r\n\r\n"))
	if len(body) == 0 {
		return nil, false
	}
	passes := wanted.After
	if wanted.Half {
		passes = len(body) / 2
	}
	return wire[:len(wire)-len(body)+min(passes, len(body)-1)], true
}

// sendPart gives the callee only a part of a request, and ends both connections.
func (a *legActions) sendPart(p part, bytes []byte) {
	if upstream, err := a.x.pool.dial(); err == nil { // else the callee gets less than the part it should have
		_, _ = upstream.conn.Write(bytes)
		defer a.x.pool.discard(upstream)
		defer endConn(upstream.conn, p.effect.Cut.Orderly)
	}
	a.endCaller(p)
}

// endCaller ends a caller's connection as its cut asks, after the silence. The
// silence lasts until the caller gives up, the pin's limit passes or the trial
// is healed.
func (a *legActions) endCaller(p part) {
	if silence := min(p.effect.Cut.Silence, p.pin.Limit.Std()); silence > 0 {
		ctx, stop := a.x.caller.watch()
		a.x.Register.delay(ctx, a.x.trial, silence)
		stop()
	}
	endConn(a.x.caller.conn, p.effect.Cut.Orderly)
}

// dripBeat is how often a dripping message says something, at best.
const dripBeat = 50 * time.Millisecond

// write passes bytes on, at the speed that a pin asks for until its limit has
// passed or the trial is healed; then the rest comes at once.
func (a *legActions) write(to io.Writer, wire []byte) error {
	for _, p := range a.parts {
		rate := p.effect.Drip
		if rate == 0 {
			continue
		}
		piece := max(1, rate*int(dripBeat)/int(time.Second))
		beat := time.Duration(piece) * time.Second / time.Duration(rate)
		for passed := time.Duration(0); len(wire) > piece && passed < p.pin.Limit.Std(); passed += beat {
			if _, err := to.Write(wire[:piece]); err != nil {
				return err
			}
			wire = wire[piece:]
			if !a.x.Register.delay(context.Background(), a.x.trial, beat) {
				break
			}
		}
	}
	_, err := to.Write(wire)
	return err
}

package wechatpay

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// v2 speaks flat XML: a root <xml> whose children are the parameters (§2.8).

// maxFields bounds the parameters of a message; no API has half as many.
const maxFields = 512

// field is a parameter. Plain is written without CDATA, as numbers are.
type field struct {
	name, value string
	plain       bool
}

// document is the parameters of a message in their order.
type document []field

// get is a parameter's value, "" if there is none.
func (d document) get(name string) string {
	for _, f := range d {
		if f.name == name {
			return f.value
		}
	}
	return ""
}

// add appends a parameter, unless it is empty: v2 leaves those out.
func (d *document) add(name, value string) {
	if value != "" {
		*d = append(*d, field{name: name, value: value})
	}
}

// addPlain does the same for a number.
func (d *document) addPlain(name, value string) {
	*d = append(*d, field{name: name, value: value, plain: true})
}

// encode writes the document as the provider does: CDATA but for numbers.
func (d document) encode() []byte {
	var out bytes.Buffer
	out.WriteString("<xml>")
	for _, f := range d {
		out.WriteString("<" + f.name + ">" + f.content() + "</" + f.name + ">\n")
	}
	return append(bytes.TrimSuffix(out.Bytes(), []byte("\n")), "</xml>"...)
}

// content is the value as it stands between the tags. The end of a CDATA
// section cannot stand in one, and is split over two.
func (f field) content() string {
	value := f.written()
	if f.plain {
		return escaped(value)
	}
	return "<![CDATA[" + strings.ReplaceAll(value, "]]>", "]]]]><![CDATA[>") + "]]>"
}

// written is the value as XML can carry it.
func (f field) written() string { return strings.Map(legal, f.value) }

// escaped is text outside of CDATA.
func escaped(text string) string {
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;").Replace(text)
}

// legal replaces what XML 1.0 has no way to write, and the carriage return,
// which every reader takes for a line feed: the signature would not hold. An
// order that came as JSON may have such characters.
func legal(r rune) rune {
	if r == '\r' {
		return '\n'
	}
	if r == '\t' || r == '\n' || (r >= 0x20 && r <= 0xD7FF) || (r >= 0xE000 && r <= 0xFFFD) ||
		(r >= 0x10000 && r <= 0x10FFFF) {
		return r
	}
	return utf8.RuneError
}

// Mistakes of an XML body.
var (
	errNoXML   = errors.New("not a flat XML document")
	errNotUTF8 = errors.New("not UTF-8")
)

// element is a parameter with its place in the text: from its first byte to its
// last, and its content within.
type element struct {
	field
	from, start, end, to int
}

// parseXML reads a flat document. It cannot be made to read anything else:
// encoding/xml knows the five predefined entities only, resolves no external
// ones and has no DTD processing, and a document with any directive (DOCTYPE,
// ENTITY) is refused before that would matter. So are nesting, attributes,
// text between the parameters, a parameter twice, and more than maxFields.
func parseXML(body []byte) (document, error) {
	elements, err := elementsOf(body)
	if err != nil {
		return nil, err
	}
	read := make(document, 0, len(elements))
	for _, e := range elements {
		read = append(read, e.field)
	}
	return read, nil
}

// elementsOf is parseXML with the places, for edits.
func elementsOf(body []byte) ([]element, error) {
	if !utf8.Valid(body) {
		return nil, errNotUTF8
	}
	reading := xmlReading{decoder: xml.NewDecoder(bytes.NewReader(body)), seen: map[string]bool{}}
	for {
		before := int(reading.decoder.InputOffset())
		token, err := reading.decoder.Token()
		if errors.Is(err, io.EOF) && reading.closed {
			return reading.found, nil
		}
		if err != nil {
			return nil, fmt.Errorf("%w: %w", errNoXML, err)
		}
		if err := reading.take(token, before); err != nil {
			return nil, fmt.Errorf("%w: %w", errNoXML, err)
		}
	}
}

// xmlReading is how far a document has been read.
type xmlReading struct {
	decoder *xml.Decoder
	found   []element
	seen    map[string]bool
	text    strings.Builder
	depth   int // 1 within the root, 2 within a parameter
	closed  bool
}

// take reads one token; before is where it began.
func (r *xmlReading) take(token xml.Token, before int) error {
	switch read := token.(type) {
	case xml.StartElement:
		return r.open(read, before)
	case xml.EndElement:
		r.depth--
		if r.depth == 0 {
			r.closed = true
			return nil
		}
		last := &r.found[len(r.found)-1]
		last.value, last.end, last.to = r.text.String(), before, int(r.decoder.InputOffset())
	case xml.CharData:
		if r.depth == 2 {
			r.text.Write(read)
		} else if len(bytes.TrimSpace(read)) > 0 {
			return errors.New("text outside of a parameter")
		}
	case xml.Directive:
		return errors.New("a directive")
	}
	return nil
}

// open begins the root or a parameter.
func (r *xmlReading) open(read xml.StartElement, before int) error {
	r.depth++
	switch {
	case r.closed || r.depth > 2 || len(read.Attr) > 0 || read.Name.Space != "":
		return errors.New("nested, or with attributes")
	case r.depth == 1 && read.Name.Local != "xml":
		return errors.New("the root is not xml")
	case r.depth == 1:
		return nil
	case r.seen[read.Name.Local] || len(r.found) >= maxFields:
		return errors.New("a parameter twice, or too many")
	}
	r.seen[read.Name.Local] = true
	r.text.Reset()
	r.found = append(r.found, element{field: field{name: read.Name.Local}, from: before, start: int(r.decoder.InputOffset())})
	return nil
}

package wechatpay

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strconv"
	"unicode/utf8"
)

// A form says which members a request body has. Checking the body against it
// before reading it gives each mistake the answer that the provider gives: the
// member as a JSON pointer, its value, and what is wrong (§6).

// kind is the JSON type of a member.
type kind int

const (
	textMember kind = iota
	wholeMember
	flagMember
	objectMember
	listMember  // of objects
	wordsMember // a list of words
)

// member is one member of an object. Bounds are lengths of texts, numbers of
// items of lists, and values of whole numbers.
type member struct {
	name     string
	kind     kind
	required bool
	min, max int64
	pattern  string
	words    []string
	members  []member
}

// problem is what is wrong with a body.
type problem struct {
	place
	internal int // the tail of Request-ID
}

// failure is the answer to the problem.
func (p *problem) failure() *failure {
	made := badParam(p.place, fmt.Sprintf("输入源“/body%s”规则校验失败，%s", p.Field, p.Issue))
	made.internal = p.internal
	if p.Value == nil && (p.Field == "/payer" || p.Field == "/payer/openid") {
		made.internal = internalNoOpenID
	}
	return made
}

// parse reads a JSON object with numbers kept as they were written.
func parse(body []byte) (map[string]any, error) {
	if !utf8.Valid(body) {
		return nil, errors.New("not UTF-8")
	}
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.UseNumber()
	var value map[string]any
	if err := decoder.Decode(&value); err != nil {
		return nil, fmt.Errorf("parse a JSON object: %w", err)
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("more than one JSON value")
	}
	if value == nil {
		return nil, errors.New("null")
	}
	return value, nil
}

// fill checks a body against its form and decodes it into target.
func fill(body []byte, form []member, allowExtra bool, target any) (map[string]any, *failure) {
	value, err := parse(body)
	if err != nil {
		return nil, badParam(place{Field: "", Issue: "请求体不是有效的JSON对象", Location: "body"}, "请求体不是有效的JSON对象")
	}
	if wrong := check(form, value, "", allowExtra); wrong != nil {
		return nil, wrong.failure()
	}
	if err := json.Unmarshal(body, target); err != nil {
		return nil, badParam(place{Field: "", Issue: err.Error(), Location: "body"}, "参数错误")
	}
	return value, nil
}

// check finds the first thing wrong with an object: its own members in the
// form's order, then members that the form does not have. A null counts as
// absent, as most clients' encoders mean it.
func check(form []member, value map[string]any, at string, allowExtra bool) *problem {
	for _, m := range form {
		found, present := value[m.name]
		if !present || found == nil {
			if m.required {
				return wrongAt(at+"/"+m.name, nil, "此字段为必填项")
			}
			continue
		}
		if wrong := m.check(found, at+"/"+m.name, allowExtra); wrong != nil {
			return wrong
		}
	}
	if allowExtra {
		return nil
	}
	for _, name := range sortedNames(value) {
		if !slices.ContainsFunc(form, func(m member) bool { return m.name == name }) {
			wrong := wrongAt(at+"/"+name, value[name], "不支持的参数")
			wrong.internal = internalExtraMember
			return wrong
		}
	}
	return nil
}

// sortedNames makes the first of several mistakes the same every time.
func sortedNames(value map[string]any) []string {
	names := make([]string, 0, len(value))
	for name := range value {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// wrongAt is a problem with the member at a JSON pointer.
func wrongAt(field string, value any, issue string) *problem {
	return &problem{place{Field: field, Value: value, Issue: issue, Location: "body"}, internalBadParam}
}

// check finds what is wrong with the member's value, which is not null.
func (m member) check(value any, at string, allowExtra bool) *problem {
	switch m.kind {
	case textMember:
		return m.checkText(value, at)
	case wholeMember:
		return m.checkWhole(value, at)
	case flagMember:
		if _, ok := value.(bool); !ok {
			return wrongAt(at, value, "类型应为布尔值")
		}
	case objectMember:
		inner, ok := value.(map[string]any)
		if !ok {
			return wrongAt(at, value, "类型应为对象")
		}
		return check(m.members, inner, at, allowExtra)
	case listMember, wordsMember:
		return m.checkList(value, at, allowExtra)
	}
	return nil
}

// checkText measures the least length in bytes and the greatest in characters:
// the limits of §1 are generous to Chinese texts in practice.
func (m member) checkText(value any, at string) *problem {
	written, ok := value.(string)
	switch {
	case !ok:
		return wrongAt(at, value, "类型应为字符串")
	case m.required && written == "":
		return wrongAt(at, value, "字节数 0，小于最小值 1")
	case int64(len(written)) < m.min && written != "":
		return wrongAt(at, value, fmt.Sprintf("字节数 %d，小于最小值 %d", len(written), m.min))
	case m.max > 0 && int64(utf8.RuneCountInString(written)) > m.max:
		return wrongAt(at, value, fmt.Sprintf("字符数 %d，大于最大值 %d", utf8.RuneCountInString(written), m.max))
	case m.pattern != "" && written != "" && !matches(m.pattern, written):
		return wrongAt(at, value, "格式错误")
	case len(m.words) > 0 && !slices.Contains(m.words, written):
		return wrongAt(at, value, "不是允许的枚举值")
	}
	return nil
}

// checkWhole refuses numbers with a fraction or an exponent and numbers in
// quotes: amounts are integers in fen (§1).
func (m member) checkWhole(value any, at string) *problem {
	written, ok := value.(json.Number)
	if !ok {
		return wrongAt(at, value, "类型应为整数")
	}
	number, err := strconv.ParseInt(written.String(), 10, 64)
	if err != nil {
		return wrongAt(at, value, "类型应为整数")
	}
	if number < m.min || (m.max > 0 && number > m.max) {
		wrong := wrongAt(at, value, fmt.Sprintf("数值 %d 超出范围", number))
		wrong.internal = internalOutOfRange
		return wrong
	}
	return nil
}

// checkList checks each item of a list as the member's own kind of item.
func (m member) checkList(value any, at string, allowExtra bool) *problem {
	items, ok := value.([]any)
	if !ok {
		return wrongAt(at, value, "类型应为数组")
	}
	if int64(len(items)) < m.min {
		return wrongAt(at, value, fmt.Sprintf("元素个数 %d，小于最小值 %d", len(items), m.min))
	}
	if m.max > 0 && int64(len(items)) > m.max {
		return wrongAt(at, value, fmt.Sprintf("元素个数 %d，大于最大值 %d", len(items), m.max))
	}
	for i, item := range items {
		each := member{kind: objectMember, members: m.members}
		if m.kind == wordsMember {
			each = member{kind: textMember, words: m.words}
		}
		if wrong := each.check(item, at+"/"+strconv.Itoa(i), allowExtra); wrong != nil {
			return wrong
		}
	}
	return nil
}

// matches compiles on each call: the patterns are few and short, and a
// package-level cache would be state.
func matches(pattern, text string) bool {
	ok, err := regexp.MatchString(pattern, text)
	return ok && err == nil
}

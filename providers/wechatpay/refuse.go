package wechatpay

import (
	"fmt"
	"strings"

	"github.com/payquake/payquake/faults"
	"github.com/payquake/payquake/faults/proxy"
)

// Refuse implements proxy.Dialect.
func (d *Dialect) Refuse(r *proxy.Request, response faults.Response) (*proxy.Answer, error) {
	found, known := routeOf(r.Target)
	if !known {
		return d.merchantRefusal(r, response), nil
	}
	if response.TooMany {
		response = faults.Response{Code: "FREQUENCY_LIMITED"}
	}
	if found.v2 {
		return d.refuseV2(r, found, response), nil
	}
	if response.Code == "" {
		response.Code = "SYSTEM_ERROR"
	}
	answer, err := d.desk.bad(coded(response.Status, response.Code), r.Header.First(headerSerial))
	if err != nil {
		return nil, fmt.Errorf("refuse with %s: %w", response.Code, err)
	}
	return answer, nil
}

// merchantRefusal is how a merchant refuses a notification (§5). It signs
// nothing.
func (d *Dialect) merchantRefusal(r *proxy.Request, response faults.Response) *proxy.Answer {
	status := response.Status
	if status == 0 {
		status = 500
	}
	body := encode(map[string]string{"code": "FAIL", "message": strings.ToLower(response.Code)})
	answer := &proxy.Answer{Status: status}
	if _, ok := d.openV2(r); ok {
		answer.Header.Set("Content-Type", "text/xml")
		body = document{{name: "return_code", value: "FAIL"}, {name: "return_msg", value: strings.ToLower(response.Code)}}.encode()
	} else {
		answer.Header.Set("Content-Type", "application/json")
	}
	setBody(&answer.Header, &answer.Body, body)
	return answer
}

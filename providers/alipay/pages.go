package alipay

import (
	"html"
	"net/http"
	"strconv"
	"strings"

	"github.com/payquake/payquake/faults/proxy"
)

// errorPage is what a shopper's browser is shown instead of the cashier: HTTP
// 200 in GBK, naming the code (§3). Its text is ASCII, which is GBK too.
func (d desk) errorPage(f *failure) *proxy.Answer {
	return d.dressed(http.StatusOK, "text/html;charset=GBK", "<!DOCTYPE html><html><head><title>Alipay</title></head>"+
		"<body><h1>Error</h1><p>"+ascii(f.code)+"</p><p>"+ascii(f.sub)+"</p></body></html>")
}

// cashier is the page on which a shopper would pay. The mock's shoppers pay
// with their wallets, to which they give the same request.
func (d desk) cashier(o orderParams, payee string) *proxy.Answer {
	return d.dressed(http.StatusOK, contentType, "<!DOCTYPE html><html><head><title>Alipay</title></head><body><h1>"+
		ascii(payee)+"</h1><p>"+ascii(o.Subject)+"</p><p>"+ascii(o.Total.Decimal())+"</p></body></html>")
}

// brokenPage is what a gateway says that is out of order: no JSON, no
// signature.
func (d desk) brokenPage(status int) *proxy.Answer {
	title := strconv.Itoa(status) + " " + http.StatusText(status)
	return d.dressed(status, "text/html", "<html>\r\n<head><title>"+title+"</title></head>\r\n<body>\r\n<center><h1>"+
		title+"</h1></center>\r\n<hr><center>Tengine</center>\r\n</body>\r\n</html>\r\n")
}

// ascii is a text for a page in any charset.
func ascii(text string) string {
	var out strings.Builder
	for _, r := range html.EscapeString(text) {
		if r < 0x80 {
			out.WriteRune(r)
		} else {
			out.WriteString("&#" + strconv.Itoa(int(r)) + ";")
		}
	}
	return out.String()
}

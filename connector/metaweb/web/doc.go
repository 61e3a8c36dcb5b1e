// Package web is the browser that the user's session is lent to: its cookies, its identity, and the HTTP requests made
// with both. It knows cookies, headers, retries and redirects, and nothing of what the requests are about.
//
// A Client may be used from any goroutine. Cookies and credentials never show themselves in logs or error texts.
package web

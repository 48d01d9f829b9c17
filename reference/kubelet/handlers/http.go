package handlers

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	v1 "k8s.io/api/core/v1"
)

// What the asked see of who asks; pages on probes name the first.
const (
	probeAgent = "kube-probe/1.37"
	hookAgent  = "kube-lifecycle/1.37"
)

// transport makes a connection per request, as a new client of the container would, and asks for nothing that the
// probe does not. Certificates are not verified: the container is reached by its address, not by a name.
var transport = &http.Transport{
	DisableKeepAlives:  true,
	DisableCompression: true,
	TLSClientConfig:    &tls.Config{InsecureSkipVerify: true},
	DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
		return dialer(0).DialContext(ctx, network, address)
	},
	// An answer's header has to be read whole; nobody's needs more.
	MaxResponseHeaderBytes: 64 << 10,
	ReadBufferSize:         4 << 10,
	WriteBufferSize:        1 << 10,
}

func client(timeout time.Duration) *http.Client {
	return &http.Client{Timeout: timeout, Transport: transport, CheckRedirect: sameHost}
}

// sameHost ends the following of redirects that leave the host: the redirect itself is the answer then.
func sameHost(req *http.Request, via []*http.Request) error {
	if req.URL.Hostname() != via[0].URL.Hostname() {
		return http.ErrUseLastResponse
	}
	if len(via) >= 10 {
		return errors.New("stopped after 10 redirects")
	}
	return nil
}

// HTTP makes the request. Codes from 200 to 399 are OK; a redirect that was not followed too, with a warning, since
// nothing can be said of what is there.
func HTTP(ctx context.Context, t Target, get *v1.HTTPGetAction, timeout time.Duration) (Result, error) {
	req, err := request(ctx, t, get, probeAgent)
	if err != nil {
		return Result{}, err
	}
	resp, err := client(timeout).Do(req)
	if err != nil {
		return Result{Message: err.Error()}, nil
	}
	defer resp.Body.Close()
	switch code := resp.StatusCode; {
	case code < http.StatusOK || code >= http.StatusBadRequest:
		return Result{Message: fmt.Sprintf("HTTP probe failed with statuscode: %d", code)}, nil
	case code < http.StatusMultipleChoices:
		if err := skim(resp.Body); err != nil {
			return Result{Message: err.Error()}, nil
		}
		return Result{OK: true}, nil
	default:
		text, err := io.ReadAll(io.LimitReader(resp.Body, maxOutput))
		if err != nil {
			return Result{Message: err.Error()}, nil
		}
		return Result{OK: true, Warning: true, Message: "Probe terminated redirects, Response body: " + string(text)}, nil
	}
}

var buffers = sync.Pool{New: func() any { return new([2 << 10]byte) }}

// skim reads the beginning of an answer, which must be whole, and keeps nothing of it.
func skim(body io.Reader) error {
	buffer := buffers.Get().(*[2 << 10]byte)
	defer buffers.Put(buffer)
	for left := maxOutput; left > 0; {
		n, err := body.Read(buffer[:min(left, len(buffer))])
		left -= n
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func request(ctx context.Context, t Target, get *v1.HTTPGetAction, agent string) (*http.Request, error) {
	port, err := Port(t.Container, get.Port)
	if err != nil {
		return nil, err
	}
	host := t.IP
	if get.Host != "" {
		host = get.Host
	}
	u, err := url.Parse(get.Path)
	if err != nil {
		u = &url.URL{Path: get.Path}
	}
	u.Scheme, u.Host = strings.ToLower(string(get.Scheme)), net.JoinHostPort(host, strconv.Itoa(port))
	if u.Scheme == "" {
		u.Scheme = "http"
	}
	req := (&http.Request{Method: http.MethodGet, URL: u, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Header: http.Header{}}).WithContext(ctx)
	for _, h := range get.HTTPHeaders {
		req.Header.Add(h.Name, h.Value)
	}
	// A default is replaced by the probe's own, and taken away by an empty one.
	for name, value := range map[string]string{"User-Agent": agent, "Accept": "*/*"} {
		if own, ok := req.Header[name]; !ok {
			req.Header[name] = []string{value}
		} else if own[0] == "" {
			// A nil slice, unlike none, keeps net/http from adding a User-Agent of its own.
			req.Header[name] = nil
		}
	}
	req.Host = req.Header.Get("Host")
	return req, nil
}

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
	"time"

	v1 "k8s.io/api/core/v1"
)

// userAgent is what the checked see; pages on probes name it.
const userAgent = "kube-probe/1.37"

// errElsewhere ends the following of redirects that leave the host.
var errElsewhere = errors.New("redirected to another host")

// client makes a connection per request, as a new client of the container would. Certificates
// are not verified: the container is reached by its address, not by a name.
func client(timeout time.Duration) *http.Client {
	return &http.Client{
		Timeout: timeout,
		Transport: &http.Transport{
			DisableKeepAlives: true,
			TLSClientConfig:   &tls.Config{InsecureSkipVerify: true},
		},
		CheckRedirect: func(req *http.Request, via []*http.Request) error {
			if req.URL.Hostname() != via[0].URL.Hostname() {
				return errElsewhere
			}
			if len(via) >= 10 {
				return errors.New("stopped after 10 redirects")
			}
			return nil
		},
	}
}

// HTTP makes the request. Codes from 200 to 399 are OK; a redirect to another host too, since
// nothing can be said of what is there.
func HTTP(ctx context.Context, t Target, get *v1.HTTPGetAction, timeout time.Duration) (Result, error) {
	req, err := request(ctx, t, get)
	if err != nil {
		return Result{}, err
	}
	resp, err := client(timeout).Do(req)
	if errors.Is(err, errElsewhere) {
		return Result{OK: true, Message: "Probe terminated redirects"}, nil
	}
	if err != nil {
		return Result{Message: err.Error()}, nil
	}
	defer resp.Body.Close()
	io.Copy(io.Discard, io.LimitReader(resp.Body, maxOutput))
	if resp.StatusCode >= http.StatusOK && resp.StatusCode < http.StatusBadRequest {
		return Result{OK: true}, nil
	}
	return Result{Message: fmt.Sprintf("HTTP probe failed with statuscode: %d", resp.StatusCode)}, nil
}

func request(ctx context.Context, t Target, get *v1.HTTPGetAction) (*http.Request, error) {
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
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("User-Agent", userAgent)
	req.Header.Set("Accept", "*/*")
	replaced := map[string]bool{}
	for _, h := range get.HTTPHeaders {
		key := http.CanonicalHeaderKey(h.Name)
		if !replaced[key] {
			req.Header.Del(key)
			replaced[key] = true
		}
		if key == "Host" {
			req.Host = h.Value
		}
		if h.Value == "" && (key == "Accept" || key == "User-Agent") {
			// An empty value takes a default header away.
			req.Header[key] = nil
			continue
		}
		req.Header.Add(key, h.Value)
	}
	return req, nil
}
